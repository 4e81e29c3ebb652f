"""The local stack on the plane: made by Pulumi, reconciled by Flux from a Git server that holds this repository.

Adaptations to a plane without containers, each forced:

- the Git server, the registry and the place for alerts are stand-ins on loopback: the stack's settings name them;
- charts are not installed (the tree's ``local`` overlay suspends them): their controllers are the plane's processes;
- Flux's intervals stay; a reconciliation is asked for by annotation, as a webhook receiver would.
"""

import base64
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from semantic_version import NpmSpec, Version

from controlplane import processes
from controlplane.plane import Plane, wait_until
from controlplane.processes import Paths
from simulator.control_plane import ControlPlane
from simulator.driver import Platform, Result
from simulator.kubernetes import Api, Manifest
from simulator.values import Values

IMAGE = f"127.0.0.1:{processes.REGISTRY_PORT}/realworld"
ALERTS = f"http://127.0.0.1:{processes.ALERTS_PORT}/"
GIT_URL = f"http://127.0.0.1:{processes.GIT_PORT}/platform.git"
FIRST_VERSION = "1.0.31"
"""The tag in the tree's ``local`` overlay."""

FLUX = "flux-system"
KUSTOMIZE = "kustomize.toolkit.fluxcd.io/v1"
SOURCE = "source.toolkit.fluxcd.io/v1"
IMAGES = "image.toolkit.fluxcd.io/v1"
FLAGGER = "flagger.app/v1beta1"

SNAPSHOT_AUTHOR = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "developer"), ("EMAIL", "developer@example.org"))
}


