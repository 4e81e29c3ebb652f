"""The managed node group that hosts the controllers, and the add-ons around it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks

from cluster.control_plane import Cluster
from cluster.scheduling import SYSTEM_NODE_LABELS, SYSTEM_TAINT_KEY, SYSTEM_TOLERATIONS
from network.vpc import Vpc
from policies import trust
from settings import ClusterSettings
from versions import EKS_ADDON_VERSIONS

NODE_POLICIES: Final = (
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonSSMManagedInstanceCore",
)

ADDONS_BEFORE_NODES: Final[Mapping[str, Mapping[str, object]]] = {
    "vpc-cni": {
        "enableNetworkPolicy": "true",
        "env": {"ENABLE_PREFIX_DELEGATION": "true", "WARM_PREFIX_TARGET": "1"},
    },
    "kube-proxy": {},
    "eks-pod-identity-agent": {},
}
"""Without these no node becomes Ready and no pod gets credentials: they come first and go last."""

ADDONS_AFTER_NODES: Final[Mapping[str, Mapping[str, object]]] = {
    "coredns": {"tolerations": SYSTEM_TOLERATIONS, "nodeSelector": SYSTEM_NODE_LABELS},
}
"""These stay DEGRADED until there is a node to run on."""


@dataclass(frozen=True, kw_only=True)
class SystemNodesArgs:
    """What the node group is made of.

    Attributes:
        cluster: The control plane.
        vpc: VPC whose private subnets hold the nodes.
        tags: Tags of instances and volumes, which the provider's default tags do not reach.
        settings: Version of Kubernetes; types, counts and volumes of the nodes.
    """

    cluster: Cluster
    vpc: Vpc
    tags: Mapping[str, str]
    settings: ClusterSettings


class SystemNodes(pulumi.ComponentResource):
    """Seed row 3: a small tainted node group; controllers must outlive the nodes that they manage.

    Attributes:
        role: Role of every node of the cluster; Karpenter's nodes share it.
    """

    role: aws.iam.Role

    def __init__(self, name: str, args: SystemNodesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Registers role, launch template, node group and add-ons."""
        super().__init__("realworld:cluster:SystemNodes", name, None, opts)
        self._name = name
        role = aws.iam.Role(
            name, assume_role_policy=trust("ec2.amazonaws.com"), opts=pulumi.ResourceOptions(parent=self)
        )
        role_policies: list[pulumi.Resource] = [
            aws.iam.RolePolicyAttachment(
                f"{name}-{policy}",
                role=role.name,
                policy_arn=f"arn:aws:iam::aws:policy/{policy}",
                opts=pulumi.ResourceOptions(parent=self),
            )
            for policy in NODE_POLICIES
        ]
        first_addons = self._addons(ADDONS_BEFORE_NODES, args, [args.cluster.eks_cluster])
        node_group = self._node_group(args, role, [*role_policies, *first_addons])
        self._addons(ADDONS_AFTER_NODES, args, [node_group])
        self.role = role
        self.register_outputs({"role_name": role.name})

    def _addons(
        self,
        configurations: Mapping[str, Mapping[str, object]],
        args: SystemNodesArgs,
        depends_on: Sequence[pulumi.Resource],
    ) -> list[aws.eks.Addon]:
        return [
            aws.eks.Addon(
                f"{self._name}-{addon}",
                cluster_name=args.cluster.name,
                addon_name=addon,
                addon_version=EKS_ADDON_VERSIONS[args.settings.kubernetes_version][addon],
                configuration_values=json.dumps(configuration) if configuration else None,
                resolve_conflicts_on_create="OVERWRITE",
                resolve_conflicts_on_update="OVERWRITE",
                opts=pulumi.ResourceOptions(parent=self, depends_on=list(depends_on)),
            )
            for addon, configuration in configurations.items()
        ]

    def _node_group(
        self, args: SystemNodesArgs, role: aws.iam.Role, depends_on: Sequence[pulumi.Resource]
    ) -> eks.ManagedNodeGroup:
        tags = {"Name": self._name, **args.tags}
        launch_template = aws.ec2.LaunchTemplate(
            self._name,
            # A hop limit of 1 keeps the instance's credentials from the pods.
            metadata_options={"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1},
            block_device_mappings=[
                {
                    "device_name": "/dev/xvda",
                    "ebs": {
                        "volume_type": "gp3",
                        "volume_size": args.settings.system_nodes.volume_size_gib,
                        "encrypted": "true",
                        "delete_on_termination": "true",
                    },
                }
            ],
            tag_specifications=[
                {"resource_type": resource_type, "tags": tags} for resource_type in ("instance", "volume")
            ],
            update_default_version=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return eks.ManagedNodeGroup(
            self._name,
            cluster=args.cluster.eks_cluster,
            node_role=role,
            subnet_ids=list(args.vpc.private_subnet_ids),
            instance_types=list(args.settings.system_nodes.instance_types),
            ami_type="AL2023_x86_64_STANDARD",
            capacity_type="ON_DEMAND",
            scaling_config=aws.eks.NodeGroupScalingConfigArgs(
                min_size=args.settings.system_nodes.minimum_count,
                desired_size=args.settings.system_nodes.desired_count,
                max_size=args.settings.system_nodes.maximum_count,
            ),
            launch_template=aws.eks.NodeGroupLaunchTemplateArgs(
                id=launch_template.id, version=launch_template.latest_version.apply(str)
            ),
            labels=dict(SYSTEM_NODE_LABELS),
            taints=[aws.eks.NodeGroupTaintArgs(key=SYSTEM_TAINT_KEY, value="true", effect="NO_SCHEDULE")],
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(depends_on)),
        )
