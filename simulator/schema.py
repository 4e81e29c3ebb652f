"""What a resource type takes and gives, read off the SDK's own classes.

Nothing is copied: names, types and required properties are those of the Python classes that the program itself calls.
"""

import functools
import importlib
import inspect
import sys
import types
import typing
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, NamedTuple, cast

import pulumi
from pulumi import _types  # pyright: ignore[reportPrivateUsage] – the SDK has no public form of its own type hints

from simulator.values import UNKNOWN, Path, Values, as_list, as_object, parts, written

PACKAGES = {
    "aws": "pulumi_aws",
    "github": "pulumi_github",
    "kubernetes": "pulumi_kubernetes",
    "random": "pulumi_random",
    "tls": "pulumi_tls",
}


class Fault(NamedTuple):
    """A property that its type refuses, and why."""

    property: str
    reason: str


@dataclass(frozen=True)
class Shape:
    """Properties of an object by name, with their types, and those that must be there."""

    properties: Mapping[str, object]
    required: frozenset[str]


@dataclass(frozen=True)
class ResourceType:
    """Inputs and outputs of a resource type."""

    inputs: Shape
    outputs: frozenset[str]


@functools.cache
def resource_type(token: str) -> ResourceType | None:
    """The type of a token, or None where the SDK has no class for it (custom Kubernetes resources).

    Raises:
        LookupError: the package is not one of the simulated cloud's.
    """
    package, module, name = token.split(":")
    if package not in PACKAGES:
        raise LookupError(f"the simulated cloud has no package {package!r} ({token})")
    resource = _resource_class(package, module, name)
    if resource is None:
        return None
    home = vars(sys.modules[resource.__module__])
    arguments = home.get(f"{name}InitArgs") or home[f"{name}Args"]
    return ResourceType(inputs=shape(arguments), outputs=frozenset(_types.resource_types(resource)))


def _resource_class(package: str, module: str, name: str) -> type | None:
    if package == "kubernetes":
        group, _, version = module.partition("/")
        path = f"{group.removesuffix('.k8s.io').partition('.')[0]}.{version}"
    else:
        path = module.partition("/")[0]
        path = "" if path == "index" else {"lambda": "lambda_"}.get(path, path)
    try:
        found = importlib.import_module(f"{PACKAGES[package]}.{path}".rstrip("."))
    except ModuleNotFoundError:
        return None
    return cast("type | None", getattr(found, name, None))


@functools.cache
def shape(arguments: type) -> Shape:
    """Properties of one of the SDK's argument classes."""
    names = _types.input_type_py_to_pulumi_names(arguments)
    required = {
        names[parameter.name]
        for parameter in inspect.signature(arguments.__init__).parameters.values()
        if parameter.default is inspect.Parameter.empty and parameter.name in names
    }
    return Shape(properties=_types.input_type_types(arguments), required=frozenset(required))


def faults(token: str, inputs: Values) -> list[Fault]:
    """What is wrong with the inputs of a resource: unknown, missing and ill-typed properties by name."""
    kind = resource_type(token)
    if kind is None:
        return [
            Fault(name, f"{name} is required and must be {word}")
            for name, expected, word in (
                ("apiVersion", str, "a string"),
                ("kind", str, "a string"),
                ("metadata", dict, "an object"),
            )
            if not isinstance(inputs.get(name), expected)
        ]
    return list(_object_faults(kind.inputs, inputs, ()))


def _object_faults(expected: Shape, value: Values, path: Path) -> Iterator[Fault]:
    for name in sorted(expected.required):
        if value.get(name) is None:
            yield Fault(written((*path, name)), f"missing required property {written((*path, name))!r}")
    for name, item in value.items():
        if name.startswith("__"):
            continue
        if name not in expected.properties:
            yield Fault(written((*path, name)), f"unknown property {written((*path, name))!r}")
        elif item is not None:
            yield from _faults(expected.properties[name], item, (*path, name))


def _faults(expected: Any, value: object, path: Path) -> Iterator[Fault]:  # noqa: ANN401 – any annotation
    if value == UNKNOWN or value is None or expected is Any or isinstance(expected, typing.TypeVar | str):
        return
    origin = typing.get_origin(expected)
    if origin in {typing.Union, types.UnionType}:
        yield from _union_faults(_members(expected), value, path)
    elif origin is Literal:
        if value not in typing.get_args(expected):
            yield _wrong(path, " or ".join(map(repr, typing.get_args(expected))), value)
    elif origin in {Sequence, list} or origin in {Mapping, dict}:
        is_list = origin in {Sequence, list}
        inside = parts(value)
        if inside is None or (as_list(value) is None) is is_list:
            yield _wrong(path, "a list" if is_list else "an object", value)
            return
        for step, item in inside:
            yield from _faults(typing.get_args(expected)[-1], item, (*path, step))
    elif isinstance(expected, type):
        yield from _class_faults(cast("type[object]", expected), value, path)


def _members(union: object) -> list[Any]:
    """What a union offers, without the wrappers that never reach the wire."""
    return [
        member
        for member in typing.get_args(union)
        if member is not types.NoneType
        and typing.get_origin(member) not in {Awaitable, pulumi.Output}
        and not (isinstance(member, type) and issubclass(member, pulumi.Output))
        and not isinstance(member, typing.ForwardRef)
    ]


def _union_faults(members: list[Any], value: object, path: Path) -> Iterator[Fault]:
    attempts = [list(_faults(member, value, path)) for member in members]
    if attempts and all(attempts):
        yield from min(attempts, key=len)


def _class_faults(expected: type[object], value: object, path: Path) -> Iterator[Fault]:
    if issubclass(expected, Enum):
        if value not in [member.value for member in expected]:
            yield _wrong(path, "one of " + ", ".join(repr(member.value) for member in expected), value)
    elif expected is bool:
        if not isinstance(value, bool):
            yield _wrong(path, "a boolean", value)
    elif expected is int:
        if isinstance(value, bool) or not isinstance(value, int | float) or not float(value).is_integer():
            yield _wrong(path, "an integer", value)
    elif expected is float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield _wrong(path, "a number", value)
    elif expected is str:
        if not isinstance(value, str):
            yield _wrong(path, "a string", value)
    elif _types.is_input_type(expected):
        fields = as_object(value)
        if fields is None:
            yield _wrong(path, "an object", value)
        else:
            yield from _object_faults(shape(expected), fields, path)


def _wrong(path: Path, expected: str, value: object) -> Fault:
    return Fault(written(path), f"{written(path)!r} must be {expected}, not {value!r}")
