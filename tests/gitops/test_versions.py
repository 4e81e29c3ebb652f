"""The versions in the tree are those of versions.py, and Renovate finds them in both places under the same name."""

import re
from pathlib import Path

import pytest

import versions
from tests.gitops.tree import ROOT, STACKS, Tree, containers, pod_templates, read_tree, text

FOLDERS = [ROOT / "gitops" / name for name in ("clusters", "infrastructure", "apps")]
MARKED = re.compile(r"^\s*(?:- )?(?P<field>\w+): (?P<value>\S+) # renovate: (?P<marker>.+)$", re.MULTILINE)
PINNED = re.compile(r"^# renovate: (?P<marker>.+)\n(?P<name>\w+): Final = \"(?P<value>[^\"]+)\"", re.MULTILINE)

CHARTS = {
    "cert-manager": versions.CERT_MANAGER,
    "trust-manager": versions.TRUST_MANAGER,
    "metrics-server": versions.METRICS_SERVER,
    "linkerd-crds": versions.LINKERD,
    "linkerd-cni": versions.LINKERD,
    "linkerd-control-plane": versions.LINKERD,
    "linkerd-viz": versions.LINKERD,
    "traefik": versions.TRAEFIK,
    "flagger": versions.FLAGGER,
    "loadtester": versions.FLAGGER_LOADTESTER,
}


def manifests() -> list[Path]:
    return [path for folder in FOLDERS for path in sorted(folder.rglob("*.yaml"))]


def test_every_release_has_the_pinned_version(tree: Tree) -> None:
    found: dict[str, str] = {}
    for release in tree.of_kind("HelmRelease"):
        source = tree.find("OCIRepository", text(release.content, "spec", "chartRef", "name"), release.namespace)
        found[release.name] = (
            text(release.content, "spec", "chart", "spec", "version")
            if source is None
            else text(source.content, "spec", "ref", "tag")
        )
    assert found == CHARTS


def test_gateway_api_has_the_pinned_version(tree: Tree) -> None:
    source = tree.get("GitRepository", "gateway-api", "flux-system")
    assert text(source.content, "spec", "ref", "tag") == versions.GATEWAY_API


@pytest.mark.parametrize("stack", STACKS)
def test_load_tests_run_the_load_testers_image(stack: str) -> None:
    images = {
        text(container, "image")
        for _, template in pod_templates(read_tree(stack))
        for container in containers(template)
        if "flagger" in text(container, "image")
    }
    assert images == {f"ghcr.io/fluxcd/flagger-loadtester:{versions.FLAGGER_LOADTESTER}"}


def test_markers_agree_with_versions() -> None:
    pinned = {match["marker"]: match["value"] for match in PINNED.finditer((ROOT / "versions.py").read_text())}
    marked = [match for path in manifests() for match in MARKED.finditer(path.read_text())]
    assert len(marked) >= len(CHARTS)
    for match in marked:
        expected = pinned.get(match["marker"])
        if expected is not None:
            assert match["value"] == expected, match["marker"]
        elif match["field"] == "image":
            assert match["value"].endswith(f":{versions.FLAGGER_LOADTESTER}"), match["marker"]
        else:  # the other charts of Linkerd's release train
            assert match["value"] == versions.LINKERD, match["marker"]


def test_every_pin_has_a_marker() -> None:
    unmarked = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in manifests()
        for line in path.read_text().splitlines()
        if re.match(r"\s*(tag|version|newTag): ", line) and "# renovate: " not in line and "$imagepolicy" not in line
    ]
    assert unmarked == []
