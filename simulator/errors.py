"""Refusals of the simulated cloud, with the codes that AWS and Kubernetes use."""

from typing import Final


class CloudError(Exception):
    """The cloud refuses an operation.

    Attributes:
        code: The provider's own error code.
    """

    code: str

    def __init__(self, code: str, message: str) -> None:
        """A refusal with the provider's code and a sentence."""
        super().__init__(f"{code}: {message}")
        self.code = code


NOT_FOUND_BY_PREFIX: Final = {
    "vpc": "InvalidVpcID.NotFound",
    "subnet": "InvalidSubnetID.NotFound",
    "sg": "InvalidGroup.NotFound",
    "sgr": "InvalidSecurityGroupRuleId.NotFound",
    "rtb": "InvalidRouteTableID.NotFound",
    "nat": "NatGatewayNotFound",
    "eipalloc": "InvalidAllocationID.NotFound",
    "igw": "InvalidInternetGatewayID.NotFound",
    "eni": "InvalidNetworkInterfaceID.NotFound",
    "vpce": "InvalidVpcEndpointId.NotFound",
    "lt": "InvalidLaunchTemplateId.NotFound",
    "acl": "InvalidNetworkAclID.NotFound",
    "i": "InvalidInstanceID.NotFound",
    "fl": "InvalidFlowLogId.NotFound",
}
"""Codes of EC2 by the prefix of the id that names nothing."""

NOT_FOUND: Final = {
    "iam": "NoSuchEntity",
    "eks": "ResourceNotFoundException",
    "lb": "TargetGroupNotFound",
    "elasticloadbalancing": "TargetGroupNotFound",
    "rds": "DBSubnetGroupNotFoundFault",
    "logs": "ResourceNotFoundException",
    "cloudwatch": "ResourceNotFoundException",
    "events": "ResourceNotFoundException",
    "sqs": "AWS.SimpleQueueService.NonExistentQueue",
    "sns": "NotFound",
    "kms": "NotFoundException",
    "route53": "NoSuchHostedZone",
    "s3": "NoSuchBucket",
}
IN_USE: Final = {
    "ec2": "DependencyViolation",
    "vpc": "DependencyViolation",
    "iam": "DeleteConflict",
    "eks": "ResourceInUseException",
    "lb": "ResourceInUse",
    "rds": "InvalidDBSubnetGroupStateFault",
    "route53": "HostedZoneNotEmpty",
    "s3": "BucketNotEmpty",
}
EXISTS: Final = {
    "ec2": "InvalidGroup.Duplicate",
    "iam": "EntityAlreadyExists",
    "eks": "ResourceInUseException",
    "lb": "DuplicateLoadBalancerName",
    "rds": "DBInstanceAlreadyExists",
    "cloudwatch": "ResourceAlreadyExistsException",
    "sqs": "QueueNameExists",
    "secretsmanager": "ResourceExistsException",
    "kms": "AlreadyExistsException",
    "route53": "InvalidChangeBatch",
    "s3": "BucketAlreadyOwnedByYou",
}


def service_of(token: str) -> str:
    """The AWS service of a resource type: ``ec2`` in ``aws:ec2/vpc:Vpc``."""
    return token.split(":")[1].partition("/")[0]


def not_found(service: str, identifier: str, named_by: str) -> CloudError:
    """An input names something that does not exist."""
    code = NOT_FOUND_BY_PREFIX.get(identifier.rpartition("-")[0]) or NOT_FOUND.get(service, "ResourceNotFoundException")
    return CloudError(code, f"{identifier!r} does not exist, yet {named_by} names it")


def in_use(token: str, identifier: str, users: list[str]) -> CloudError:
    """Something is deleted that others still name."""
    code = IN_USE.get(service_of(token), "ResourceInUseException")
    return CloudError(code, f"{identifier!r} has dependent objects and cannot be deleted: {', '.join(users)}")


def exists(token: str, identifier: str) -> CloudError:
    """A name is taken."""
    return CloudError(EXISTS.get(service_of(token), "ResourceAlreadyExistsException"), f"{identifier!r} already exists")
