"""The project's virtual environment, made from the lock file: `python3 tools/environment.py`.

Does nothing when `.venv` already holds what `requirements.lock` says. The stamp that tells so is written last: a run
that was cut short is repeated from the start. Only the standard library is used, in syntax that an older Python reads
well enough to be refused by name.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MINIMUM_PYTHON = (3, 11)
FAILURE_LINES = 10
PROGRESS_INTERVAL_SECONDS = 10


class SetupError(RuntimeError):
    """The environment cannot be made; the message is what a person needs to read."""


def check_python(version: tuple[int, int], modules: tuple[str, ...] = ("venv", "ensurepip")) -> None:
    """Refuses a Python that cannot make the environment.

    Raises:
        SetupError: it is too old, or lacks one of the modules that make virtual environments.
    """
    if version < MINIMUM_PYTHON:
        found, needed = ".".join(map(str, version)), ".".join(map(str, MINIMUM_PYTHON))
        raise SetupError(
            f"Python {needed} or newer is needed, {sys.executable} is {found}; name another one with make PYTHON3=…"
        )
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise SetupError(
                f"{sys.executable} has no module {module}; on Debian and Ubuntu: apt-get install python3-venv"
            )


def is_ready(root: Path = ROOT) -> bool:
    """Whether `.venv` was made to the end from the lock file as it is now."""
    stamp, python = root / ".venv" / "stamp", root / ".venv" / "bin" / "python"
    return python.exists() and stamp.is_file() and stamp.read_text() == _digest(root / "requirements.lock")


def ensure_environment(root: Path = ROOT) -> None:
    """Makes `.venv` if it is missing, half made or older than the lock file; safe to call from several processes.

    Raises:
        SetupError: this Python will not do, or pip failed (with the end of its log).
    """
    check_python(sys.version_info[:2])
    environment, lock = root / ".venv", root / "requirements.lock"
    guard_path = root / ".tools" / "locks" / "environment"
    guard_path.parent.mkdir(parents=True, exist_ok=True)
    with guard_path.open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if is_ready(root):
            return
        started, digest = time.monotonic(), _digest(lock)
        packages = sum("==" in line for line in lock.read_text().splitlines())
        _say(f"environment: installing {packages} Python packages into .venv, about 1 min")
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
        _install(environment / "bin" / "python", lock, environment / "pip.log", started)
        (environment / "stamp").write_text(digest)
        _say(f"environment: ready in {time.monotonic() - started:.0f} s")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _install(python: Path, lock: Path, log: Path, started: float) -> None:
    options = ["--disable-pip-version-check", "--no-input", "--progress-bar=off", "--only-binary=:all:"]
    with log.open("w") as output:
        process = subprocess.Popen(
            [python, "-m", "pip", "install", *options, "--require-hashes", "-r", lock],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            while process.poll() is None:
                try:
                    process.wait(PROGRESS_INTERVAL_SECONDS)
                except subprocess.TimeoutExpired:
                    collected = log.read_text(errors="replace").count("\nCollecting ")
                    _say(f"environment: {time.monotonic() - started:.0f} s, {collected} packages collected")
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if process.returncode != 0:
        lines = log.read_text(errors="replace").splitlines()[-FAILURE_LINES:]
        raise SetupError("pip failed; the end of its log is\n" + "\n".join(f"  {line}" for line in lines))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        ensure_environment()
    except (SetupError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
