"""The local stack on the plane: what Pulumi would create, and the tree that Flux reconciles from a Git server.

Adaptations to a plane without containers, each forced:

- the repository holds the tree alone (``gitops/`` without the Python next to it), served by the stand-in Git host over
  HTTP and without credentials;
- image repository, host name and alert address are those of the stand-ins;
- charts are not installed (the tree's ``local`` overlay suspends them): their controllers are the plane's processes;
- Flux's intervals stay; a reconciliation is asked for by annotation, as a webhook receiver would.
"""

import json
import shutil
import subprocess
import time
import urllib.request
from copy import deepcopy
from pathlib import Path

import yaml

from controlplane import processes
from controlplane.kubernetes import Api, Manifest
from controlplane.plane import Plane, wait_until
from plan.graph import evaluate

IMAGE = f"127.0.0.1:{processes.REGISTRY_PORT}/realworld"
HOST = "realworld.test"
ALERTS = f"http://127.0.0.1:{processes.ALERTS_PORT}/"
FIRST_VERSION = "1.0.31"
"""The tag in the tree's ``local`` overlay."""

FLUX = "flux-system"
KUSTOMIZE = "kustomize.toolkit.fluxcd.io/v1"
SOURCE = "source.toolkit.fluxcd.io/v1"
IMAGES = "image.toolkit.fluxcd.io/v1"
FLAGGER = "flagger.app/v1beta1"

STARTING_POINT = {
    ("Namespace", "traefik"),
    ("Namespace", FLUX),
    ("ConfigMap", "platform-runtime"),
    ("Secret", "platform-runtime"),
    ("GitRepository", "platform"),
    ("Kustomization", "platform"),
}
"""What the program registers that Flux starts from."""


def starting_point(git_url: str) -> list[Manifest]:
    """Return the objects of the local stack that Flux starts from, pointed at the stand-ins."""
    document = yaml.safe_load((processes.REPOSITORY / "Pulumi.local.yaml").read_text())["config"]
    config = {key: value if isinstance(value, str) else json.dumps(value) for key, value in document.items()}
    changed = {
        "git_url": git_url,
        "git_branch": "main",
        "git_push_branch": "main",
        "image_repository": IMAGE,
        "ingress_host": HOST,
        "alert_provider_type": "generic",
        "alert_address": ALERTS,
    }
    objects: list[Manifest] = []
    for node in evaluate("local", config):
        item: Manifest = deepcopy(node.inputs)
        if (item.get("kind"), item.get("metadata", {}).get("name")) not in STARTING_POINT:
            continue
        for values in ("data", "stringData"):
            if values in item:
                item[values] = {key: changed.get(key, value) for key, value in item[values].items()}
        if item["kind"] == "GitRepository":
            item["spec"] = {**item["spec"], "url": git_url}
            item["spec"].pop("secretRef")
        objects.append(item)
    return objects


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
    """The plane with the local stack on it, and a developer's checkout of its repository."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        self.api = plane.api
        self.checkout: Path = plane.paths.root / "checkout"
        git_url = plane.create_repository("platform.git")
        self._starting_point = starting_point(git_url)
        self.values: dict[str, str] = {}
        for item in self._starting_point:
            self.values |= {**item.get("data", {}), **item.get("stringData", {})}

    def install(self) -> None:
        """Push the tree, announce the tag that it names, create Pulumi's objects, and wait for the app to serve."""
        tree = processes.REPOSITORY / "gitops"
        shutil.copytree(tree, self.checkout / "gitops", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        self._git("init", "--quiet", "--initial-branch=main")
        self._git("config", "user.name", "developer")
        self._git("config", "user.email", "developer@example.org")
        self._git("remote", "add", "origin", self.values["git_url"])
        self.commit("feat: the tree")
        announce(FIRST_VERSION)
        for manifest in self._starting_point:
            self.api.apply(manifest)
        wait_until(lambda: self.phase("realworld") == "Initialized", 180, "Flux and Flagger to initialise the app")

    def _git(self, *arguments: str) -> str:
        command = ["git", "-c", "core.hooksPath=/dev/null", *arguments]
        done = subprocess.run(command, cwd=self.checkout, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, message: str) -> None:
        """Commit everything in the checkout and push it."""
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", message)
        self._git("push", "--quiet", "origin", "HEAD:main")

    def pull(self) -> str:
        """Fetch what image automation has pushed, and return the whole log, one ``author: subject`` a line."""
        self._git("pull", "--quiet", "--rebase", "origin", "main")
        return self._git("log", "--format=%an: %s")

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
