"""Rules that every variant of the program keeps."""

import json
from itertools import pairwise

import pytest

from network import gateway
from plan.graph import Graph, Node
from settings import ANYWHERE
from tests.unit.conftest import graph_of

READ_VERBS = ("Describe", "Get", "List")


def last_part(node: Node) -> str:
    return node.type.rpartition(":")[2]


def test_the_program_is_as_large_as_the_platform(graph: Graph) -> None:
    assert len(graph.nodes) >= 150


def test_every_resource_has_a_component_as_its_parent(graph: Graph) -> None:
    at_the_top = {node.type for node in graph if node.parent.rpartition("::")[0].endswith("pulumi:pulumi:Stack")}

    assert {token for token in at_the_top if not token.startswith("realworld:")} == {
        "pulumi:providers:aws",
        "random:index/randomId:RandomId",
    }


def test_every_aws_resource_goes_through_the_provider_with_the_default_tags(graph: Graph) -> None:
    provider = graph.one("pulumi:providers:aws")
    tags = json.loads(provider.inputs["defaultTags"])["tags"]

    assert {"Project", "Environment", "ManagedBy"} <= set(tags)
    for node in graph:
        if node.type.startswith("aws:") and node.provider != "aws":
            assert node.provider.startswith(provider.urn), node.urn


def test_every_kubernetes_object_goes_through_the_clusters_provider(graph: Graph) -> None:
    provider = graph.one("pulumi:providers:kubernetes")

    assert provider.inputs["deleteUnreachable"] == "true"
    for node in graph:
        if node.type.startswith("kubernetes:"):
            assert node.provider.startswith(provider.urn), node.urn


def test_only_the_apps_port_is_open_to_the_world(graph: Graph) -> None:
    listener = graph.one("aws:lb/listener:Listener")
    open_ports = {
        (rule.inputs["fromPort"], rule.inputs["toPort"])
        for rule in graph.of_type("SecurityGroupIngressRule")
        if rule.inputs.get("cidrIpv4") == str(ANYWHERE)
    }

    assert open_ports == {(listener.inputs["port"], listener.inputs["port"])}
    assert not any(rule.inputs.get("cidrIpv4") == str(ANYWHERE) for rule in graph.of_type("SecurityGroupEgressRule"))
    assert str(ANYWHERE) not in graph.one("eks:index:Cluster").inputs["publicAccessCidrs"]


def test_the_load_balancer_reaches_the_pods_on_both_ports(graph: Graph) -> None:
    from_balancer = {
        rule.inputs["fromPort"]
        for rule in graph.of_type("SecurityGroupIngressRule")
        if "referencedSecurityGroupId" in rule.inputs
    }
    to_pods = {rule.inputs["fromPort"] for rule in graph.of_type("SecurityGroupEgressRule")}

    assert from_balancer == to_pods == {gateway.TRAFFIC_PORT, gateway.HEALTH_CHECK_PORT}


def test_every_log_group_forgets(graph: Graph) -> None:
    assert all(node.inputs["retentionInDays"] > 0 for node in graph.of_type("aws:cloudwatch/logGroup:LogGroup"))


def test_keys_rotate(graph: Graph) -> None:
    assert all(node.inputs["enableKeyRotation"] for node in graph.of_type("aws:kms/key:Key"))


def test_no_policy_allows_everything(graph: Graph) -> None:
    for node in graph:
        document = node.inputs.get("policy")
        if node.type.startswith("aws:iam/") and document:
            for statement in json.loads(document)["Statement"]:
                assert "*" not in statement["Action"], node.name
                reads = tuple(f"{action.split(':')[0]}:{verb}" for action in statement["Action"] for verb in READ_VERBS)
                writes = [action for action in statement["Action"] if not action.startswith(reads)]
                assert not (writes and statement["Resource"] == ["*"]), f"{node.name}: {writes}"


def test_a_managed_policy_fits_into_6144_characters(graph: Graph) -> None:
    for node in graph.of_type("aws:iam/policy:Policy"):
        assert len("".join(node.inputs["policy"].split())) <= 6144, node.name


def test_names_fit_what_aws_allows(graph: Graph) -> None:
    suffix = len("-1a2b3c4")
    for node in graph:
        if last_part(node) in {"LoadBalancer", "TargetGroup"}:
            assert len(node.name) + suffix <= 32, node.name
        if last_part(node) == "Role":
            assert len(node.name) + suffix <= 64, node.name


@pytest.mark.parametrize("kind", ["aws:rds/instance:Instance", "eks:index:Cluster"])
def test_prod_protects_what_holds_data_and_dev_does_not(kind: str) -> None:
    assert graph_of("prod").one(kind).inputs["deletionProtection"] is True
    assert graph_of("dev").one(kind).inputs["deletionProtection"] is False


def test_prod_leaves_a_final_snapshot_and_dev_none() -> None:
    prod, dev = (graph_of(name).one("aws:rds/instance:Instance").inputs for name in ("prod", "dev"))

    assert prod["skipFinalSnapshot"] is False
    assert prod["finalSnapshotIdentifier"] == f"{prod['identifier']}-final"
    assert dev["skipFinalSnapshot"] is True


def one_chain(graph: Graph) -> list[Node]:
    """The order of destruction in design.md, as far as it is a chain."""
    return [
        graph.object("Kustomization", "platform"),
        graph.object("FluxInstance", "flux"),
        graph.object("Release", "flux-operator"),
        graph.object("NodePool", "default"),
        graph.object("EC2NodeClass", "default"),
        graph.object("Release", "karpenter"),
        graph.object("Release", "karpenter-crd"),
        graph.one("aws:eks/nodeGroup:NodeGroup"),
        graph.one("aws:eks/addon:Addon", addonName="vpc-cni"),
        graph.one("aws:eks/cluster:Cluster"),
        next(node for node in graph.of_type("LogGroup") if str(node.inputs.get("name", "")).startswith("/aws/eks/")),
    ]


def test_destroy_takes_the_root_first_and_the_cluster_last(graph: Graph) -> None:
    chain = one_chain(graph)

    for first, second in pairwise(chain):
        assert graph.goes_before(first, second), f"{first.name} must go before {second.name}"
        assert not graph.goes_before(second, first), f"{second.name} must not go before {first.name}"


def test_destroy_unbinds_the_targets_while_their_controller_runs(graph: Graph) -> None:
    root = graph.object("Kustomization", "platform")
    binding = graph.object("TargetGroupBinding", "public")
    controller = graph.object("Release", "aws-load-balancer-controller")

    assert graph.goes_before(root, binding)
    assert graph.goes_before(binding, controller)
    assert graph.goes_before(binding, graph.one("aws:lb/listener:Listener"))
    assert graph.goes_before(controller, graph.one("aws:eks/nodeGroup:NodeGroup"))


def test_pods_get_their_credentials_before_they_start(graph: Graph) -> None:
    agent = graph.one("aws:eks/addon:Addon", addonName="eks-pod-identity-agent")
    for controller in ("karpenter", "aws-load-balancer-controller"):
        release = graph.object("Release", controller)
        assert graph.goes_before(release, graph.one("PodIdentityAssociation", serviceAccount=controller))
        assert graph.goes_before(release, agent)


def test_nodes_reach_the_internet_until_they_are_gone(graph: Graph) -> None:
    node_group = graph.one("aws:eks/nodeGroup:NodeGroup")
    routes = [node for node in graph.of_type("aws:ec2/route:Route") if "natGatewayId" in node.inputs]

    assert routes
    assert all(graph.goes_before(node_group, route) for route in routes)


def test_pulumi_waits_longer_for_the_prune_than_flux_does(graph: Graph) -> None:
    root = graph.object("Kustomization", "platform")

    assert root.inputs["spec"]["timeout"] == "30m"
    assert root.delete_timeout == "35m"
