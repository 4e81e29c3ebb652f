"""Pod logs and Container Insights: the CloudWatch observability add-on and its log groups."""

import json
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from cluster.control_plane import Cluster
from cluster.pod_identity import PodIdentity, PodIdentityArgs
from settings import ClusterSettings
from versions import EKS_ADDON_VERSIONS

ADDON: Final = "amazon-cloudwatch-observability"
LOG_GROUPS: Final = ("application", "dataplane", "host", "performance")


@dataclass(frozen=True, kw_only=True)
class ContainerInsightsArgs:
    """What is observed, and for how long it is kept.

    Attributes:
        cluster: The control plane.
        settings: Version of Kubernetes, retention, detail.
    """

    cluster: Cluster
    settings: ClusterSettings


class ContainerInsights(pulumi.ComponentResource):
    """Seed row 6: logs of every pod and Container Insights, in log groups that this stack owns and deletes."""

    def __init__(self, name: str, args: ContainerInsightsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Registers log groups, identity and add-on."""
        super().__init__("realworld:cluster:ContainerInsights", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        # The agents would make the groups themselves, without retention, and leave them behind.
        log_groups: list[pulumi.Resource] = [
            aws.cloudwatch.LogGroup(
                f"{name}-{group}",
                name=pulumi.Output.concat("/aws/containerinsights/", args.cluster.name, f"/{group}"),
                retention_in_days=args.settings.log_retention_days,
                opts=child,
            )
            for group in LOG_GROUPS
        ]
        identity = PodIdentity(
            f"{name}-identity",
            PodIdentityArgs(
                cluster_name=args.cluster.name,
                namespace="amazon-cloudwatch",
                service_account="cloudwatch-agent",
                policies={},
                managed_policy_arns=["arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy"],
            ),
            child,
        )
        aws.eks.Addon(
            name,
            cluster_name=args.cluster.name,
            addon_name=ADDON,
            addon_version=EKS_ADDON_VERSIONS[args.settings.kubernetes_version][ADDON],
            configuration_values=json.dumps(
                {
                    "agent": {
                        "config": {
                            "logs": {
                                "metrics_collected": {
                                    "kubernetes": {
                                        "enhanced_container_insights": args.settings.enhanced_container_insights
                                    },
                                }
                            }
                        }
                    },
                    "containerLogs": {"enabled": True},
                    # On by default since add-on 5.0, billed, and of no use to a Go app.
                    "applicationSignals": {"enabled": False},
                }
            ),
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*log_groups, identity]),
        )
        self.register_outputs({})
