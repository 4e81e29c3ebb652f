"""The seam between load balancer and cluster: security-group rules, the gateway's namespace, the TargetGroupBinding."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from cluster.control_plane import Cluster
from network import gateway
from network.load_balancer import LoadBalancer


@dataclass(frozen=True, kw_only=True)
class IngressBindingArgs:
    """What is joined.

    Attributes:
        cluster: The control plane, whose security group the nodes and pods share.
        load_balancer: The load balancer.
    """

    cluster: Cluster
    load_balancer: LoadBalancer


class IngressBinding(pulumi.ComponentResource):
    """Traefik's pods become targets of the load balancer.

    The namespace is Pulumi's because a binding lives beside its Service; Flux only puts things into it.
    """

    def __init__(self, name: str, args: IngressBindingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Registers the rules, the namespace and the binding."""
        super().__init__("realworld:cluster:IngressBinding", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        for purpose, port in gateway.POD_PORTS.items():
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-{purpose}",
                security_group_id=args.cluster.security_group_id,
                referenced_security_group_id=args.load_balancer.security_group_id,
                description=f"Load balancer, {purpose}",
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                opts=child,
            )
        namespace = k8s.core.v1.Namespace(
            f"{name}-gateway",
            metadata={
                "name": gateway.NAMESPACE,
                "labels": {"elbv2.k8s.aws/pod-readiness-gate-inject": "enabled"},
            },
            opts=child,
        )
        k8s.apiextensions.CustomResource(
            name,
            api_version="elbv2.k8s.aws/v1beta1",
            kind="TargetGroupBinding",
            metadata={"name": "public", "namespace": namespace.metadata.name},
            spec={
                "serviceRef": {"name": gateway.SERVICE, "port": gateway.SERVICE_PORT},
                "targetGroupARN": args.load_balancer.target_group_arn,
                "targetType": "ip",
            },
            opts=child,
        )
        self.register_outputs({})
