"""A small program under the real engine: what pulumi-eks registers, replacements, secrets, orphans, refusals."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pytest

from simulator.computed import kubeconfig
from simulator.driver import BadConfigurationError, Platform, Result, RunFailedError
from simulator.things import Store
from tests.engine.conftest import copy_settings, set_config

pytestmark = pytest.mark.engine

URN = "urn:pulumi:local::realworld-platform::"


@dataclass
class Variant:
    """What differs between two deployments of the program."""

    log_group: str = "/before"
    description: str = "before"
    nodes: int = 2


def small_program(variant: Variant) -> None:
    """A cluster with everything that pulumi-eks adds by itself, and resources that can be replaced."""
    import pulumi_aws as aws
    import pulumi_eks as eks
    import pulumi_kubernetes as k8s
    import pulumi_random as random

    vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16")
    subnets = [
        aws.ec2.Subnet(f"subnet-{index}", vpc_id=vpc.id, cidr_block=f"10.0.{index}.0/24", tags={"Name": "subnet"})
        for index in range(2)
    ]
    cluster = eks.Cluster(
        "small",
        vpc_id=vpc.id,
        private_subnet_ids=[subnet.id for subnet in subnets],
        authentication_mode=eks.AuthenticationMode.API,
        enabled_cluster_log_types=["api"],
        skip_default_node_group=True,
        access_entries={
            "admin": eks.AccessEntryArgs(
                principal_arn="arn:aws:iam::123456789012:role/Administrator",
                access_policies={
                    "all": eks.AccessPolicyAssociationArgs(
                        policy_arn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
                        access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
                    )
                },
            )
        },
    )
    role = aws.iam.Role("nodes", assume_role_policy="{}")
    eks.ManagedNodeGroup(
        "nodes",
        cluster=cluster,
        node_role=role,
        subnet_ids=[subnet.id for subnet in subnets],
        scaling_config=aws.eks.NodeGroupScalingConfigArgs(desired_size=variant.nodes, min_size=1, max_size=9),
        ignore_scaling_changes=True,
    )
    aws.cloudwatch.LogGroup("named", name=variant.log_group)
    aws.ec2.SecurityGroup("group", vpc_id=vpc.id, description=variant.description)
    inside = pulumi.ResourceOptions(provider=k8s.Provider("k8s", kubeconfig=cluster.kubeconfig_json))
    password = random.RandomPassword("password", length=12)
    secret = k8s.core.v1.Secret("secret", string_data={"password": password.result}, opts=inside)
    pulumi.export("password", password.result)
    pulumi.export("secret_name", secret.metadata.name)
    pulumi.export("kubeconfig", cluster.kubeconfig)


@dataclass
class SmallLife:
    """What happened to the small program."""

    up: Result
    resources: dict[str, Any]
    changed: Result
    destroy_error: str


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallLife:
    """The program deployed, changed and destroyed."""
    folder = tmp_path_factory.mktemp("small")
    variant = Variant()
    settings = copy_settings(folder / "settings")
    platform = Platform(folder=folder / "local", settings=settings, program=lambda: small_program(variant))
    said: list[str] = []
    up = platform.up(said.append)
    state = next((folder / "local" / "state").rglob("local.json")).read_text()
    variant.log_group, variant.description, variant.nodes = "/after", "after", 5
    changed = platform.up(said.append)
    with pytest.raises(RunFailedError) as error:
        platform.destroy(said.append)
    resources = {
        resource["urn"].removeprefix(URN): resource
        for resource in json.loads(state)["checkpoint"]["latest"]["resources"]
    }
    return SmallLife(up=up, resources=resources, changed=changed, destroy_error=str(error.value))


CLUSTER = "eks:index:Cluster::small"
ROLE = "eks:index:Cluster$eks:index:ServiceRole"
CNI = "eks:index:Cluster$eks:index:VpcCniAddon"
ADMIN = "eks:index:Cluster$aws:eks/accessEntry:AccessEntry"
CHILDREN = {
    "eks:index:Cluster$aws:eks/cluster:Cluster::small-eksCluster": CLUSTER,
    "eks:index:Cluster$pulumi:providers:kubernetes::small-eks-k8s": CLUSTER,
    f"{ROLE}$aws:iam/role:Role::small-eksRole-role": f"{ROLE}::small-eksRole",
    "eks:index:Cluster$aws:ec2/securityGroup:SecurityGroup::small-eksClusterSecurityGroup": CLUSTER,
    "eks:index:Cluster$aws:ec2/securityGroup:SecurityGroup::small-nodeSecurityGroup": CLUSTER,
    "eks:index:Cluster$aws:eks/addon:Addon::small-kube-proxy": CLUSTER,
    f"{CNI}$aws:eks/addon:Addon::small-vpc-cni": f"{CNI}::small-vpc-cni",
    f"{ADMIN}::small-admin": CLUSTER,
    f"{ADMIN}$aws:eks/accessPolicyAssociation:AccessPolicyAssociation::small-admin-all": f"{ADMIN}::small-admin",
    "eks:index:ManagedNodeGroup$aws:eks/nodeGroup:NodeGroup::nodes": "eks:index:ManagedNodeGroup::nodes",
}
"""Children of pulumi-eks's components with their parents, as seen under its real provider."""


@pytest.mark.parametrize("child", CHILDREN)
def test_eks_registers_the_children_of_the_real_one(small: SmallLife, child: str) -> None:
    assert small.resources[child]["parent"] == URN + CHILDREN[child]


def test_eks_adds_six_rules_and_leaves_coredns_out(small: SmallLife) -> None:
    rules = [urn for urn in small.resources if "securityGroupRule" in urn]
    assert len(rules) == 6
    assert not [urn for urn in small.resources if "coredns" in urn]


def test_no_edge_joins_node_group_and_add_ons(small: SmallLife) -> None:
    nodes = small.resources["eks:index:ManagedNodeGroup$aws:eks/nodeGroup:NodeGroup::nodes"]
    assert any("eks/cluster:Cluster" in urn for urn in nodes["dependencies"])
    assert not [urn for urn in nodes["dependencies"] if "addon" in urn]


def test_add_ons_are_as_untidy_as_the_real_ones(small: SmallLife) -> None:
    addon = small.resources["eks:index:Cluster$eks:index:VpcCniAddon$aws:eks/addon:Addon::small-vpc-cni"]["inputs"]
    assert addon["preserve"] is True
    assert addon["resolveConflictsOnCreate"] == "OVERWRITE"
    assert json.loads(addon["configurationValues"])["env"]["AWS_VPC_K8S_CNI_LOGLEVEL"] == "DEBUG"
    cluster = small.resources["eks:index:Cluster$aws:eks/cluster:Cluster::small-eksCluster"]["inputs"]
    assert cluster["accessConfig"]["bootstrapClusterCreatorAdminPermissions"] is True


def test_kubeconfig_asks_aws_for_a_token_of_the_region(small: SmallLife) -> None:
    arguments = small.up.outputs["kubeconfig"]["users"][0]["user"]["exec"]["args"]
    assert arguments[:4] == ["--region", "us-east-1", "eks", "get-token"]


def test_secrets_stay_secret(small: SmallLife) -> None:
    assert "password" in small.up.secret_outputs
    assert len(small.up.outputs["password"]) == 12
    secret = next(resource for urn, resource in small.resources.items() if urn.endswith("::secret"))
    for side in ("inputs", "outputs"):
        assert small.up.outputs["password"] not in json.dumps(secret[side])
    assert "ciphertext" in secret["outputs"]["data"]


def test_objects_without_a_name_get_one(small: SmallLife) -> None:
    assert small.up.outputs["secret_name"].startswith("secret-")
    assert small.changed.outputs["secret_name"] == small.up.outputs["secret_name"]


