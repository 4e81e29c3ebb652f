"""Kubernetes in the simulated cloud: namespaces, custom kinds, finalizers, and what controllers leave behind."""

from pathlib import Path

import pytest

from simulator.answers import Cloud
from simulator.errors import CloudError
from simulator.values import Values
from tests.simulator.world import (
    CLUSTER,
    EKS,
    NAMESPACE,
    NODE_CLASS,
    NODE_POOL,
    NODES,
    RELEASE,
    SUBNET,
    World,
)

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
SERVICE = "kubernetes:core/v1:Service"
INSTANCE = "aws:ec2/instance:Instance"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
FLUX_INSTANCE = "kubernetes:fluxcd.controlplane.io/v1:FluxInstance"
KUSTOMIZATION = "kubernetes:kustomize.toolkit.fluxcd.io/v1:Kustomization"


def thing(api_version: str, kind: str, name: str, **rest: object) -> Values:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "default"}, **rest}


def flux_instance(*, awaited: bool) -> Values:
    inputs = thing("fluxcd.controlplane.io/v1", "FluxInstance", "flux")
    if awaited:
        inputs["metadata"]["annotations"] = {"pulumi.com/waitFor": "condition=Ready"}
    return inputs


def test_nothing_can_be_put_into_a_cluster_that_is_not_there() -> None:
    with pytest.raises(CloudError) as refusal:
        Cloud().create(CONFIG_MAP, "c", thing("v1", "ConfigMap", "c"), cluster="none")
    assert refusal.value.code == "Unreachable"


def test_namespace_must_exist(world: World) -> None:
    inputs = thing("v1", "ConfigMap", "c")
    inputs["metadata"]["namespace"] = "apps"
    with pytest.raises(CloudError, match='namespaces "apps" not found'):
        world.put(CONFIG_MAP, "c", inputs)
    world.put(NAMESPACE, "n", {"metadata": {"name": "apps"}})
    assert world.put(CONFIG_MAP, "c", inputs) == "apps/c"


def test_an_object_exists_once(world: World) -> None:
    world.put(CONFIG_MAP, "c", thing("v1", "ConfigMap", "c"))
    with pytest.raises(CloudError) as refusal:
        world.put(CONFIG_MAP, "c", thing("v1", "ConfigMap", "c"))
    assert refusal.value.code == "AlreadyExists"


def test_namespace_takes_its_objects_along(world: World) -> None:
    world.put(NAMESPACE, "n", {"metadata": {"name": "apps"}})
    world.put(CONFIG_MAP, "c", {"metadata": {"name": "c", "namespace": "apps"}})
    world.put(CONFIG_MAP, "d", {"metadata": {"name": "d", "namespace": "default"}})
    world.remove(NAMESPACE, "apps")
    assert [found.id for found in world.cloud if found.token == CONFIG_MAP] == ["default/d"]


def test_charts_wait_for_nodes(world: World) -> None:
    world.cloud.delete(NODES, world.nodes)
    with pytest.raises(CloudError) as refusal:
        world.release("flux-operator")
    assert refusal.value.code == "Timeout"


def test_a_custom_kind_needs_its_chart(world: World) -> None:
    with pytest.raises(CloudError, match='no matches for kind "NodePool"'):
        world.put(NODE_POOL, "pool", world.node_pool())


def test_the_chart_without_its_kinds_does_not_serve_them(world: World) -> None:
    world.release("karpenter", skipCrds=True)
    with pytest.raises(CloudError, match='no matches for kind "NodePool"'):
        world.put(NODE_POOL, "pool", world.node_pool())


def test_own_custom_kinds_are_served(world: World) -> None:
    crd = {"metadata": {"name": "w.example.com"}, "spec": {"group": "example.com", "names": {"kind": "Widget"}}}
    world.put("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", "crd", crd)
    assert world.put("kubernetes:example.com/v1:Widget", "w", thing("example.com/v1", "Widget", "w")) == "default/w"


def test_fluxs_kinds_exist_when_the_instance_was_awaited(world: World) -> None:
    world.release("flux-operator")
    root = thing("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "root")
    identifier = world.put(FLUX_INSTANCE, "flux", flux_instance(awaited=False))
    with pytest.raises(CloudError, match='no matches for kind "Kustomization"'):
        world.put(KUSTOMIZATION, "root", root)
    world.remove(FLUX_INSTANCE, identifier)
    world.put(FLUX_INSTANCE, "flux", flux_instance(awaited=True))
    assert world.put(KUSTOMIZATION, "root", root) == "default/root"


def test_a_pool_starts_instances_and_its_deletion_ends_them(world: World) -> None:
    world.karpenter()
    assert INSTANCE in world.tokens()
    world.remove(NODE_POOL, "default")
    assert INSTANCE not in world.tokens()
    assert world.cloud.orphans() == []


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"subnetSelectorTerms": [{"tags": {"karpenter.sh/discovery": "another"}}]}, "SubnetsNotFound"),
        ({"securityGroupSelectorTerms": [{"id": "sg-00000000000000000"}]}, "SecurityGroupsNotFound"),
        ({"instanceProfile": "another"}, "InstanceProfileNotFound"),
    ],
)
def test_a_node_class_that_selects_nothing_never_becomes_ready(world: World, spec: Values, code: str) -> None:
    world.release("karpenter-crd")
    world.cloud.create("aws:iam/instanceProfile:InstanceProfile", "p", {"name": "nodes", "role": "nodes"})
    with pytest.raises(CloudError) as refusal:
        world.put(NODE_CLASS, "class", world.node_class(**spec))
    assert refusal.value.code == code


