"""Processes are waited for, told from dead ones, and stopped in reverse order with their children."""

import sys
import time
from pathlib import Path

import pytest

from controlplane.supervisor import Process, ProcessFailed, Supervisor

TRAPPED = """
import signal, sys, time
def leave(number, frame):
    with open(sys.argv[1], "a") as file:
        file.write(sys.argv[2])
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
open(sys.argv[3], "w").close()
time.sleep(60)
"""


def trapped(name: str, folder: Path) -> Process:
    """A process that writes its name into ``order`` when it is stopped."""
    started = folder / f"{name}.started"
    command = [sys.executable, "-c", TRAPPED, str(folder / "order"), name, str(started)]
    return Process(name=name, command=command, ready=started.exists)


def test_the_last_started_is_stopped_first(tmp_path: Path) -> None:
    with Supervisor(tmp_path / "logs") as supervisor:
        supervisor.start(trapped("a", tmp_path))
        supervisor.start_together([trapped("b", tmp_path), trapped("c", tmp_path)])
    assert (tmp_path / "order").read_text() == "cba"


def test_children_of_a_process_are_stopped_too(tmp_path: Path) -> None:
    child = tmp_path / "child"
    script = f"sleep 60 & echo $! > {child}; wait"
    with Supervisor(tmp_path / "logs") as supervisor:
        supervisor.start(Process(name="parent", command=["sh", "-c", script], ready=child.exists))
        time.sleep(0.1)
        identifier = child.read_text().strip()
        assert Path(f"/proc/{identifier}").exists()
    time.sleep(0.2)
    status = Path(f"/proc/{identifier}/status")
    assert not status.exists() or "State:\tZ" in status.read_text()


def test_a_process_that_ends_is_reported_with_its_last_lines(tmp_path: Path) -> None:
    process = Process(name="broken", command=["sh", "-c", "echo no such flag; exit 3"], ready=lambda: False)
    with (
        Supervisor(tmp_path) as supervisor,
        pytest.raises(ProcessFailed, match=r"broken ended with 3(.|\n)*no such flag"),
    ):
        supervisor.start(process)


def test_a_process_that_never_becomes_ready_is_reported_and_stopped(tmp_path: Path) -> None:
    process = Process(name="slow", command=["sleep", "60"], ready=lambda: False, ready_timeout_seconds=0.2)
    with Supervisor(tmp_path) as supervisor:
        with pytest.raises(ProcessFailed, match="slow was not ready in time"):
            supervisor.start(process)
        assert supervisor.running == {}


def test_a_process_that_ends_later_is_noticed(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        running = supervisor.start(Process(name="short", command=["sh", "-c", "exit 4"], ready=lambda: True))
        running.popen.wait()
        with pytest.raises(ProcessFailed, match="short ended with 4"):
            supervisor.check()
