"""Fixtures of the simulated cloud's own tests."""

import pytest

from tests.simulator.world import World


@pytest.fixture
def world() -> World:
    """A fresh cloud with a network and a cluster."""
    return World()
