"""The Makefile, the lock file, CI's entry point and what no file may hold."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import cast

import pytest

from tools.build import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
INTERNAL_TARGETS = {"environment", "pulumi-cli"}

# Written in two halves, so that this file does not hold them either.
REGISTRY_HOSTS = ["py" + "pi.org", "python" + "hosted.org", "proxy.go" + "lang.org", "sum.go" + "lang.org"]
MACHINE_PATHS = ["/opt" + "/wheels", "/root" + "/", "/work" + "/main", "/work" + "/shared"]


def make(*arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    # A make that runs the tests hands its own variables on.
    inherited = {name: value for name, value in os.environ.items() if name not in {"ARGS", "STACK"}}
    environment = {**inherited, "MAKEFLAGS": ""} | ({"PATH": str(path)} if path else {})
    command = [str(shutil.which("make")), "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def phony_targets() -> set[str]:
    block = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)
    assert block
    return set(block[1].replace("\\\n", " ").split())


def test_make_alone_lists_every_target_with_its_help() -> None:
    listed = dict(re.findall(r"^  make (\S+) +(\S.*)$", make().stdout, re.MULTILINE))
    assert listed.keys() == phony_targets() - INTERNAL_TARGETS
    assert {"up", "preview", "refresh", "destroy", "status", "test", "lint", "types", "check", "lock"} <= listed.keys()


@pytest.mark.parametrize("verb", ["up", "preview", "refresh", "destroy", "status"])
def test_a_verb_on_the_local_stack_is_the_simulators(verb: str) -> None:
    assert make("--dry-run", verb).stdout.splitlines()[-1].split() == [".venv/bin/python", "-m", "simulator", verb]


@pytest.mark.parametrize("verb", ["up", "preview", "refresh", "destroy", "status"])
def test_a_verb_on_any_other_stack_is_the_official_clis(verb: str) -> None:
    command = make("--dry-run", verb, "STACK=dev").stdout.splitlines()[-1].split()
    assert command == ["pulumi", "stack" if verb == "status" else verb, "--stack", "dev"]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A PATH with no more than what make's recipes need."""
    (tmp_path / "sh").symlink_to("/bin/sh")
    (tmp_path / "python3").symlink_to(Path(sys.executable).resolve())
    return tmp_path


def test_another_stack_without_the_cli_is_refused_in_one_line(machine: Path) -> None:
    result = make("up", "STACK=dev", path=machine)
    assert result.returncode != 0
    assert result.stderr.splitlines()[0].startswith("error: STACK=dev needs the official Pulumi CLI on PATH: ")


def test_another_stack_without_a_login_is_refused_in_one_line(machine: Path) -> None:
    pulumi = machine / "pulumi"
    pulumi.write_text("#!/bin/sh\nexit 255\n")
    pulumi.chmod(0o755)
    result = make("destroy", "STACK=prod", path=machine)
    assert result.returncode != 0
    assert result.stderr.splitlines()[0].startswith("error: Pulumi is not logged in to the state of STACK=prod: ")


def test_no_python_is_refused_in_one_line(machine: Path) -> None:
    (machine / "python3").unlink()
    result = make("test", path=machine)
    assert result.returncode != 0
    assert result.stderr.splitlines()[0] == "error: python3 is not on PATH; Python 3.11 or newer is needed"


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, tuple[str, int]]:
    """Version and number of hashes of each locked package."""
    text = (ROOT / "requirements.lock").read_text()
    entries = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)((?: \\\n +--hash=sha256:[0-9a-f]{64})*)$", text, re.MULTILINE)
    lines = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(entries) == len(lines)
    return {normalised(name): (version, hashes.count("--hash")) for name, version, hashes in entries}


def test_every_locked_package_has_a_hash() -> None:
    assert [name for name, (_, hashes) in locked().items() if hashes == 0] == []


def test_the_lock_file_covers_every_dependency_at_its_version() -> None:
    project = cast("dict[str, object]", tomllib.loads((ROOT / "pyproject.toml").read_text())["project"])
    extras = cast("dict[str, list[str]]", project["optional-dependencies"])
    dependencies = cast("list[str]", project["dependencies"]) + [name for extra in extras.values() for name in extra]
    pins = dict(dependency.split("==") for dependency in dependencies)
    assert {normalised(name): version for name, version in pins.items()} == {
        normalised(name): locked()[normalised(name)][0] for name in pins
    }


def repository_files() -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def test_no_file_names_a_registry_host_or_a_machine() -> None:
    files = repository_files()
    assert ROOT / "Makefile" in files
    forbidden = re.compile("|".join(map(re.escape, REGISTRY_HOSTS + MACHINE_PATHS)).encode())
    assert {str(path.relative_to(ROOT)) for path in files if forbidden.search(path.read_bytes())} == set()


def test_ci_is_executable_and_ends_with_the_test_runner() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().rstrip().splitlines()[-1].startswith('exec "${pytest[@]}"')


def test_ci_stops_at_the_first_failure(machine: Path) -> None:
    make_stub = machine / "make"
    make_stub.write_text('#!/bin/sh\necho "made $2"\n[ "$2" != lint ]\n')
    make_stub.chmod(0o755)
    for name in ("bash", "dirname", "git"):
        (machine / name).symlink_to(str(shutil.which(name)))
    result = subprocess.run(
        [ROOT / ".ci" / "run"], env={**os.environ, "PATH": str(machine)}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert re.findall(r"made (\S+)", result.stdout) == ["environment", "lint"]
    assert result.stdout.rstrip().endswith("made lint")
