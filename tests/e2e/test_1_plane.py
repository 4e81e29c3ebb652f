"""The plane itself: real, of the cluster's minor version, complete."""

import re

import pytest

from controlplane import processes
from controlplane.plane import ZONES, Plane, wait_until
from tools.build import ROOT

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


def test_every_process_runs(plane: Plane) -> None:
    plane.supervisor.check()
    assert {*processes.FLUX_PORTS, "flagger", "traefik-1", "traefik-2", "prometheus"} <= set(plane.supervisor.running)


def test_start_up_takes_less_than_a_minute(plane: Plane, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        memory = plane.memory_mebibytes()
        print(f"\nstart-up {plane.start_seconds:.1f} s, {len(memory)} processes, {sum(memory.values()):.0f} MiB")
        for name, running in plane.supervisor.running.items():
            print(f"  {name:28} ready after {running.ready_seconds:4.1f} s {memory[name]:6.0f} MiB")
    assert plane.start_seconds < 60
