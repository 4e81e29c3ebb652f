"""Inputs are held to the SDK's own signatures."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.schema import faults, resource_type
from simulator.values import UNKNOWN, Values

VPC = "aws:ec2/vpc:Vpc"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
CLUSTER = "aws:eks/cluster:Cluster"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"

NOT_A_STRING = st.one_of(st.integers(), st.booleans(), st.lists(st.text()), st.dictionaries(st.text(), st.text()))
NOT_A_BOOLEAN = st.one_of(st.integers(), st.text(), st.lists(st.booleans())).filter(lambda value: value != UNKNOWN)


@pytest.mark.parametrize(
    ("token", "inputs", "property_name"),
    [
        (VPC, {"cidr": "10.0.0.0/16"}, "cidr"),
        (VPC, {"cidr_block": "10.0.0.0/16"}, "cidr_block"),
        (VPC, {"tags": {"a": 1}}, "tags.a"),
        (CLUSTER, {"roleArn": "r"}, "vpcConfig"),
        (CLUSTER, {"roleArn": "r", "vpcConfig": {}}, "vpcConfig.subnetIds"),
        (CLUSTER, {"roleArn": "r", "vpcConfig": {"subnetIds": ["s", 1]}}, "vpcConfig.subnetIds[1]"),
        (TEMPLATE, {"blockDeviceMappings": [{"ebs": {"volumeSizeGb": 20}}]}, "blockDeviceMappings[0].ebs.volumeSizeGb"),
        (TEMPLATE, {"blockDeviceMappings": {"ebs": {}}}, "blockDeviceMappings"),
        (CONFIG_MAP, {"data": {"n": 1}}, "data.n"),
        (CONFIG_MAP, {"apiVersion": "v2"}, "apiVersion"),
        ("kubernetes:helm.sh/v3:Release", {"name": "n"}, "chart"),
        ("random:index/randomId:RandomId", {}, "byteLength"),
        ("kubernetes:karpenter.sh/v1:NodePool", {"kind": "NodePool", "metadata": {}}, "apiVersion"),
    ],
)
def test_a_fault_names_its_property(token: str, inputs: Values, property_name: str) -> None:
    found = faults(token, inputs)
    assert [fault.property for fault in found] == [property_name]
    assert property_name in found[0].reason


@pytest.mark.parametrize(
    ("token", "inputs"),
    [
        (VPC, {"cidrBlock": "10.0.0.0/16", "enableDnsHostnames": True, "tags": {"karpenter.sh/discovery": "c"}}),
        (VPC, {"cidrBlock": UNKNOWN, "tags": UNKNOWN, "__defaults": ["name"]}),
        (CLUSTER, {"roleArn": "r", "vpcConfig": {"subnetIds": [UNKNOWN]}, "version": None}),
        (CONFIG_MAP, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"labels": {"a": "b"}}, "data": {"k": "v"}}),
        ("kubernetes:core/v1:Service", {"spec": {"ports": [{"port": 80, "targetPort": "web"}]}}),
        ("kubernetes:core/v1:Service", {"spec": {"ports": [{"port": 80, "targetPort": 8000}]}}),
        ("random:index/randomId:RandomId", {"byteLength": 3.0}),
    ],
)
def test_good_inputs_pass(token: str, inputs: Values) -> None:
    assert faults(token, inputs) == []


@settings(max_examples=50, deadline=None)
@given(NOT_A_STRING)
def test_no_other_type_passes_for_a_string(value: Any) -> None:  # noqa: ANN401 – values of any type
    assert [fault.property for fault in faults(VPC, {"cidrBlock": value})] == ["cidrBlock"]


@settings(max_examples=50, deadline=None)
@given(NOT_A_BOOLEAN)
def test_no_other_type_passes_for_a_boolean(value: Any) -> None:  # noqa: ANN401 – values of any type
    assert [fault.property for fault in faults(VPC, {"enableDnsSupport": value})] == ["enableDnsSupport"]


def test_outputs_are_those_of_the_class() -> None:
    kind = resource_type(VPC)
    assert kind is not None
    assert kind.outputs >= {"arn", "cidrBlock", "defaultSecurityGroupId", "tagsAll"}


def test_foreign_packages_are_refused_by_name() -> None:
    with pytest.raises(LookupError, match="no package 'gcp'"):
        resource_type("gcp:compute/network:Network")


def test_custom_kinds_have_no_class() -> None:
    assert resource_type("kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding") is None
