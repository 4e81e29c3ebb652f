"""The simulated cloud: ids and ARNs in AWS's forms, and refusals with AWS's codes."""

import json
import re
from pathlib import Path

import pytest

from simulator.answers import Cloud
from simulator.errors import CloudError
from simulator.values import Values
from tests.simulator.world import EKS, LOGS, NODES, PROFILE, ROLE, SUBNET, TRUST, VPC, World

ACCOUNT = "123456789012"
FORMS: dict[str, tuple[Values, str, str]] = {
    VPC: ({}, r"vpc-[0-9a-f]{17}", rf"arn:aws:ec2:us-east-1:{ACCOUNT}:vpc/vpc-[0-9a-f]{{17}}"),
    "aws:ec2/eip:Eip": (
        {},
        r"eipalloc-[0-9a-f]{17}",
        rf"arn:aws:ec2:us-east-1:{ACCOUNT}:elastic-ip/eipalloc-[0-9a-f]{{17}}",
    ),
    ROLE: ({"name": "r", "assumeRolePolicy": TRUST}, "r", rf"arn:aws:iam::{ACCOUNT}:role/r"),
    "aws:iam/policy:Policy": (
        {"name": "p", "policy": "{}"},
        rf"arn:aws:iam::{ACCOUNT}:policy/p",
        rf"arn:aws:iam::{ACCOUNT}:policy/p",
    ),
    "aws:kms/key:Key": (
        {},
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        rf"arn:aws:kms:us-east-1:{ACCOUNT}:key/[0-9a-f-]{{36}}",
    ),
    LOGS: ({"name": "/a/b"}, "/a/b", rf"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/a/b"),
    "aws:sqs/queue:Queue": (
        {"name": "q"},
        rf"https://sqs\.us-east-1\.amazonaws\.com/{ACCOUNT}/q",
        rf"arn:aws:sqs:us-east-1:{ACCOUNT}:q",
    ),
    "aws:sns/topic:Topic": (
        {"name": "t"},
        rf"arn:aws:sns:us-east-1:{ACCOUNT}:t",
        rf"arn:aws:sns:us-east-1:{ACCOUNT}:t",
    ),
    "aws:lb/targetGroup:TargetGroup": (
        {"name": "g"},
        rf"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:targetgroup/g/[0-9a-f]{{16}}",
        rf"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:targetgroup/g/[0-9a-f]{{16}}",
    ),
    "aws:secretsmanager/secret:Secret": (
        {"name": "s"},
        rf"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:s-[0-9a-f]+",
        rf"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:s-[0-9a-f]+",
    ),
    "aws:rds/instance:Instance": (
        {"identifier": "d", "instanceClass": "db.t4g.micro"},
        r"db-[0-9a-f]{17}",
        rf"arn:aws:rds:us-east-1:{ACCOUNT}:db:d",
    ),
}


@pytest.mark.parametrize("token", FORMS)
def test_id_and_arn_have_the_forms_of_aws(token: str) -> None:
    inputs, id_form, arn_form = FORMS[token]
    identifier, outputs = Cloud().create(token, "x", inputs)
    assert re.fullmatch(id_form, identifier)
    assert re.fullmatch(arn_form, outputs["arn"])


def test_same_name_gives_the_same_id_in_another_cloud_and_another_one_after_replacement() -> None:
    first, second = Cloud(), Cloud()
    vpc, _ = first.create(VPC, "v", {})
    assert second.create(VPC, "v", {})[0] == vpc
    assert first.create(VPC, "v", {})[0] != vpc
    assert first.create(VPC, "w", {})[0] != vpc


def test_listener_arn_continues_that_of_its_load_balancer() -> None:
    cloud = Cloud()
    balancer, outputs = cloud.create("aws:lb/loadBalancer:LoadBalancer", "b", {"loadBalancerType": "network"})
    listener, _ = cloud.create("aws:lb/listener:Listener", "l", {"loadBalancerArn": balancer, "defaultActions": []})
    assert listener.startswith(balancer.replace(":loadbalancer/", ":listener/") + "/")
    assert outputs["arnSuffix"] == balancer.partition(":loadbalancer/")[2]


