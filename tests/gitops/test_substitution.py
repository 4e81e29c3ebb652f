"""The values that Pulumi hands over are those that the tree asks for, and reach it as what they are."""

import base64
import json
import re
from pathlib import Path

import pytest

from gitops import runtime
from gitops.runtime import RUNTIME_KEYS, SECRET_KEYS
from tests.gitops.tree import (
    ROOT,
    RUNTIME_NAME,
    STACKS,
    UNSET,
    VALUES,
    Tree,
    at,
    items,
    kustomize,
    read_tree,
    substitute,
    text,
)

GUIDE = ROOT / "docs" / "runbooks" / "add-an-app.md"


def test_the_tests_know_every_value_of_the_contract() -> None:
    assert runtime.NAME == RUNTIME_NAME
    assert set(VALUES) == {*RUNTIME_KEYS, *SECRET_KEYS}


def test_every_variable_is_provided(tree: Tree) -> None:
    assert tree.variables <= {*RUNTIME_KEYS, *SECRET_KEYS}


def test_every_provided_value_is_in_the_guide_and_unused_ones_are_marked() -> None:
    used = frozenset[str]().union(*(read_tree(stack).variables for stack in STACKS))
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", GUIDE.read_text(), flags=re.MULTILINE))
    assert set(rows) == {*RUNTIME_KEYS, *SECRET_KEYS}
    assert {name for name, where in rows.items() if where.strip() == "for apps"} == set(rows) - used


def test_nothing_is_left_to_substitute(tree: Tree) -> None:
    assert [str(manifest) for manifest in tree.manifests if "${" in json.dumps(manifest.content)] == []


def test_every_layer_takes_its_values_from_pulumi(tree: Tree) -> None:
    for layer in tree.of_kind("Kustomization"):
        if text(layer.content, "spec", "sourceRef", "name") == "platform":
            assert items(layer.content, "spec", "postBuild", "substituteFrom") == [
                {"kind": "ConfigMap", "name": RUNTIME_NAME},
                {"kind": "Secret", "name": RUNTIME_NAME},
            ], f"{layer} in {tree.stack}"


@pytest.mark.parametrize(
    ("identity", "path", "variable"),
    [
        ("Secret realworld/realworld-db", "stringData.DATABASE_PASSWORD", "database_password"),
        ("Secret realworld/realworld-db", "stringData.DATABASE_HOST", "database_host"),
        ("Secret flux-system/alert-receiver", "stringData.address", "alert_address"),
        ("Secret flagger-system/alert-receiver", "stringData.address", "alert_address"),
        ("Secret flagger-system/event-receiver", "stringData.address", "event_address"),
        ("Provider flux-system/alerts", "spec.type", "alert_provider_type"),
        ("ImageRepository flux-system/realworld", "spec.image", "image_repository"),
        ("ImageUpdateAutomation flux-system/realworld", "spec.git.checkout.ref.branch", "git_branch"),
        ("ImageUpdateAutomation flux-system/realworld", "spec.git.push.branch", "git_push_branch"),
    ],
)
def test_value_arrives(tree: Tree, identity: str, path: str, variable: str) -> None:
    found = {str(manifest): manifest for manifest in tree.manifests}[identity]

    assert text(found.content, *path.split(".")) == VALUES[variable]


def test_host_of_the_app_arrives(tree: Tree) -> None:
    canary = tree.get("Canary", "realworld", "realworld")
    assert at(canary.content, "spec", "service", "hosts") == [VALUES["ingress_host"]]


@pytest.mark.parametrize("version_range", [">=1.0.0 <2.0.0", "*", "1", "~1.2", "1.x || 3.x", "!=1.2.3"])
def test_version_range_stays_text(version_range: str) -> None:
    tree = read_tree("dev", values={**VALUES, "image_semver_range": version_range})

    policy = tree.get("ImagePolicy", "realworld", "flux-system")

    assert text(policy.content, "spec", "policy", "semver", "range").strip() == version_range


@pytest.mark.parametrize("stack", STACKS)
def test_absent_settings_become_empty_texts(stack: str) -> None:
    tree = read_tree(stack, values={**VALUES, **UNSET})

    assert tree.get("Secret", "alert-receiver", "flux-system").content["stringData"] == {"address": ""}
    assert tree.get("Secret", "alert-receiver", "flagger-system").content["stringData"] == {"address": ""}
    assert tree.get("Secret", "event-receiver", "flagger-system").content["stringData"] == {"address": ""}


@pytest.mark.parametrize("namespace", ["flux-system", "realworld"])
def test_registry_secret_is_valid_when_nothing_is_configured(namespace: str) -> None:
    registry = read_tree("dev").get("Secret", "registry", namespace)

    assert json.loads(base64.b64decode(text(registry.content, "data", ".dockerconfigjson"))) == {"auths": {}}


def test_substitution_does_as_flux_does() -> None:
    values = {"set": "value", "empty": ""}
    assert substitute('a: ${set}\nb: ${empty:=""}\nc: ${unknown}\nd: ${unknown:=x}', values) == (
        'a: value\nb: ""\nc: \nd: x'
    )


def test_a_broken_folder_is_reported_in_kustomizes_words(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [absent.yaml]\n")
    with pytest.raises(RuntimeError, match="absent\\.yaml"):
        kustomize(tmp_path)
