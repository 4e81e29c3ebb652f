"""AWS Load Balancer Controller: it binds pods to the target group and makes no load balancer of its own."""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from cluster.control_plane import Cluster
from cluster.pod_identity import PodIdentity, PodIdentityArgs
from cluster.scheduling import SYSTEM_NODE_LABELS, SYSTEM_TOLERATIONS
from network.load_balancer import LoadBalancer
from network.vpc import Vpc
from policies import allow, document
from versions import AWS_LOAD_BALANCER_CONTROLLER

NAMESPACE: Final = "kube-system"
SERVICE_ACCOUNT: Final = "aws-load-balancer-controller"


@dataclass(frozen=True, kw_only=True)
class LoadBalancerControllerArgs:
    """What the controller works with.

    Attributes:
        cluster: The control plane.
        vpc: VPC of the targets.
        load_balancer: The load balancer, whose target group is all that the controller may change.
    """

    cluster: Cluster
    vpc: Vpc
    load_balancer: LoadBalancer


def controller_policy(target_group_arn: str) -> str:
    """What a controller needs that only serves TargetGroupBindings (read in its code, 3.5.0)."""
    return document(
        allow(
            [
                "elasticloadbalancing:DescribeTargetGroups",
                "elasticloadbalancing:DescribeTargetHealth",
                "ec2:DescribeVpcs",
                "ec2:DescribeSecurityGroups",
            ],
            ["*"],
            sid="Read",
        ),
        allow(
            ["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"],
            [target_group_arn],
            sid="Bind",
        ),
    )


class LoadBalancerController(pulumi.ComponentResource):
    """Seed row 5. The policy that refuses a LoadBalancer Service comes with it: such a balancer would be an orphan."""

    def __init__(self, name: str, args: LoadBalancerControllerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Registers the identity, the chart and the admission policy."""
        super().__init__("realworld:cluster:LoadBalancerController", name, None, opts)
        identity = PodIdentity(
            f"{name}-identity",
            PodIdentityArgs(
                cluster_name=args.cluster.name,
                namespace=NAMESPACE,
                service_account=SERVICE_ACCOUNT,
                policies={"targets": args.load_balancer.target_group_arn.apply(controller_policy)},
            ),
            pulumi.ResourceOptions(parent=self),
        )
        k8s.helm.v3.Release(
            name,
            name="aws-load-balancer-controller",
            namespace=NAMESPACE,
            chart="aws-load-balancer-controller",
            version=AWS_LOAD_BALANCER_CONTROLLER,
            repository_opts={"repo": "https://aws.github.io/eks-charts"},
            values={
                "clusterName": args.cluster.name,
                # Region and VPC are given, because the nodes keep the metadata service from the pods.
                "region": aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region,
                "vpcId": args.vpc.vpc_id,
                "replicaCount": 2,
                "serviceAccount": {"name": SERVICE_ACCOUNT},
                "nodeSelector": SYSTEM_NODE_LABELS,
                "tolerations": SYSTEM_TOLERATIONS,
                # The webhook on Services fails closed: while it is down no chart could install.
                "enableServiceMutatorWebhook": False,
                "createIngressClassResource": False,
                "ingressClassParams": {"create": False},
                "enableShield": False,
                "enableWaf": False,
                "enableWafv2": False,
                "keepTLSSecret": True,
                "controllerConfig": {
                    "featureGates": {
                        "NLBGatewayAPI": False,
                        "ALBGatewayAPI": False,
                        "GatewayListenerSet": False,
                        "EnableServiceController": False,
                    }
                },
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[identity]),
        )
        self._refuse_load_balancer_services()
        self.register_outputs({})

    def _refuse_load_balancer_services(self) -> None:
        policy_name = "no-load-balancer-services"
        policy = k8s.admissionregistration.v1.ValidatingAdmissionPolicy(
            policy_name,
            metadata={"name": policy_name},
            spec={
                "failure_policy": "Fail",
                "match_constraints": {
                    "resource_rules": [
                        {
                            "api_groups": [""],
                            "api_versions": ["v1"],
                            "operations": ["CREATE", "UPDATE"],
                            "resources": ["services"],
                        }
                    ]
                },
                "validations": [
                    {
                        "expression": "object.spec.type != 'LoadBalancer'",
                        "message": (
                            "Services of type LoadBalancer are refused: their balancer would outlive the platform. "
                            "Attach an HTTPRoute to the Gateway traefik/public instead."
                        ),
                        "reason": "Forbidden",
                    }
                ],
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        k8s.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
            policy_name,
            metadata={"name": policy_name},
            spec={"policy_name": policy.metadata.name, "validation_actions": ["Deny"]},
            opts=pulumi.ResourceOptions(parent=self),
        )
