"""The plane itself: real, of the cluster's minor version, complete."""

import re

import pytest
from rich.console import Console
from rich.table import Table

from controlplane import processes
from controlplane.plane import ZONES, Plane, wait_until
from tools.build import ROOT, Toolbox

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


def test_server_has_the_minor_version_of_the_cluster(plane: Plane) -> None:
    settings = (ROOT / "settings.py").read_text()
    default = re.search(r'kubernetes_version: \S+ = (?:Field\()?(?:default=)?"(1\.\d+)"', settings)
    assert default is not None, "settings.py no longer states the default Kubernetes version as a literal"
    assert plane.api.request("GET", "/version")["gitVersion"].startswith(f"v{default[1]}.")


def test_nodes_are_ready_in_every_zone(plane: Plane) -> None:
    def ready_zones() -> set[str]:
        return {
            node["metadata"]["labels"]["topology.kubernetes.io/zone"]
            for node in plane.api.list("v1", "Node")
            for condition in node["status"]["conditions"]
            if condition["type"] == "Ready" and condition["status"] == "True"
        }

    wait_until(lambda: ready_zones() == set(ZONES), 30, "a ready node in every zone")


def test_every_process_runs(plane: Plane, capsys: pytest.CaptureFixture[str]) -> None:
    """Prints what was measured: how long each binary took to build and to become ready, and what it holds."""
    plane.supervisor.check()
    memory = plane.memory_mebibytes()
    table = Table("process", "built, s", "ready, s", "MiB", title=f"Start-up of the plane: {plane.start_seconds:.0f} s")
    for name, running in plane.supervisor.running.items():
        built = Toolbox().build_seconds(name.removesuffix("-1").removesuffix("-2"))
        table.add_row(
            name, "" if built is None else f"{built:.0f}", f"{running.ready_seconds:.1f}", f"{memory[name]:.0f}"
        )
    table.add_row(f"{len(memory)} processes", "", "", f"{sum(memory.values()):.0f}")
    with capsys.disabled():
        Console().print("", table)
    assert {*processes.FLUX_PORTS, "flagger", "traefik-1", "traefik-2", "prometheus"} <= set(plane.supervisor.running)
    assert all(mebibytes > 0 for mebibytes in memory.values())