def test_karpenter_gone_before_its_pool_leaves_instances_that_hold_the_subnets(world: World) -> None:
    world.karpenter()
    world.remove(RELEASE, "kube-system/karpenter")
    with pytest.raises(CloudError, match=r"karpenter\.sh/termination"):
        world.remove(NODE_POOL, "default")
    world.cloud.delete(NODES, world.nodes)
    world.cloud.delete(EKS, world.eks)
    assert {found.token for found in world.cloud.orphans()} >= {INSTANCE}
    with pytest.raises(CloudError, match="DependencyViolation"):
        world.cloud.delete(SUBNET, world.private)


def test_karpenters_kinds_take_their_objects_along_and_leave_the_instances(world: World) -> None:
    world.karpenter()
    world.remove(RELEASE, "kube-system/karpenter-crd")
    assert not {NODE_POOL, NODE_CLASS} & world.tokens()
    assert INSTANCE in {found.token for found in world.cloud.orphans()}


def test_flux_is_up_by_the_next_run_even_where_nobody_waited(tmp_path: Path) -> None:
    path = tmp_path / "cloud.json"
    world = World(path)
    world.release("flux-operator")
    world.put(FLUX_INSTANCE, "flux", flux_instance(awaited=False))
    later = Cloud(path)
    root = thing("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "root")
    assert later.create(KUSTOMIZATION, "root", root, cluster=CLUSTER)[0] == "default/root"


def test_flux_gone_before_its_root_leaves_a_finalizer(world: World) -> None:
    world.release("flux-operator")
    world.put(FLUX_INSTANCE, "flux", flux_instance(awaited=True))
    root = world.put(KUSTOMIZATION, "root", thing("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "root"))
    world.remove(FLUX_INSTANCE, "default/flux")
    with pytest.raises(CloudError, match="flux is gone"):
        world.remove(KUSTOMIZATION, root)


def test_binding_needs_its_target_group_and_its_controller(world: World) -> None:
    token = "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding"
    chart = world.release("aws-load-balancer-controller")
    inputs = thing("elbv2.k8s.aws/v1beta1", "TargetGroupBinding", "b", spec={"targetGroupARN": "arn:none"})
    with pytest.raises(CloudError, match="TargetGroupNotFound"):
        world.put(token, "b", inputs)
    group, _ = world.cloud.create("aws:lb/targetGroup:TargetGroup", "g", {"name": "g"})
    binding = world.put(token, "b", {**inputs, "spec": {"targetGroupARN": group}})
    world.remove(RELEASE, chart)
    with pytest.raises(CloudError, match=r"elbv2\.k8s\.aws/resources"):
        world.remove(token, binding)


def load_balancer_service() -> Values:
    return thing("v1", "Service", "s", spec={"type": "LoadBalancer"})


def test_a_load_balancer_service_makes_a_balancer_that_holds_the_subnets(world: World) -> None:
    service = world.put(SERVICE, "s", load_balancer_service())
    with pytest.raises(CloudError, match="DependencyViolation"):
        world.cloud.delete(SUBNET, world.public)
    world.remove(SERVICE, service)
    assert BALANCER not in world.tokens()


def test_a_balancer_outlives_its_cluster(world: World) -> None:
    world.put(SERVICE, "s", load_balancer_service())
    world.cloud.delete(NODES, world.nodes)
    world.cloud.delete(EKS, world.eks)
    assert [found.token for found in world.cloud.orphans()] == [BALANCER]


def test_an_admission_policy_that_is_bound_refuses_the_service(world: World) -> None:
    policy = "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy"
    rule = {"expression": "object.spec.type != 'LoadBalancer'", "message": "no balancers"}
    world.put(policy, "p", {"metadata": {"name": "p"}, "spec": {"validations": [rule]}})
    world.remove(SERVICE, world.put(SERVICE, "s", load_balancer_service()))
    world.put(f"{policy}Binding", "b", {"metadata": {"name": "b"}, "spec": {"policyName": "p"}})
    with pytest.raises(CloudError, match="no balancers"):
        world.put(SERVICE, "s", load_balancer_service())


def test_a_deleted_cluster_takes_its_objects_along(world: World) -> None:
    world.put(CONFIG_MAP, "c", thing("v1", "ConfigMap", "c"))
    world.cloud.delete(NODES, world.nodes)
    world.cloud.delete(EKS, world.eks)
    assert CONFIG_MAP not in world.tokens()


def test_outputs_of_an_object_are_its_inputs_and_what_the_server_adds(world: World) -> None:
    inputs = thing("v1", "ConfigMap", "c", data={"key": "value"})
    _, outputs = world.cloud.create(CONFIG_MAP, "c", inputs, cluster=CLUSTER)
    assert outputs["data"] == {"key": "value"}
    assert outputs["metadata"].keys() >= {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"}
