"""One platform on one simulated cloud, taken through its life once; the tests look at what each step did."""

import json
import logging
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml

from simulator.driver import FAULTS_VARIABLE, ROOT, Platform, Result, RunFailedError
from simulator.things import Store

LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
DATABASE = "aws:rds/instance:Instance"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


@contextmanager
def fault(operation: str, code: str) -> Generator[None]:
    """Makes an operation (``create:aws:rds/instance:Instance``) fail with a code for the time of a ``with``."""
    os.environ[FAULTS_VARIABLE] = json.dumps({operation: code})
    try:
        yield
    finally:
        del os.environ[FAULTS_VARIABLE]


def _keep(record: logging.LogRecord) -> bool:
    """Drops the last words of a program that the engine broke off.

    Pytest would keep them with their frames, and so the program's coroutine, until it is collected in the middle of
    another test.
    """
    return record.exc_info is None or not isinstance(record.exc_info[1], grpc.RpcError | RuntimeError)


logging.getLogger("grpc._server").addFilter(_keep)


def copy_settings(folder: Path) -> Path:
    """A folder with the project's file and that of the local stack."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("Pulumi.yaml", "Pulumi.local.yaml"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def set_config(folder: Path, concern: str, key: str, value: object) -> None:
    """Edits one configuration value of the local stack, as a person would."""
    path = folder / "Pulumi.local.yaml"
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    document["config"].setdefault(f"realworld-platform:{concern}", {})[key] = value
    path.write_text(yaml.safe_dump(document))


@dataclass
class Life:
    """What happened to the platform, step by step.

    Attributes:
        broken: Error of the first ``up``, in which the database could not be made.
        after_break: Types of the things that stood then.
        up: The ``up`` that went on from there.
        again: The ``up`` after that, without a change.
        change: The ``up`` after one edit of the configuration.
        drift: The ``refresh`` after things were changed and deleted by hand.
        repair: The ``up`` after that.
        destroyed: The ``destroy``.
        said: What the engine said, by step.
        state: The engine's state file after ``up``.
        left: What stood in the cloud at the end.
    """

    broken: str
    after_break: list[str]
    up: Result
    again: Result
    change: Result
    drift: Result
    repair: Result
    destroyed: Result
    said: dict[str, list[str]]
    state: str
    left: list[str]


def _by_hand(folder: Path) -> None:
    """What a person does in the console: deletes an alarm, retags a VPC."""
    store = Store(folder / "cloud.json")
    lost = next(thing for thing in store if thing.token == ALARM)
    del store.things[lost.key]
    vpc = next(thing for thing in store if thing.token == "aws:ec2/vpc:Vpc")
    for values in (vpc.inputs, vpc.outputs):
        values["tags"] = {**values["tags"], "Name": "changed by hand"}
    store.save()


@pytest.fixture(scope="session")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """The platform's life."""
    folder = tmp_path_factory.mktemp("platform")
    settings = copy_settings(folder / "settings")
    platform = Platform(folder=folder / "local", settings=settings)
    said: dict[str, list[str]] = {}

    def step(name: str, run: Callable[..., Result]) -> Result:
        return run(said.setdefault(name, []).append)

    with fault(f"create:{DATABASE}", "InsufficientDBInstanceCapacity"), pytest.raises(RunFailedError) as broken:
        step("broken", platform.up)
    after_break = [thing.token for thing in platform.open_cloud()]
    up = step("up", platform.up)
    state = next((folder / "local" / "state").rglob("local.json")).read_text()
    again = step("again", platform.up)
    set_config(settings, "network", "flowLogRetentionDays", 90)
    change = step("change", platform.up)
    _by_hand(platform.folder)
    drift = step("drift", platform.refresh)
    repair = step("repair", platform.up)
    destroyed = step("destroyed", platform.destroy)
    return Life(
        broken=str(broken.value),
        after_break=after_break,
        up=up,
        again=again,
        change=change,
        drift=drift,
        repair=repair,
        destroyed=destroyed,
        said=said,
        state=state,
        left=[str(thing) for thing in platform.open_cloud()],
    )
