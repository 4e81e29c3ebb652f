"""The one table of what has to be computed: ids and ARNs in AWS's formats, and outputs that are not inputs.

A type that is absent gets its name as id, an ARN of the common form where its outputs have one, and its inputs back.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from simulator import keys
from simulator.account import PARTITION, Account, digest
from simulator.values import Values, at, list_at, object_at


@dataclass(frozen=True, kw_only=True)
class Birth:
    """What is known when a resource is made.

    Attributes:
        token: Its type.
        name: Its physical name, or the logical one where the type has no names.
        inputs: What it was given.
        seed: Differs for each resource and each of its replacements, and for nothing else.
        account: Where it is made.
        find: Looks up the outputs of a live object by id or ARN.
    """

    token: str
    name: str
    inputs: Values
    seed: str
    account: Account
    find: Callable[[str], Values | None]
    id: str = ""
    arn: str = ""

    def hexadecimal(self, length: int, purpose: str = "") -> str:
        """Hexadecimal digits that belong to this resource."""
        return digest(self.seed, purpose, length=length)

    @property
    def uuid(self) -> str:
        """A UUID that belongs to this resource."""
        text = self.hexadecimal(32, "uuid")
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def filled(self, template: str) -> str:
        """A template of the table with this resource's values in place of its braces."""
        return template.format(
            id=self.id,
            arn=self.arn,
            name=self.name,
            region=self.account.region,
            account=self.account.account_id,
            hex8=self.hexadecimal(8),
            hex16=self.hexadecimal(16),
            hex17=self.hexadecimal(17),
            uuid=self.uuid,
            input=_Fields(self.inputs),
        )


class _Fields(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return ""


def _nothing(_: Birth) -> Values:
    return {}


@dataclass(frozen=True)
class Kind:
    """How a resource type is identified, and what it computes.

    Attributes:
        id: Template of the id.
        arn: Template of the ARN after ``arn:aws:``; empty where there is none.
        outputs: What is neither an input nor id nor ARN.
        create_seconds: How long AWS takes to make one.
        delete_seconds: How long AWS takes to delete one.
        longest_name: AWS's limit on an automatic name, characters.
    """

    id: str = "{name}"
    arn: str = ""
    outputs: Callable[[Birth], Values] = _nothing
    create_seconds: int = 1
    delete_seconds: int = 1
    longest_name: int = 63


def _vpc(birth: Birth) -> Values:
    return {
        "defaultSecurityGroupId": f"sg-{birth.hexadecimal(17, 'sg')}",
        "defaultRouteTableId": (table := f"rtb-{birth.hexadecimal(17, 'rtb')}"),
        "mainRouteTableId": table,
        "defaultNetworkAclId": f"acl-{birth.hexadecimal(17, 'acl')}",
        "dhcpOptionsId": f"dopt-{birth.hexadecimal(17, 'dopt')}",
        "enableDnsSupport": birth.inputs.get("enableDnsSupport", True),
        "instanceTenancy": birth.inputs.get("instanceTenancy", "default"),
    }


def _subnet(birth: Birth) -> Values:
    names, ids = birth.account.zone_names, birth.account.zone_ids
    zone = birth.inputs.get("availabilityZone", names[0])
    return {"availabilityZone": zone, "availabilityZoneId": dict(zip(names, ids, strict=True)).get(zone, ids[0])}


def _address(birth: Birth, purpose: str = "") -> str:
    number = int(birth.hexadecimal(6, purpose), 16)
    return f"52.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _nat_gateway(birth: Birth) -> Values:
    address = birth.find(str(birth.inputs.get("allocationId"))) or {}
    return {
        "connectivityType": "public",
        "networkInterfaceId": f"eni-{birth.hexadecimal(17, 'eni')}",
        "privateIp": "10.0.0.10",
        "publicIp": address.get("publicIp", _address(birth)),
    }


def _eks_cluster(birth: Birth) -> Values:
    region, mark = birth.account.region, birth.hexadecimal(32, "oidc").upper()
    network = object_at(birth.inputs, "kubernetesNetworkConfig")
    subnets = at(birth.inputs, "vpcConfig", "subnetIds") or [""]
    return {
        "endpoint": f"https://{mark}.gr7.{region}.eks.amazonaws.com",
        "certificateAuthority": {"data": keys.authority(birth.name)},
        "certificateAuthorities": [{"data": keys.authority(birth.name)}],
        "identities": [{"oidcs": [{"issuer": f"https://oidc.eks.{region}.amazonaws.com/id/{mark}"}]}],
        "kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4", **network},
        "vpcConfig": {
            **object_at(birth.inputs, "vpcConfig"),
            "clusterSecurityGroupId": f"sg-{birth.hexadecimal(17, 'cluster')}",
            "vpcId": (birth.find(str(subnets[0])) or {}).get("vpcId", ""),
        },
        "platformVersion": "eks.9",
        "status": "ACTIVE",
        "createdAt": "2026-11-23T12:00:00Z",
        "clusterId": "",
    }


