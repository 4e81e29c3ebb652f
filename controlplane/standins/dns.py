"""Stand-in for CoreDNS: answers ``<service>.<namespace>[.svc[.cluster.local]]`` with the Service's cluster IP."""

import argparse
import socket
import struct
from pathlib import Path

from simulator.kubernetes import Api, Mirror

TYPE_A = 1
NAME_ERROR = 3
TTL_SECONDS = 1


def question(query: bytes) -> tuple[str, int, int]:
    """Return the name asked for in lower case, its type, and where the question ends."""
    labels: list[str] = []
    position = 12
    while length := query[position]:
        labels.append(query[position + 1 : position + 1 + length].decode().lower())
        position += 1 + length
    kind = struct.unpack("!H", query[position + 1 : position + 3])[0]
    return ".".join(labels), kind, position + 5


def answer(query: bytes, addresses: dict[tuple[str, str], str]) -> bytes:
    """Build the answer to one query; ``addresses`` maps (namespace, Service) to a cluster IP."""
    name, kind, end = question(query)
    parts = name.removesuffix(".cluster.local").removesuffix(".svc").split(".")
    address = addresses.get((parts[1], parts[0])) if len(parts) == 2 else None
    found = address is not None and kind == TYPE_A
    code = 0 if address is not None else NAME_ERROR
    header = query[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, int(found), 0, 0)
    record = b""
    if found and address is not None:
        record = struct.pack("!HHHIH", 0xC00C, TYPE_A, 1, TTL_SECONDS, 4) + socket.inet_aton(address)
    return header + query[12:end] + record


def main(kubeconfig: Path) -> None:
    """Answer until stopped."""
    services = Mirror(Api(kubeconfig), "v1", "Service")
    services.synced.wait()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))
        while True:
            query, client = server.recvfrom(4096)
            addresses = {
                key: service["spec"]["clusterIP"]
                for key, service in services.objects.items()
                if service["spec"].get("clusterIP", "None") != "None"
            }
            server.sendto(answer(query, addresses), client)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Stand-in for CoreDNS.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    main(parser.parse_args().kubeconfig)
