"""What `pulumi destroy` asks of the cluster first: delete the root; everything under it goes before the root does."""

import json
from collections.abc import Iterator

import pytest

from controlplane.plane import wait_until
from controlplane.stack import FLUX, KUSTOMIZE, SOURCE
from tests.e2e.platform import Platform
from tests.e2e.releases import Outage

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1200),
]

TEARDOWN_SECONDS = 120
ROOT = ("kustomizations", FLUX, "platform")
LAYERS = ("realworld", "delivery", "mesh", "identity", "foundation")


@pytest.fixture(scope="module")
def requests(platform: Platform, outage: Outage) -> list[tuple[str, tuple[str, str, str]]]:
    """Verb and object of every request that changed something since the root's deletion was asked for, in order."""
    assert outage
    before = len(platform.plane.paths.audit_log.read_text().splitlines())
    platform.api.delete(KUSTOMIZE, "Kustomization", "platform", FLUX)
    wait_until(
        lambda: platform.api.find(KUSTOMIZE, "Kustomization", "platform", FLUX) is None,
        TEARDOWN_SECONDS,
        "the root to be gone",
    )

    def changes() -> Iterator[tuple[str, tuple[str, str, str]]]:
        for line in platform.plane.paths.audit_log.read_text().splitlines()[before:]:
            event = json.loads(line)
            about = event["objectRef"]
            if event["responseStatus"]["code"] < 400:
                yield event["verb"], (about["resource"], about.get("namespace", ""), about.get("name", ""))

    return list(changes())


def test_every_layer_is_deleted_and_gone_before_the_root(
    platform: Platform, requests: list[tuple[str, tuple[str, str, str]]]
) -> None:
    end_of_root = max(number for number, (_, about) in enumerate(requests) if about == ROOT)
    for layer in LAYERS:
        about = ("kustomizations", FLUX, layer)
        assert requests.index(("delete", about)) < end_of_root
        assert max(number for number, (_, changed) in enumerate(requests) if changed == about) < end_of_root
        assert platform.api.find(KUSTOMIZE, "Kustomization", layer, FLUX) is None


@pytest.mark.parametrize(
    "about",
    [
        ("canaries", "realworld", "realworld"),
        ("deployments", "realworld", "realworld"),
        ("gateways", "traefik", "public"),
        ("helmreleases", FLUX, "flagger"),
    ],
    ids="/".join,
)
def test_what_git_made_is_deleted_before_the_root_is_gone(
    requests: list[tuple[str, tuple[str, str, str]]], about: tuple[str, str, str]
) -> None:
    end_of_root = max(number for number, (_, changed) in enumerate(requests) if changed == ROOT)
    assert requests.index(("delete", about)) < end_of_root


def test_what_flagger_made_goes_with_the_canary(
    platform: Platform, requests: list[tuple[str, tuple[str, str, str]]]
) -> None:
    assert requests
    wait_until(
        lambda: platform.api.find("apps/v1", "Deployment", "realworld-primary", "realworld") is None,
        60,
        "the primary to be collected",
    )
    assert platform.api.find("gateway.networking.k8s.io/v1", "HTTPRoute", "realworld", "realworld") is None


def test_what_pulumi_made_is_left_to_pulumi(
    platform: Platform, requests: list[tuple[str, tuple[str, str, str]]]
) -> None:
    assert requests
    assert platform.api.find(SOURCE, "GitRepository", "platform", FLUX) is not None
    assert platform.api.find("v1", "Namespace", "traefik") is not None