def _load_balancer(birth: Birth) -> Values:
    kind = "net" if birth.inputs.get("loadBalancerType") == "network" else "app"
    subnets: list[str] = birth.inputs.get("subnets") or [
        str(mapping.get("subnetId")) for mapping in list_at(birth.inputs, "subnetMappings")
    ]
    return {
        "arnSuffix": birth.arn.partition("loadbalancer/")[2],
        "dnsName": f"{birth.name}-{birth.hexadecimal(16)}.elb.{birth.account.region}.amazonaws.com"
        if kind == "net"
        else f"{birth.name}-{int(birth.hexadecimal(8), 16)}.{birth.account.region}.elb.amazonaws.com",
        "zoneId": "Z26RNL4JYFTOTI" if kind == "net" else "Z35SXDOTRQ7X7K",
        "vpcId": (birth.find(subnets[0]) or {}).get("vpcId", "") if subnets else "",
        "ipAddressType": birth.inputs.get("ipAddressType", "ipv4"),
    }


def _database(birth: Birth) -> Values:
    host = f"{birth.name}.{birth.hexadecimal(12, 'host')}.{birth.account.region}.rds.amazonaws.com"
    port = birth.inputs.get("port") or 5432
    outputs: Values = {
        "address": host,
        "endpoint": f"{host}:{port}",
        "port": port,
        "resourceId": birth.id,
        "hostedZoneId": "Z2R2ITUGPM61AM",
        "status": "available",
        "engineVersionActual": birth.inputs.get("engineVersion", ""),
        "masterUserSecrets": [],
    }
    if birth.inputs.get("manageMasterUserPassword"):
        secret = f"rds!{birth.id}-{birth.hexadecimal(6)}"
        arn = f"arn:aws:secretsmanager:{birth.account.region}:{birth.account.account_id}:secret:{secret}"
        outputs["masterUserSecrets"] = [{"secretArn": arn, "secretStatus": "active", "kmsKeyId": ""}]
    return outputs


def _certificate(birth: Birth) -> Values:
    names = [birth.inputs.get("domainName", ""), *list_at(birth.inputs, "subjectAlternativeNames")]
    options = [
        {
            "domainName": name,
            "resourceRecordName": f"_{digest(name, 'name', length=32)}.{name.removeprefix('*.')}.",
            "resourceRecordType": "CNAME",
            "resourceRecordValue": f"_{digest(name, 'value', length=32)}.acm-validations.aws.",
        }
        for name in dict.fromkeys(names)
    ]
    return {"domainValidationOptions": options, "status": "PENDING_VALIDATION", "type": "AMAZON_ISSUED"}


def _record(birth: Birth) -> Values:
    return {"fqdn": str(birth.inputs.get("name", "")).rstrip(".")}


def _launch_template(_: Birth) -> Values:
    return {"latestVersion": 1, "defaultVersion": 1}


def _node_group(birth: Birth) -> Values:
    cluster = birth.find(f"eks/{birth.inputs.get('clusterName')}") or {}
    group = f"eks-{birth.name}-{birth.uuid}"
    return {
        "status": "ACTIVE",
        "version": birth.inputs.get("version") or cluster.get("version", ""),
        "resources": [{"autoscalingGroups": [{"name": group}]}],
    }


def _random_id(birth: Birth) -> Values:
    prefix = birth.inputs.get("prefix", "")
    raw = bytes.fromhex(birth.hexadecimal(2 * int(birth.inputs["byteLength"])))
    return {
        "hex": prefix + raw.hex(),
        "dec": f"{prefix}{int.from_bytes(raw)}",
        "b64Url": prefix + base64.urlsafe_b64encode(raw).decode().rstrip("="),
        "b64Std": prefix + base64.b64encode(raw).decode(),
    }


