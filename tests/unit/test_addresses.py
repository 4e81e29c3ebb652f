"""Subnet arithmetic by property."""

from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.addresses import TIERS_PER_ZONE, first_overlap, plan_subnets

REFERENCE = IPv4Network("10.0.0.0/16")


def test_the_default_gives_the_addresses_of_the_reference() -> None:
    plan = plan_subnets(REFERENCE, zone_count=3, prefix_length=24)

    assert [str(network) for network in plan.private] == ["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"]
    assert [str(network) for network in plan.public] == ["10.0.4.0/24", "10.0.5.0/24", "10.0.6.0/24"]
    assert [str(network) for network in plan.database] == ["10.0.7.0/24", "10.0.8.0/24", "10.0.9.0/24"]


@st.composite
def networks(draw: st.DrawFn) -> IPv4Network:
    prefix_length = draw(st.integers(min_value=16, max_value=24))
    block = draw(st.integers(min_value=0, max_value=2**prefix_length - 1))
    return IPv4Network((block << (32 - prefix_length), prefix_length))


@given(cidr=networks(), zone_count=st.integers(2, 4), extra_bits=st.integers(4, 8))
def test_subnets_lie_inside_the_vpc_without_overlap(cidr: IPv4Network, zone_count: int, extra_bits: int) -> None:
    prefix_length = min(cidr.prefixlen + extra_bits, 28)
    plan = plan_subnets(cidr, zone_count=zone_count, prefix_length=prefix_length)

    assert {len(plan.private), len(plan.public), len(plan.database)} == {zone_count}
    assert all(network.subnet_of(cidr) and network.prefixlen == prefix_length for network in plan.networks)
    assert first_overlap(plan.networks) is None


@given(zone_count=st.integers(2, 4), bits=st.integers(-4, 4))
def test_a_network_too_small_is_refused_exactly_when_it_is_too_small(zone_count: int, bits: int) -> None:
    cidr = IPv4Network("10.0.0.0/20")
    fits = bits >= 0 and 2**bits > TIERS_PER_ZONE * zone_count

    if fits:
        assert len(plan_subnets(cidr, zone_count=zone_count, prefix_length=20 + bits).networks) == 3 * zone_count
    else:
        with pytest.raises(ValueError, match=r"10\.0\.0\.0/20 holds"):
            plan_subnets(cidr, zone_count=zone_count, prefix_length=20 + bits)


def test_an_overlap_is_found_wherever_it_stands() -> None:
    apart, inside = IPv4Network("10.1.0.0/24"), IPv4Network("10.0.1.128/25")

    assert first_overlap([apart, IPv4Network("10.0.1.0/24"), inside]) == (IPv4Network("10.0.1.0/24"), inside)
