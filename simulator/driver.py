"""Runs the platform's program with the real Pulumi engine against the simulated cloud."""

import gc
import json
import os
import re
import runpy
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import pulumi
import yaml
from pulumi import automation
from pulumi.automation._stack import StackInitMode  # pyright: ignore[reportPrivateUsage] – not exported

from simulator import provider
from simulator.answers import Cloud, Operation
from simulator.control_plane import LOOPBACK, ControlPlane
from simulator.eks_components import install
from simulator.references import CLUSTER
from simulator.values import Values, at, list_at, object_at
from tools.build import ensure

ROOT: Final = Path(__file__).parent.parent
CONTROL_PLANE_FILE: Final = ROOT / ".local" / "plane" / "control-plane.json"
"""What ``make control-plane`` writes for the time that it runs."""

FAULTS_VARIABLE: Final = "SIMULATOR_FAULTS"
"""Environment variable with faults to inject, JSON: ``{"create:aws:rds/instance:Instance": "ErrorCode"}``."""

RESOURCE_LINE: Final = re.compile(r"[a-z]+:[a-zA-Z0-9./]+:[A-Z]\w+ \S+")
UNTOUCHED: Final = re.compile(r"(    )?\s*[a-z]+:[a-zA-Z0-9./]+:[A-Za-z]\w+ \S+")
"""How the engine lists a resource that stays as it is."""
NOISE: Final = ("If you want to remove the stack completely", "The resources in the stack have been deleted")

SECRET_TEXT: Final = "plaintext"  # noqa: S105 – a key, no secret
"""Where an exported state holds the value of a secret, as JSON."""

Output = Callable[[str], object]
Program = Callable[[], None]


class RunFailedError(Exception):
    """A run of the engine failed; the message is what a person needs to read."""


class InterruptedRunError(RunFailedError):
    """The run was broken off by Ctrl-C."""


class BadConfigurationError(RunFailedError):
    """The program refused its configuration before the first resource."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run did.

    Attributes:
        outputs: The stack's outputs; secrets included, in the clear.
        secret_outputs: Which of them are secrets.
        changes: Number of resources by what happened to them: ``create``, ``same``, ``update``, ``delete`` …
        operations: What the cloud did, in order.
        wall_seconds: How long the run took here.
        aws_seconds: How long AWS would have taken: the longest chain of operations that wait for each other.
    """

    outputs: Mapping[str, Any]
    secret_outputs: frozenset[str]
    changes: Mapping[str, int]
    operations: list[Operation]
    wall_seconds: float
    aws_seconds: int


class State(NamedTuple):
    """What the engine remembers of a stack.

    Attributes:
        resources: Its resources, as the engine exports them.
        outputs: Its outputs; secrets included, in the clear.
        secret_outputs: Which of them are secrets.
    """

    resources: list[Values]
    outputs: Values
    secret_outputs: frozenset[str]


def platform() -> None:
    """The project's own program."""
    runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")


