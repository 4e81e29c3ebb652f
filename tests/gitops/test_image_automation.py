"""A new tag in the registry becomes one commit that changes one line of one stack."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.gitops.tree import ROOT, STACKS, Tree, items, mapping, read_tree, text

SETTER = re.compile(
    r"^\s*(?P<field>\w+): (?P<value>\S+) # \{\"\$imagepolicy\": \"(?P<policy>[^\"]+)\"\}$", re.MULTILINE
)


@dataclass(frozen=True)
class Setter:
    """A line that image automation writes."""

    file: Path
    field: str
    namespace: str
    policy: str
    part: str


def setters(folder: Path) -> Iterator[Setter]:
    for path in sorted(folder.rglob("*.yaml")):
        for match in SETTER.finditer(path.read_text()):
            namespace, policy, part = (*match["policy"].split(":"), "")[:3]
            yield Setter(path, match["field"], namespace, policy, part)


def test_every_setter_has_its_policy(tree: Tree) -> None:
    found = list(setters(ROOT / "gitops" / "apps"))

    assert found
    for setter in found:
        assert tree.find("ImagePolicy", setter.policy, setter.namespace), setter


def test_every_marker_is_understood() -> None:
    """A marker with a slip in it is a comment, and the release never comes."""
    for path in sorted((ROOT / "gitops").rglob("*.yaml")):
        assert path.read_text().count("$imagepolicy") == len(SETTER.findall(path.read_text())), path


def test_automation_writes_its_own_stack_and_no_other() -> None:
    for stack in STACKS:
        automation = read_tree(stack).get("ImageUpdateAutomation", "realworld", "flux-system")
        folder = ROOT / text(automation.content, "spec", "update", "path")

        assert folder == ROOT / "gitops" / "apps" / "realworld" / stack
        assert [(setter.field, setter.part) for setter in setters(folder)] == [("newTag", "tag")]


def test_automation_knows_its_policies(tree: Tree) -> None:
    for automation in tree.of_kind("ImageUpdateAutomation"):
        wanted = mapping(automation.content, "spec", "policySelector", "matchLabels")
        chosen = [policy for policy in tree.of_kind("ImagePolicy") if wanted.items() <= policy.labels.items()]

        assert [policy.name for policy in chosen] == [automation.name]


def test_commit_message_is_conventional(tree: Tree) -> None:
    automation = tree.get("ImageUpdateAutomation", "realworld", "flux-system")
    template = text(automation.content, "spec", "git", "commit", "messageTemplate")
    # Go's template, for one change.
    message = re.sub(r"\{\{ (range .*?|end) \}\}", "", template)
    message = message.replace("{{ .NewValue }}", "1.2.0").replace("{{ .OldValue }}", "1.1.0")

    assert "{{" not in message
    assert message.splitlines()[0] == f"feat(realworld): release 1.2.0 to {tree.stack}"
    assert message.splitlines()[1] == ""
    assert ".Updated" not in template  # removed: it stalls the automation


def test_every_container_of_the_app_gets_the_tag(tree: Tree) -> None:
    deployment = tree.get("Deployment", "realworld", "realworld")
    pod = mapping(deployment.content, "spec", "template", "spec")
    images = {text(container, "image") for container in items(pod, "containers")}
    images |= {text(container, "image") for container in items(pod, "initContainers") if container["name"] == "migrate"}

    assert len(images) == 1
    assert re.fullmatch(r"ghcr\.io/juldanherglo/realworld:\d+\.\d+\.\d+", images.pop())


def test_registry_is_asked_every_minute_with_our_credentials(tree: Tree) -> None:
    repository = tree.get("ImageRepository", "realworld", "flux-system")

    assert text(repository.content, "spec", "interval") == "1m"
    assert text(repository.content, "spec", "secretRef", "name") == "registry"
    assert text(tree.get("Secret", "registry", "realworld").content, "type") == "kubernetes.io/dockerconfigjson"
