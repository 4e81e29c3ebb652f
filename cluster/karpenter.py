"""Karpenter: identity, interruption queue, charts, EC2NodeClass and NodePool."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from cluster.control_plane import Cluster
from cluster.karpenter_policies import POLICY_NAMES, karpenter_policies, queue_policy
from cluster.pod_identity import PodIdentity, PodIdentityArgs
from cluster.scheduling import SYSTEM_NODE_LABELS
from cluster.system_nodes import SystemNodes
from settings import KarpenterSettings
from versions import KARPENTER

NAMESPACE: Final = "kube-system"
SERVICE_ACCOUNT: Final = "karpenter"

INTERRUPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "health": {"source": "aws.health", "detail-type": "AWS Health Event"},
    "spot-interruption": {"source": "aws.ec2", "detail-type": "EC2 Spot Instance Interruption Warning"},
    "rebalance": {"source": "aws.ec2", "detail-type": "EC2 Instance Rebalance Recommendation"},
    "state-change": {"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification"},
    "capacity-reservation": {
        "source": "aws.ec2",
        "detail-type": "EC2 Capacity Reservation Instance Interruption Warning",
    },
}
"""Events that make Karpenter drain a node before AWS takes it."""


@dataclass(frozen=True, kw_only=True)
class KarpenterArgs:
    """What Karpenter works with.

    Attributes:
        cluster: The control plane.
        nodes: The system nodes, whose role the new nodes share.
        tags: Tags of instances and volumes.
        settings: Limits, instance choices, disruption.
    """

    cluster: Cluster
    nodes: SystemNodes
    tags: Mapping[str, str]
    settings: KarpenterSettings


class Karpenter(pulumi.ComponentResource):
    """Seed row 4: every node beside the system nodes.

    On destroy the NodePool goes first and waits until its nodes are gone, then the EC2NodeClass, then the controller.
    """

    def __init__(self, name: str, args: KarpenterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Registers identity, queue, charts and node pool."""
        super().__init__("realworld:cluster:Karpenter", name, None, opts)
        self._name = name
        queue = self._interruption_queue()
        identity = self._identity(args, queue)
        crds = k8s.helm.v3.Release(
            f"{name}-crd",
            name="karpenter-crd",
            namespace=NAMESPACE,
            chart="oci://public.ecr.aws/karpenter/karpenter-crd",
            version=KARPENTER,
            opts=pulumi.ResourceOptions(parent=self),
        )
        release = k8s.helm.v3.Release(
            name,
            name="karpenter",
            namespace=NAMESPACE,
            chart="oci://public.ecr.aws/karpenter/karpenter",
            version=KARPENTER,
            skip_crds=True,
            values={
                "replicas": 2,
                "nodeSelector": SYSTEM_NODE_LABELS,
                "serviceAccount": {"name": SERVICE_ACCOUNT},
                "settings": {
                    "clusterName": args.cluster.name,
                    "clusterEndpoint": args.cluster.endpoint,
                    "interruptionQueue": queue.name,
                    "eksControlPlane": True,
                },
                "controller": {
                    "resources": {
                        "requests": {"cpu": "250m", "memory": "512Mi"},
                        "limits": {"cpu": "1", "memory": "1Gi"},
                    }
                },
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[crds, identity]),
        )
        node_class = self._node_class(args, release)
        self._node_pool(args, node_class)
        self.register_outputs({})

    def _interruption_queue(self) -> aws.sqs.Queue:
        child = pulumi.ResourceOptions(parent=self)
        queue = aws.sqs.Queue(
            f"{self._name}-interruption", message_retention_seconds=300, sqs_managed_sse_enabled=True, opts=child
        )
        aws.sqs.QueuePolicy(
            f"{self._name}-interruption", queue_url=queue.url, policy=queue.arn.apply(queue_policy), opts=child
        )
        for event, pattern in INTERRUPTIONS.items():
            rule = aws.cloudwatch.EventRule(
                f"{self._name}-{event}",
                description=f"Karpenter: {pattern['detail-type']}",
                event_pattern=json.dumps({key: [value] for key, value in pattern.items()}),
                opts=child,
            )
            aws.cloudwatch.EventTarget(f"{self._name}-{event}", rule=rule.name, arn=queue.arn, opts=child)
        return queue

    def _identity(self, args: KarpenterArgs, queue: aws.sqs.Queue) -> PodIdentity:
        invoke = pulumi.InvokeOutputOptions(parent=self)
        documents = pulumi.Output.all(
            region=aws.get_region_output(opts=invoke).region,
            account_id=aws.get_caller_identity_output(opts=invoke).account_id,
            cluster_name=args.cluster.name,
            cluster_arn=args.cluster.arn,
            node_role_arn=args.nodes.role.arn,
            queue_arn=queue.arn,
        ).apply(lambda values: karpenter_policies(**values))
        return PodIdentity(
            f"{self._name}-identity",
            PodIdentityArgs(
                cluster_name=args.cluster.name,
                namespace=NAMESPACE,
                service_account=SERVICE_ACCOUNT,
                policies={policy: documents[policy] for policy in POLICY_NAMES},
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _node_class(self, args: KarpenterArgs, release: k8s.helm.v3.Release) -> k8s.apiextensions.CustomResource:
        instance_profile = aws.iam.InstanceProfile(
            f"{self._name}-node", role=args.nodes.role.name, opts=pulumi.ResourceOptions(parent=self)
        )
        return k8s.apiextensions.CustomResource(
            f"{self._name}-default-class",
            api_version="karpenter.k8s.aws/v1",
            kind="EC2NodeClass",
            metadata={"name": "default", "annotations": {"pulumi.com/waitFor": "condition=Ready"}},
            spec={
                "instanceProfile": instance_profile.name,
                "amiSelectorTerms": [{"alias": args.settings.ami_alias}],
                "subnetSelectorTerms": [{"tags": {"karpenter.sh/discovery": args.cluster.name}}],
                "securityGroupSelectorTerms": [{"id": args.cluster.security_group_id}],
                "metadataOptions": {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1},
                "blockDeviceMappings": [
                    {
                        "deviceName": "/dev/xvda",
                        "rootVolume": True,
                        "ebs": {
                            "volumeType": "gp3",
                            "volumeSize": f"{args.settings.volume_size_gib}Gi",
                            "encrypted": True,
                            "deleteOnTermination": True,
                        },
                    }
                ],
                "tags": dict(args.tags),
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[release]),
        )

    def _node_pool(self, args: KarpenterArgs, node_class: k8s.apiextensions.CustomResource) -> None:
        k8s.apiextensions.CustomResource(
            f"{self._name}-default-pool",
            api_version="karpenter.sh/v1",
            kind="NodePool",
            metadata={"name": "default"},
            spec={
                "limits": {"cpu": str(args.settings.cpu_limit)},
                "disruption": {
                    "consolidationPolicy": "WhenEmptyOrUnderutilized",
                    "consolidateAfter": args.settings.consolidate_after,
                    "budgets": [{"nodes": "10%"}],
                },
                "template": {
                    "spec": {
                        "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"},
                        "expireAfter": args.settings.expire_after,
                        "terminationGracePeriod": args.settings.termination_grace_period,
                        "requirements": [
                            {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]},
                            {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]},
                            {
                                "key": "karpenter.sh/capacity-type",
                                "operator": "In",
                                "values": list(args.settings.capacity_types),
                            },
                            {
                                "key": "karpenter.k8s.aws/instance-category",
                                "operator": "In",
                                "values": list(args.settings.instance_categories),
                            },
                            {"key": "karpenter.k8s.aws/instance-generation", "operator": "Gt", "values": ["4"]},
                        ],
                    }
                },
            },
            # Deleting the pool drains its nodes; each takes at most the termination grace period.
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[node_class], custom_timeouts=pulumi.CustomTimeouts(delete="30m")
            ),
        )