def _random_text(birth: Birth) -> Values:
    digits, lower = "0123456789", "abcdefghijklmnopqrstuvwxyz"
    letters = "".join(
        alphabet
        for wanted, alphabet in (
            ("number", digits),
            ("numeric", digits),
            ("lower", lower),
            ("upper", lower.upper()),
            ("special", birth.inputs.get("overrideSpecial") or "!@#$%&*()-_=+[]{}<>:?"),
        )
        if birth.inputs.get(wanted, wanted != "number")
    )
    length = int(birth.inputs["length"])
    result = "".join(letters[int(digest(birth.seed, index, length=8), 16) % len(letters)] for index in range(length))
    return {"result": result, "bcryptHash": "$2a$10$" + birth.hexadecimal(53)}


def _private_key(birth: Birth) -> Values:
    return keys.private_key(str(birth.inputs.get("algorithm", "RSA")), birth.inputs)


def _public_address(birth: Birth) -> Values:
    address = _address(birth)
    return {
        "allocationId": birth.id,
        "publicIp": address,
        "publicDns": f"ec2-{address.replace('.', '-')}.compute-1.amazonaws.com",
    }


def _release_status(birth: Birth) -> Values:
    chart = str(birth.inputs.get("chart", "")).rpartition("/")[2]
    version = birth.inputs.get("version", "")
    return {
        "status": {
            "status": "deployed",
            "name": birth.name,
            "namespace": birth.inputs.get("namespace", "default"),
            "chart": chart,
            "version": version,
            "appVersion": str(version).removeprefix("v"),
            "revision": 1,
        }
    }


def _document(birth: Birth, prefix: str) -> Values:
    """A bucket, queue or topic has outputs that spell its name in other forms."""
    region, account = birth.account.region, birth.account.account_id
    match prefix:
        case "bucket":
            return {
                "bucketDomainName": f"{birth.name}.s3.amazonaws.com",
                "bucketRegionalDomainName": f"{birth.name}.s3.{region}.amazonaws.com",
                "bucketRegion": region,
                "hostedZoneId": "Z3AQBSTGFYJSTF",
            }
        case "queue":
            return {"url": f"https://sqs.{region}.amazonaws.com/{account}/{birth.name}"}
        case _:
            return {"owner": account}


def _repository(birth: Birth) -> Values:
    host = f"{birth.account.account_id}.dkr.ecr.{birth.account.region}.amazonaws.com"
    return {"repositoryUrl": f"{host}/{birth.name}", "registryId": birth.account.account_id}


EC2: Final = "ec2:{region}:{account}:"
IAM: Final = "iam::{account}:"
EKS: Final = "eks:{region}:{account}:"
RDS: Final = "rds:{region}:{account}:"
ELB: Final = "elasticloadbalancing:{region}:{account}:"

