"""`pulumi destroy` on a real API server: the tree is pruned while Flux still runs; the order is that of design.md."""

from dataclasses import dataclass
from itertools import pairwise

import pytest

from controlplane.plane import PULUMI, wait_until
from controlplane.stack import FLUX, KUSTOMIZE
from simulator.driver import Result
from tests.e2e.platform import Platform, Request, objects_in, requests_in
from tests.e2e.releases import Outage

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

About = tuple[str, str, str]
ROOT: About = ("kustomizations", FLUX, "platform")
LAYERS = ("realworld", "delivery", "mesh", "identity", "foundation")
NODE_POOL: About = ("nodepools", "", "default")
NODE_CLASS: About = ("ec2nodeclasses", "", "default")
INSTANCE: About = ("fluxinstances", FLUX, "flux")
BINDING: About = ("targetgroupbindings", "traefik", "public")
CHAINS: tuple[tuple[About, ...], ...] = (
    (ROOT, ("gitrepositories", FLUX, "platform"), INSTANCE, ("namespaces", "", FLUX)),
    (INSTANCE, BINDING, ("namespaces", "", "traefik")),
    (INSTANCE, NODE_POOL, NODE_CLASS),
    (ROOT, ("configmaps", FLUX, "platform-runtime")),
    (ROOT, ("secrets", FLUX, "platform-runtime")),
    (ROOT, ("secrets", FLUX, "platform-git")),
)
"""The order of destruction in design.md, as far as it is inside the cluster."""


@dataclass(frozen=True)
class Teardown:
    """What `destroy` did.

    Attributes:
        result: As the engine tells it.
        objects: The Kubernetes objects that stood before, by kind, namespace and name.
        requests: Every request that changed something meanwhile, in order.
    """

    result: Result
    objects: list[tuple[str, str, str, str | None]]
    requests: list[Request]

    def asked(self, about: About, user: str | None = None) -> int:
        """When an object's deletion was asked for."""
        return next(
            number
            for number, request in enumerate(self.requests)
            if request.verb == "delete" and request.about == about and user in (None, request.user)
        )

    def gone(self, about: About) -> int:
        """When an object was last changed: its deletion, or the removal of its last finalizer."""
        return max(number for number, request in enumerate(self.requests) if request.about == about)


@pytest.fixture(scope="module")
def teardown(platform: Platform, outage: Outage) -> Teardown:
    """The stack destroyed, after releases that were promoted and rolled back."""
    assert outage
    objects = [
        (inputs["apiVersion"], inputs["kind"], inputs["metadata"]["name"], inputs["metadata"].get("namespace"))
        for inputs in objects_in(platform.state())
    ]
    lines = len(platform.paths.audit_log.read_text().splitlines())
    result = platform.destroy()
    return Teardown(result, objects, list(requests_in(platform.paths.audit_log, lines)))


def test_nothing_is_left_of_the_stack(
    platform: Platform, teardown: Teardown, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\npulumi destroy, with Flux: {teardown.result.wall_seconds:.0f} s")
    assert teardown.result.changes.keys() == {"delete"}
    assert platform.state() == []
    assert [about for about in teardown.objects if platform.api.find(*about) is not None] == []


def test_pulumi_deletes_what_it_made_and_nothing_else(platform: Platform, teardown: Teardown) -> None:
    deleted = {request.about for request in teardown.requests if request.user == PULUMI and request.verb == "delete"}
    wanted = {
        (platform.api.resource(api_version, kind).plural, namespace or "", name)
        for api_version, kind, name, namespace in teardown.objects
    }
    assert deleted == wanted


@pytest.mark.parametrize(("first", "second"), [pair for chain in CHAINS for pair in pairwise(chain)])
def test_each_object_is_gone_before_the_next_is_asked_to_go(teardown: Teardown, first: About, second: About) -> None:
    assert teardown.gone(first) < teardown.asked(second, PULUMI)


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_is_deleted_and_gone_before_the_root(platform: Platform, teardown: Teardown, layer: str) -> None:
    about = ("kustomizations", FLUX, layer)
    assert teardown.asked(about) < teardown.gone(ROOT)
    assert teardown.gone(about) < teardown.gone(ROOT)
    assert platform.api.find(KUSTOMIZE, "Kustomization", layer, FLUX) is None


@pytest.mark.parametrize(
    "about",
    [
        ("canaries", "realworld", "realworld"),
        ("deployments", "realworld", "realworld"),
        ("gateways", "traefik", "public"),
        ("helmreleases", FLUX, "flagger"),
        ("namespaces", "", "realworld"),
    ],
    ids="/".join,
)
def test_what_git_made_is_deleted_before_the_root_is_gone(teardown: Teardown, about: About) -> None:
    assert teardown.asked(about) < teardown.gone(ROOT)


def test_what_flagger_made_goes_with_the_canary(platform: Platform, teardown: Teardown) -> None:
    assert teardown
    wait_until(
        lambda: platform.api.find("apps/v1", "Deployment", "realworld-primary", "realworld") is None,
        60,
        "the primary to be collected",
    )
    assert platform.api.find("gateway.networking.k8s.io/v1", "HTTPRoute", "realworld", "realworld") is None
