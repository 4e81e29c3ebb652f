"""Automatic names, and which changes need a new resource."""

import pytest

from simulator.naming import named
from simulator.replacement import changes, deletes_first
from simulator.values import UNKNOWN, Values

VPC = "aws:ec2/vpc:Vpc"
ROLE = "aws:iam/role:Role"
GROUP = "aws:lb/targetGroup:TargetGroup"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"


def test_an_automatic_name_is_the_logical_name_and_seven_digits() -> None:
    inputs = named(ROLE, "role", {}, seed="s")
    name, _, suffix = inputs["name"].rpartition("-")
    assert (name, len(suffix)) == ("role", 7)
    assert named(ROLE, "role", {}, seed="s") == inputs
    assert named(ROLE, "role", {}, seed="t") != inputs


def test_an_automatic_name_is_kept_by_updates() -> None:
    old = named(ROLE, "role", {}, seed="s")
    assert named(ROLE, "role", {"description": "new"}, old=old, seed="t")["name"] == old["name"]


def test_a_given_name_stays() -> None:
    assert named(ROLE, "role", {"name": "mine"}, old={"name": "x", "__defaults": ["name"]}, seed="s") == {
        "name": "mine"
    }
    assert named(ROLE, "role", {"name": UNKNOWN}, seed="s") == {"name": UNKNOWN}


def test_a_prefix_and_a_proposal_are_heard() -> None:
    assert named(ROLE, "role", {"namePrefix": "p-"}, seed="s")["name"].startswith("p-")
    assert named(ROLE, "role", {}, seed="s", proposed="engine-s-choice")["name"] == "engine-s-choice"


def test_load_balancer_names_fit_into_32_characters() -> None:
    name = named(GROUP, "a-name-that-is-far-too-long-for-a-target-group", {}, seed="s")["name"]
    assert len(name) <= 32


def test_types_without_names_get_none() -> None:
    assert named(VPC, "vpc", {"cidrBlock": "10.0.0.0/16"}, seed="s") == {"cidrBlock": "10.0.0.0/16"}


def test_kubernetes_objects_are_named_in_their_metadata() -> None:
    old = named(CONFIG_MAP, "c", {"metadata": {"namespace": "n"}}, seed="s")
    assert old["metadata"]["name"].startswith("c-")
    assert old["metadata"]["annotations"] == {"pulumi.com/autonamed": "true"}
    assert named(CONFIG_MAP, "c", {"metadata": {"namespace": "n"}}, old=old, seed="t") == old
    given: Values = {"metadata": {"name": "mine"}}
    assert named(CONFIG_MAP, "c", given, seed="s") == given


@pytest.mark.parametrize(
    ("token", "old", "new", "expected"),
    [
        (VPC, {"cidrBlock": "10.0.0.0/16"}, {"cidrBlock": "10.1.0.0/16"}, [("cidrBlock", "update", True)]),
        (VPC, {"tags": {}}, {"tags": {"a": "b"}}, [("tags.a", "add", False)]),
        (VPC, {"enableDnsSupport": True}, {}, [("enableDnsSupport", "delete", False)]),
        (ROLE, {"description": "a"}, {"description": "b"}, [("description", "update", False)]),
        (
            "aws:ec2/securityGroup:SecurityGroup",
            {"description": "a"},
            {"description": "b"},
            [("description", "update", True)],
        ),
        (
            "aws:rds/instance:Instance",
            {"storageEncrypted": False},
            {"storageEncrypted": True},
            [("storageEncrypted", "update", True)],
        ),
        (
            "aws:rds/instance:Instance",
            {"allocatedStorage": 20},
            {"allocatedStorage": 40},
            [("allocatedStorage", "update", False)],
        ),
        ("random:index/randomId:RandomId", {"byteLength": 3}, {"byteLength": 4}, [("byteLength", "update", True)]),
        (
            CONFIG_MAP,
            {"metadata": {"namespace": "a"}},
            {"metadata": {"namespace": "b"}},
            [("metadata.namespace", "update", True)],
        ),
        (CONFIG_MAP, {"data": {"a": "1"}}, {"data": {"a": "2"}}, [("data.a", "update", False)]),
        (VPC, {"cidrBlock": "c", "__defaults": []}, {"cidrBlock": "c", "tags": None}, []),
    ],
)
def test_changes_replace_what_cannot_change(
    token: str, old: Values, new: Values, expected: list[tuple[str, str, bool]]
) -> None:
    found = changes(token, old, new)
    assert [(change.property, change.kind, change.replaces) for change in found] == expected


def test_ignored_changes_do_not_count() -> None:
    old: Values = {"scalingConfig": {"desiredSize": 2, "minSize": 1}}
    new: Values = {"scalingConfig": {"desiredSize": 5, "minSize": 1}}
    token = "aws:eks/nodeGroup:NodeGroup"
    assert changes(token, old, new)
    assert changes(token, old, new, ignored=frozenset({"scalingConfig.desiredSize"})) == []
    assert changes(token, old, new, ignored=frozenset({"scalingConfig"})) == []
    assert changes(token, old, new, ignored=frozenset({"scaling"}))


def test_a_fixed_name_has_to_go_before_its_successor_comes() -> None:
    assert deletes_first(ROLE, {"name": "mine"})
    assert not deletes_first(ROLE, named(ROLE, "role", {}, seed="s"))
    assert not deletes_first(VPC, {})
    assert deletes_first(CONFIG_MAP, {"metadata": {"name": "mine"}})