KINDS: Final[Mapping[str, Kind]] = {
    # --- EC2 and VPC ---
    "aws:ec2/vpc:Vpc": Kind("vpc-{hex17}", EC2 + "vpc/{id}", _vpc, 12, 1),
    "aws:ec2/subnet:Subnet": Kind("subnet-{hex17}", EC2 + "subnet/{id}", _subnet, 11, 1),
    "aws:ec2/internetGateway:InternetGateway": Kind("igw-{hex17}", EC2 + "internet-gateway/{id}", delete_seconds=20),
    "aws:ec2/eip:Eip": Kind("eipalloc-{hex17}", EC2 + "elastic-ip/{id}", _public_address),
    "aws:ec2/natGateway:NatGateway": Kind("nat-{hex17}", "", _nat_gateway, 105, 65),
    "aws:ec2/routeTable:RouteTable": Kind("rtb-{hex17}", EC2 + "route-table/{id}"),
    "aws:ec2/route:Route": Kind("r-{input[routeTableId]}{hex8}", "", lambda _: {"state": "active"}),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Kind("rtbassoc-{hex17}"),
    "aws:ec2/networkAcl:NetworkAcl": Kind("acl-{hex17}", EC2 + "network-acl/{id}"),
    "aws:ec2/networkAclRule:NetworkAclRule": Kind("nacl-{hex8}"),
    "aws:ec2/networkAclAssociation:NetworkAclAssociation": Kind("aclassoc-{hex17}"),
    "aws:ec2/securityGroup:SecurityGroup": Kind("sg-{hex17}", EC2 + "security-group/{id}"),
    "aws:ec2/securityGroupRule:SecurityGroupRule": Kind("sgrule-{hex8}"),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": Kind("{adopted}", EC2 + "security-group/{id}"),
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl": Kind("{adopted}", EC2 + "network-acl/{id}"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Kind("vpce-{hex17}", EC2 + "vpc-endpoint/{id}", create_seconds=6),
    "aws:ec2/flowLog:FlowLog": Kind("fl-{hex17}", EC2 + "vpc-flow-log/{id}"),
    "aws:ec2/launchTemplate:LaunchTemplate": Kind("lt-{hex17}", EC2 + "launch-template/{id}", _launch_template),
    "aws:ec2/instance:Instance": Kind("i-{hex17}", EC2 + "instance/{id}", create_seconds=152, delete_seconds=60),
    "aws:ec2/networkInterface:NetworkInterface": Kind("eni-{hex17}", EC2 + "network-interface/{id}"),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": Kind(
        "sgr-{hex17}", EC2 + "security-group-rule/{id}", lambda birth: {"securityGroupRuleId": birth.id}
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": Kind(
        "sgr-{hex17}", EC2 + "security-group-rule/{id}", lambda birth: {"securityGroupRuleId": birth.id}
    ),
    # --- IAM and KMS ---
    "aws:iam/role:Role": Kind(
        "{name}", IAM + "role/{name}", lambda birth: {"uniqueId": "AROA" + birth.hexadecimal(17)}
    ),
    "aws:iam/policy:Policy": Kind("{arn}", IAM + "policy/{name}"),
    "aws:iam/rolePolicy:RolePolicy": Kind("{input[role]}:{name}"),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Kind("{input[role]}-{hex17}"),
    "aws:iam/instanceProfile:InstanceProfile": Kind("{name}", IAM + "instance-profile/{name}"),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Kind("{arn}", IAM + "oidc-provider/{input[url]}"),
    "aws:kms/key:Key": Kind("{uuid}", "kms:{region}:{account}:key/{id}", lambda birth: {"keyId": birth.id}),
    "aws:kms/alias:Alias": Kind("{name}", "kms:{region}:{account}:{name}"),
    # --- EKS ---
    "aws:eks/cluster:Cluster": Kind("{name}", EKS + "cluster/{name}", _eks_cluster, 600, 200),
    "aws:eks/nodeGroup:NodeGroup": Kind(
        "{input[clusterName]}:{name}", EKS + "nodegroup/{input[clusterName]}/{name}/{uuid}", _node_group, 150, 370
    ),
    "aws:eks/addon:Addon": Kind(
        "{input[clusterName]}:{input[addonName]}",
        EKS + "addon/{input[clusterName]}/{input[addonName]}",
        _nothing,
        30,
        10,
    ),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": Kind(
        "{input[clusterName]},a-{hex17}",
        "",
        lambda birth: {
            "associationId": (identifier := birth.id.rpartition(",")[2]),
            "associationArn": "arn:aws:"
            + birth.filled(EKS + "podidentityassociation/{input[clusterName]}/")
            + identifier,
        },
    ),
    "aws:eks/accessEntry:AccessEntry": Kind(
        "{input[clusterName]}:{input[principalArn]}",
        "",
        lambda birth: {
            "accessEntryArn": "arn:aws:" + birth.filled(EKS + "access-entry/{input[clusterName]}/role/{uuid}"),
            "type": birth.inputs.get("type", "STANDARD"),
            "userName": birth.inputs.get("principalArn"),
        },
    ),
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": Kind(
        "{input[clusterName]}#{input[principalArn]}#{input[policyArn]}"
    ),
    # --- load balancing, certificates and names ---
    "aws:lb/loadBalancer:LoadBalancer": Kind(
        "{arn}", ELB + "loadbalancer/{family}/{name}/{hex16}", _load_balancer, 150, 30, longest_name=32
    ),
    "aws:lb/targetGroup:TargetGroup": Kind(
        "{arn}",
        ELB + "targetgroup/{name}/{hex16}",
        lambda birth: {"arnSuffix": birth.arn.rpartition(":")[2]},
        longest_name=32,
    ),
    "aws:lb/listener:Listener": Kind("{arn}", "{listener}"),
    "aws:acm/certificate:Certificate": Kind(
        "{arn}", "acm:{region}:{account}:certificate/{uuid}", _certificate, create_seconds=8
    ),
    "aws:acm/certificateValidation:CertificateValidation": Kind(
        "2026-11-23 12:00:00 +0000 UTC", outputs=_nothing, create_seconds=100
    ),
    "aws:route53/record:Record": Kind("{input[zoneId]}_{name}_{input[type]}", "", _record, 35, 35),
    "aws:route53/zone:Zone": Kind(
        "Z{hex17}",
        "",
        lambda birth: {
            "zoneId": birth.id,
            "arn": f"arn:aws:route53:::hostedzone/{birth.id}",
            "nameServers": [f"ns-{index}.awsdns-0{index}.com" for index in range(1, 5)],
        },
        35,
        35,
    ),
    # --- RDS and secrets ---
    "aws:rds/instance:Instance": Kind("db-{hex17}", RDS + "db:{name}", _database, 780, 385),
    "aws:rds/subnetGroup:SubnetGroup": Kind(
        "{name}", RDS + "subgrp:{name}", lambda _: {"supportedNetworkTypes": ["IPV4"]}
    ),
    "aws:rds/parameterGroup:ParameterGroup": Kind("{name}", RDS + "pg:{name}", create_seconds=2),
    "aws:secretsmanager/secret:Secret": Kind(
        "{arn}", "secretsmanager:{region}:{account}:secret:{name}-{hex8}", lambda _: {"rotationEnabled": False}
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": Kind(
        "{input[secretId]}|{uuid}",
        "",
        lambda birth: {"arn": birth.inputs["secretId"], "versionId": birth.uuid, "versionStages": ["AWSCURRENT"]},
    ),
    # --- messages, logs, metrics and storage ---
    "aws:sqs/queue:Queue": Kind(
        "https://sqs.{region}.amazonaws.com/{account}/{name}",
        "sqs:{region}:{account}:{name}",
        lambda birth: _document(birth, "queue"),
        25,
    ),
    "aws:sqs/queuePolicy:QueuePolicy": Kind("{input[queueUrl]}", create_seconds=25),
    "aws:sns/topic:Topic": Kind("{arn}", "sns:{region}:{account}:{name}", lambda birth: _document(birth, "topic")),
    "aws:sns/topicSubscription:TopicSubscription": Kind(
        "{arn}", "{subscription}:{uuid}", lambda _: {"pendingConfirmation": True}
    ),
    "aws:sns/topicPolicy:TopicPolicy": Kind("{input[arn]}"),
    "aws:cloudwatch/logGroup:LogGroup": Kind("{name}", "logs:{region}:{account}:log-group:{name}"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Kind("{name}", "cloudwatch:{region}:{account}:alarm:{name}"),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": Kind(
        "{input[alarmName]}", "cloudwatch:{region}:{account}:alarm:{input[alarmName]}"
    ),
    "aws:cloudwatch/dashboard:Dashboard": Kind(
        "{input[dashboardName]}",
        "",
        lambda birth: {"dashboardArn": f"arn:aws:cloudwatch::{birth.account.account_id}:dashboard/{birth.id}"},
    ),
    "aws:cloudwatch/eventRule:EventRule": Kind("{name}", "events:{region}:{account}:rule/{name}"),
    "aws:cloudwatch/eventTarget:EventTarget": Kind(
        "{input[rule]}-{hex17}", "", lambda birth: {"targetId": f"target-{birth.hexadecimal(17)}"}
    ),
    "aws:s3/bucket:Bucket": Kind("{name}", "s3:::{name}", lambda birth: _document(birth, "bucket")),
    "aws:ecr/repository:Repository": Kind("{name}", "ecr:{region}:{account}:repository/{name}", _repository),
    "aws:route53/healthCheck:HealthCheck": Kind("{uuid}", "route53:::healthcheck/{uuid}"),
    # --- beside AWS ---
    "random:index/randomId:RandomId": Kind("{b64}", outputs=_random_id),
    "random:index/randomPassword:RandomPassword": Kind("none", outputs=_random_text),
    "random:index/randomString:RandomString": Kind("{result}", outputs=_random_text),
    "random:index/randomPet:RandomPet": Kind("pet-{hex8}"),
    "random:index/randomUuid:RandomUuid": Kind("{uuid}", outputs=lambda birth: {"result": birth.uuid}),
    "tls:index/privateKey:PrivateKey": Kind("{hex17}", outputs=_private_key),
    "github:index/repositoryDeployKey:RepositoryDeployKey": Kind("{input[repository]}:{hex8}"),
    "kubernetes:helm.sh/v3:Release": Kind("{name}", outputs=_release_status, create_seconds=60, delete_seconds=20),
}

