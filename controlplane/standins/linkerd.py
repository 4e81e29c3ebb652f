"""Stand-in for the status writer of Linkerd's policy controller.

It accepts every HTTPRoute that has a Service as parent, the way Linkerd does: its entry names the parent with group
``core`` and with a namespace, and its conditions never carry ``observedGeneration``. Entries of other controllers stay.
"""

import argparse
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from simulator.kubernetes import Api, ApiError, Manifest, Mirror, items

CONTROLLER = "linkerd.io/policy-controller"
API_VERSION = "gateway.networking.k8s.io/v1"


def wanted_entries(route: Manifest, now: str) -> list[Manifest]:
    """Return Linkerd's entries of ``status.parents`` for a route."""
    entries: list[Manifest] = []
    for parent in items(route, "spec", "parentRefs"):
        if parent.get("kind") != "Service" or parent.get("group") not in ("", "core"):
            continue
        reference: Manifest = {
            "group": "core",
            "kind": "Service",
            "namespace": parent.get("namespace", route["metadata"]["namespace"]),
            "name": parent["name"],
        }
        if "port" in parent:
            reference["port"] = parent["port"]
        conditions = [
            {"type": kind, "status": "True", "reason": kind, "message": "", "lastTransitionTime": now}
            for kind in ("Accepted", "ResolvedRefs")
        ]
        entries.append({"controllerName": CONTROLLER, "parentRef": reference, "conditions": conditions})
    return entries


def _references(entries: list[Manifest]) -> list[Manifest]:
    return [entry["parentRef"] for entry in entries]


def write_status(api: Api, route: Manifest) -> None:
    """Bring Linkerd's part of one route's status up to date."""
    present = items(route, "status", "parents")
    ours = [entry for entry in present if entry["controllerName"] == CONTROLLER]
    wanted = wanted_entries(route, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    if _references(ours) == _references(wanted):
        return
    others = [entry for entry in present if entry["controllerName"] != CONTROLLER]
    metadata = route["metadata"]
    body = {
        "metadata": {"resourceVersion": metadata["resourceVersion"]},
        "status": {"parents": [*others, *wanted]},
    }
    api.patch(API_VERSION, "HTTPRoute", metadata["name"], body, metadata["namespace"], "status")


def main(kubeconfig: Path) -> None:
    """Write statuses until stopped; a conflict is met again with the next change."""
    api, changed = Api(kubeconfig), threading.Event()
    routes = Mirror(api, API_VERSION, "HTTPRoute", changed.set)
    while True:
        changed.wait()
        changed.clear()
        for route in list(routes.objects.values()):
            try:
                write_status(api, route)
            except ApiError as error:
                if error.status not in (404, 409):
                    raise
                time.sleep(0.1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Stand-in for Linkerd's HTTPRoute status writer.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    main(parser.parse_args().kubeconfig)
