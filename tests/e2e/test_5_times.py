"""Promotion and rollback times against Flagger's formula: n steps of an interval I, threshold t; and their pictures."""

import pytest
from rich.console import Console
from rich.table import Table

from controlplane.picture import decision, draw
from tests.e2e.platform import Platform
from tests.e2e.releases import FirstWave
from tools.build import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

INTERVAL_SECONDS = 10
STEPS = 10
THRESHOLD = 3
PROMOTION_SECONDS = (STEPS + 3) * INTERVAL_SECONDS
"""Detection, then a step per tick, promotion, routing back, scaling down."""

ROLLBACK_SECONDS = (THRESHOLD + 2) * INTERVAL_SECONDS
"""A version that is bad from the start: detection, first step, three failed checks, rollback."""


def test_no_decision_comes_before_the_formula_says(
    platform: Platform, first_wave: FirstWave, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        ("good, through Git", "promoted", first_wave.good, PROMOTION_SECONDS),
        ("5 % errors, through Git", "rolled back", first_wave.errors, ROLLBACK_SECONDS),
        ("P99 700 ms", "rolled back", first_wave.slow, ROLLBACK_SECONDS),
    ]
    columns = ("release", "outcome", "seconds", "formula, at least", "requests", "failed, %")
    table = Table(*columns, title="Time from detection to decision")
    for name, outcome, release, formula in rows:
        requests, failed = str(len(release.answers)), f"{release.failure_percent:.2f}"
        table.add_row(name, outcome, f"{release.seconds:.0f}", str(formula), requests, failed)
    table.add_section()
    table.add_row("pulumi up, with Flux", "root Ready", f"{platform.made.wall_seconds:.0f}", "", "", "")
    with capsys.disabled():
        Console().print(table)
    # Detection may fall anywhere into a tick.
    for name, _, release, formula in rows:
        assert release.seconds >= formula - INTERVAL_SECONDS, f"{name}: {release.seconds:.0f} s, formula {formula} s"


def test_pictures_of_a_promotion_and_a_rollback(first_wave: FirstWave) -> None:
    """They are left in ``.local/releases``; the README shows copies."""
    folder = ROOT / ".local" / "releases"
    folder.mkdir(parents=True, exist_ok=True)
    for name, moments in (("promotion", first_wave.promotion), ("rollback", first_wave.rollback)):
        (folder / f"{name}.svg").write_text(draw(moments, "realworld/realworld"))
    assert decision(first_wave.promotion)[1] == "promoted"
    assert decision(first_wave.rollback)[1] == "rolled back"
    assert max(moment.weight_percent for moment in first_wave.promotion) == 50
    below = [moment.success_percent for moment in first_wave.rollback if moment.success_percent is not None]
    assert min(below) == pytest.approx(95, abs=2)
