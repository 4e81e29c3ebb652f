"""Stand-in for what charts bring: they cannot be pulled here, and their controllers run elsewhere or not at all.

- The Services of charts in Git, as soon as their namespaces are there; the plane's processes answer at their addresses.
- The controllers of Pulumi's charts (Karpenter, the load-balancer controller, the Flux operator): each holds its
  objects by its finalizer, calls them Ready, and lets go of what is being deleted.
"""

import argparse
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from simulator.kubernetes import Api, ApiError, Manifest, Mirror, items

FINALIZERS = {
    ("karpenter.sh/v1", "NodePool"): "karpenter.sh/termination",
    ("karpenter.k8s.aws/v1", "EC2NodeClass"): "karpenter.k8s.aws/termination",
    ("elbv2.k8s.aws/v1beta1", "TargetGroupBinding"): "elbv2.k8s.aws/resources",
    ("fluxcd.controlplane.io/v1", "FluxInstance"): "fluxcd.controlplane.io/finalizer",
}
"""Kinds whose controller is stood in for, with the finalizer that it holds."""


def service(namespace: str, name: str, port: int) -> Manifest:
    """Return a Service without a selector: a process of ours answers at its address, on the same port."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"ports": [{"name": "http", "port": port}]},
    }


def metadata_change(found: Manifest, finalizer: str) -> Manifest | None:
    """Return the change that the controller makes to an object's finalizers; None where it makes none."""
    metadata = found["metadata"]
    held: list[str] = metadata.get("finalizers") or []
    is_leaving = "deletionTimestamp" in metadata
    if is_leaving == (finalizer in held):
        wanted = [name for name in held if name != finalizer] + ([] if is_leaving else [finalizer])
        return {"metadata": {"resourceVersion": metadata["resourceVersion"], "finalizers": wanted}}
    return None


def status_change(found: Manifest, now: str) -> Manifest | None:
    """Return the status of an object that is ready in its newest generation; None where it has that already."""
    generation = found["metadata"]["generation"]
    for condition in items(found, "status", "conditions"):
        if condition["type"] == "Ready" and condition.get("observedGeneration") == generation:
            return None
    ready: Manifest = {
        "type": "Ready",
        "status": "True",
        "reason": "Succeeded",
        "message": "a stand-in says so",
        "lastTransitionTime": now,
        "observedGeneration": generation,
    }
    return {"status": {"conditions": [ready]}}


def look_after(api: Api, api_version: str, kind: str, found: Manifest) -> None:
    """Do what the controller of one object would do now; a conflict is met again with the next change."""
    metadata = found["metadata"]
    where = (api_version, kind, metadata["name"])
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    change = metadata_change(found, FINALIZERS[api_version, kind])
    status = None if "deletionTimestamp" in metadata else status_change(found, now)
    if change is not None:
        _unless_it_is_leaving(lambda: api.patch(*where, change, metadata.get("namespace")))
    elif status is not None:
        _unless_it_is_leaving(lambda: api.patch(*where, status, metadata.get("namespace"), "status"))


def _unless_it_is_leaving(request: Callable[[], object]) -> None:
    """Send a request that may come too late or too early: the object or its namespace is going, or just changed."""
    try:
        request()
    except ApiError as error:
        if error.status not in (403, 404, 409):
            raise


def main(kubeconfig: Path, services: list[Manifest]) -> None:
    """Look after everything until stopped."""
    api, changed = Api(kubeconfig), threading.Event()
    namespaces = Mirror(api, "v1", "Namespace", changed.set)
    present = Mirror(api, "v1", "Service", changed.set)
    held = {kind: Mirror(api, *kind, changed.set) for kind in FINALIZERS}
    while True:
        changed.wait()
        changed.clear()
        for item in services:
            namespace, name = item["metadata"]["namespace"], item["metadata"]["name"]
            found = namespaces.objects.get(("", namespace))
            if found and found["status"]["phase"] == "Active" and (namespace, name) not in present.objects:
                _unless_it_is_leaving(lambda item=item: api.apply(item))
        for (api_version, kind), mirror in held.items():
            for found in list(mirror.objects.values()):
                look_after(api, api_version, kind, found)
        time.sleep(0.1)


def _service(text: str) -> Manifest:
    where, _, port = text.partition(":")
    namespace, _, name = where.partition("/")
    return service(namespace, name, int(port))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Stand-in for what charts bring.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--service", type=_service, action="append", metavar="NAMESPACE/NAME:PORT", default=[])
    arguments = parser.parse_args()
    main(arguments.kubeconfig, arguments.service)
