"""The tree as Flux would apply it: built by kustomize from a cluster's folder on, layer by layer, values put in."""

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias, cast

import yaml

from tools.build import ensure

JsonObject: TypeAlias = dict[str, object]

ROOT: Final = Path(__file__).resolve().parents[2]
STACKS: Final = ("local", "dev", "prod")
ROOT_SOURCE: Final = "platform"
"""The GitRepository that Pulumi makes: this repository."""

RUNTIME_NAME: Final = "platform-runtime"
"""The ConfigMap and the Secret that Pulumi makes for substitution."""

VALUES: Final[Mapping[str, str]] = {
    "stack": "dev",
    "aws_region": "eu-central-1",
    "aws_account_id": "012345678901",
    "cluster_name": "realworld-dev-1a2b3c",
    "ingress_host": "realworld.example.org",
    "ingress_target_group_arn": "arn:aws:elasticloadbalancing:eu-central-1:012345678901:targetgroup/web/0123456789",
    "database_host": "realworld.c0ffee.eu-central-1.rds.amazonaws.com",
    "database_name": "gobuff_realworld_example_app_development",
    "database_username": "postgres",
    "git_url": "ssh://git@github.com/example/realworld-platform.git",
    "git_branch": "main",
    "git_push_branch": "main",
    "git_commit_status_address": "https://github.com/example/realworld-platform",
    "image_repository": "ghcr.io/juldanherglo/realworld",
    "image_semver_range": ">=1.0.0 <2.0.0",
    "alert_provider_type": "slack",
    "commit_status_suspended": "false",
    "image_automation_suspended": "false",
    "database_password": "Zq3tYw0PbN6cV9xKfR2mLd7HsJ4gTe81",
    "alert_address": "https://hooks.slack.com/services/T0/B0/x",
    "event_address": "https://alerts.example.org/flagger",
    "git_token": "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
    "registry_docker_config_json": "eyJhdXRocyI6IHt9fQ==",
}
"""What Pulumi provides, in values of the real form."""

UNSET: Final[Mapping[str, str]] = {
    "alert_provider_type": "generic",
    "alert_address": "",
    "event_address": "",
    "git_token": "",
    "commit_status_suspended": "true",
}
"""The values of a stack whose settings leave out what may be left out."""

VARIABLE: Final = re.compile(r"\$\{(?P<name>[_a-zA-Z][_a-zA-Z0-9]*)(?::=(?P<default>[^}]*))?\}")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """An object as it reaches the API server, and the Flux Kustomization that applies it (the root's name: `root`)."""

    content: JsonObject
    applied_by: str

    @property
    def api_version(self) -> str:
        return text(self.content, "apiVersion")

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def kind(self) -> str:
        return text(self.content, "kind")

    @property
    def name(self) -> str:
        return text(self.content, "metadata", "name")

    @property
    def namespace(self) -> str:
        return text(self.content, "metadata", "namespace")

    @property
    def labels(self) -> dict[str, str]:
        return cast("dict[str, str]", mapping(self.content, "metadata", "labels"))

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, kw_only=True)
class Tree:
    """Every object of a stack.

    Attributes:
        stack: Name of the stack.
        manifests: The objects, in the order in which they are found.
        variables: Names of the variables that the manifests use.
    """

    stack: str
    manifests: Sequence[Manifest]
    variables: frozenset[str]

    def of_kind(self, *kinds: str) -> list[Manifest]:
        return [manifest for manifest in self.manifests if manifest.kind in kinds]

    def find(self, kind: str, name: str, namespace: str = "") -> Manifest | None:
        """The object of that kind and name, or None."""
        for manifest in self.of_kind(kind):
            if (manifest.name, manifest.namespace) == (name, namespace):
                return manifest
        return None

    def get(self, kind: str, name: str, namespace: str = "") -> Manifest:
        """The object of that kind and name.

        Raises:
            LookupError: there is none.
        """
        manifest = self.find(kind, name, namespace)
        if manifest is None:
            raise LookupError(f"{self.stack}: no {kind} {namespace}/{name}")
        return manifest