class Platform:
    """One stack on one simulated cloud, kept in one folder."""

    def __init__(
        self,
        stack: str = "local",
        *,
        folder: Path | None = None,
        program: Program = platform,
        settings: Path = ROOT,
        control_plane: Path | None = None,
    ) -> None:
        """Prepares a stack.

        Args:
            stack: Its name.
            folder: Where state and cloud are kept.
            program: What the engine runs.
            settings: Folder of ``Pulumi.yaml`` and ``Pulumi.<stack>.yaml``.
            control_plane: File that tells of a real API server; a cluster that is made while it runs stands on it.
        """
        self.stack_name = stack
        self.folder = folder or ROOT / ".local"
        self.settings = settings
        self._program = program
        self._control_plane = control_plane

    def open_cloud(self, control_plane: ControlPlane | None = None) -> Cloud:
        """The cloud as it was left, with the API server that its clusters stand on.

        Raises:
            RunFailedError: the variable with the faults is not JSON.
        """
        try:
            faults = json.loads(os.environ.get(FAULTS_VARIABLE) or "{}")
        except ValueError as error:
            raise RunFailedError(f"{FAULTS_VARIABLE} must be JSON: {error}") from None
        return Cloud(self.folder / "cloud.json", faults=faults, control_plane=control_plane)

    def up(self, say: Output = print, *, color: bool = False) -> Result:
        """Makes the cloud what the program wants."""
        return self._run("up", say, color=color)

    def preview(self, say: Output = print, *, color: bool = False) -> Result:
        """Says what ``up`` would do."""
        return self._run("preview", say, color=color)

    def refresh(self, say: Output = print, *, color: bool = False) -> Result:
        """Takes over what the cloud has become."""
        return self._run("refresh", say, color=color)

    def destroy(self, say: Output = print, *, color: bool = False) -> Result:
        """Deletes everything.

        Raises:
            RunFailedError: the engine failed, or something was left behind.
        """
        result = self._run("destroy", say, color=color)
        left = list(self.open_cloud())
        if left:
            orphans = "; ".join(map(str, left))
            raise RunFailedError(f"the stack is empty, the cloud is not; left behind: {orphans}")
        return result

    def state(self) -> State:
        """What the engine remembers of the stack; nothing before the first ``up``."""
        if not (self.folder / "state").exists():
            return State([], {}, frozenset())
        return self._stack(self._program, 0, None).state()

    def _run(self, action: str, say: Output, *, color: bool) -> Result:
        started = time.monotonic()
        plane = self._plane_for(action, say)
        cloud = self.open_cloud(plane)
        refused: list[str] = []
        printer = _Printer(say)

        def program() -> None:
            try:
                self._program()
            except pulumi.RunError as error:
                refused.append(str(error))
                raise

        with provider.serving(cloud) as port, _engine_gets_interrupts() as interrupts:
            stack = self._stack(program, port, plane)
            before = stack.state() if action == "destroy" else None
            try:
                changes = _call_engine(stack, action, printer, color=color)
            except automation.CommandError as error:
                if interrupts:
                    raise InterruptedRunError("interrupted; the state is whole, run the same command again") from None
                if refused:
                    raise BadConfigurationError(refused[0]) from None
                printer.flush()
                raise RunFailedError(_reason(str(error))) from None
            finally:
                self._write_log(cloud.operations)
                _forget_broken_off_program()
            printer.flush()
            state = before or stack.state()
        return Result(
            outputs=state.outputs,
            secret_outputs=state.secret_outputs,
            changes={str(getattr(key, "value", key)): int(count) for key, count in changes.items()},
            operations=cloud.operations,
            wall_seconds=time.monotonic() - started,
            aws_seconds=longest_chain(cloud.operations, state.resources),
        )

    def _plane_for(self, action: str, say: Output) -> ControlPlane | None:
        """The real API server that the stack's cluster stands on, or will.

        Raises:
            RunFailedError: it has ended, and only ``destroy`` can do without.
        """
        plane = ControlPlane.find(self._control_plane) if self._control_plane is not None else None
        cluster = next((thing for thing in self.open_cloud() if thing.token == CLUSTER), None)
        if cluster is None:
            if plane is not None:
                say("The cluster will be the control plane that runs on this machine.")
            return plane
        if not str(cluster.outputs["endpoint"]).startswith(LOOPBACK):
            if plane is not None:
                say("A control plane runs, but this cluster was made without it: destroy it first to change over.")
            return None
        if plane is not None and plane.certificate_authority == at(cluster.outputs, "certificateAuthority", "data"):
            return plane
        if action != "destroy":
            raise RunFailedError("the control plane that this cluster stood on has ended: run make destroy first")
        return None

    def _stack(self, program: Program, port: int, plane: ControlPlane | None) -> "_Stack":
        """The stack, in a workspace of its own: the engine writes a salt into the stack's file, and Git stays clean."""
        pulumi_binary = ensure("pulumi")
        state, home = self.folder / "state", self.folder / "pulumi"
        state.mkdir(parents=True, exist_ok=True)
        _break_dead_locks(state)
        install(home / "plugins")
        os.environ["PATH"] = os.pathsep.join(
            dict.fromkeys([str(pulumi_binary.parent), *os.environ["PATH"].split(os.pathsep)])
        )
        os.environ["PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK"] = "true"
        self._prepare_workspace(plane.settings if plane is not None else {})
        workspace = automation.LocalWorkspace(
            work_dir=str(self._workspace),
            pulumi_home=str(home),
            program=program,
            env_vars={
                "PULUMI_BACKEND_URL": f"file://{state}",
                "PULUMI_CONFIG_PASSPHRASE": "",
                "PULUMI_DEBUG_PROVIDERS": provider.attachments(port),
                "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
                "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
                "PULUMI_SKIP_UPDATE_CHECK": "true",
            },
        )
        return _Stack(self.stack_name, workspace, StackInitMode.CREATE_OR_SELECT)

    @property
    def _workspace(self) -> Path:
        return self.folder / "workspace"

    def _prepare_workspace(self, settings: Mapping[str, Mapping[str, str]]) -> None:
        """Copies project and stack files, keeping the salt that the engine wrote, with some settings changed.

        Raises:
            RunFailedError: the stack has no file.
        """
        self._workspace.mkdir(parents=True, exist_ok=True)
        project: dict[str, Any] = yaml.safe_load((self.settings / "Pulumi.yaml").read_text())
        project["runtime"] = "python"
        (self._workspace / "Pulumi.yaml").write_text(yaml.safe_dump(project))
        name = f"Pulumi.{self.stack_name}.yaml"
        source, copy = self.settings / name, self._workspace / name
        if not source.exists():
            raise RunFailedError(f"stack {self.stack_name!r} has no {name}")
        wanted: dict[str, Any] = yaml.safe_load(source.read_text()) or {}
        if copy.exists():
            kept: dict[str, Any] = yaml.safe_load(copy.read_text()) or {}
            wanted |= {key: kept[key] for key in ("encryptionsalt",) if key in kept}
        for concern, changed in settings.items():
            key = f"{project['name']}:{concern}"
            wanted["config"][key] = {**wanted["config"].get(key, {}), **changed}
        copy.write_text(yaml.safe_dump(wanted))

    def _write_log(self, operations: Iterable[Operation]) -> None:
        lines = [json.dumps(asdict(operation)) for operation in operations]
        (self.folder / "operations.jsonl").write_text("".join(f"{line}\n" for line in lines))


class _Stack(automation.Stack):
    """A stack whose ``up`` does not ask the engine for the outputs twice over; they are read with the state."""

    def outputs(self) -> automation.OutputMap:
        """Nothing: see ``state``."""
        return {}

    def state(self) -> State:
        """Resources and outputs, with one call of the engine."""
        resources: list[Values] = list_at(self.export_stack().deployment, "resources")
        nothing: Values = {}
        stack = next((resource for resource in resources if resource["type"] == "pulumi:pulumi:Stack"), nothing)
        outputs = object_at(stack, "outputs")
        secrets = frozenset(name for name, value in outputs.items() if SECRET_TEXT in object_at(value))
        shown = {name: json.loads(value[SECRET_TEXT]) if name in secrets else value for name, value in outputs.items()}
        return State(resources, shown, secrets)


class _Printer:
    """Passes on what the engine says, without what it does not touch.

    The first lines are held back until it registers more than the stack itself: a refused configuration ends before
    that, and then one line says it all.
    """

    def __init__(self, say: Output) -> None:
        self._say = say
        self._held: list[str] | None = []

    def __call__(self, line: str) -> None:
        if UNTOUCHED.fullmatch(line) or line.startswith(NOISE):
            self.flush_at(line)
        elif self._held is None:
            self._say(line)
        else:
            self._held.append(line)
            self.flush_at(line)

    def flush_at(self, line: str) -> None:
        """Lets go of the held lines once a line tells of a resource."""
        if RESOURCE_LINE.search(line) and "pulumi:pulumi:Stack" not in line:
            self.flush()

    def flush(self) -> None:
        """Lets go of the held lines."""
        held, self._held = self._held or [], None
        for line in held:
            self._say(line)


def _call_engine(stack: _Stack, action: str, printer: Output, *, color: bool) -> Mapping[Any, int]:
    """Runs the engine; returns the number of resources by change."""
    flags: dict[str, Any] = {
        "on_output": printer,
        "color": "always" if color else "never",
        "suppress_progress": True,
    }
    match action:
        case "up":
            return stack.up(**flags, suppress_outputs=True).summary.resource_changes or {}
        case "preview":
            return stack.preview(**flags).change_summary
        case "refresh":
            return stack.refresh(**flags, suppress_outputs=True).summary.resource_changes or {}
        case _:
            return stack.destroy(**flags, suppress_outputs=True).summary.resource_changes or {}


def _reason(text: str) -> str:
    """The engine's own errors, out of everything that the command printed."""
    lines = [line.strip() for line in text.splitlines()]
    reasons = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    telling = [line for line in dict.fromkeys(reasons) if line not in {"update failed", "resource registration failed"}]
    return "; ".join(telling or reasons) or text.strip()


def longest_chain(operations: Iterable[Operation], resources: Iterable[Mapping[str, Any]]) -> int:
    """Seconds of the longest chain of operations, each of which had to wait for the one before.

    Args:
        operations: What was done.
        resources: The stack's resources with their dependencies; the chain of a destroy is the same one backwards.
    """
    seconds = {(operation.token, operation.name, operation.id): operation.seconds for operation in operations}
    finished: dict[str, int] = {}
    for resource in resources:
        before: list[str] = [resource.get("parent", ""), *list_at(resource, "dependencies")]
        waits = [finished.get(urn, 0) for urn in before]
        key = (resource.get("type", ""), provider.name_of(resource["urn"]), resource.get("id", ""))
        finished[resource["urn"]] = max(waits, default=0) + seconds.get(key, 0)
    return max(finished.values(), default=0)


@contextmanager
def _engine_gets_interrupts() -> Generator[list[int]]:
    """Leaves Ctrl-C to the engine, which ends what it is doing and keeps its state whole; yields the signals seen."""
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen
        return
    before = signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)


def _forget_broken_off_program() -> None:
    """Collects the coroutine that the SDK leaves behind when the engine breaks a program off.

    It complains when it is collected; left to chance, that happens in the middle of anything and can make Python's own
    parser fail (SystemError: AST constructor recursion depth mismatch).
    """
    hook = sys.unraisablehook
    sys.unraisablehook = lambda _: None
    try:
        gc.collect()
    finally:
        sys.unraisablehook = hook


def _break_dead_locks(state: Path) -> None:
    """Removes the locks of runs that were killed: their process is gone."""
    for lock in (state / ".pulumi" / "locks").rglob("*.json"):
        owner = int(json.loads(lock.read_text())["pid"])
        try:
            os.kill(owner, 0)
        except ProcessLookupError:
            lock.unlink()
        except PermissionError:
            continue
