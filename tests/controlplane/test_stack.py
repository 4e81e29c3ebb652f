"""Which tags may be released on the plane, and what it says of the others."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.__main__ import main
from controlplane.stack import refusal

RANGE = ">=1.0.0 <2.0.0"
NUMBERS = st.integers(0, 99)


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_a_tag_above_the_last_one_and_within_the_range_is_released(a: int, b: int, c: int, d: int) -> None:
    tag, chosen = f"1.{a}.{b}", f"1.{c}.{d}"
    assert (refusal(tag, RANGE, chosen) is None) == ((a, b) > (c, d))


@pytest.mark.parametrize(
    ("tag", "rule"),
    [
        ("new", "'new' is no semantic version"),
        ("1.2", "'1.2' is no semantic version"),
        ("2.0.0", "2.0.0 is outside gitops.imageSemverRange, >=1.0.0 <2.0.0"),
        ("1.3.0-rc.1", "1.3.0-rc.1 is outside gitops.imageSemverRange"),
        ("1.2.0", "1.2.0 is not above 1.2.0"),
    ],
)
def test_other_tags_are_refused_by_name_and_rule(tag: str, rule: str) -> None:
    assert rule in str(refusal(tag, RANGE, "1.2.0"))


@pytest.mark.parametrize(
    "arguments", [["release", "1.2.0", "--fail-every", "-1"], ["release", "1.2.0", "--delay-milliseconds", "soon"]]
)
def test_a_fault_that_is_no_number_is_refused(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["controlplane", *arguments])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert arguments[2] in capsys.readouterr().err
