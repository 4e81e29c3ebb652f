"""CloudWatch alarms of the database and the topic that they reach."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import pulumi
import pulumi_aws as aws

BYTES_PER_GIB: Final = 2**30


class Threshold(NamedTuple):
    """When a metric is bad: the comparison, the value, and for how many periods of 60 seconds."""

    metric: str
    comparison: str
    value: float
    periods: int


def thresholds(storage_gib: int) -> Mapping[str, Threshold]:
    """The alarms by name; free storage counts as low below a tenth of what was allocated at creation."""
    return {
        "cpu": Threshold("CPUUtilization", "GreaterThanThreshold", 80, 10),
        "storage": Threshold("FreeStorageSpace", "LessThanThreshold", storage_gib * BYTES_PER_GIB / 10, 5),
        "memory": Threshold("FreeableMemory", "LessThanThreshold", 64 * 2**20, 10),
        "connections": Threshold("DatabaseConnections", "GreaterThanThreshold", 70, 5),
    }


@dataclass(frozen=True, kw_only=True)
class AlarmsArgs:
    """What is watched, and who hears of it.

    Attributes:
        instance_identifier: RDS instance.
        storage_gib: Storage at creation, GiB.
        email: Subscriber of the topic, if any; AWS asks for a confirmation by mail.
    """

    instance_identifier: pulumi.Input[str]
    storage_gib: int
    email: str | None


class Alarms(pulumi.ComponentResource):
    """CPU, storage, memory and connections of the instance."""

    def __init__(self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Registers the topic and the alarms."""
        super().__init__("realworld:database:Alarms", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        # Without the key alias/aws/sns: CloudWatch may not use it, and its alarms would be lost without a word.
        topic = aws.sns.Topic(name, opts=child)
        if args.email:
            aws.sns.TopicSubscription(name, topic=topic.arn, protocol="email", endpoint=args.email, opts=child)
        for alarm, threshold in thresholds(args.storage_gib).items():
            aws.cloudwatch.MetricAlarm(
                f"{name}-{alarm}",
                alarm_description=f"Database: {threshold.metric} {threshold.comparison} {threshold.value:g}",
                namespace="AWS/RDS",
                metric_name=threshold.metric,
                dimensions={"DBInstanceIdentifier": args.instance_identifier},
                statistic="Average",
                comparison_operator=threshold.comparison,
                threshold=threshold.value,
                period=60,
                evaluation_periods=threshold.periods,
                alarm_actions=[topic.arn],
                ok_actions=[topic.arn],
                opts=child,
            )
        self.register_outputs({})