def test_a_fixed_name_is_replaced_by_deleting_first(small: SmallLife) -> None:
    group = [(step.action, step.id) for step in small.changed.operations if step.name == "named"]
    assert group == [("delete", "/before"), ("create", "/after")]


def test_everything_else_is_replaced_by_creating_first(small: SmallLife) -> None:
    group = [step for step in small.changed.operations if step.name == "group"]
    assert [step.action for step in group] == ["create", "delete"]
    assert group[0].id != group[1].id


def test_ignored_changes_stay_out(small: SmallLife) -> None:
    assert {step.name for step in small.changed.operations} == {"named", "group"}


def test_destroy_names_what_a_controller_left_behind(small: SmallLife) -> None:
    assert small.destroy_error.startswith("the stack is empty, the cloud is not")
    assert "/aws/eks/small-eksCluster-" in small.destroy_error
    assert "made by eks" in small.destroy_error


def one_object() -> None:
    """A cluster with one object in it."""
    import pulumi_aws as aws
    import pulumi_kubernetes as k8s

    vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16")
    subnet = aws.ec2.Subnet("subnet", vpc_id=vpc.id, cidr_block="10.0.0.0/24")
    role = aws.iam.Role("role", assume_role_policy="{}")
    cluster = aws.eks.Cluster("small", role_arn=role.arn, vpc_config={"subnet_ids": [subnet.id]})
    text = pulumi.Output.all(name=cluster.name, endpoint=cluster.endpoint, authority=cluster.certificate_authority)
    provider = k8s.Provider(
        "k8s",
        kubeconfig=text.apply(
            lambda values: kubeconfig(
                {
                    "name": values["name"],
                    "endpoint": values["endpoint"],
                    "certificateAuthority": {"data": values["authority"]["data"]},
                },
                "us-east-1",
            )
        ),
        delete_unreachable=True,
    )
    k8s.core.v1.ConfigMap("object", data={"a": "b"}, opts=pulumi.ResourceOptions(provider=provider))


def test_a_control_plane_that_has_ended_is_told_of_and_does_not_hold_up_a_destroy(tmp_path: Path) -> None:
    plane = tmp_path / "control-plane.json"
    settings = copy_settings(tmp_path / "settings")
    platform = Platform(folder=tmp_path / "local", settings=settings, program=one_object, control_plane=plane)
    platform.up(lambda _: None)
    store = Store(platform.folder / "cloud.json")
    cluster = next(thing for thing in store if thing.token == "aws:eks/cluster:Cluster")
    cluster.outputs["endpoint"] = "https://127.0.0.1:1"
    store.save()
    for run in (platform.up, platform.preview, platform.refresh):
        with pytest.raises(
            RunFailedError, match="control plane that this cluster stood on has ended: run make destroy"
        ):
            run(lambda _: None)
    platform.destroy(lambda _: None)
    assert list(platform.open_cloud()) == []


def test_a_wrong_type_is_refused_by_name(tmp_path: Path) -> None:
    def program() -> None:
        pulumi.CustomResource("aws:ec2/vpc:Vpc", "vpc", {"cidrBlock": "10.0.0.0/16", "enableDnsSupport": "yes"})

    platform = Platform(folder=tmp_path / "local", settings=copy_settings(tmp_path / "settings"), program=program)
    with pytest.raises(RunFailedError, match="'enableDnsSupport' must be a boolean, not 'yes'"):
        platform.up(lambda _: None)
    assert list(platform.open_cloud()) == []


def test_bad_configuration_stops_before_the_first_resource_with_one_line(tmp_path: Path) -> None:
    settings = copy_settings(tmp_path / "settings")
    set_config(settings, "network", "cidr", "10.0.0.0/33")
    said: list[str] = []
    platform = Platform(folder=tmp_path / "local", settings=settings)
    with pytest.raises(BadConfigurationError) as refusal:
        platform.up(said.append)
    message = str(refusal.value)
    assert "\n" not in message
    assert "network.cidr" in message
    assert "10.0.0.0/33" in message
    assert said == []
    assert list(platform.open_cloud()) == []
