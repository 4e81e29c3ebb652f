"""Processes started in order, each waited for, and stopped in reverse order with nothing left running."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

LAST_LINES = 15
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class ProcessFailed(Exception):
    """A process ended or did not become ready; the message carries its last log lines."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """What to run and how to know that it is ready."""

    name: str
    command: Sequence[str]
    ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    ready_timeout_seconds: float = 60.0
    stop_timeout_seconds: float = 10.0


@dataclass
class Running:
    """A started process, its log, and how long it took to become ready."""

    process: Process
    popen: subprocess.Popen[bytes]
    log: Path
    ready_seconds: float = 0.0

    def resident_mebibytes(self) -> float:
        """Return the memory that it holds now; 0 once it has ended."""
        try:
            status = Path(f"/proc/{self.popen.pid}/status").read_text()
        except FileNotFoundError:
            return 0.0
        kibibytes = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
        return int(kibibytes[0]) / 1024 if kibibytes else 0.0


def _die_with_parent() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def last_lines(log: Path, count: int = LAST_LINES) -> str:
    """Return the end of a log file."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


class Supervisor:
    """Starts processes and owns them: leaving its context stops every one, the last started first."""

    def __init__(self, log_directory: Path, report: Callable[[str], None] = lambda line: None) -> None:
        log_directory.mkdir(parents=True, exist_ok=True)
        self._log_directory = log_directory
        self._report = report
        self.running: dict[str, Running] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop_all()

    def start(self, process: Process) -> Running:
        """Start a process and wait until it is ready.

        Raises:
            ProcessFailed: it ended, or was not ready in time; it is stopped then.
        """
        running = self.spawn(process)
        self.await_ready(running)
        return running

    def start_together(self, processes: Sequence[Process]) -> None:
        """Start processes that do not need each other, then wait for all of them."""
        for running in [self.spawn(process) for process in processes]:
            self.await_ready(running)

    def spawn(self, process: Process) -> Running:
        """Start a process without waiting."""
        log = self._log_directory / f"{process.name}.log"
        with log.open("ab") as output:
            popen = subprocess.Popen(
                process.command,
                env={**os.environ, **process.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - it makes one system call and takes no lock
            )
        running = Running(process, popen, log)
        self.running[process.name] = running
        return running

    def await_ready(self, running: Running) -> None:
        """Wait for a started process; see ``start``."""
        process, began = running.process, time.monotonic()
        while True:
            with contextlib.suppress(OSError):
                if process.ready():
                    break
            ended = running.popen.poll() is not None
            if ended or time.monotonic() - began > process.ready_timeout_seconds:
                what = f"ended with {running.popen.returncode}" if ended else "was not ready in time"
                self.stop(process.name)
                raise ProcessFailed(f"{process.name} {what}; its last lines:\n{last_lines(running.log)}")
            time.sleep(0.05)
        running.ready_seconds = time.monotonic() - began
        self._report(f"{process.name} ready after {running.ready_seconds:.1f} s")

    def stop(self, name: str) -> None:
        """Stop one process and its children: politely first, then not."""
        running = self.running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.popen.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.popen.wait(running.process.stop_timeout_seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.popen.pid, signal.SIGKILL)
        running.popen.wait()

    def stop_all(self) -> None:
        """Stop every process, the last started first."""
        for name in reversed(list(self.running)):
            self.stop(name)

    def check(self) -> None:
        """Raise ``ProcessFailed`` if a process ended by itself."""
        for name, running in self.running.items():
            if running.popen.poll() is not None:
                raise ProcessFailed(
                    f"{name} ended with {running.popen.returncode}; its last lines:\n{last_lines(running.log)}"
                )

    def last_log_lines(self) -> str:
        """Return the end of every log, one heading per process."""
        return "\n".join(f"--- {name}\n{last_lines(running.log)}" for name, running in self.running.items())
