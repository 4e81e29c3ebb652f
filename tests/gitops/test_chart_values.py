"""Values that a chart does not know are dropped without a word: the names are held to the charts that Go modules carry.

Traefik's, Linkerd's and metrics-server's charts are in no such module; their names were read in the charts' sources.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Protocol, cast

import pytest
import yaml
from jsonschema import Draft7Validator, ValidationError

import versions
from tests.gitops.tree import JsonObject, Tree, mapping
from tools.build import find_go, go_environment
from tools.schemas import MINIMUM_GO

CERT_MANAGER = f"github.com/cert-manager/cert-manager@{versions.CERT_MANAGER}"
TRUST_MANAGER = f"github.com/cert-manager/trust-manager@{versions.TRUST_MANAGER}"
FLAGGER = f"github.com/fluxcd/flagger@v{versions.FLAGGER}"

FREE_FORM = {"podAnnotations", "resources", "context"}
"""Values of Flagger's charts that are handed on to Kubernetes as they are."""


@cache
def module(pin: str) -> Path:
    """The folder of a Go module, downloaded if need be."""
    go = find_go(MINIMUM_GO, needed_by="the charts' values")
    with tempfile.TemporaryDirectory() as elsewhere:
        result = subprocess.run(
            [go, "mod", "download", "-json", pin],
            cwd=elsewhere,
            env=go_environment(go),
            capture_output=True,
            text=True,
            check=True,
        )
    return Path(cast("dict[str, str]", json.loads(result.stdout))["Dir"])


def release_values(tree: Tree, release: str) -> JsonObject:
    return mapping(tree.get("HelmRelease", release, "flux-system").content, "spec", "values")


class Validator(Protocol):
    """The part of jsonschema's validator that is used here."""

    def iter_errors(self, instance: object) -> Iterator[ValidationError]: ...


def refusals(schema: JsonObject, values: JsonObject) -> list[str]:
    """What a schema says against some values."""
    validator = cast("Validator", Draft7Validator(schema))
    return [error.message for error in validator.iter_errors(values)]


def unknown(values: JsonObject, defaults: JsonObject, path: str = "") -> Iterator[str]:
    """Each value that has no default."""
    for name, value in values.items():
        if name not in defaults:
            yield f"{path}{name}"
        elif isinstance(value, dict) and name not in FREE_FORM:
            yield from unknown(cast("JsonObject", value), mapping(defaults, name), f"{path}{name}.")


@pytest.mark.parametrize(("release", "pin"), [("cert-manager", CERT_MANAGER), ("trust-manager", TRUST_MANAGER)])
def test_values_follow_the_charts_schema(tree: Tree, release: str, pin: str) -> None:
    schema = cast("JsonObject", json.loads((module(pin) / f"deploy/charts/{release}/values.schema.json").read_text()))
    values = release_values(tree, release)

    assert refusals(schema, values) == []
    assert refusals(schema, {**values, "replicaCounts": 2}) != []


@pytest.mark.parametrize("release", ["flagger", "loadtester"])
def test_values_have_defaults_in_the_chart(tree: Tree, release: str) -> None:
    defaults = cast("JsonObject", yaml.safe_load((module(FLAGGER) / f"charts/{release}/values.yaml").read_text()))
    values = release_values(tree, release)

    assert list(unknown(values, defaults)) == []
    assert list(unknown({**values, "image": {"tags": "1"}}, defaults)) == ["image.tags"]


def test_load_tester_is_the_version_that_the_module_carries() -> None:
    chart = cast("JsonObject", yaml.safe_load((module(FLAGGER) / "charts/loadtester/Chart.yaml").read_text()))
    assert chart["version"] == versions.FLAGGER_LOADTESTER
