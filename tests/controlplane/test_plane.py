"""A plane that fails says what it knows, and then nothing of it is left."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from controlplane import isolation
from controlplane.plane import Plane
from controlplane.supervisor import Process

SPEAKS = "import time; print('no such flag', flush=True); time.sleep(60)"


def fail(root: Path, report: Callable[[str], None]) -> None:
    """A plane on which one process has started when something goes wrong."""
    with Plane(root, Path, report) as plane:
        log = plane.paths.logs / "etcd.log"
        command = [sys.executable, "-c", SPEAKS]
        process = Process(name="etcd", command=command, ready=lambda: "no such flag" in log.read_text())
        running = plane.supervisor.start(process)
        assert running.popen.pid in isolation.others_inside()
        raise TimeoutError


def test_a_failure_is_reported_with_the_ends_of_the_logs_and_leaves_nothing(tmp_path: Path) -> None:
    root, said = tmp_path / "plane", list[str]()
    with pytest.raises(TimeoutError):
        fail(root, said.append)
    assert "the API server does not answer" in said[-1]
    assert "--- etcd\nno such flag" in said[-1]
    assert not [command for command in isolation.others_inside().values() if SPEAKS in command]
    assert not root.exists()


def test_leaving_in_peace_reports_nothing(tmp_path: Path) -> None:
    said = list[str]()
    with Plane(tmp_path / "plane", Path, said.append):
        pass
    assert said == []