def test_default_security_group_is_the_one_that_the_vpc_came_with() -> None:
    cloud = Cloud()
    vpc, outputs = cloud.create(VPC, "v", {})
    group, _ = cloud.create("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "d", {"vpcId": vpc})
    assert group == outputs["defaultSecurityGroupId"]


def test_cluster_answers_with_endpoint_authority_and_security_group(world: World) -> None:
    cluster = world.cloud.read(EKS, world.eks)
    assert cluster is not None
    assert cluster.outputs["endpoint"].endswith(".eks.amazonaws.com")
    assert cluster.outputs["vpcConfig"]["vpcId"] == world.vpc
    assert cluster.outputs["vpcConfig"]["clusterSecurityGroupId"] == world.cluster_group
    assert cluster.outputs["certificateAuthority"]["data"].startswith("LS0tLS1CRUdJTi")


@pytest.mark.parametrize(
    ("token", "inputs", "code"),
    [
        (SUBNET, {"vpcId": "vpc-00000000000000000", "cidrBlock": "10.0.0.0/24"}, "InvalidVpcID.NotFound"),
        (
            "aws:ec2/natGateway:NatGateway",
            {"subnetId": "subnet-00000000000000000", "allocationId": "eipalloc-00000000000000000"},
            "InvalidSubnetID.NotFound",
        ),
        (PROFILE, {"role": "nobody"}, "NoSuchEntity"),
        (EKS, {"roleArn": f"arn:aws:iam::{ACCOUNT}:role/nobody", "vpcConfig": {"subnetIds": []}}, "NoSuchEntity"),
        (NODES, {"clusterName": "none", "scalingConfig": {}}, "ResourceNotFoundException"),
        ("aws:cloudwatch/eventTarget:EventTarget", {"rule": "none", "arn": "x"}, "ResourceNotFoundException"),
    ],
)
def test_what_is_named_must_exist(token: str, inputs: Values, code: str) -> None:
    with pytest.raises(CloudError) as refusal:
        Cloud().create(token, "x", inputs)
    assert refusal.value.code == code


def test_roles_of_the_account_and_of_aws_exist_already() -> None:
    cloud = Cloud()
    entry = f"arn:aws:iam::{ACCOUNT}:role/Administrator"
    world = World()
    world.cloud.create("aws:eks/accessEntry:AccessEntry", "a", {"clusterName": world.eks, "principalArn": entry})
    cloud.create(ROLE, "r", {"name": "r", "assumeRolePolicy": TRUST})
    attachment = {"role": "r", "policyArn": "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"}
    cloud.create("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "p", attachment)
    assert len(list(cloud)) == 2


@pytest.mark.parametrize(
    ("token", "attribute", "code"),
    [
        (VPC, "vpc", "DependencyViolation"),
        (SUBNET, "private", "DependencyViolation"),
        (ROLE, "role", "DeleteConflict"),
        (EKS, "eks", "ResourceInUseException"),
    ],
)
def test_what_is_in_use_cannot_be_deleted(world: World, token: str, attribute: str, code: str) -> None:
    with pytest.raises(CloudError) as refusal:
        world.cloud.delete(token, getattr(world, attribute))
    assert refusal.value.code == code
    assert world.cloud.read(token, getattr(world, attribute)) is not None


def test_the_whole_world_can_be_deleted_from_the_leaves(world: World) -> None:
    for token, identifier in (
        (NODES, world.nodes),
        (EKS, world.eks),
        (ROLE, world.role),
        (SUBNET, world.public),
        (SUBNET, world.private),
        (VPC, world.vpc),
    ):
        world.cloud.delete(token, identifier)
    assert not list(world.cloud)


def test_a_rule_in_the_clusters_own_group_does_not_keep_the_cluster() -> None:
    world = World()
    rule: Values = {"securityGroupId": world.cluster_group, "ipProtocol": "tcp", "cidrIpv4": "10.0.0.0/16"}
    world.cloud.create("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "r", rule)
    world.cloud.delete(NODES, world.nodes)
    world.cloud.delete(EKS, world.eks)
    assert world.cloud.read(EKS, world.eks) is None


def test_update_may_release_what_was_in_use() -> None:
    cloud = Cloud()
    group, _ = cloud.create(LOGS, "g", {"name": "g"})
    for role in ("a", "b"):
        cloud.create(ROLE, role, {"name": role, "assumeRolePolicy": TRUST})
    profile, _ = cloud.create(PROFILE, "p", {"name": "p", "role": "a"})
    cloud.update(PROFILE, profile, {"name": "p", "role": "b"})
    cloud.delete(ROLE, "a")
    with pytest.raises(CloudError, match="DeleteConflict"):
        cloud.delete(ROLE, "b")
    assert cloud.read(LOGS, group) is not None


def test_a_name_is_taken_once() -> None:
    cloud = Cloud()
    cloud.create(LOGS, "one", {"name": "/a"})
    with pytest.raises(CloudError, match="ResourceAlreadyExistsException"):
        cloud.create(LOGS, "two", {"name": "/a"})
    cloud.create(ROLE, "one", {"name": "same", "assumeRolePolicy": TRUST})
    with pytest.raises(CloudError, match="EntityAlreadyExists"):
        cloud.create(ROLE, "two", {"name": "same", "assumeRolePolicy": TRUST})


@pytest.mark.parametrize(
    ("token", "inputs", "code"),
    [
        (
            "aws:rds/instance:Instance",
            {"identifier": "d", "instanceClass": "db.t4g.micro", "deletionProtection": True},
            "InvalidParameterCombination",
        ),
        ("aws:lb/loadBalancer:LoadBalancer", {"enableDeletionProtection": True}, "OperationNotPermitted"),
    ],
)
def test_deletion_protection_has_to_be_lifted_first(token: str, inputs: Values, code: str) -> None:
    cloud = Cloud()
    identifier, _ = cloud.create(token, "x", inputs)
    with pytest.raises(CloudError, match=code):
        cloud.delete(token, identifier)
    cloud.update(token, identifier, {key: False if value is True else value for key, value in inputs.items()})
    cloud.delete(token, identifier)
    assert cloud.read(token, identifier) is None


def test_deletion_of_what_is_gone_is_no_error() -> None:
    cloud = Cloud()
    cloud.delete(VPC, "vpc-00000000000000000")
    assert cloud.operations == []


def test_database_writes_its_logs_into_the_groups_that_exist_and_makes_the_others() -> None:
    cloud = Cloud()
    cloud.create(LOGS, "postgresql", {"name": "/aws/rds/instance/d/postgresql"})
    inputs: Values = {
        "identifier": "d",
        "instanceClass": "db.t4g.micro",
        "skipFinalSnapshot": True,
        "enabledCloudwatchLogsExports": ["postgresql", "upgrade"],
    }
    database, _ = cloud.create("aws:rds/instance:Instance", "d", inputs)
    assert [thing.id for thing in cloud.orphans()] == ["/aws/rds/instance/d/upgrade"]
    cloud.delete("aws:rds/instance:Instance", database)
    assert [thing.id for thing in cloud.orphans()] == ["/aws/rds/instance/d/upgrade"]


def test_control_plane_writes_its_log_group_anew_when_that_goes_first(world: World) -> None:
    group = f"/aws/eks/{world.eks}/cluster"
    world.cloud.create(LOGS, "logs", {"name": group})
    world.cloud.update(EKS, world.eks, {**world.cluster_inputs(), "enabledClusterLogTypes": ["api"]})
    assert world.cloud.orphans() == []
    world.cloud.delete(LOGS, group)
    assert [thing.id for thing in world.cloud.orphans()] == [group]


def test_a_final_snapshot_stays_behind_where_it_is_asked_for() -> None:
    cloud = Cloud()
    inputs: Values = {"identifier": "d", "instanceClass": "db.t4g.micro", "finalSnapshotIdentifier": "d-final"}
    database, _ = cloud.create("aws:rds/instance:Instance", "d", inputs)
    cloud.delete("aws:rds/instance:Instance", database)
    assert [thing.token for thing in cloud.orphans()] == ["aws:rds/snapshot:Snapshot"]


def test_add_on_that_needs_a_node_waits_in_vain_without_one(world: World) -> None:
    addon = "aws:eks/addon:Addon"
    world.cloud.create(addon, "coredns", {"clusterName": world.eks, "addonName": "coredns"})
    world.cloud.delete(NODES, world.nodes)
    with pytest.raises(CloudError, match="DEGRADED"):
        world.cloud.create(addon, "metrics", {"clusterName": world.eks, "addonName": "metrics-server"})


def test_nodes_without_a_network_never_become_ready(world: World) -> None:
    world.cloud.create(EKS, "bare", {**world.cluster_inputs(), "name": "bare", "bootstrapSelfManagedAddons": False})
    inputs = {**world.node_inputs(), "clusterName": "bare"}
    with pytest.raises(CloudError, match="NodeCreationFailure"):
        world.cloud.create(NODES, "bare", inputs)
    world.cloud.create("aws:eks/addon:Addon", "cni", {"clusterName": "bare", "addonName": "vpc-cni"})
    world.cloud.create(NODES, "bare", inputs)
    assert world.cloud.operations[-1].name == "bare"


def test_faults_replace_the_operation() -> None:
    cloud = Cloud(faults={f"create:{VPC}": "VpcLimitExceeded"})
    with pytest.raises(CloudError) as refusal:
        cloud.create(VPC, "v", {})
    assert refusal.value.code == "VpcLimitExceeded"
    assert not list(cloud)


def test_cloud_survives_its_process(tmp_path: Path) -> None:
    path = tmp_path / "cloud.json"
    vpc, outputs = Cloud(path).create(VPC, "v", {"cidrBlock": "10.0.0.0/16"})
    again = Cloud(path)
    thing = again.read(VPC, vpc)
    assert thing is not None
    assert thing.outputs == outputs
    assert again.create(VPC, "v", {})[0] != vpc
    assert json.loads(path.read_text())["format"] == 1


def test_operations_tell_what_was_done_in_order() -> None:
    cloud = Cloud()
    vpc, _ = cloud.create(VPC, "v", {})
    cloud.update(VPC, vpc, {"tags": {"a": "b"}})
    cloud.delete(VPC, vpc)
    assert [(operation.action, operation.name) for operation in cloud.operations] == [
        ("create", "v"),
        ("update", "v"),
        ("delete", "v"),
    ]


def test_permissive_cloud_answers_for_single_resources() -> None:
    cloud = Cloud(permissive=True)
    _, outputs = cloud.create(SUBNET, "s", {"vpcId": "vpc-00000000000000000", "unheardOf": 1})
    assert outputs["arn"].startswith("arn:aws:ec2:us-east-1:")
    cloud.create(NODES, "n", {"clusterName": "none"})
    _, secret = cloud.create("kubernetes:core/v1:Secret", "s", {"stringData": {"key": "value"}})
    assert secret["data"] == {"key": "dmFsdWU="}


@pytest.mark.parametrize("token", ["random:index/randomId:RandomId", "random:index/randomPassword:RandomPassword"])
def test_random_values_keep_to_their_length(token: str) -> None:
    inputs: Values = {"byteLength": 3, "prefix": "p-"} if "Id" in token else {"length": 32, "special": False}
    _, outputs = Cloud().create(token, "r", inputs)
    if "Id" in token:
        assert re.fullmatch(r"p-[0-9a-f]{6}", outputs["hex"])
    else:
        assert re.fullmatch(r"[0-9A-Za-z]{32}", outputs["result"])


def test_keys_are_real() -> None:
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key

    _, outputs = Cloud().create("tls:index/privateKey:PrivateKey", "k", {"algorithm": "ED25519"})
    private = load_ssh_private_key(outputs["privateKeyOpenssh"].encode(), None)
    public = load_ssh_public_key(outputs["publicKeyOpenssh"].encode())
    assert private.public_key() == public
    assert outputs["publicKeyFingerprintSha256"].startswith("SHA256:")
