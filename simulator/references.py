"""Which inputs name other things: ids by their prefix, ARNs of the account, and names by property."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from simulator.account import ACCOUNT_ID, STANDING_ROLES
from simulator.values import Path, Values, leaves

ID: Final = re.compile(r"(vpc|subnet|sg|sgr|rtb|nat|eipalloc|igw|eni|vpce|lt|acl|i|fl)-[0-9a-f]{8,17}")
ARN: Final = re.compile(rf"arn:aws:(?P<service>[a-z0-9-]+):[a-z0-9-]*:{ACCOUNT_ID}:[^*?]+(:\*)?")

CLUSTER: Final = "aws:eks/cluster:Cluster"
ROLE: Final = "aws:iam/role:Role"
BUCKET: Final = "aws:s3/bucket:Bucket"
QUEUE: Final = "aws:sqs/queue:Queue"
KEY: Final = "aws:kms/key:Key"
LOG_GROUP: Final = "aws:cloudwatch/logGroup:LogGroup"
SUBNET_GROUP: Final = "aws:rds/subnetGroup:SubnetGroup"
PARAMETER_GROUP: Final = "aws:rds/parameterGroup:ParameterGroup"
EVENT_RULE: Final = "aws:cloudwatch/eventRule:EventRule"

NAMES: Final = {
    ("eks", "clusterName"): CLUSTER,
    ("iam", "role"): ROLE,
    ("rds", "dbSubnetGroupName"): SUBNET_GROUP,
    ("rds", "parameterGroupName"): PARAMETER_GROUP,
    ("cloudwatch", "rule"): EVENT_RULE,
    ("cloudwatch", "logGroupName"): LOG_GROUP,
    ("sqs", "queueUrl"): QUEUE,
    ("kms", "targetKeyId"): KEY,
    ("kms", "keyId"): KEY,
    ("s3", "bucket"): BUCKET,
}
"""Properties that hold the name of another thing, by service."""

STANDING_ARNS: Final = frozenset(f"arn:aws:iam::{ACCOUNT_ID}:role/{role}" for role in STANDING_ROLES)


class Reference(NamedTuple):
    """An input that names another thing.

    Attributes:
        path: Where the input stands.
        identifier: Id, ARN or name.
        token: Type of the thing that is named; empty where id or ARN says enough.
        service: AWS service of that thing, for the error code.
    """

    path: Path
    identifier: str
    token: str
    service: str


def references(token: str, inputs: Values) -> Iterator[Reference]:
    """Every reference in the inputs of an AWS resource."""
    if not token.startswith("aws:"):
        return
    service = token.split(":")[1].partition("/")[0]
    for path, value in leaves(inputs):
        if not isinstance(value, str) or not path or path[0] in {"tags", "tagsAll"}:
            continue
        target = NAMES.get((service, str(path[0]))) if len(path) == 1 else None
        arn = ARN.fullmatch(value)
        if arn:
            if value not in STANDING_ARNS:
                yield Reference(path, value.removesuffix(":*"), "", arn["service"])
        elif ID.fullmatch(value):
            yield Reference(path, value, "", "ec2")
        elif target and token != target and value:
            yield Reference(path, value, target, service)
