"""`renovate.json` sees every marker that the project writes."""

import json
import re
from pathlib import Path
from typing import cast

import pytest

from tools.build import ROOT

CONFIGURATION = cast("dict[str, list[dict[str, list[str]]]]", json.loads((ROOT / "renovate.json").read_text()))
MARKER = re.compile(r"# renovate: datasource=")
MARKED = [
    path
    for path in [ROOT / "versions.py", *sorted((ROOT / "gitops").rglob("*.yaml"))]
    if MARKER.search(path.read_text())
]


def python_pattern(pattern: str) -> str:
    return pattern.replace("(?<", "(?P<")


@pytest.mark.parametrize("path", MARKED, ids=[str(path.relative_to(ROOT)) for path in MARKED])
def test_every_marker_is_read_with_its_version(path: Path) -> None:
    name, text = str(path.relative_to(ROOT)), path.read_text()
    managers = [
        manager
        for manager in CONFIGURATION["customManagers"]
        if any(re.search(pattern.strip("/"), name) for pattern in manager["managerFilePatterns"])
    ]
    assert len(managers) == 1
    matches = [match for pattern in managers[0]["matchStrings"] for match in re.finditer(python_pattern(pattern), text)]
    assert len(matches) == len(MARKER.findall(text))
    assert all(re.search(r"\d", match["currentValue"]) for match in matches)


def test_a_pin_of_every_kind_is_marked() -> None:
    assert ROOT / "versions.py" in MARKED
    assert any("gitops" in path.parts for path in MARKED)
