"""One control plane for all tests; what it says is added to the report of a test that fails."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from controlplane import isolation, processes
from controlplane.plane import Plane
from controlplane.stack import prepare
from tests.e2e.platform import Platform
from tests.e2e.releases import FirstWave, Outage
from tools.build import Toolbox, ensure
from tools.schemas import crd_files, policy_files

PLANE = pytest.StashKey[Plane]()


@pytest.fixture(scope="session")
def plane(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """The control plane, with every definition that the platform uses. From here on this process is in its network."""
    processes.check_machine()
    Toolbox().ensure_lanes(processes.BUILD_LANES)
    definitions, policies = crd_files(), policy_files()
    root: Path = tmp_path_factory.mktemp("plane")
    isolation.enter(isolation.write_resolv_conf(root))
    with Plane(root, ensure, print) as plane:
        request.config.stash[PLANE] = plane
        plane.start_kubernetes()
        plane.install_definitions(definitions, policies)
        plane.start_platform()
        assert set(isolation.others_inside()) >= {running.popen.pid for running in plane.supervisor.running.values()}
        yield plane
    assert isolation.others_inside() == {}


@pytest.fixture(scope="session")
def platform(plane: Plane) -> Platform:
    """The local stack, made by Pulumi and reconciled by Flux from a Git server."""
    prepare(plane)
    return Platform(plane)


@pytest.fixture(scope="session")
def first_wave(platform: Platform) -> FirstWave:
    """Releases that run side by side, each to its end."""
    return FirstWave.run(platform)


@pytest.fixture(scope="session")
def outage(platform: Platform, first_wave: FirstWave) -> Outage:
    """A release during which Traefik goes away: first one instance, then both. It runs alone."""
    assert first_wave
    return Outage.run(platform)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the plane says to the report of a failure."""
    report = yield
    if report.failed and PLANE in item.config.stash:
        report.sections.append(("control plane", item.config.stash[PLANE].describe()))
    return report
