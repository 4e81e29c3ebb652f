"""What goes wrong is reported, whichever layer it is in."""

import pytest

from tests.gitops.tree import Tree, items, mapping, read_tree, text


def test_errors_of_every_flux_object_are_reported(tree: Tree) -> None:
    alert = tree.get("Alert", "errors", "flux-system")
    watched = {text(source, "kind") for source in items(alert.content, "spec", "eventSources")}
    reported = {"HelmRelease", "HelmRepository", "OCIRepository", "GitRepository", "Kustomization"}
    reported |= {"ImageRepository", "ImagePolicy", "ImageUpdateAutomation"}

    assert text(alert.content, "spec", "eventSeverity") == "error"
    assert watched == reported
    assert watched >= {
        manifest.kind for manifest in tree.manifests if manifest.group.split(".")[0] in {"source", "image", "helm"}
    }
    assert all(source["name"] == "*" for source in items(alert.content, "spec", "eventSources"))


def test_alerts_do_not_wait_for_any_layer(tree: Tree) -> None:
    assert {manifest.applied_by for manifest in tree.of_kind("Alert", "Provider")} == {"root"}


def test_releases_are_reported_by_flagger(tree: Tree) -> None:
    canary = tree.get("Canary", "realworld", "realworld")
    provider = mapping(tree.get("AlertProvider", "releases", "flagger-system").content, "spec")

    assert [text(alert, "severity") for alert in items(canary.content, "spec", "analysis", "alerts")] == ["info"]
    # Flagger refuses an alert without either.
    assert provider["channel"]
    assert provider["username"]


def test_events_of_releases_are_reported_by_flagger(tree: Tree) -> None:
    environment = items(tree.get("HelmRelease", "flagger", "flux-system").content, "spec", "values", "env")
    receiver = tree.get("Secret", "event-receiver", "flagger-system")

    assert environment == [
        {
            "name": "EVENT_WEBHOOK_URL",
            "valueFrom": {"secretKeyRef": {"name": receiver.name, "key": "address"}},
        }
    ]
    # Flagger's pods do not start without it, and a later layer waits for them.
    assert receiver.applied_by == tree.get("HelmRelease", "flagger", "flux-system").applied_by


@pytest.mark.parametrize(("stack", "reports"), [("local", False), ("dev", True), ("prod", True)])
def test_commits_on_github_show_their_status(stack: str, reports: bool) -> None:
    tree = read_tree(stack)

    assert (tree.find("Alert", "commit-status", "flux-system") is not None) is reports
    if reports:
        provider = tree.get("Provider", "commit-status", "flux-system").content
        assert text(provider, "spec", "type") == "github"
        assert text(provider, "spec", "address").startswith("https://github.com/")
        assert text(provider, "spec", "commitStatusExpr").startswith(f"'{stack}/'")
