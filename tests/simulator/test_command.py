"""The command line: helps, exit codes, one line per failure, and the closing summary."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import simulator.__main__ as command
from simulator.answers import Operation
from simulator.driver import (
    BadConfigurationError,
    InterruptedRunError,
    Platform,
    Result,
    RunFailedError,
    longest_chain,
)
from simulator.summary import duration

URN = "urn:pulumi:local::realworld-platform::"


class StandIn(Platform):
    """A platform whose runs end as the test says."""

    ending: Exception | Result

    def _run(self, action: str, say: Callable[[str], object], *, color: bool) -> Result:
        say(f"{action} under way")
        if isinstance(self.ending, Exception):
            raise self.ending
        return self.ending


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Exception | Result], None]:
    def set_ending(value: Exception | Result) -> None:
        StandIn.ending = value

    monkeypatch.setattr(command, "Platform", partial(StandIn, folder=tmp_path))
    return set_ending


def result(changes: dict[str, int], operations: list[Operation] | None = None) -> Result:
    outputs = {"cluster_name": "c", "password": "hidden", "next_step": "Add the key", "empty": ""}
    return Result(
        outputs=outputs,
        secret_outputs=frozenset({"password"}),
        changes=changes,
        operations=operations or [],
        wall_seconds=12.3,
        aws_seconds=1010,
    )


@pytest.mark.parametrize("action", command.ACTIONS)
def test_every_action_has_a_help(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        command.main([action, "--help"])
    assert leaving.value.code == 0
    printed = capsys.readouterr().out
    assert "--stack" in printed
    assert "exit codes" in printed


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RunFailedError("InsufficientDBInstanceCapacity: no [room]"), 1),
        (BadConfigurationError("network.cidr = 10.0.0.0/33: must be a network"), 2),
        (InterruptedRunError("interrupted"), 130),
    ],
)
def test_failures_are_one_line_and_an_exit_code(
    error: Exception,
    code: int,
    ending: Callable[[Exception | Result], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    ending(error)
    assert command.main(["up"]) == code
    assert capsys.readouterr().err == f"error: {error}\n"


def test_summary_of_up_says_what_a_person_needs(
    ending: Callable[[Exception | Result], None], capsys: pytest.CaptureFixture[str]
) -> None:
    operation = Operation(action="create", token="aws:ec2/vpc:Vpc", name="v", id="vpc-1", seconds=12)
    ending(result({"create": 166}, [operation]))
    assert command.main(["up"]) == 0
    printed = capsys.readouterr().out
    assert "cluster name  c\n" in printed
    assert "hidden" not in printed
    assert "empty" not in printed
    assert printed.index("Add the key") > printed.index("cluster name")
    assert "Done: 166 created." in printed
    assert "12 s here; AWS would take about 16 min 50 s" in printed
    assert "make destroy" in printed


def test_summary_says_that_nothing_changed(
    ending: Callable[[Exception | Result], None], capsys: pytest.CaptureFixture[str]
) -> None:
    ending(result({"same": 166}))
    assert command.main(["up"]) == 0
    assert "Nothing changed. 166 resources" in capsys.readouterr().out


def test_destroy_says_that_both_are_empty(
    ending: Callable[[Exception | Result], None], capsys: pytest.CaptureFixture[str]
) -> None:
    ending(result({"delete": 166}))
    assert command.main(["destroy"]) == 0
    assert "The stack is empty and so is the cloud" in capsys.readouterr().out


def test_destroy_fails_while_something_is_left(
    ending: Callable[[Exception | Result], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from simulator.answers import Cloud

    Cloud(tmp_path / "cloud.json").create("aws:ec2/vpc:Vpc", "v", {})
    ending(result({"delete": 1}))
    assert command.main(["destroy"]) == 1
    assert "left behind: Vpc vpc-" in capsys.readouterr().err


def test_status_of_nothing(ending: Callable[[Exception | Result], None], capsys: pytest.CaptureFixture[str]) -> None:
    ending(result({}))
    assert command.main(["status"]) == 0
    assert capsys.readouterr().out == "The cloud is empty.\n"


def test_faults_must_be_json(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "Platform", partial(Platform, folder=tmp_path))
    monkeypatch.setenv("SIMULATOR_FAULTS", "create:x")
    assert command.main(["status"]) == 1
    assert capsys.readouterr().err.startswith("error: SIMULATOR_FAULTS must be JSON")


def test_a_stack_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFailedError, match=r"stack 'nowhere' has no Pulumi\.nowhere\.yaml"):
        Platform("nowhere", folder=tmp_path).up(lambda _: None)


def test_time_follows_the_longest_chain() -> None:
    def node(name: str, *before: str) -> dict[str, object]:
        return {"urn": f"{URN}t::{name}", "type": "t", "id": name, "dependencies": [f"{URN}t::{b}" for b in before]}

    def step(name: str, seconds: int) -> Operation:
        return Operation(action="create", token="t", name=name, id=name, seconds=seconds)

    resources = [node("a"), node("b", "a"), node("c", "a"), node("d", "b", "c")]
    operations = [step("a", 10), step("b", 100), step("c", 5), step("d", 1)]
    assert longest_chain(operations, resources) == 111
    assert longest_chain([step("c", 5)], resources) == 5


@pytest.mark.parametrize(("seconds", "text"), [(9.4, "9 s"), (60, "1 min 0 s"), (1010, "16 min 50 s")])
def test_durations_read_like_speech(seconds: float, text: str) -> None:
    assert duration(seconds) == text
