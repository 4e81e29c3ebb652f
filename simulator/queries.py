"""Data sources: one account and region, described consistently."""

import json
from collections.abc import Callable, Sequence
from typing import Final

from simulator.account import HOSTED_ZONES, PARTITION, Account, digest, hosted_zone_id
from simulator.errors import CloudError
from simulator.things import Thing
from simulator.values import Values, at, list_at

CLUSTER: Final = "aws:eks/cluster:Cluster"
ZONE: Final = "aws:route53/zone:Zone"
SECRET_VERSION: Final = "aws:secretsmanager/secretVersion:SecretVersion"  # noqa: S105 – a type token

ADDON_VERSIONS: Final = {
    "vpc-cni": "v1.22.4-eksbuild.3",
    "coredns": "v1.14.3-eksbuild.3",
    "kube-proxy": "v1.35.3-eksbuild.18",
    "eks-pod-identity-agent": "v1.3.10-eksbuild.3",
    "amazon-cloudwatch-observability": "v6.4.0-eksbuild.1",
    "metrics-server": "v0.8.1-eksbuild.1",
    "aws-ebs-csi-driver": "v1.55.0-eksbuild.1",
}
IMAGE_RELEASE: Final = "20260930"


class _Question:
    """What was asked, of whom."""

    def __init__(self, args: Values, account: Account, things: Sequence[Thing], *, permissive: bool) -> None:
        self.args = args
        self.account = account
        self.things = things
        self.permissive = permissive


def answer(token: str, args: Values, account: Account, things: Sequence[Thing], *, permissive: bool) -> Values:
    """The result of a data source.

    Raises:
        CloudError: nothing matches.
        LookupError: the simulated cloud does not know the data source.
    """
    if token not in ANSWERS:
        raise LookupError(f"the simulated cloud does not answer {token}")
    found = ANSWERS[token](_Question(args, account, things, permissive=permissive))
    return {**args, "id": found.get("id") or digest(token, json.dumps(args, sort_keys=True), length=10), **found}


def _zones(question: _Question) -> Values:
    account = question.account
    excluded = set(list_at(question.args, "excludeNames"))
    pairs = [
        (name, zone_id)
        for name, zone_id in zip(account.zone_names, account.zone_ids, strict=True)
        if name not in excluded
    ]
    return {
        "id": account.region,
        "region": account.region,
        "names": [name for name, _ in pairs],
        "zoneIds": [zone_id for _, zone_id in pairs],
        "groupNames": [f"{account.region}-zg-1"],
    }


def _caller(question: _Question) -> Values:
    account = question.account.account_id
    return {
        "id": account,
        "accountId": account,
        "arn": f"arn:{PARTITION}:iam::{account}:user/simulator",
        "userId": "AIDA" + digest(account, length=17).upper(),
    }


def _partition(_: _Question) -> Values:
    return {
        "id": PARTITION,
        "partition": PARTITION,
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
    }


def _region(question: _Question) -> Values:
    region = question.args.get("region") or question.account.region
    return {
        "id": region,
        "name": region,
        "region": region,
        "description": f"simulated {region}",
        "endpoint": f"ec2.{region}.amazonaws.com",
    }


def _policy_document(question: _Question) -> Values:
    statements = [_statement(statement) for statement in list_at(question.args, "statements")]
    document: Values = {"Version": question.args.get("version") or "2012-10-17", "Statement": statements}
    if question.args.get("policyId"):
        document["Id"] = question.args["policyId"]
    return {"json": json.dumps(document, indent=2), "minifiedJson": json.dumps(document, separators=(",", ":"))}


def _statement(statement: Values) -> Values:
    rendered: Values = {"Effect": statement.get("effect") or "Allow"}
    if statement.get("sid"):
        rendered["Sid"] = statement["sid"]
    for source, target in (
        ("actions", "Action"),
        ("notActions", "NotAction"),
        ("resources", "Resource"),
        ("notResources", "NotResource"),
    ):
        if statement.get(source):
            rendered[target] = _one_or_many(statement[source])
    for source, target in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        principals = statement.get(source)
        if principals:
            everyone = any(item["type"] == "*" for item in principals)
            rendered[target] = (
                "*" if everyone else {item["type"]: _one_or_many(item["identifiers"]) for item in principals}
            )
    for condition in list_at(statement, "conditions"):
        tests = rendered.setdefault("Condition", {}).setdefault(condition["test"], {})
        tests[condition["variable"]] = _one_or_many(condition["values"])
    return rendered


