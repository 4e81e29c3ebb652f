"""Overlays hold differences only, and every folder is reached by some stack."""

from pathlib import Path
from typing import cast

import pytest
import yaml

from tests.gitops.tree import ROOT, STACKS, JsonObject, kustomize, read_tree

GITOPS = ROOT / "gitops"
OVERLAYS = ["infrastructure/controllers/foundation", "infrastructure/controllers/mesh", "apps/realworld"]


def kustomization(folder: Path) -> JsonObject:
    return cast("JsonObject", yaml.safe_load((folder / "kustomization.yaml").read_text()))


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("layer", OVERLAYS)
def test_overlay_holds_differences_only(layer: str, stack: str) -> None:
    assert kustomization(GITOPS / layer / stack)["resources"] == ["../base"]


@pytest.mark.parametrize("layer", OVERLAYS)
def test_dev_is_the_base(layer: str) -> None:
    assert set(kustomization(GITOPS / layer / "dev")) - {"images"} == {"apiVersion", "kind", "resources"}


@pytest.mark.parametrize("stack", STACKS)
def test_same_objects_in_every_stack(stack: str) -> None:
    optional = {
        "Secret flux-system/commit-status",
        "Provider flux-system/commit-status",
        "Alert flux-system/commit-status",
    }
    names = {str(manifest) for manifest in read_tree(stack).manifests}

    assert names - optional == {str(manifest) for manifest in read_tree("prod").manifests} - optional


def test_every_file_is_part_of_some_folder() -> None:
    """A manifest that no kustomization.yaml names is never applied."""
    for folder in sorted({path.parent for path in GITOPS.rglob("*.yaml")}):
        listed = kustomization(folder)
        named = {str(name) for field in ("resources", "patches") for name in _names(listed, field)}
        there = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
        assert there <= named, folder


def _names(listed: JsonObject, field: str) -> list[object]:
    entries = cast("list[object]", listed.get(field, []))
    return [
        entry.get("path") if isinstance(entry, dict) else entry for entry in cast("list[JsonObject | str]", entries)
    ]


def test_every_folder_builds() -> None:
    for path in sorted(GITOPS.rglob("kustomization.yaml")):
        if kustomization(path.parent)["kind"] == "Kustomization":
            assert kustomize(path.parent), path
