"""Fixtures of the tree's tests."""

import shutil
from pathlib import Path

import pytest

from tests.gitops.tree import ROOT, STACKS, Tree, read_tree


@pytest.fixture(params=STACKS)
def tree(request: pytest.FixtureRequest) -> Tree:
    """The tree of each stack in turn."""
    return read_tree(str(request.param))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of this repository's tree, to be changed."""
    shutil.copytree(ROOT / "gitops", tmp_path / "gitops")
    return tmp_path