def _one_or_many(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values


def _hosted_zone(question: _Question) -> Values:
    name, zone_id = question.args.get("name"), question.args.get("zoneId")
    own = {str(thing.inputs.get("name", "")).rstrip("."): thing.id for thing in question.things if thing.token == ZONE}
    zones = {zone: hosted_zone_id(zone) for zone in HOSTED_ZONES} | own
    if question.permissive and name:
        zones.setdefault(name.rstrip("."), hosted_zone_id(name))
    for zone, identifier in zones.items():
        if (name and zone == name.rstrip(".")) or zone_id == identifier:
            return {
                "id": identifier,
                "zoneId": identifier,
                "name": zone,
                "arn": f"arn:{PARTITION}:route53:::hostedzone/{identifier}",
                "nameServers": [f"ns-{index}.awsdns-0{index}.com" for index in range(1, 5)],
                "privateZone": False,
            }
    raise CloudError("NoSuchHostedZone", f"no hosted zone matches {name or zone_id!r}; there are {', '.join(zones)}")


def _parameter(question: _Question) -> Values:
    name = str(question.args["name"])
    if not name.startswith("/aws/service/"):
        raise CloudError("ParameterNotFound", f"{name!r} does not exist")
    value = _image_id(name) if name.endswith("/image_id") else f"1.35.8-{IMAGE_RELEASE}"
    arn = f"arn:{PARTITION}:ssm:{question.account.region}::parameter{name}"
    return {"id": name, "value": value, "insecureValue": value, "type": "String", "version": 1, "arn": arn}


def _image_id(name: str) -> str:
    return f"ami-{digest('image', name, IMAGE_RELEASE, length=17)}"


def _image(question: _Question) -> Values:
    wanted = json.dumps(list_at(question.args, "filters"), sort_keys=True)
    identifier = _image_id(wanted)
    return {
        "id": identifier,
        "imageId": identifier,
        "name": f"amazon-eks-node-al2023-x86_64-standard-1.35-v{IMAGE_RELEASE}",
        "architecture": "x86_64",
        "rootDeviceName": "/dev/xvda",
        "state": "available",
    }


def _addon_version(question: _Question) -> Values:
    addon = str(question.args["addonName"])
    if addon not in ADDON_VERSIONS:
        raise CloudError("ResourceNotFoundException", f"no add-on is called {addon!r}")
    return {"id": addon, "version": ADDON_VERSIONS[addon]}


def _cluster(question: _Question) -> Values:
    name = question.args["name"]
    for thing in question.things:
        if thing.token == CLUSTER and thing.id == name:
            return {**thing.outputs, "id": name}
    raise CloudError("ResourceNotFoundException", f"No cluster found for name: {name}.")


def _cluster_token(question: _Question) -> Values:
    return {"token": "k8s-aws-v1." + digest("token", question.args["name"], length=40)}


def _engine_version(question: _Question) -> Values:
    major = str(question.args.get("version") or "17").partition(".")[0]
    return {"version": f"{major}.7", "versionActual": f"{major}.7", "parameterGroupFamily": f"postgres{major}"}


def _prefix_list(question: _Question) -> Values:
    name = str(question.args.get("name", ""))
    return {"id": f"pl-{digest(name, length=8)}", "entries": [], "maxEntries": 100, "ownerId": "AWS"}


def _managed_policy(question: _Question) -> Values:
    name = question.args.get("name") or str(question.args.get("arn", "")).rpartition("/")[2]
    return {"arn": f"arn:{PARTITION}:iam::aws:policy/{name}", "name": name, "policy": "{}"}


def _secret_version(question: _Question) -> Values:
    wanted = question.args["secretId"]
    for thing in question.things:
        if thing.token == SECRET_VERSION and wanted in {
            thing.inputs.get("secretId"),
            at(thing.outputs, "arn"),
        }:
            return {"secretString": thing.inputs.get("secretString"), "versionId": thing.outputs.get("versionId")}
    raise CloudError("ResourceNotFoundException", f"Secrets Manager can't find {wanted!r}")


ANSWERS: Final[dict[str, Callable[[_Question], Values]]] = {
    "aws:index/getAvailabilityZones:getAvailabilityZones": _zones,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getRegion:getRegion": _region,
    "aws:iam/getPolicyDocument:getPolicyDocument": _policy_document,
    "aws:iam/getPolicy:getPolicy": _managed_policy,
    "aws:route53/getZone:getZone": _hosted_zone,
    "aws:ssm/getParameter:getParameter": _parameter,
    "aws:ec2/getAmi:getAmi": _image,
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": _prefix_list,
    "aws:eks/getAddonVersion:getAddonVersion": _addon_version,
    "aws:eks/getCluster:getCluster": _cluster,
    "aws:eks/getClusterAuth:getClusterAuth": _cluster_token,
    "aws:rds/getEngineVersion:getEngineVersion": _engine_version,
    "aws:secretsmanager/getSecretVersion:getSecretVersion": _secret_version,
}
"""Every data source that the simulated cloud answers."""