def _git(*arguments: str, folder: Path = processes.REPOSITORY, **environment: str) -> str:
    """Run git without hooks, on a checkout that may be another user's; return what it prints."""
    command = ["git", "-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*", *arguments]
    variables = {**os.environ, **environment}
    done = subprocess.run(command, cwd=folder, env=variables, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def snapshot(index: Path, folder: Path = processes.REPOSITORY) -> str:
    """Return a commit of a checkout as it is on disk: its HEAD, or one commit on top with what is not committed yet.

    No branch moves and nothing is staged.

    Args:
        index: a file that takes the place of the checkout's own index.
        folder: the checkout.
    """
    _git("read-tree", "HEAD", folder=folder, GIT_INDEX_FILE=str(index))
    _git("add", "--all", folder=folder, GIT_INDEX_FILE=str(index))
    tree = _git("write-tree", folder=folder, GIT_INDEX_FILE=str(index))
    head = _git("rev-parse", "HEAD", folder=folder)
    if tree == _git("rev-parse", "HEAD^{tree}", folder=folder):
        return head
    message = "chore: what is not committed yet"
    return _git("commit-tree", tree, "-p", head, "-m", message, folder=folder, **SNAPSHOT_AUTHOR)


def prepare(plane: Plane) -> None:
    """Serve this repository and the first version of the app, and tell the local stack where to find all of it."""
    bare = plane.paths.repositories / "platform.git"
    _git("init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    _git("config", "http.receivepack", "true", folder=bare)
    _git("config", "receive.shallowUpdate", "true", folder=bare)
    _git("push", "--quiet", str(bare), f"{snapshot(plane.paths.root / 'index')}:refs/heads/main")
    announce(FIRST_VERSION)
    certificate = (plane.paths.certificates / "apiserver.crt").read_bytes()
    ControlPlane(
        endpoint=plane.api.server,
        certificate_authority=base64.b64encode(certificate).decode(),
        tools=str(plane.paths.tools),
        settings={
            "gitops": {
                "repositoryUrl": GIT_URL,
                "authentication": "token",
                "token": plane.paths.git_token.read_text(),
                "imageRepository": IMAGE,
                "alertAddress": ALERTS,
            }
        },
    ).write(plane.paths.control_plane)


def announce(tag: str, port: int = processes.REGISTRY_PORT) -> None:
    """Push a tag of the app to the stand-in registry."""
    url = f"http://127.0.0.1:{port}/v2/realworld/manifests/{tag}"
    urllib.request.urlopen(urllib.request.Request(url, method="PUT", data=b"{}"), timeout=5).read()


def reconcile(api: Api, api_version: str, kind: str, name: str) -> None:
    """Ask a Flux controller to look at an object now."""
    annotation = {"reconcile.fluxcd.io/requestedAt": str(time.time_ns())}
    api.patch(api_version, kind, name, {"metadata": {"annotations": annotation}}, FLUX)


def reconcile_and_wait(api: Api, api_version: str, kind: str, name: str, timeout_seconds: float = 60) -> None:
    """Ask, and wait until the controller has done it."""
    reconcile(api, api_version, kind, name)

    def done() -> bool:
        item = api.get(api_version, kind, name, FLUX)
        asked = item["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"]
        return item.get("status", {}).get("lastHandledReconcileAt") == asked

    wait_until(done, timeout_seconds, f"{kind} {name} to be reconciled")


def image(api: Api, namespace: str, deployment: str = "realworld") -> str:
    """Return the app's image in a Deployment."""
    found = api.get("apps/v1", "Deployment", deployment, namespace)
    return found["spec"]["template"]["spec"]["containers"][0]["image"]


def refusal(tag: str, semver_range: str, chosen: str) -> str | None:
    """Say why image automation would not pick a tag; None if it would.

    Args:
        tag: what is to be released.
        semver_range: tags that may be released, as in the setting ``gitops.imageSemverRange``.
        chosen: the tag that the policy has chosen last.
    """
    try:
        version = Version(tag)
    except ValueError:
        return f"{tag!r} is no semantic version: write it as 1.2.0"
    if version not in NpmSpec(semver_range):
        return f"{tag} is outside gitops.imageSemverRange, {semver_range}"
    if version <= Version(chosen):
        return f"{tag} is not above {chosen}, which is released already"
    return None


def carry(api: Api, tag: str) -> None:
    """Let Flux carry an announced tag to the cluster: registry → policy → commit → Kustomization."""
    reconcile_and_wait(api, IMAGES, "ImageRepository", "realworld")

    def chosen() -> bool:
        policy = api.get(IMAGES, "ImagePolicy", "realworld", FLUX)
        return policy.get("status", {}).get("latestRef", {}).get("tag") == tag

    wait_until(chosen, 30, f"the policy to choose {tag}")
    reconcile_and_wait(api, IMAGES, "ImageUpdateAutomation", "realworld")
    reconcile_and_wait(api, SOURCE, "GitRepository", "platform")
    wait_until(lambda: image(api, "realworld").endswith(f":{tag}"), 180, f"Flux to apply {tag}")


class LocalStack:
    """The local stack on a plane, and a developer's checkout of its repository."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        self.api = plane.api
        self.paths: Paths = plane.paths
        self.checkout: Path = plane.paths.root / "checkout"
        self._stack = Platform(folder=plane.paths.root / "stack", control_plane=plane.paths.control_plane)

    def up(self, say: Callable[[str], object] = print) -> Result:
        """Run ``pulumi up``; it ends when Flux has applied the whole tree."""
        return self._stack.up(say)

    def refresh(self, say: Callable[[str], object] = print) -> Result:
        """Run ``pulumi refresh``."""
        return self._stack.refresh(say)

    def state(self) -> list[Values]:
        """Return what the engine remembers of every resource."""
        return self._stack.state().resources

    def destroy(self, say: Callable[[str], object] = print) -> Result:
        """Run ``pulumi destroy``."""
        return self._stack.destroy(say)

    @property
    def values(self) -> dict[str, str]:
        """What Pulumi hands to the tree by substitution."""
        secret = self.api.get("v1", "Secret", "platform-runtime", FLUX)["data"]
        texts = {key: base64.b64decode(value).decode() for key, value in secret.items()}
        return {**self.api.get("v1", "ConfigMap", "platform-runtime", FLUX)["data"], **texts}

    def clone(self) -> None:
        """Clone the repository as a developer would."""
        url = GIT_URL.replace("//", f"//git:{self.paths.git_token.read_text()}@")
        _git("clone", "--quiet", url, str(self.checkout))
        _git("config", "user.name", "developer", folder=self.checkout)
        _git("config", "user.email", "developer@example.org", folder=self.checkout)

    def commit(self, message: str) -> None:
        """Commit everything in the checkout and push it."""
        _git("add", "--all", folder=self.checkout)
        _git("commit", "--quiet", "--message", message, folder=self.checkout)
        _git("push", "--quiet", "origin", "HEAD:main", folder=self.checkout)

    def pull(self) -> str:
        """Fetch what image automation has pushed, and return the whole log, one ``author: subject`` a line."""
        _git("pull", "--quiet", "--rebase", "origin", "main", folder=self.checkout)
        return _git("log", "--format=%an: %s", folder=self.checkout)

    def head(self) -> str:
        """Return the commit that the checkout is at."""
        return _git("rev-parse", "HEAD", folder=self.checkout)

    def release(self, tag: str) -> None:
        """Announce a tag and let Flux carry it to the cluster."""
        announce(tag)
        carry(self.api, tag)

    def apply_commit(self) -> None:
        """Let Flux fetch and apply what is in Git."""
        reconcile_and_wait(self.api, SOURCE, "GitRepository", "platform")
        reconcile(self.api, KUSTOMIZE, "Kustomization", "realworld")

    def canary(self, namespace: str) -> Manifest:
        """Return the app's Canary in a namespace; empty until it is there."""
        return self.api.find(FLAGGER, "Canary", "realworld", namespace) or {}

    def phase(self, namespace: str) -> str:
        """Return the phase that Flagger gave the Canary."""
        return self.canary(namespace).get("status", {}).get("phase", "")
