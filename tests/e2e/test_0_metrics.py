"""The canary's queries, evaluated by Prometheus' own test tool. A query that yields nothing is a failed check."""

import json
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.gitops.tree import read_tree, text

pytestmark = pytest.mark.e2e

SCRAPE_SECONDS = 10
SUCCESS_RATE, LATENCY = "success-rate", "latency-p99"
INTERVALS = {SUCCESS_RATE: "1m", LATENCY: "30s"}
"""As in the Canary."""

ABSENT = "_"
"""In the series below: no pod yet at that scrape."""


@cache
def query(template: str) -> str:
    """The query of a MetricTemplate as Flagger asks it for the app's canary."""
    written = text(read_tree("local").get("MetricTemplate", template, "flagger-system").content, "spec", "query")
    for variable, value in {"namespace": "realworld", "target": "realworld", "interval": INTERVALS[template]}.items():
        written = written.replace(f"{{{{ {variable} }}}}", value)
    assert "{{" not in written
    return written


def responses(classification: str, values: str, **labels: str) -> dict[str, str]:
    """A counter of one pod's answers, one value per scrape."""
    return series("response_total", values, classification=classification, **labels)


def latencies(bound: str, values: str) -> dict[str, str]:
    """A bucket of one pod's latencies in milliseconds, one value per scrape."""
    return series("response_latency_ms_bucket", values, le=bound)


def series(name: str, values: str, **labels: str) -> dict[str, str]:
    """A series of the canary's pod, as Linkerd's proxy labels it, in promtool's notation."""
    known = {"namespace": "realworld", "deployment": "realworld", "direction": "inbound", "pod": "realworld-1"}
    selector = ",".join(f'{label}="{value}"' for label, value in {**known, **labels}.items())
    return {"series": f"{name}{{{selector}}}", "values": values}


def case(found: list[dict[str, str]], template: str, seconds: int, value: float | None) -> Mapping[str, object]:
    """What a query is to yield at a time; None for nothing that Flagger could compare."""
    samples = [] if value is None else [{"value": value}]
    expression = {"expr": f"({query(template)}) >= -1", "eval_time": f"{seconds}s", "exp_samples": samples}
    return {"interval": f"{SCRAPE_SECONDS}s", "input_series": found, "promql_expr_test": [expression]}


def judge(folder: Path, *cases: Mapping[str, object]) -> None:
    """Let Prometheus evaluate some cases."""
    file = folder / "cases.yaml"
    file.write_text(json.dumps({"tests": cases}))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_expectation_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="FAILED"):
        judge(tmp_path, case([responses("success", "0+1x6")], SUCCESS_RATE, 60, 99))


@pytest.mark.parametrize(
    ("found", "value"),
    [
        ([], None),
        ([responses("success", "_ _ _ _ _ _ 1")], 100),
        ([responses("failure", "_ _ _ _ _ _ 1")], 0),
        ([responses("success", "_ _ _ _ _ _ 19"), responses("failure", "_ _ _ _ _ _ 1")], 95),
        ([responses("success", "0+19x6"), responses("failure", "0+1x6")], 95),
        ([responses("failure", "0+3x6")], 0),
        ([responses("success", "7+0x6")], None),
        ([responses("success", "7+0x6"), responses("failure", "1+0x6")], None),
    ],
    ids=[
        "no pod",
        "one scrape",
        "one scrape of failures",
        "one scrape of both",
        "a rate",
        "a rate of failures alone",
        "no more traffic",
        "no more traffic after a failure",
    ],
)
def test_success_rate(tmp_path: Path, found: list[dict[str, str]], value: float | None) -> None:
    judge(tmp_path, case(found, SUCCESS_RATE, 60, value))


@pytest.mark.parametrize(
    "other", [{"deployment": "realworld-primary"}, {"namespace": "elsewhere"}, {"direction": "outbound"}]
)
def test_only_what_the_canary_answers_counts(tmp_path: Path, other: dict[str, str]) -> None:
    found = [responses("success", "0+5x6"), responses("failure", "0+5x6", **other)]
    judge(tmp_path, case(found, SUCCESS_RATE, 60, 100))


def test_a_version_without_a_failure_is_never_above_the_highest_rate(tmp_path: Path) -> None:
    """The rates are seldom round numbers: ``100 * rate / rate`` is 100.00000000000001 in one window of fifteen."""
    judge(
        tmp_path,
        *(
            case([responses("success", f"{f'{ABSENT} ' * absent}0+{each}x6")], SUCCESS_RATE, seconds, 100)
            for each in range(1, 20)
            for absent in range(1, 6)
            for seconds in range(60, 70)
        ),
    )


@pytest.mark.parametrize(
    ("found", "value"),
    [
        ([], None),
        ([latencies("500", "_ _ _ _ _ _ 100"), latencies("+Inf", "_ _ _ _ _ _ 100")], 495),
        ([latencies("500", "0+10x6"), latencies("+Inf", "0+10x6")], 495),
        ([latencies("500", "0+0x6"), latencies("1000", "0+10x6"), latencies("+Inf", "0+10x6")], 995),
        ([latencies("500", "7+0x6"), latencies("+Inf", "7+0x6")], None),
    ],
    ids=["no pod", "one scrape", "a rate", "slow", "no more traffic"],
)
def test_latency(tmp_path: Path, found: list[dict[str, str]], value: float | None) -> None:
    judge(tmp_path, case(found, LATENCY, 60, value))
