"""The simulated AWS account: who calls, which zones, images and hosted zones there are."""

import hashlib
from dataclasses import dataclass
from typing import Final

ACCOUNT_ID: Final = "123456789012"
PARTITION: Final = "aws"
DEFAULT_REGION: Final = "us-east-1"

ZONE_LETTERS: Final = {"us-east-1": "abcdef", "us-west-2": "abcd", "ap-northeast-1": "acd", "eu-central-1": "abc"}
"""Availability zones of the regions that differ from a, b, c."""

HOSTED_ZONES: Final = ("example.com", "example.net", "example.org")
"""Public Route 53 zones that the account owns before any stack does."""

STANDING_ROLES: Final = ("Administrator",)
"""IAM roles that the account has before any stack makes one."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """One account, seen from one region."""

    account_id: str = ACCOUNT_ID
    region: str = DEFAULT_REGION

    @property
    def zone_names(self) -> list[str]:
        """Names of the region's availability zones."""
        return [f"{self.region}{letter}" for letter in ZONE_LETTERS.get(self.region, "abc")]

    @property
    def zone_ids(self) -> list[str]:
        """Ids of the region's availability zones, such as use1-az1."""
        area, direction, number = self.region.rsplit("-", 2)
        return [f"{area}{direction[0]}{number}-az{index}" for index, _ in enumerate(self.zone_names, start=1)]


def digest(*parts: object, length: int) -> str:
    """A hexadecimal text that depends on nothing but its parts."""
    text = hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()
    return text[:length]


def hosted_zone_id(name: str) -> str:
    """Id of a hosted zone, in Route 53's form."""
    return "Z" + digest("zone", name.rstrip("."), length=20).upper()
