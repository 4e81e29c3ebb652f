"""A machine that cannot run a plane is refused; a plane that fails says what it knows, and nothing of it is left."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from controlplane import isolation, processes
from controlplane.__main__ import main
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


def test_what_the_machine_lacks_is_named_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "git").symlink_to("/bin/true")
    monkeypatch.setattr(sys, "argv", ["controlplane", "build"])
    assert main() == 1
    assert capsys.readouterr().err == (
        "error: missing on this machine: curl, iproute2, prometheus; apt-get install curl iproute2 prometheus\n"
    )


def test_a_user_without_the_right_to_a_network_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in processes.SYSTEM_PACKAGES:
        (tmp_path / command).symlink_to("/bin/true")
    (tmp_path / "unshare").symlink_to("/bin/false")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(processes.MachineError, match="run it as root on Linux"):
        processes.check_machine()
    (tmp_path / "unshare").unlink()
    (tmp_path / "unshare").symlink_to("/bin/true")
    processes.check_machine()