def at(content: object, *path: str | int) -> object:
    """What stands at a path of keys and indexes; None where the path ends early."""
    for step in path:
        if isinstance(content, dict) and isinstance(step, str):
            content = cast("JsonObject", content).get(step)
        elif isinstance(content, list) and isinstance(step, int) and step < len(cast("list[object]", content)):
            content = cast("list[object]", content)[step]
        else:
            return None
    return content


def text(content: object, *path: str | int) -> str:
    """The text at a path, empty where there is none."""
    found = at(content, *path)
    return found if isinstance(found, str) else ""


def mapping(content: object, *path: str | int) -> JsonObject:
    """The mapping at a path, empty where there is none."""
    found = at(content, *path)
    return cast("JsonObject", found) if isinstance(found, dict) else {}


def items(content: object, *path: str | int) -> list[JsonObject]:
    """The mappings of the list at a path, none where there is no list."""
    found = at(content, *path)
    return [mapping(item) for item in cast("list[object]", found)] if isinstance(found, list) else []


def words(content: object, *fields: str) -> list[str]:
    """The texts of the lists in these fields, one field after the other."""
    return [str(word) for field in fields for word in cast("list[object]", at(content, field) or [])]


def nested(content: object) -> Iterator[JsonObject]:
    """Every mapping inside an object, the object itself first."""
    if isinstance(content, dict):
        yield cast("JsonObject", content)
        content = list(cast("JsonObject", content).values())
    if isinstance(content, list):
        for item in cast("list[object]", content):
            yield from nested(item)


def pod_templates(tree: Tree) -> list[tuple[Manifest, JsonObject]]:
    """The workloads of the tree with their pod templates."""
    workloads = tree.of_kind("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
    return [(workload, mapping(workload.content, "spec", "template")) for workload in workloads]


def containers(template: JsonObject) -> list[JsonObject]:
    """Every container of a pod template, those for initialisation included."""
    return [*items(template, "spec", "initContainers"), *items(template, "spec", "containers")]


@cache
def kustomize(folder: Path) -> str:
    """What `kustomize build` makes of a folder.

    Raises:
        RuntimeError: it does not build; the message is kustomize's own.
    """
    result = subprocess.run([ensure("kustomize"), "build", folder], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(result.stderr)
    return result.stdout


def substitute(manifests: str, values: Mapping[str, str]) -> str:
    """Puts values for variables into built YAML, text into text, as Flux does: an unknown name becomes empty."""

    def value(match: re.Match[str]) -> str:
        return values.get(match["name"], "") or (match["default"] or "")

    return VARIABLE.sub(value, manifests)


def read_tree(stack: str, *, repository: Path = ROOT, values: Mapping[str, str] = VALUES) -> Tree:
    """Follows the Flux Kustomizations of a stack from its cluster's folder on."""
    return _read_tree(stack, repository, tuple(values.items()))


@cache
def _read_tree(stack: str, repository: Path, pairs: tuple[tuple[str, str], ...]) -> Tree:
    values = {**dict(pairs), "stack": stack}
    manifests: list[Manifest] = []
    variables: set[str] = set()
    folders = [("root", f"./gitops/clusters/{stack}")]
    while folders:
        applied_by, folder = folders.pop(0)
        built = kustomize(repository / folder)
        variables |= {match["name"] for match in VARIABLE.finditer(built)}
        contents = yaml.load_all(substitute(built, values), Loader=yaml.CSafeLoader)
        for content in cast("Iterator[JsonObject]", contents):
            manifest = Manifest(content=content, applied_by=applied_by)
            manifests.append(manifest)
            if is_layer(manifest):
                folders.append((manifest.name, text(content, "spec", "path")))
    return Tree(stack=stack, manifests=manifests, variables=frozenset(variables))


def is_layer(manifest: Manifest) -> bool:
    """Whether this is a Flux Kustomization that applies a folder of this repository."""
    return (
        manifest.kind == "Kustomization"
        and manifest.group == "kustomize.toolkit.fluxcd.io"
        and text(manifest.content, "spec", "sourceRef", "name") == ROOT_SOURCE
    )
