"""Every object of the tree and of the program is accepted by a real API server, field by field, for every stack."""

import pytest

from controlplane.plane import Plane, documents, wait_until
from simulator.kubernetes import Api, ApiError, Manifest
from tests.e2e.platform import Platform, pulumi_objects
from tests.gitops.tree import STACKS, read_tree
from tools.schemas import crd_files

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def refusal(api: Api, manifest: Manifest) -> str:
    """What the API server says against an object; nothing if it takes it."""
    try:
        api.apply(manifest, dry_run=True)
    except ApiError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("stack", STACKS)
def test_every_object_is_accepted(plane: Plane, stack: str) -> None:
    manifests = read_tree(stack).manifests
    for namespace in {item.namespace for item in manifests} - {""}:
        plane.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    refused = [
        f"{item} ({item.applied_by}): {error}" for item in manifests if (error := refusal(plane.api, item.content))
    ]
    assert len(manifests) > 50
    assert not refused, "\n".join(refused)


@pytest.mark.parametrize("stack", STACKS)
def test_every_object_of_the_program_is_accepted(plane: Plane, stack: str) -> None:
    manifests = pulumi_objects(stack)
    for manifest in manifests:
        namespace = manifest["metadata"].get("namespace")
        if namespace:
            plane.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    refused = [
        f"{manifest['kind']} {manifest['metadata']['name']}: {error}"
        for manifest in manifests
        if (error := refusal(plane.api, manifest))
    ]
    assert {"NodePool", "EC2NodeClass", "FluxInstance", "TargetGroupBinding"} <= {item["kind"] for item in manifests}
    assert not refused, "\n".join(refused)


def test_a_service_of_type_load_balancer_is_refused(platform: Platform) -> None:
    service: Manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "orphan", "namespace": "default"},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
    }

    wait_until(lambda: refusal(platform.api, service), 30, "the policy to be enforced")
    assert "Attach an HTTPRoute to the Gateway traefik/public instead." in refusal(platform.api, service)
    service["spec"]["type"] = "ClusterIP"
    assert not refusal(platform.api, service)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("channel", "experimental", "Installing experimental CRDs on top of standard channel CRDs is prohibited"),
        ("bundle-version", "v1.4.1", "Installing CRDs with version before v1.5.0 is prohibited"),
    ],
)
def test_a_chart_cannot_put_its_own_gateway_api_in_place_of_ours(
    plane: Plane, key: str, value: str, message: str
) -> None:
    ours = [item for item in documents(crd_files()) if item["spec"]["group"] == "gateway.networking.k8s.io"]
    assert len(ours) == 8
    assert not [found for item in ours if (found := refusal(plane.api, item))]
    theirs = ours[0]
    theirs["metadata"]["annotations"][f"gateway.networking.k8s.io/{key}"] = value
    wait_until(lambda: refusal(plane.api, theirs), 30, "the policy to be enforced")
    assert message in refusal(plane.api, theirs)


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
