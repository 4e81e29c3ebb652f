"""Which changes need a new resource; every other change is made in place."""

from typing import Final, NamedTuple

from simulator import naming
from simulator.values import Path, Values, differences, written

EVERYWHERE: Final = frozenset(
    {
        "name",
        "namePrefix",
        "nodeGroupName",
        "bucket",
        "region",
        "vpcId",
        "cidrBlock",
        "availabilityZone",
        "allocationId",
        "subnetId",
        "routeTableId",
        "clusterName",
        "addonName",
        "principalArn",
        "policyArn",
        "serviceAccount",
        "namespace",
        "loadBalancerArn",
        "loadBalancerType",
        "internal",
        "targetType",
        "engine",
        "storageEncrypted",
        "username",
        "dbName",
        "family",
        "encryptionConfig",
        "zoneId",
        "domainName",
        "topic",
        "rule",
        "targetId",
        "securityGroupId",
    }
)
"""Properties of AWS resources that cannot change in the life of any resource that has them."""

BY_TYPE: Final = {
    "aws:ec2/securityGroup:SecurityGroup": {"description"},
    "aws:ec2/vpcEndpoint:VpcEndpoint": {"serviceName", "vpcEndpointType"},
    "aws:ec2/flowLog:FlowLog": {"trafficType", "logDestination", "iamRoleArn", "maxAggregationInterval"},
    "aws:ec2/route:Route": {"destinationCidrBlock"},
    "aws:eks/cluster:Cluster": {"roleArn", "bootstrapSelfManagedAddons", "kubernetesNetworkConfig"},
    "aws:eks/nodeGroup:NodeGroup": {"amiType", "capacityType", "instanceTypes", "nodeRoleArn", "subnetIds", "diskSize"},
    "aws:iam/rolePolicy:RolePolicy": {"role"},
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": {"role"},
    "aws:lb/targetGroup:TargetGroup": {"port", "protocol"},
    "aws:rds/instance:Instance": {"kmsKeyId"},
    "aws:rds/parameterGroup:ParameterGroup": {"description"},
    "aws:acm/certificateValidation:CertificateValidation": {"certificateArn", "validationRecordFqdns"},
    "aws:acm/certificate:Certificate": {"validationMethod", "subjectAlternativeNames"},
    "aws:route53/record:Record": {"type"},
    "aws:secretsmanager/secretVersion:SecretVersion": {"secretId", "secretString"},
    "aws:sns/topicSubscription:TopicSubscription": {"protocol", "endpoint"},
    "aws:cloudwatch/dashboard:Dashboard": {"dashboardName"},
    "aws:kms/key:Key": {"customerMasterKeySpec", "keyUsage"},
}

OBJECT: Final = (
    ("apiVersion",),
    ("kind",),
    ("metadata", "name"),
    ("metadata", "namespace"),
)
OBJECT_BY_KIND: Final = {
    "Secret": (("type",),),
    "Service": (("spec", "clusterIP"),),
    "Deployment": (("spec", "selector"),),
    "TargetGroupBinding": (("spec", "targetGroupARN"), ("spec", "targetType"), ("spec", "vpcID")),
}


class Change(NamedTuple):
    """One difference between what is and what is wanted."""

    path: Path
    kind: str
    replaces: bool

    @property
    def property(self) -> str:
        """The path in Pulumi's spelling."""
        return written(self.path)


def changes(token: str, old: Values, new: Values, *, ignored: frozenset[str] = frozenset()) -> list[Change]:
    """The differences between two sets of inputs.

    Args:
        token: Type of the resource.
        old: Inputs of the last deployment.
        new: Inputs that the program gives now.
        ignored: Properties whose changes do not count (``ignoreChanges``).
    """
    return [
        Change(path, kind, _replaces(token, path, new))
        for path, kind in differences(_given(old), _given(new))
        if not any(written(path) == name or written(path).startswith((f"{name}.", f"{name}[")) for name in ignored)
    ]


def _given(inputs: Values) -> Values:
    return {key: value for key, value in inputs.items() if not key.startswith("__") and value is not None}


def _replaces(token: str, path: Path, inputs: Values) -> bool:
    package = token.partition(":")[0]
    if token == naming.RELEASE:
        return path[0] in {"name", "namespace"}
    if package == "kubernetes":
        fixed = OBJECT + OBJECT_BY_KIND.get(str(inputs.get("kind")), ())
        return any(path[: len(step)] == step for step in fixed)
    if package != "aws":
        return True
    return path[0] in EVERYWHERE or path[0] in BY_TYPE.get(token, ())


def deletes_first(token: str, inputs: Values) -> bool:
    """Whether the old resource has to go before the new one comes, because they would share a name."""
    return not naming.is_automatic(token, inputs)
