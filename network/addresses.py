"""Addresses of the subnets: pure arithmetic, no resource."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from itertools import combinations, islice

TIERS_PER_ZONE = 3
"""Private, public and database."""

SMALLEST_PREFIX_LENGTH = 28
"""The smallest subnet (and VPC) that AWS accepts is a /28."""


@dataclass(frozen=True, kw_only=True)
class SubnetPlan:
    """The networks of each tier, one per availability zone, in the zones' order."""

    private: tuple[IPv4Network, ...]
    public: tuple[IPv4Network, ...]
    database: tuple[IPv4Network, ...]

    @property
    def networks(self) -> tuple[IPv4Network, ...]:
        """Every subnet, tier by tier."""
        return self.private + self.public + self.database


def plan_subnets(cidr: IPv4Network, *, zone_count: int, prefix_length: int) -> SubnetPlan:
    """Cuts ``cidr`` into equal blocks and deals them to the tiers.

    Block 0 stays free, so that 10.0.0.0/16 gives the reference's addresses: private 10.0.1–3.0/24,
    public 10.0.4–6.0/24, database 10.0.7–9.0/24.

    Raises:
        ValueError: the network has fewer blocks than the tiers need.
    """
    wanted = TIERS_PER_ZONE * zone_count + 1
    available = 2 ** (prefix_length - cidr.prefixlen) if prefix_length >= cidr.prefixlen else 0
    if available < wanted:
        raise ValueError(
            f"{cidr} holds {available} networks of /{prefix_length}, "
            f"but {zone_count} zones need {wanted} (three tiers and a free first one)"
        )
    blocks = tuple(islice(cidr.subnets(new_prefix=prefix_length), wanted))[1:]
    return SubnetPlan(
        private=blocks[:zone_count],
        public=blocks[zone_count : 2 * zone_count],
        database=blocks[2 * zone_count :],
    )


def first_overlap(networks: Sequence[IPv4Network]) -> tuple[IPv4Network, IPv4Network] | None:
    """The first two networks that share an address, or None."""
    return next(((one, other) for one, other in combinations(networks, 2) if one.overlaps(other)), None)
