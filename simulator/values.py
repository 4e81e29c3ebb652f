"""Property values as Pulumi knows them: plain Python data, with one mark for what is not known yet."""

from collections.abc import Iterator
from typing import Any, Final, cast

Values = dict[str, Any]
"""Inputs or outputs of a resource in the camelCase of Pulumi's schemas."""

UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Pulumi's mark for a value that a preview cannot know."""

Path = tuple[str | int, ...]
"""Where a value stands: keys of objects and indices of lists."""


def written(path: Path) -> str:
    """A path in Pulumi's own spelling: ``vpcConfig.subnetIds[0]`` or ``tags["karpenter.sh/discovery"]``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif "." in step or "/" in step:
            text += f'["{step}"]'
        else:
            text += f".{step}" if text else step
    return text


def as_object(value: object) -> Values | None:
    """The value where it is an object."""
    return cast(Values, value) if isinstance(value, dict) else None


def as_list(value: object) -> list[Any] | None:
    """The value where it is a list."""
    return cast(list[Any], value) if isinstance(value, list) else None


def parts(value: object) -> list[tuple[str | int, Any]] | None:
    """Keys and values of an object, or indices and items of a list; None for anything else."""
    fields = as_object(value)
    if fields is not None:
        return list(fields.items())
    items = as_list(value)
    return None if items is None else list(enumerate(items))


def leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every value that is neither an object nor a list, with its path."""
    inside = parts(value)
    if inside is None:
        yield path, value
    else:
        for step, item in inside:
            yield from leaves(item, (*path, step))


def at(value: object, *steps: str | int) -> Any:  # noqa: ANN401 – property values have any type
    """The value at a path, or None where the path leads nowhere."""
    for step in steps:
        value = dict(parts(value) or []).get(step)
    return value


def object_at(value: object, *steps: str | int) -> Values:
    """The object at a path; empty where there is none."""
    return as_object(at(value, *steps)) or {}


def list_at(value: object, *steps: str | int) -> list[Any]:
    """The list at a path; empty where there is none."""
    return as_list(at(value, *steps)) or []


def differences(old: object, new: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Where two values differ: each path with ``add``, ``delete`` or ``update``."""
    if old == new:
        return
    before, after = parts(old), parts(new)
    if before is None or after is None or isinstance(old, dict) != isinstance(new, dict):
        yield path, "update"
        return
    was, is_now = dict(before), dict(after)
    for step in [*was, *(step for step in is_now if step not in was)]:
        if step not in was:
            yield (*path, step), "add"
        elif step not in is_now:
            yield (*path, step), "delete"
        else:
            yield from differences(was[step], is_now[step], (*path, step))
