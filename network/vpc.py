"""VPC, subnets in three tiers, internet and NAT gateways, routes, S3 endpoint, flow logs."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
import pulumi_aws as aws

from network.flow_logs import FlowLogs, FlowLogsArgs
from settings import NetworkSettings


@dataclass(frozen=True, kw_only=True)
class VpcArgs:
    """What a VPC is made of.

    Attributes:
        cluster_name: Value of the tag by which Karpenter finds the private subnets.
        settings: Addresses, zones, NAT and flow logs.
    """

    cluster_name: pulumi.Input[str]
    settings: NetworkSettings


class Vpc(pulumi.ComponentResource):
    """Seed row 1: three tiers of subnets over the availability zones; the private one reaches out by NAT.

    Attributes:
        vpc_id: Id of the VPC.
        cidr: Its addresses.
        private_subnet_ids: Subnets of nodes and pods, with a route to a NAT gateway.
        public_subnet_ids: Subnets of the load balancer and the NAT gateways.
        database_subnet_group_name: RDS subnet group over the database subnets, which have no route out.
        egress: The private tier's routes; depend on them where something must be able to reach the internet.
    """

    vpc_id: pulumi.Output[str]
    cidr: IPv4Network
    private_subnet_ids: list[pulumi.Output[str]]
    public_subnet_ids: list[pulumi.Output[str]]
    database_subnet_group_name: pulumi.Output[str]
    egress: list[pulumi.Resource]

    def __init__(self, name: str, args: VpcArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Registers the VPC and everything in it."""
        super().__init__("realworld:network:Vpc", name, None, opts)
        self._name = name
        self._child = pulumi.ResourceOptions(parent=self)
        zone_names = aws.get_availability_zones_output(
            state="available",
            filters=[{"name": "opt-in-status", "values": ["opt-in-not-required"]}],
            opts=pulumi.InvokeOutputOptions(parent=self),
        ).names

        self._vpc = aws.ec2.Vpc(
            name,
            cidr_block=str(args.settings.cidr),
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags={"Name": name},
            opts=self._child,
        )
        # An adopted default group cannot be deleted; without rules it grants nothing to whoever forgets a group.
        aws.ec2.DefaultSecurityGroup(f"{name}-default", vpc_id=self._vpc.id, opts=self._child)

        public = self._subnets("public", args.settings.subnets.public, zone_names, {"kubernetes.io/role/elb": "1"})
        private = self._subnets(
            "private",
            args.settings.subnets.private,
            zone_names,
            {"kubernetes.io/role/internal-elb": "1", "karpenter.sh/discovery": args.cluster_name},
        )
        database = self._subnets("database", args.settings.subnets.database, zone_names, {})

        internet_routes = self._public_routes(public)
        nat_gateways = self._nat_gateways(public[: args.settings.nat_gateway_count], internet_routes)
        private_tables, private_routes = self._private_routes(private, nat_gateways)
        database_table = self._route_table("database", database)
        self._s3_endpoint([*private_tables, database_table])
        FlowLogs(
            f"{name}-flow-logs",
            FlowLogsArgs(vpc_id=self._vpc.id, retention_days=args.settings.flow_log_retention_days),
            self._child,
        )
        subnet_group = aws.rds.SubnetGroup(
            f"{name}-database",
            description="Database subnets",
            subnet_ids=[subnet.id for subnet in database],
            opts=self._child,
        )

        self.cidr = args.settings.cidr
        self.vpc_id = self._vpc.id
        self.private_subnet_ids = [subnet.id for subnet in private]
        self.public_subnet_ids = [subnet.id for subnet in public]
        self.database_subnet_group_name = subnet_group.name
        self.egress = list(private_routes)
        self.register_outputs({"vpc_id": self.vpc_id})

    def _subnets(
        self,
        tier: str,
        networks: Sequence[IPv4Network],
        zone_names: pulumi.Output[list[str]],
        tags: dict[str, pulumi.Input[str]],
    ) -> list[aws.ec2.Subnet]:
        return [
            aws.ec2.Subnet(
                f"{self._name}-{tier}-{index}",
                vpc_id=self._vpc.id,
                cidr_block=str(network),
                availability_zone=zone_names[index],
                tags={"Name": f"{self._name}-{tier}-{index}", **tags},
                opts=self._child,
            )
            for index, network in enumerate(networks)
        ]

    def _route_table(self, suffix: str, subnets: Sequence[aws.ec2.Subnet]) -> aws.ec2.RouteTable:
        table = aws.ec2.RouteTable(
            f"{self._name}-{suffix}",
            vpc_id=self._vpc.id,
            tags={"Name": f"{self._name}-{suffix}"},
            opts=self._child,
        )
        for index, subnet in enumerate(subnets):
            aws.ec2.RouteTableAssociation(
                f"{self._name}-{suffix}" if len(subnets) == 1 else f"{self._name}-{suffix}-{index}",
                route_table_id=table.id,
                subnet_id=subnet.id,
                opts=self._child,
            )
        return table

    def _public_routes(self, subnets: Sequence[aws.ec2.Subnet]) -> aws.ec2.Route:
        gateway = aws.ec2.InternetGateway(self._name, vpc_id=self._vpc.id, tags={"Name": self._name}, opts=self._child)
        return aws.ec2.Route(
            f"{self._name}-public",
            route_table_id=self._route_table("public", subnets).id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway.id,
            opts=self._child,
        )

    def _nat_gateways(
        self, public_subnets: Sequence[aws.ec2.Subnet], internet_route: aws.ec2.Route
    ) -> list[aws.ec2.NatGateway]:
        gateways: list[aws.ec2.NatGateway] = []
        for index, subnet in enumerate(public_subnets):
            name = f"{self._name}-nat-{index}"
            # An address in use keeps the internet gateway from detaching, hence the edge to the route on both.
            options = pulumi.ResourceOptions(parent=self, depends_on=[internet_route])
            address = aws.ec2.Eip(name, domain="vpc", tags={"Name": name}, opts=options)
            gateways.append(
                aws.ec2.NatGateway(
                    name, subnet_id=subnet.id, allocation_id=address.id, tags={"Name": name}, opts=options
                )
            )
        return gateways

    def _private_routes(
        self, subnets: Sequence[aws.ec2.Subnet], nat_gateways: Sequence[aws.ec2.NatGateway]
    ) -> tuple[list[aws.ec2.RouteTable], list[aws.ec2.Route]]:
        tables = [self._route_table(f"private-{index}", [subnet]) for index, subnet in enumerate(subnets)]
        routes = [
            aws.ec2.Route(
                f"{self._name}-private-{index}",
                route_table_id=table.id,
                destination_cidr_block="0.0.0.0/0",
                nat_gateway_id=nat_gateways[index % len(nat_gateways)].id,
                opts=self._child,
            )
            for index, table in enumerate(tables)
        ]
        return tables, routes

    def _s3_endpoint(self, route_tables: Sequence[aws.ec2.RouteTable]) -> None:
        """Image layers come from S3: the gateway endpoint is free and spares the NAT gateways' traffic price."""
        region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region
        aws.ec2.VpcEndpoint(
            f"{self._name}-s3",
            vpc_id=self._vpc.id,
            service_name=pulumi.Output.concat("com.amazonaws.", region, ".s3"),
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in route_tables],
            tags={"Name": f"{self._name}-s3"},
            opts=self._child,
        )
