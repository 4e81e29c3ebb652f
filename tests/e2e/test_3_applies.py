"""Every object of the tree and of the program is accepted by a real API server, field by field, for every stack."""

import pytest

from controlplane.plane import Plane, wait_until
from simulator.kubernetes import ApiError, Manifest
from tests.e2e.platform import Platform, pulumi_objects
from tests.gitops.tree import STACKS, read_tree

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.mark.parametrize("stack", STACKS)
def test_every_object_is_accepted(plane: Plane, stack: str) -> None:
    manifests = read_tree(stack).manifests
    for namespace in {item.namespace for item in manifests} - {""}:
        plane.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    refused: list[str] = []
    for item in manifests:
        try:
            plane.api.apply(item.content, dry_run=True)
        except ApiError as error:
            refused.append(f"{item} ({item.applied_by}): {error}")
    assert len(manifests) > 50
    assert not refused, "\n".join(refused)


@pytest.mark.parametrize("stack", STACKS)
def test_every_object_of_the_program_is_accepted(plane: Plane, stack: str) -> None:
    manifests = pulumi_objects(stack)
    for manifest in manifests:
        namespace = manifest["metadata"].get("namespace")
        if namespace:
            plane.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    refused: list[str] = []
    for manifest in manifests:
        try:
            plane.api.apply(manifest, dry_run=True)
        except ApiError as error:
            refused.append(f"{manifest['kind']} {manifest['metadata']['name']}: {error}")
    assert {"NodePool", "EC2NodeClass", "FluxInstance", "TargetGroupBinding"} <= {item["kind"] for item in manifests}
    assert not refused, "\n".join(refused)


def test_a_service_of_type_load_balancer_is_refused(platform: Platform) -> None:
    service: Manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "orphan", "namespace": "default"},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
    }

    def refusal() -> str:
        try:
            platform.api.apply(service, dry_run=True)
        except ApiError as error:
            return str(error)
        return ""

    wait_until(refusal, 30, "the policy to be enforced")
    assert "Attach an HTTPRoute to the Gateway traefik/public instead." in refusal()
    service["spec"]["type"] = "ClusterIP"
    assert not refusal()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gatewayClasName": "traefik"}, "field not declared in schema"),
        ({"gatewayClassName": 1}, "gatewayClassName"),
        ({"listeners": [{"name": "web", "port": 8000, "protocol": "UDP", "hostname": "a.b"}]}, "hostname must not be"),
    ],
    ids=["unknown field", "wrong type", "CEL rule"],
)
def test_a_faulty_object_is_refused(plane: Plane, change: Manifest, message: str) -> None:
    spec = {"gatewayClassName": "traefik", "listeners": [{"name": "web", "port": 8000, "protocol": "HTTP"}]}
    gateway: Manifest = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "faulty", "namespace": "default"},
        "spec": {**spec, **change},
    }
    with pytest.raises(ApiError, match=message):
        plane.api.apply(gateway, dry_run=True)
