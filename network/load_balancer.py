"""Network load balancer, its security group, listeners, target group, certificate and DNS record."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from network import gateway
from network.certificate import Certificate, CertificateArgs
from network.vpc import Vpc
from settings import IngressSettings

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
"""TLS 1.2 and 1.3 with hybrid post-quantum key exchange: AWS's recommended policy, not the API's default of 2016."""


@dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    """Where the load balancer stands and whom it serves.

    Attributes:
        vpc: VPC of the targets, whose public subnets the load balancer stands in.
        settings: Domain, clients and protection.
    """

    vpc: Vpc
    settings: IngressSettings


class LoadBalancer(pulumi.ComponentResource):
    """Seed row 2: the cluster's ingress, owned by Pulumi so that no controller can leave it behind.

    Attributes:
        dns_name: Name that AWS gave the load balancer.
        host: Name under which the app answers: the domain, or else ``dns_name``.
        url: Address of the app.
        target_group_arn: Target group (ip) that the cluster binds to the gateway's pods.
        security_group_id: Group of the load balancer; the pods' group admits it.
    """

    dns_name: pulumi.Output[str]
    host: pulumi.Output[str]
    url: pulumi.Output[str]
    target_group_arn: pulumi.Output[str]
    security_group_id: pulumi.Output[str]

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Registers the load balancer and what belongs to it."""
        super().__init__("realworld:network:LoadBalancer", name, None, opts)
        self._name = name
        self._child = pulumi.ResourceOptions(parent=self)
        listener_port = 443 if args.settings.domain else 80
        security_group = self._security_group(args, listener_port)
        load_balancer = aws.lb.LoadBalancer(
            name,
            load_balancer_type="network",
            internal=False,
            subnets=list(args.vpc.public_subnet_ids),
            security_groups=[security_group.id],
            enable_cross_zone_load_balancing=True,
            enable_deletion_protection=args.settings.deletion_protection,
            opts=self._child,
        )
        target_group = aws.lb.TargetGroup(
            name,
            vpc_id=args.vpc.vpc_id,
            target_type="ip",
            protocol="TCP",
            port=gateway.TRAFFIC_PORT,
            preserve_client_ip="true",
            deregistration_delay=60,
            health_check={
                "protocol": "HTTP",
                "port": str(gateway.HEALTH_CHECK_PORT),
                "path": gateway.HEALTH_CHECK_PATH,
                "matcher": "200",
                "interval": 10,
                "timeout": 5,
                "healthy_threshold": 2,
                "unhealthy_threshold": 2,
            },
            opts=self._child,
        )
        certificate = None
        if args.settings.domain and args.settings.zone_name:
            certificate = Certificate(
                f"{name}-certificate",
                CertificateArgs(
                    domain=args.settings.domain, zone_name=args.settings.zone_name, load_balancer=load_balancer
                ),
                self._child,
            )
        listener = aws.lb.Listener(
            name,
            load_balancer_arn=load_balancer.arn,
            port=listener_port,
            protocol="TLS" if certificate else "TCP",
            certificate_arn=certificate.arn if certificate else None,
            ssl_policy=TLS_POLICY if certificate else None,
            default_actions=[{"type": "forward", "target_group_arn": target_group.arn}],
            opts=self._child,
        )

        self.dns_name = load_balancer.dns_name
        self.host = pulumi.Output.from_input(args.settings.domain) if args.settings.domain else load_balancer.dns_name
        self.url = pulumi.Output.concat("https://" if certificate else "http://", self.host)
        # Targets of a group without a listener stay "unused": whoever binds the group waits for the listener.
        self.target_group_arn = pulumi.Output.all(target_group.arn, listener.arn).apply(lambda arns: arns[0])
        self.security_group_id = security_group.id
        self.register_outputs({"dns_name": self.dns_name})

    def _security_group(self, args: LoadBalancerArgs, listener_port: int) -> aws.ec2.SecurityGroup:
        """The NLB's group; AWS never adds one to a load balancer that was created without.

        Health checks obey the group's outbound rules, so both target ports are opened.
        """
        group = aws.ec2.SecurityGroup(
            self._name,
            vpc_id=args.vpc.vpc_id,
            description="Network load balancer of the app",
            tags={"Name": self._name},
            opts=self._child,
        )
        for index, cidr in enumerate(args.settings.allowed_cidrs):
            aws.vpc.SecurityGroupIngressRule(
                f"{self._name}-from-clients-{index}",
                security_group_id=group.id,
                description="Clients of the app",
                ip_protocol="tcp",
                from_port=listener_port,
                to_port=listener_port,
                cidr_ipv4=str(cidr),
                opts=self._child,
            )
        for purpose, port in gateway.POD_PORTS.items():
            aws.vpc.SecurityGroupEgressRule(
                f"{self._name}-{purpose}",
                security_group_id=group.id,
                description=f"Gateway pods, {purpose}",
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                cidr_ipv4=str(args.vpc.cidr),
                opts=self._child,
            )
        return group
