"""What Karpenter's controller may do in the account.

Source: getting-started CloudFormation of karpenter-provider-aws 1.14, less the instance-profile statements: the profile
is Pulumi's, because one that Karpenter generates blocks the node role's deletion.
"""

from policies import allow, document

SCOPED_KINDS = ("fleet", "instance", "volume", "network-interface", "launch-template", "spot-instances-request")


def karpenter_policies(
    *, region: str, account_id: str, cluster_name: str, cluster_arn: str, node_role_arn: str, queue_arn: str
) -> dict[str, str]:
    """Policy documents by name; split as upstream does, since a managed policy holds 6144 characters."""
    ec2 = f"arn:aws:ec2:{region}"
    owned = f"kubernetes.io/cluster/{cluster_name}"
    scoped = [f"{ec2}:*:{kind}/*" for kind in SCOPED_KINDS]
    request_tags = {
        "StringEquals": {f"aws:RequestTag/{owned}": "owned", "aws:RequestTag/eks:eks-cluster-name": cluster_name},
        "StringLike": {"aws:RequestTag/karpenter.sh/nodepool": "*"},
    }
    resource_tags = {
        "StringEquals": {f"aws:ResourceTag/{owned}": "owned"},
        "StringLike": {"aws:ResourceTag/karpenter.sh/nodepool": "*"},
    }
    return {
        "launch": document(
            allow(
                ["ec2:RunInstances", "ec2:CreateFleet"],
                [
                    f"{ec2}::image/*",
                    f"{ec2}::snapshot/*",
                    f"{ec2}:*:security-group/*",
                    f"{ec2}:*:subnet/*",
                    f"{ec2}:*:capacity-reservation/*",
                    f"{ec2}:*:placement-group/*",
                ],
                sid="AllowScopedEC2InstanceAccessActions",
            ),
            allow(
                ["ec2:RunInstances", "ec2:CreateFleet"],
                [f"{ec2}:*:launch-template/*"],
                sid="AllowScopedEC2LaunchTemplateAccessActions",
                conditions=resource_tags,
            ),
            allow(
                ["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate"],
                scoped,
                sid="AllowScopedEC2InstanceActionsWithTags",
                conditions=request_tags,
            ),
        ),
        "tag": document(
            allow(
                ["ec2:CreateTags"],
                scoped,
                sid="AllowScopedResourceCreationTagging",
                conditions={
                    "StringEquals": {
                        **request_tags["StringEquals"],
                        "ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"],
                    },
                    "StringLike": request_tags["StringLike"],
                },
            ),
            allow(
                ["ec2:CreateTags"],
                [f"{ec2}:*:instance/*"],
                sid="AllowScopedResourceTagging",
                conditions={
                    **resource_tags,
                    "StringEqualsIfExists": {"aws:RequestTag/eks:eks-cluster-name": cluster_name},
                    "ForAllValues:StringEquals": {
                        "aws:TagKeys": ["eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"]
                    },
                },
            ),
        ),
        "terminate": document(
            allow(
                ["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"],
                [f"{ec2}:*:instance/*", f"{ec2}:*:launch-template/*"],
                sid="AllowScopedDeletion",
                conditions=resource_tags,
            ),
        ),
        "node-role": document(
            allow(
                ["iam:PassRole"],
                [node_role_arn],
                sid="AllowPassingInstanceRole",
                conditions={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
            ),
            allow(
                ["iam:GetInstanceProfile"],
                [f"arn:aws:iam::{account_id}:instance-profile/*"],
                sid="AllowInstanceProfileReadActions",
            ),
            allow(["iam:ListInstanceProfiles"], ["*"], sid="AllowUnscopedInstanceProfileListAction"),
        ),
        "discover": document(
            allow(
                [
                    "ec2:DescribeCapacityReservations",
                    "ec2:DescribeImages",
                    "ec2:DescribeInstances",
                    "ec2:DescribeInstanceStatus",
                    "ec2:DescribeInstanceTypeOfferings",
                    "ec2:DescribeInstanceTypes",
                    "ec2:DescribeLaunchTemplates",
                    "ec2:DescribePlacementGroups",
                    "ec2:DescribeSecurityGroups",
                    "ec2:DescribeSpotPriceHistory",
                    "ec2:DescribeSubnets",
                ],
                ["*"],
                sid="AllowRegionalReadActions",
                conditions={"StringEquals": {"aws:RequestedRegion": region}},
            ),
            allow(["ssm:GetParameter"], [f"arn:aws:ssm:{region}::parameter/aws/service/*"], sid="AllowSSMReadActions"),
            allow(["pricing:GetProducts"], ["*"], sid="AllowPricingReadActions"),
            allow(["eks:DescribeCluster"], [cluster_arn], sid="AllowAPIServerEndpointDiscovery"),
        ),
        "interruption": document(
            allow(
                ["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"],
                [queue_arn],
                sid="AllowInterruptionQueueActions",
            ),
        ),
    }


POLICY_NAMES = ("launch", "tag", "terminate", "node-role", "discover", "interruption")
"""The documents of ``karpenter_policies``; Pulumi has to know the names before the documents."""


def queue_policy(queue_arn: str) -> str:
    """Lets EventBridge put messages into the interruption queue, and nobody without TLS."""
    return document(
        {
            "Sid": "EC2InterruptionPolicy",
            "Effect": "Allow",
            "Principal": {"Service": ["events.amazonaws.com", "sqs.amazonaws.com"]},
            "Action": ["sqs:SendMessage"],
            "Resource": [queue_arn],
        },
        {
            "Sid": "DenyHTTP",
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["sqs:*"],
            "Resource": [queue_arn],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )
