"""Runs the platform's program with the real Pulumi engine against the simulated cloud."""

import json
import os
import runpy
import sys
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import pulumi
import yaml
from pulumi import automation

from simulator import provider
from simulator.answers import Cloud, Operation
from simulator.eks_components import install
from tools.build import ensure

ROOT: Final = Path(__file__).parent.parent
FAULTS_VARIABLE: Final = "SIMULATOR_FAULTS"
"""Environment variable with faults to inject, JSON: ``{"create:aws:rds/instance:Instance": "ErrorCode"}``."""

Output = Callable[[str], object]
Program = Callable[[], object]


class RunFailedError(Exception):
    """A run of the engine failed; the message is what a person needs to read."""


class BadConfigurationError(RunFailedError):
    """The program refused its configuration before the first resource."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run did.

    Attributes:
        outputs: The stack's outputs; secrets included, in the clear.
        changes: Number of resources by what happened to them: ``create``, ``same``, ``update``, ``delete`` …
        operations: What the cloud did, in order.
        wall_seconds: How long the run took here.
        aws_seconds: How long AWS would have taken: the longest chain of operations that wait for each other.
    """

    outputs: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, int] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    wall_seconds: float = 0
    aws_seconds: int = 0


def platform() -> None:
    """The project's own program."""
    runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")


class Platform:
    """One stack on one simulated cloud, kept in one folder."""

    def __init__(
        self, stack: str = "local", *, folder: Path | None = None, program: Program = platform, settings: Path = ROOT
    ) -> None:
        """Prepares a stack.

        Args:
            stack: Its name.
            folder: Where state and cloud are kept.
            program: What the engine runs.
            settings: Folder of ``Pulumi.yaml`` and ``Pulumi.<stack>.yaml``.
        """
        self.stack_name = stack
        self.folder = folder or ROOT / ".local"
        self.settings = settings
        self._program = program

    def open_cloud(self) -> Cloud:
        """The cloud as it was left.

        Raises:
            RunFailedError: the variable with the faults is not JSON.
        """
        try:
            faults = json.loads(os.environ.get(FAULTS_VARIABLE) or "{}")
        except ValueError as error:
            raise RunFailedError(f"{FAULTS_VARIABLE} must be JSON: {error}") from None
        return Cloud(self.folder / "cloud.json", faults=faults)

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
            raise RunFailedError(f"the stack is empty, the cloud is not: {'; '.join(map(str, left))}")
        return result

    def _run(self, action: str, say: Output, *, color: bool) -> Result:
        started = time.monotonic()
        cloud = self.open_cloud()
        refused: list[str] = []

        def program() -> None:
            try:
                self._program()
            except pulumi.RunError as error:
                refused.append(str(error))
                raise

        with provider.serving(cloud) as port:
            stack = self._stack(program, port)
            before = _resources(stack) if action == "destroy" else []
            printer = _Printer(say)
            flags: Any = {
                "on_output": printer,
                "color": "always" if color else "never",
                "suppress_outputs": True,
                "suppress_progress": True,
            }
            changes: Mapping[str, Any] = {}
            outputs: dict[str, Any] = {}
            try:
                match action:
                    case "up":
                        up = stack.up(**flags)
                        changes = up.summary.resource_changes or {}
                        outputs = {name: output.value for name, output in up.outputs.items()}
                    case "preview":
                        changes = stack.preview(**{key: flags[key] for key in flags if key != "suppress_outputs"}).change_summary
                    case "refresh":
                        changes = stack.refresh(**flags).summary.resource_changes or {}
                    case _:
                        changes = stack.destroy(**flags).summary.resource_changes or {}
            except automation.CommandError as error:
                if refused:
                    raise BadConfigurationError(refused[0]) from None
                printer.flush()
                raise RunFailedError(_reason(str(error))) from error
            printer.flush()
            after = before if action == "destroy" else _resources(stack) if cloud.operations else []
        self._write_log(cloud.operations)
        return Result(
            outputs=outputs,
            changes={str(getattr(key, "value", key)): int(count) for key, count in changes.items()},
            operations=cloud.operations,
            wall_seconds=time.monotonic() - started,
            aws_seconds=longest_chain(cloud.operations, after),
        )

    def _stack(self, program: Program, port: int) -> automation.Stack:
        """The stack, in a workspace of its own: the engine writes a salt into the stack's file, and Git stays clean."""
        pulumi_binary = ensure("pulumi")
        state, home = self.folder / "state", self.folder / "pulumi"
        state.mkdir(parents=True, exist_ok=True)
        install(home / "plugins")
        os.environ["PATH"] = os.pathsep.join(
            dict.fromkeys([str(pulumi_binary.parent), *os.environ["PATH"].split(os.pathsep)])
        )
        os.environ["PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK"] = "true"
        return automation.create_or_select_stack(
            self.stack_name,
            project_name=self._prepare_workspace(),
            program=program,
            opts=automation.LocalWorkspaceOptions(
                work_dir=str(self._workspace),
                pulumi_home=str(home),
                env_vars={
                    "PULUMI_BACKEND_URL": f"file://{state}",
                    "PULUMI_CONFIG_PASSPHRASE": "",
                    "PULUMI_DEBUG_PROVIDERS": provider.attachments(port),
                    "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
                    "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
                    "PULUMI_SKIP_UPDATE_CHECK": "true",
                    "PULUMI_SKIP_CONFIRMATIONS": "true",
                    "PYTHONWARNINGS": "ignore",
                },
            ),
        )

    @property
    def _workspace(self) -> Path:
        return self.folder / "workspace"

    def _prepare_workspace(self) -> str:
        """Copies project and stack files, keeping the salt that the engine wrote; returns the project's name.

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
        copy.write_text(yaml.safe_dump(wanted))
        return str(project["name"])

    def _write_log(self, operations: Iterable[Operation]) -> None:
        lines = [json.dumps(asdict(operation)) for operation in operations]
        (self.folder / "operations.jsonl").write_text("".join(f"{line}\n" for line in lines))


class _Printer:
    """Holds the engine's first lines back until it registers more than the stack itself.

    A refused configuration ends before that, and then one line says it all.
    """

    def __init__(self, say: Output) -> None:
        self._say = say
        self._held: list[str] | None = []

    def __call__(self, line: str) -> None:
        if self._held is None:
            self._say(line)
            return
        self._held.append(line)
        if ":" in line and "pulumi:pulumi:Stack" not in line and line.strip()[:1] in "+-~ " and "(" not in line[:3]:
            if not line.startswith(("Updating", "Previewing", "Refreshing", "Destroying")):
                self.flush()

    def flush(self) -> None:
        """Lets go of the held lines."""
        for line in self._held or []:
            self._say(line)
        self._held = None


def _reason(text: str) -> str:
    """The engine's own errors, out of everything that the command printed."""
    lines = [line.strip() for line in text.splitlines()]
    reasons = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    telling = [line for line in dict.fromkeys(reasons) if line not in {"update failed", "resource registration failed"}]
    return "; ".join(telling or reasons) or text.strip()


def _resources(stack: automation.Stack) -> list[dict[str, Any]]:
    """The resources in the stack's state."""
    deployment: Any = stack.export_stack().deployment
    return list((deployment or {}).get("resources") or [])


def longest_chain(operations: Iterable[Operation], resources: Iterable[Mapping[str, Any]]) -> int:
    """Seconds of the longest chain of operations, each of which had to wait for the one before.

    Args:
        operations: What was done.
        resources: The stack's resources with their dependencies; the chain of a destroy is the same one backwards.
    """
    seconds = {
        (operation.token, operation.name, operation.id): operation.seconds
        for operation in operations
    }
    finished: dict[str, int] = {}
    for resource in resources:
        waits = [
            finished.get(urn, 0)
            for urn in [resource.get("parent", ""), *(resource.get("dependencies") or [])]
        ]
        key = (resource.get("type", ""), provider.name_of(resource["urn"]), resource.get("id", ""))
        finished[resource["urn"]] = max(waits, default=0) + seconds.get(key, 0)
    return max(finished.values(), default=0)


@contextmanager
def told_of(folder: Path) -> Generator[None]:
    """Says where the state is when a run is broken off."""
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write(f"\nInterrupted. The state in {folder} is whole; run the same command again.\n")
        raise SystemExit(130) from None