LOAD_BALANCER_FAMILIES: Final = {"network": "net", "gateway": "gwy"}


def _extra_fields(birth: Birth) -> dict[str, str]:
    """Parts of ids and ARNs that come from another resource, and ids that are outputs."""
    match birth.token:
        case "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup":
            vpc = birth.find(str(birth.inputs.get("vpcId"))) or {}
            return {"adopted": vpc.get("defaultSecurityGroupId") or f"sg-{birth.hexadecimal(17)}"}
        case "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl":
            return {"adopted": str(birth.inputs.get("defaultNetworkAclId"))}
        case "aws:lb/loadBalancer:LoadBalancer":
            return {"family": LOAD_BALANCER_FAMILIES.get(str(birth.inputs.get("loadBalancerType")), "app")}
        case "aws:lb/listener:Listener":
            balancer = str(birth.inputs.get("loadBalancerArn", "")).removeprefix(f"arn:{PARTITION}:")
            return {"listener": f"{balancer.replace(':loadbalancer/', ':listener/')}/{birth.hexadecimal(16)}"}
        case "aws:sns/topicSubscription:TopicSubscription":
            return {"subscription": str(birth.inputs.get("topic", "")).removeprefix(f"arn:{PARTITION}:")}
        case "random:index/randomId:RandomId":
            return {"b64": _random_id(birth)["b64Url"].removeprefix(str(birth.inputs.get("prefix", "")))}
        case "random:index/randomString:RandomString":
            return {"result": _random_text(birth)["result"]}
        case _:
            return {}


