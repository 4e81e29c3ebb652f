"""A network of the plane's own, in which the address of every pod and Service belongs to this machine.

Kubernetes refuses loopback addresses as endpoints. In a private network namespace a range can be declared local, so
a stand-in that listens on 0.0.0.0 answers for every pod and learns from its socket which one was called.
"""

import contextlib
import ctypes
import os
import subprocess
import threading
from pathlib import Path
from socket import AF_INET, SHUT_WR, SOCK_STREAM, create_connection, create_server, socket

POD_RANGE = "10.244.0.0/16"
SERVICE_RANGE = "10.96.0.0/16"

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000


class IsolationError(Exception):
    """The kernel did not grant a network of our own."""


def _checked(result: int, what: str) -> None:
    if result != 0:
        raise IsolationError(f"{what}: {os.strerror(ctypes.get_errno())} (run as root, or under `unshare -rnm`)")


def is_possible() -> bool:
    """Say whether this user may make such a network."""
    try:
        return subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def write_resolv_conf(folder: Path) -> Path:
    """Write the resolver's configuration of a pod in this cluster, and return the file."""
    resolv_conf = folder / "resolv.conf"
    resolv_conf.write_text("nameserver 127.0.0.1\nsearch svc.cluster.local cluster.local\noptions ndots:5\n")
    return resolv_conf


def enter(resolv_conf: Path) -> None:
    """Move this thread, and all that it starts from here on, into a network and mount namespace of its own.

    Args:
        resolv_conf: the file that takes the place of /etc/resolv.conf in there.

    Raises:
        IsolationError: without the privilege to do so.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    _checked(libc.unshare(CLONE_NEWNET | CLONE_NEWNS), "unshare")
    _checked(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount /")
    target = os.path.realpath("/etc/resolv.conf").encode()
    _checked(libc.mount(str(resolv_conf).encode(), target, None, MS_BIND, None), "mount /etc/resolv.conf")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for addresses in (POD_RANGE, SERVICE_RANGE):
        subprocess.run(["ip", "route", "add", "local", addresses, "dev", "lo"], check=True)


def others_inside() -> dict[int, str]:
    """Return every other process in the network of this thread: its command line by its id."""
    network = Path("/proc/thread-self/ns/net").readlink()
    found: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (folder / "ns" / "net").readlink() == network and int(folder.name) != os.getpid():
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ").strip()
    return found


class Door:
    """A way in from the machine's own loopback: opened before ``enter``, it serves one address inside.

    The listening socket stays in the network in which it was made; what this process dials later is in the new one.
    """

    def __init__(self, port: int, inside: tuple[str, int]) -> None:
        self._listener = create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._inside = inside

    def open(self) -> None:
        """Begin to pass connections; call this after ``enter``."""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            outer, _ = self._listener.accept()
            try:
                inner = create_connection(self._inside, timeout=5)
            except OSError:
                outer.close()
                continue
            inner.settimeout(None)
            for source, sink in ((outer, inner), (inner, outer)):
                threading.Thread(target=_copy, args=(source, sink), daemon=True).start()


def _copy(source: socket, sink: socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(SHUT_WR)
    except OSError:
        source.close()
        sink.close()


def is_listening(host: str, port: int) -> bool:
    """Say whether something accepts TCP connections there."""
    with socket(AF_INET, SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0
