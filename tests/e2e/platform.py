"""The local stack, and copies of its app for releases that run side by side."""

from copy import deepcopy

from controlplane import stack
from controlplane.kubernetes import Manifest
from controlplane.stack import IMAGE, LocalStack
from tests.gitops.tree import VALUES, read_tree
from tests.unit.conftest import graph_of


def pulumi_objects(stack_name: str) -> list[Manifest]:
    """Return every Kubernetes object that the program registers for a stack; charts are not among them."""
    return [
        deepcopy(node.inputs)
        for node in graph_of(stack_name)
        if node.type.startswith("kubernetes:") and node.inputs.get("apiVersion")
    ]


class Platform(LocalStack):
    """The local stack with copies of its app."""

    def image(self, namespace: str, deployment: str = "realworld") -> str:
        """Return the app's image in a Deployment."""
        return stack.image(self.api, namespace, deployment)

    def events(self, namespace: str) -> list[str]:
        """Return the messages of a namespace's Canary events, oldest first."""
        found = [
            event for event in self.api.list("v1", "Event", namespace) if event["involvedObject"]["kind"] == "Canary"
        ]
        found.sort(key=lambda event: event.get("firstTimestamp") or "")
        return [event["message"] for event in found]

    def copy_app(self, namespace: str) -> None:
        """Create the app as the tree builds it in a namespace and under a host name of its own, past Flux.

        Only the namespace, the host name and the load tester's target differ from what Flux applies.
        """
        values = {**VALUES, **self.values, "ingress_host": f"{namespace}.test"}
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
