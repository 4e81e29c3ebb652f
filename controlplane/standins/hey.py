"""Stand-in for ``hey``, the load generator in the load tester's image: the options that release checks use.

Sends requests at a steady rate for a time (``-z 1m -q 10 -c 2 URL``) and exits 0 whatever was answered, as hey does.
"""

import argparse
import contextlib
import re
import threading
import time
import urllib.request

UNIT_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(duration: str) -> float:
    """Read a Go duration such as ``1m30s``."""
    return sum(float(value) * UNIT_SECONDS[unit] for value, unit in re.findall(r"([\d.]+)([smh])", duration))


def worker(url: str, host: str, rate_per_second: float, until: float) -> None:
    """Send requests one after another until the time is up."""
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    while time.monotonic() < until:
        began = time.monotonic()
        with contextlib.suppress(OSError):
            urllib.request.urlopen(request, timeout=10).read()
        if rate_per_second:
            time.sleep(max(0.0, 1 / rate_per_second - (time.monotonic() - began)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Stand-in for hey.")
    parser.add_argument("-z", type=seconds, default=10.0)
    parser.add_argument("-q", type=float, default=0.0)
    parser.add_argument("-c", type=int, default=50)
    parser.add_argument("-t", type=int, default=20)
    parser.add_argument("-host", default="")
    parser.add_argument("-m", default="GET")
    parser.add_argument("-disable-keepalive", action="store_true")
    parser.add_argument("url")
    arguments = parser.parse_args()
    end = time.monotonic() + arguments.z
    threads = [
        threading.Thread(target=worker, args=(arguments.url, arguments.host, arguments.q, end))
        for _ in range(arguments.c)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
