"""An IAM role that the pods of one ServiceAccount get by EKS Pod Identity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from policies import trust


@dataclass(frozen=True, kw_only=True)
class PodIdentityArgs:
    """Who gets which permissions.

    Attributes:
        cluster_name: Name of the cluster.
        namespace: Namespace of the ServiceAccount.
        service_account: Name of the ServiceAccount.
        policies: Policy document (JSON) by name.
        managed_policy_arns: Policies of AWS's own.
    """

    cluster_name: pulumi.Input[str]
    namespace: str
    service_account: str
    policies: Mapping[str, pulumi.Input[str]]
    managed_policy_arns: Sequence[str] = ()


class PodIdentity(pulumi.ComponentResource):
    """Role, policies and association.

    Credentials are injected when a pod is created: depend on this component before the pods exist.
    """

    def __init__(self, name: str, args: PodIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Registers the role, its policies and the association."""
        super().__init__("realworld:cluster:PodIdentity", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(name, assume_role_policy=trust("pods.eks.amazonaws.com", tag_session=True), opts=child)
        attached: list[pulumi.Resource] = [
            aws.iam.RolePolicyAttachment(f"{name}-{arn.rpartition('/')[2]}", role=role.name, policy_arn=arn, opts=child)
            for arn in args.managed_policy_arns
        ]
        for policy_name, policy_document in args.policies.items():
            policy = aws.iam.Policy(f"{name}-{policy_name}", policy=policy_document, opts=child)
            attached.append(
                aws.iam.RolePolicyAttachment(f"{name}-{policy_name}", role=role.name, policy_arn=policy.arn, opts=child)
            )
        aws.eks.PodIdentityAssociation(
            name,
            cluster_name=args.cluster_name,
            namespace=args.namespace,
            service_account=args.service_account,
            role_arn=role.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=attached),
        )
        self.register_outputs({})
