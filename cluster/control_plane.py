"""EKS control plane: key, log group, role, access, and the Kubernetes provider."""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as k8s

from network.vpc import Vpc
from policies import allow, document, trust
from settings import ClusterSettings

LOG_TYPES: Final = ("api", "audit", "authenticator", "controllerManager", "scheduler")
ADMINISTRATOR_POLICY: Final = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """What the control plane is made of.

    Attributes:
        cluster_name: Name of the cluster, unique per deployment: the control plane re-creates its log group after
            deletion, and a new cluster must not collide with it.
        vpc: VPC whose private subnets hold the control plane's interfaces.
        settings: Version, access, logs and protection.
    """

    cluster_name: pulumi.Input[str]
    vpc: Vpc
    settings: ClusterSettings


class Cluster(pulumi.ComponentResource):
    """Seed row 3: the control plane with encrypted secrets, five kinds of logs and access by API entries only.

    Attributes:
        eks_cluster: The pulumi-eks component, for its node groups.
        name: Name of the cluster, known once it is up.
        arn: ARN of the cluster.
        endpoint: Address of the API server.
        security_group_id: The group that EKS made: control plane, nodes and pods share it.
        kubernetes_provider: Provider for everything inside the cluster.
        kubeconfig_command: Command that gives a person access.
    """

    eks_cluster: eks.Cluster
    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    kubernetes_provider: k8s.Provider
    kubeconfig_command: pulumi.Output[str]

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Registers the control plane."""
        super().__init__("realworld:cluster:Cluster", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        key = aws.kms.Key(
            f"{name}-secrets",
            description="Envelope encryption of the cluster's Secrets",
            enable_key_rotation=True,
            deletion_window_in_days=7,
            opts=child,
        )
        role = aws.iam.Role(f"{name}-control-plane", assume_role_policy=trust("eks.amazonaws.com"), opts=child)
        role_policies: list[pulumi.Resource] = [
            aws.iam.RolePolicyAttachment(
                f"{name}-control-plane",
                role=role.name,
                policy_arn="arn:aws:iam::aws:policy/AmazonEKSClusterPolicy",
                opts=child,
            ),
            aws.iam.RolePolicy(
                f"{name}-secrets",
                role=role.id,
                policy=key.arn.apply(
                    lambda arn: document(
                        allow(["kms:Encrypt", "kms:Decrypt", "kms:ListGrants", "kms:DescribeKey"], [arn])
                    )
                ),
                opts=child,
            ),
        ]
        # The control plane would make the group itself, without retention, and leave it behind.
        log_group = aws.cloudwatch.LogGroup(
            f"{name}-control-plane",
            name=pulumi.Output.concat("/aws/eks/", args.cluster_name, "/cluster"),
            retention_in_days=args.settings.log_retention_days,
            opts=child,
        )
        self.eks_cluster = eks.Cluster(
            name,
            name=args.cluster_name,
            version=args.settings.kubernetes_version,
            vpc_id=args.vpc.vpc_id,
            private_subnet_ids=list(args.vpc.private_subnet_ids),
            service_role=role,
            authentication_mode=eks.AuthenticationMode.API,
            access_entries={
                f"administrator-{index}": eks.AccessEntryArgs(
                    principal_arn=arn,
                    access_policies={
                        "administrator": eks.AccessPolicyAssociationArgs(
                            policy_arn=ADMINISTRATOR_POLICY,
                            access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
                        )
                    },
                )
                for index, arn in enumerate(args.settings.administrator_role_arns)
            },
            endpoint_private_access=True,
            endpoint_public_access=args.settings.endpoint_public_access,
            public_access_cidrs=[str(cidr) for cidr in args.settings.public_access_cidrs] or None,
            encryption_config_key_arn=key.arn,
            enabled_cluster_log_types=list(LOG_TYPES),
            upgrade_policy=aws.eks.ClusterUpgradePolicyArgs(support_type="STANDARD"),
            deletion_protection=args.settings.deletion_protection,
            skip_default_node_group=True,
            skip_default_security_groups=True,
            create_oidc_provider=False,
            bootstrap_self_managed_addons=False,
            # Every add-on is in system_nodes.py: no edge of pulumi-eks joins its own ones to the node group.
            use_default_vpc_cni=True,
            kube_proxy_addon_options=eks.KubeProxyAddonOptionsArgs(enabled=False),
            coredns_addon_options=eks.CoreDnsAddonOptionsArgs(enabled=False),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*role_policies, log_group]),
        )
        aws_cluster = self.eks_cluster.eks_cluster
        self.name = aws_cluster.name
        self.arn = aws_cluster.arn
        self.endpoint = aws_cluster.endpoint
        self.security_group_id = aws_cluster.vpc_config.apply(
            lambda vpc_config: vpc_config.cluster_security_group_id or ""
        )
        self.kubernetes_provider = k8s.Provider(
            name,
            kubeconfig=self.eks_cluster.kubeconfig_json,
            # Teardown works when the API server is already gone; the identifier keeps a changed kubeconfig from
            # replacing the provider, and with it everything inside the cluster.
            delete_unreachable=True,
            cluster_identifier=args.cluster_name,
            enable_server_side_apply=True,
            opts=child,
        )
        region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region
        self.kubeconfig_command = pulumi.Output.concat(
            "aws eks update-kubeconfig --region ", region, " --name ", self.name
        )
        self.register_outputs({"name": self.name})
