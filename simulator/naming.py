"""Automatic names, as the real providers give them in Check."""

import functools
from typing import Final

from simulator import schema
from simulator.account import digest
from simulator.computed import KINDS, Kind
from simulator.values import UNKNOWN, Values, at, object_at

DEFAULTS: Final = "__defaults"
"""Input in which a bridged provider remembers what it filled in by itself."""
AUTONAMED: Final = "pulumi.com/autonamed"
NAME_PROPERTIES: Final = ("name", "identifier", "nodeGroupName", "bucket", "clusterIdentifier")
SUFFIX_LENGTH: Final = 7
KUBERNETES_SUFFIX_LENGTH: Final = 8
RELEASE: Final = "kubernetes:helm.sh/v3:Release"


@functools.cache
def name_property(token: str) -> str | None:
    """The property that holds the physical name of a resource, if the type has names."""
    kind = schema.resource_type(token)
    if kind is None or not token.startswith("aws:"):
        return None
    return next((name for name in NAME_PROPERTIES if kind.inputs.properties.get(name) is str), None)


def named(
    token: str, logical_name: str, inputs: Values, *, old: Values | None = None, seed: str, proposed: str | None = None
) -> Values:
    """The inputs with a name, where the type takes one and none was given.

    Args:
        token: Type of the resource.
        logical_name: Its name in the program.
        inputs: What the program gave.
        old: Inputs of the last deployment, whose automatic name is kept.
        seed: Random part of a new name.
        proposed: Name that the engine's own automatic naming proposes.
    """
    if token.startswith("kubernetes:"):
        return _named_object(token, logical_name, inputs, old, seed, proposed)
    name = name_property(token)
    kind = schema.resource_type(token)
    if name is None or kind is None or name in kind.inputs.required or inputs.get(name) is not None:
        return inputs
    if old is not None and name in old.get(DEFAULTS, []):
        chosen = old[name]
    elif inputs.get(f"{name}Prefix") == UNKNOWN:
        chosen = UNKNOWN
    else:
        suffix = digest(seed, logical_name, length=SUFFIX_LENGTH)
        room = KINDS.get(token, Kind()).longest_name - SUFFIX_LENGTH - 1
        prefix = inputs.get(f"{name}Prefix")
        chosen = f"{prefix}{suffix}" if prefix else proposed or f"{logical_name[:room].rstrip('-')}-{suffix}"
    return {**inputs, name: chosen, DEFAULTS: [name]}


def _named_object(
    token: str, logical_name: str, inputs: Values, old: Values | None, seed: str, proposed: str | None
) -> Values:
    fresh = proposed or f"{logical_name}-{digest(seed, logical_name, length=KUBERNETES_SUFFIX_LENGTH)}"
    if token == RELEASE:
        if inputs.get("name"):
            return inputs
        kept = old["name"] if old and "name" in old.get(DEFAULTS, []) else fresh
        return {**inputs, "name": kept, DEFAULTS: ["name"]}
    metadata = object_at(inputs, "metadata")
    if inputs.get("metadata") == UNKNOWN or metadata.get("name") or metadata.get("generateName"):
        return inputs
    kept = at(old, "metadata", "name") if at(old, "metadata", "annotations", AUTONAMED) else None
    annotations = {**object_at(metadata, "annotations"), AUTONAMED: "true"}
    return {**inputs, "metadata": {**metadata, "name": kept or fresh, "annotations": annotations}}


def is_automatic(token: str, inputs: Values) -> bool:
    """Whether a replacement can stand beside what it replaces, because its name is chosen anew."""
    if token.startswith("kubernetes:") and token != RELEASE:
        return at(inputs, "metadata", "annotations", AUTONAMED) is not None
    name = "name" if token == RELEASE else name_property(token)
    return name is None or inputs.get(name) is None or name in inputs.get(DEFAULTS, [])
