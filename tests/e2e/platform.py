"""The local stack, and copies of its app for releases that run side by side."""

import json
import urllib.request
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from controlplane import stack
from controlplane.plane import Plane
from controlplane.stack import ALERTS, IMAGE, LocalStack
from simulator.driver import SECRET_TEXT
from simulator.kubernetes import Manifest
from tests.gitops.tree import VALUES, read_tree
from tests.unit.conftest import graph_of


def pulumi_objects(stack_name: str) -> list[Manifest]:
    """Return every Kubernetes object that the program registers for a stack; charts are not among them."""
    return [
        deepcopy(node.inputs)
        for node in graph_of(stack_name)
        if node.type.startswith("kubernetes:") and node.inputs.get("apiVersion")
    ]


def _revealed(value: Any) -> Any:  # noqa: ANN401 - property values have any type
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        if SECRET_TEXT in fields:
            return json.loads(fields[SECRET_TEXT])
        return {key: _revealed(item) for key, item in fields.items() if not key.startswith("__")}
    return value


def objects_in(resources: list[dict[str, Any]]) -> list[Manifest]:
    """Return the inputs of every Kubernetes object among the engine's resources; charts are not among them."""
    return [
        _revealed(resource["inputs"])
        for resource in resources
        if resource["type"].startswith("kubernetes:") and "apiVersion" in resource.get("inputs", {})
    ]


@dataclass(frozen=True)
class Request:
    """A request that changed something, as the API server's audit log has it."""

    user: str
    verb: str
    code: int
    resource: str
    namespace: str
    name: str

    @property
    def about(self) -> tuple[str, str, str]:
        """The object: resource, namespace and name."""
        return self.resource, self.namespace, self.name


def requests_in(audit_log: Path, start: int = 0) -> Iterator[Request]:
    """Yield the requests that succeeded, in the order of completion, from a line of the log on."""
    for line in audit_log.read_text().splitlines()[start:]:
        event = json.loads(line)
        code = event["responseStatus"]["code"]
        if code >= 400 or "objectRef" not in event:
            continue
        about = event["objectRef"]
        # The API server calls a namespace the namespace of itself.
        namespace = "" if about["resource"] == "namespaces" else about.get("namespace", "")
        yield Request(
            event["user"]["username"], event["verb"], code, about["resource"], namespace, about.get("name", "")
        )


class Platform(LocalStack):
    """The local stack, made, with copies of its app.

    Attributes:
        made: What the ``up`` did.
        initial_phase: The Canary's phase in the moment in which it ended.
        first_commit: The commit that the Git server held then.
        host: Host name under which the stack's own app is reached.
    """

    def __init__(self, plane: Plane) -> None:
        """Run ``pulumi up``, and clone the repository."""
        super().__init__(plane)
        self.made = self.up()
        self.initial_phase = self.phase("realworld")
        self.clone()
        self.first_commit = self.head()
        self.host = self.values["ingress_host"]

    def host_of(self, namespace: str) -> str:
        """Return the host name under which an app is reached: the stack's own, or a copy's."""
        return self.host if namespace == "realworld" else f"{namespace}.test"

    def image(self, namespace: str, deployment: str = "realworld") -> str:
        """Return the app's image in a Deployment."""
        return stack.image(self.api, namespace, deployment)

    def alerts(self) -> list[Manifest]:
        """Return everything that was sent to the place for alerts: Flagger's alerts and its events, and Flux's."""
        return json.loads(urllib.request.urlopen(ALERTS, timeout=5).read())

    def events(self, namespace: str) -> list[str]:
        """Return the messages of Flagger's events about a namespace, oldest first.

        They are those that its event webhook carries: Kubernetes folds similar ones into one.
        """
        return [alert["metadata"]["eventMessage"] for alert in self.alerts() if alert.get("namespace") == namespace]

    def copy_app(self, namespace: str) -> None:
        """Create the app as the tree builds it in a namespace and under a host name of its own, past Flux.

        Only the namespace, the host name and the load tester's target differ from what Flux applies.
        """
        values = {**VALUES, **self.values, "ingress_host": self.host_of(namespace)}
        for item in read_tree("local", values=values).manifests:
            manifest: Manifest = item.content
            is_namespace = item.kind == "Namespace" and item.name == "realworld"
            if item.applied_by != "realworld" or not (is_namespace or item.namespace == "realworld"):
                continue
            manifest["metadata"]["name" if is_namespace else "namespace"] = namespace
            if item.kind == "Canary":
                for hook in manifest["spec"]["analysis"]["webhooks"]:
                    target = f"-canary.{namespace}:"
                    hook["metadata"]["cmd"] = hook["metadata"]["cmd"].replace("-canary.realworld:", target)
            self.api.apply(manifest)

    def set_version(self, namespace: str, tag: str) -> None:
        """Change the image of a copied app."""
        containers = [{"name": "realworld", "image": f"{IMAGE}:{tag}"}]
        patch = {"spec": {"template": {"spec": {"containers": containers}}}}
        path = self.api.resource("apps/v1", "Deployment").path(namespace, "realworld")
        self.api.request("PATCH", path, patch, "application/strategic-merge-patch+json")