def born(birth: Birth, kind: Kind, *, has_arn: bool) -> tuple[str, str, Values]:
    """Id, ARN (empty where the type has none) and computed outputs of a new resource."""
    extra = _extra_fields(birth)
    arn = ""
    if has_arn and not birth.inputs.get("arn"):
        service = birth.token.split(":")[1].partition("/")[0]
        arn_template = kind.arn or f"{service}:{{region}}:{{account}}:{birth.token.rpartition(':')[2].lower()}/{{name}}"
        without_arn = "" if "{arn}" in kind.id else _filled(birth, kind.id, extra)
        arn = f"arn:{PARTITION}:" + _filled(birth, arn_template, {**extra, "id": without_arn})
    identifier = _filled(birth, kind.id, {**extra, "arn": arn})
    complete = replace(birth, id=identifier, arn=arn)
    return identifier, arn, kind.outputs(complete)


def _filled(birth: Birth, template: str, extra: Mapping[str, str]) -> str:
    for field, value in extra.items():
        template = template.replace("{" + field + "}", value)
    return birth.filled(template)


def kubeconfig(cluster: Values, region: str) -> str:
    """What ``aws eks update-kubeconfig`` writes for a cluster, as JSON."""
    name = cluster["name"]
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "kubernetes",
                    "cluster": {
                        "server": cluster["endpoint"],
                        "certificate-authority-data": at(cluster, "certificateAuthority", "data"),
                    },
                }
            ],
            "contexts": [{"name": "aws", "context": {"cluster": "kubernetes", "user": "aws"}}],
            "current-context": "aws",
            "users": [
                {
                    "name": "aws",
                    "user": {
                        "exec": {
                            "apiVersion": "client.authentication.k8s.io/v1beta1",
                            "command": "aws",
                            "args": [
                                "--region",
                                region,
                                "eks",
                                "get-token",
                                "--cluster-name",
                                name,
                                "--output",
                                "json",
                            ],
                        }
                    },
                }
            ],
        }
    )
