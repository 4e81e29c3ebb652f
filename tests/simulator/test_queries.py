"""Data sources describe one account and region."""

import json

import pytest

from simulator.account import Account
from simulator.answers import Cloud
from simulator.errors import CloudError
from tests.simulator.world import World

ZONES = "aws:index/getAvailabilityZones:getAvailabilityZones"


@pytest.mark.parametrize(("region", "count", "first_id"), [("us-east-1", 6, "use1-az1"), ("eu-west-1", 3, "euw1-az1")])
def test_zones_are_those_of_the_region(region: str, count: int, first_id: str) -> None:
    answer = Cloud(account=Account(region=region)).invoke(ZONES, {"state": "available"})
    assert len(answer["names"]) == len(answer["zoneIds"]) == count
    assert answer["names"][0] == f"{region}a"
    assert answer["zoneIds"][0] == first_id


def test_the_caller_belongs_to_the_account_that_owns_everything() -> None:
    cloud = Cloud()
    caller = cloud.invoke("aws:index/getCallerIdentity:getCallerIdentity", {})
    _, vpc = cloud.create("aws:ec2/vpc:Vpc", "v", {})
    assert f":{caller['accountId']}:" in vpc["arn"]
    assert cloud.invoke("aws:index/getRegion:getRegion", {})["region"] in vpc["arn"]


def test_policy_documents_are_rendered_as_iam_writes_them() -> None:
    statement = {
        "sid": "Read",
        "actions": ["s3:GetObject"],
        "resources": ["a", "b"],
        "principals": [{"type": "Service", "identifiers": ["ec2.amazonaws.com"]}],
        "conditions": [{"test": "StringEquals", "variable": "aws:SourceAccount", "values": ["1"]}],
    }
    answer = Cloud().invoke("aws:iam/getPolicyDocument:getPolicyDocument", {"statements": [statement]})
    assert json.loads(answer["json"]) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Sid": "Read",
                "Action": "s3:GetObject",
                "Resource": ["a", "b"],
                "Principal": {"Service": "ec2.amazonaws.com"},
                "Condition": {"StringEquals": {"aws:SourceAccount": "1"}},
            }
        ],
    }


def test_zones_of_the_account_are_found_and_others_are_not() -> None:
    cloud, token = Cloud(), "aws:route53/getZone:getZone"
    zone = cloud.invoke(token, {"name": "example.com."})
    assert cloud.invoke(token, {"zoneId": zone["zoneId"]})["name"] == "example.com"
    with pytest.raises(CloudError, match="NoSuchHostedZone"):
        cloud.invoke(token, {"name": "elsewhere.test"})
    own, _ = cloud.create("aws:route53/zone:Zone", "z", {"name": "elsewhere.test"})
    assert cloud.invoke(token, {"name": "elsewhere.test"})["zoneId"] == own


def test_images_stay_the_same_from_run_to_run() -> None:
    name = "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/standard/recommended/image_id"
    first, second = (Cloud().invoke("aws:ssm/getParameter:getParameter", {"name": name}) for _ in range(2))
    assert first == second
    assert first["value"].startswith("ami-")


def test_a_live_cluster_is_found_by_name(world: World) -> None:
    token = "aws:eks/getCluster:getCluster"
    assert world.cloud.invoke(token, {"name": world.eks})["endpoint"].startswith("https://")
    with pytest.raises(CloudError, match="No cluster found for name: other"):
        world.cloud.invoke(token, {"name": "other"})


def test_an_unknown_data_source_is_named() -> None:
    with pytest.raises(LookupError, match="aws:ec2/getVpcs:getVpcs"):
        Cloud().invoke("aws:ec2/getVpcs:getVpcs", {})
