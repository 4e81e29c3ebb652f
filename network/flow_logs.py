"""VPC flow logs into CloudWatch Logs."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from policies import allow, document, trust


@dataclass(frozen=True, kw_only=True)
class FlowLogsArgs:
    """Which VPC, and for how long.

    Attributes:
        vpc_id: VPC whose traffic is logged.
        retention_days: Days that CloudWatch Logs keeps it.
    """

    vpc_id: pulumi.Input[str]
    retention_days: int


class FlowLogs(pulumi.ComponentResource):
    """Accepted and rejected traffic of a VPC, in a log group that this stack owns and deletes."""

    def __init__(self, name: str, args: FlowLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Registers the log group, the role and the flow log."""
        super().__init__("realworld:network:FlowLogs", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        log_group = aws.cloudwatch.LogGroup(name, retention_in_days=args.retention_days, opts=child)
        role = aws.iam.Role(name, assume_role_policy=trust("vpc-flow-logs.amazonaws.com"), opts=child)
        policy = aws.iam.RolePolicy(
            name,
            role=role.id,
            policy=log_group.arn.apply(
                lambda arn: document(
                    allow(["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"], [arn, f"{arn}:*"]),
                    allow(["logs:DescribeLogGroups"], ["*"]),
                )
            ),
            opts=child,
        )
        aws.ec2.FlowLog(
            name,
            vpc_id=args.vpc_id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=log_group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=600,
            tags={"Name": name},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.register_outputs({})
