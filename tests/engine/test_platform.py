"""The platform under the real engine: up, again, changed, drifted, repaired, destroyed."""

import json
from itertools import pairwise

import pytest

from simulator.answers import Operation
from tests.engine.conftest import ALARM, DATABASE, LOG_GROUP, Life

pytestmark = pytest.mark.engine


def test_a_refusal_of_aws_ends_the_up_with_its_code(life: Life) -> None:
    assert "InsufficientDBInstanceCapacity" in life.broken
    assert DATABASE not in life.after_break
    assert "aws:ec2/vpc:Vpc" in life.after_break


def test_the_next_up_goes_on_from_there(life: Life) -> None:
    assert life.up.changes["create"] > 0
    assert life.up.changes["same"] > 0
    assert DATABASE in {operation.token for operation in life.up.operations}
    assert {operation.action for operation in life.up.operations} == {"create"}


def test_the_stack_has_at_least_150_resources(life: Life) -> None:
    assert sum(life.up.changes.values()) >= 150


def test_outputs_are_what_a_person_needs(life: Life) -> None:
    outputs = life.up.outputs
    assert outputs["kubeconfig_command"].endswith(f"--name {outputs['cluster_name']}")
    assert outputs["load_balancer_dns_name"].endswith(".elb.us-east-1.amazonaws.com")
    assert outputs["database_endpoint"].endswith(".rds.amazonaws.com:5432")
    assert outputs["git_deploy_key"].startswith("ssh-ed25519 ")
    assert outputs["git_deploy_key"].strip() in outputs["next_step"]


def test_no_secret_stands_in_the_state_in_the_clear(life: Life) -> None:
    assert "PRIVATE KEY" not in life.state
    resources = json.loads(life.state)["checkpoint"]["latest"]["resources"]
    password = next(resource for resource in resources if resource["type"].endswith(":RandomPassword"))
    assert "ciphertext" in password["outputs"]["result"]
    database = next(resource for resource in resources if resource["type"] == DATABASE)
    assert "ciphertext" in database["inputs"]["password"]


def test_every_aws_resource_carries_the_default_tags(life: Life) -> None:
    resources = json.loads(life.state)["checkpoint"]["latest"]["resources"]
    tagged = [resource for resource in resources if "tagsAll" in resource.get("outputs", {})]
    assert len(tagged) > 50
    for resource in tagged:
        assert resource["outputs"]["tagsAll"].keys() >= {"Project", "Environment"}, resource["urn"]


def test_a_second_up_changes_nothing(life: Life) -> None:
    assert life.again.changes.keys() == {"same"}
    assert life.again.operations == []
    assert life.again.outputs == life.up.outputs
    assert not [line for line in life.said["again"] if "warning" in line]


def test_a_changed_value_changes_only_what_it_is_about(life: Life) -> None:
    assert life.change.changes["update"] == 1
    assert [(operation.action, operation.token) for operation in life.change.operations] == [("update", LOG_GROUP)]


def test_refresh_sees_what_was_done_by_hand(life: Life) -> None:
    assert life.drift.changes["delete"] == 1
    assert life.drift.changes["update"] == 1
    assert life.drift.operations == []


def test_up_repairs_what_was_done_by_hand(life: Life) -> None:
    assert {(operation.action, operation.token) for operation in life.repair.operations} == {
        ("create", ALARM),
        ("update", "aws:ec2/vpc:Vpc"),
    }


def test_destroy_leaves_nothing(life: Life) -> None:
    assert life.left == []
    assert life.destroyed.changes == {"delete": sum(life.repair.changes.values())}


CHAINS = (
    ("Kustomization", "GitRepository", "FluxInstance", "Release flux-operator"),
    ("FluxInstance", "TargetGroupBinding", "Release aws-load-balancer-controller"),
    ("FluxInstance", "NodePool", "EC2NodeClass", "Release karpenter", "Release karpenter-crd"),
    ("Release aws-load-balancer-controller", "PodIdentityAssociation lb-controller-identity", "NodeGroup"),
    ("Release karpenter", "PodIdentityAssociation karpenter-identity", "NodeGroup"),
    ("Release karpenter", "Queue"),
    ("NodePool", "InstanceProfile"),
    ("NodeGroup", "Addon vpc-cni", "Cluster"),
    ("NodeGroup", "Addon kube-proxy", "Cluster"),
    ("NodeGroup", "Addon eks-pod-identity-agent", "Cluster"),
    ("NodePool", "Route private-0", "NatGateway nat-0"),
    ("Cluster", "LogGroup control-plane"),
    ("TargetGroupBinding", "Listener", "LoadBalancer"),
    ("Cluster", "Subnet", "Vpc"),
    ("LoadBalancer", "Subnet"),
    ("Instance", "LogGroup postgresql"),
)
"""The order of destruction in design.md: chains of types, with the end of the name where it matters."""

PAIRS = [pair for chain in CHAINS for pair in pairwise(chain)]


def positions(operations: list[Operation], wanted: str) -> list[int]:
    """Where the deletions of a kind stand in the log."""
    kind, _, name = wanted.partition(" ")
    found = [
        index
        for index, operation in enumerate(operations)
        if operation.token.rpartition(":")[2] == kind
        and (operation.name.endswith(name) or operation.id.rpartition("/")[2] == name)
    ]
    assert found, f"no {wanted} was deleted"
    return found


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_destruction_keeps_its_order(life: Life, first: str, second: str) -> None:
    operations = life.destroyed.operations
    assert max(positions(operations, first)) < min(positions(operations, second))


def test_time_is_that_of_the_longest_chain(life: Life) -> None:
    cluster, nodes = 600, 150
    assert cluster + nodes < life.up.aws_seconds < sum(operation.seconds for operation in life.up.operations)
    assert life.again.aws_seconds == 0
    assert life.destroyed.aws_seconds > 370
