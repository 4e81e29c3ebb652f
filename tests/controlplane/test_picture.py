"""The picture of a release says what was decided and when."""

import re
from xml.etree import ElementTree

import pytest

from controlplane.picture import Moment, decision, draw


def moment(seconds: float, phase: str, weight: int, success: float | None = 100.0) -> Moment:
    return Moment(
        seconds=seconds,
        phase=phase,
        weight_percent=weight,
        failed_checks=0,
        primary_rps=20.0,
        canary_rps=None if success is None else 2.0,
        success_percent=success,
        p99_milliseconds=None if success is None else 12.0,
    )


PROMOTION = [
    moment(0, "Progressing", 0, None),
    moment(10, "Progressing", 50),
    moment(20, "Promoting", 50),
    moment(30, "Succeeded", 0),
]
ROLLBACK = [moment(5, "Progressing", 5, 95.0), moment(40, "Failed", 0, 95.0)]


@pytest.mark.parametrize(
    ("moments", "at", "outcome"), [(PROMOTION, 20, "promoted"), (ROLLBACK, 40, "rolled back")], ids=["good", "bad"]
)
def test_decision_is_marked_when_the_analysis_ends(moments: list[Moment], at: float, outcome: str) -> None:
    assert decision(moments)[:2] == (at, outcome)
    assert f"{outcome} after {at - moments[0].seconds:.0f} s" in draw(moments, "shop/app")


def test_picture_is_well_formed_and_leaves_gaps_where_nothing_was_measured() -> None:
    root = ElementTree.fromstring(draw(PROMOTION, "shop/<app>"))  # noqa: S314 - our own text
    points = [line.attrib["points"] for line in root.iter("{http://www.w3.org/2000/svg}polyline")]
    assert [len(line.split()) for line in points] == [4, 4, 3, 3, 3]


def test_every_point_is_inside_the_picture() -> None:
    picture = draw(ROLLBACK, "shop/app")
    width, height = map(int, re.findall(r'viewBox="0 0 (\d+) (\d+)"', picture)[0])
    for points in re.findall(r'points="([^"]+)"', picture):
        for pair in points.split():
            x, y = map(float, pair.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height


def test_a_line_is_broken_where_nothing_was_measured_in_between() -> None:
    moments = [*ROLLBACK[:1], moment(10, "Progressing", 5), moment(20, "Progressing", 5, None), *ROLLBACK[1:]]
    assert draw(moments, "shop/app").count("<polyline") == 2 + 2 * 3
