"""A second app is one folder and one line per cluster: the folder beside this file, tried on each stack."""

import shutil
from pathlib import Path

import pytest

from tests.gitops.rules import complaints
from tests.gitops.tree import STACKS, read_tree, text

SECOND_APP = Path(__file__).parent / "second-app"
LINE = "  - ../../apps/realworld\n"


@pytest.fixture
def repository_with_second_app(repository: Path) -> Path:
    shutil.copytree(SECOND_APP, repository / "gitops" / "apps" / "guestbook")
    for stack in STACKS:
        cluster = repository / "gitops" / "clusters" / stack / "kustomization.yaml"
        assert cluster.read_text().count(LINE) == 1
        cluster.write_text(cluster.read_text().replace(LINE, LINE + LINE.replace("realworld", "guestbook")))
    return repository


@pytest.mark.parametrize("stack", STACKS)
def test_second_app_keeps_every_rule(repository_with_second_app: Path, stack: str) -> None:
    assert complaints(read_tree(stack, repository=repository_with_second_app)) == []


@pytest.mark.parametrize("stack", STACKS)
def test_second_app_changes_nothing_of_the_first(repository_with_second_app: Path, stack: str) -> None:
    before = {str(manifest): manifest.content for manifest in read_tree(stack).manifests}
    after = {
        str(manifest): manifest.content
        for manifest in read_tree(stack, repository=repository_with_second_app).manifests
    }

    assert {name: after[name] for name in before} == before
    assert {name for name in set(after) - set(before) if "guestbook" not in name} == set()


@pytest.mark.parametrize("stack", STACKS)
def test_second_app_is_a_layer_of_its_own(repository_with_second_app: Path, stack: str) -> None:
    tree = read_tree(stack, repository=repository_with_second_app)
    layer = tree.get("Kustomization", "guestbook", "flux-system")

    assert text(layer.content, "spec", "path") == f"./gitops/apps/guestbook/{stack}"
    assert tree.get("Canary", "guestbook", "guestbook").applied_by == "guestbook"
    assert tree.get("Canary", "realworld", "realworld").applied_by == "realworld"


def test_a_second_app_that_takes_the_firsts_name_is_caught(repository_with_second_app: Path) -> None:
    app = repository_with_second_app / "gitops" / "apps" / "guestbook" / "base" / "namespace.yaml"
    app.write_text(app.read_text().replace("  name: guestbook\n  labels", "  name: realworld\n  labels"))

    found = complaints(read_tree("dev", repository=repository_with_second_app))

    assert any(complaint.startswith("Namespace realworld is applied by") for complaint in found)
