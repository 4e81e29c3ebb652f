"""Property values as Pulumi knows them: plain Python data, with one mark for what is not known yet."""

from collections.abc import Iterator
from typing import Any, Final

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


def leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every value that is neither an object nor a list, with its path."""
    match value:
        case dict():
            for key, item in value.items():
                yield from leaves(item, (*path, str(key)))
        case list():
            for index, item in enumerate(value):
                yield from leaves(item, (*path, index))
        case _:
            yield path, value


def at(value: object, *steps: str | int) -> Any:  # noqa: ANN401 – property values have any type
    """The value at a path, or None where the path leads nowhere."""
    for step in steps:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def differences(old: object, new: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Where two values differ: each path with ``add``, ``delete`` or ``update``."""
    if old == new:
        return
    match old, new:
        case dict(), dict():
            for key in sorted(old.keys() | new.keys()):
                if key not in old:
                    yield (*path, key), "add"
                elif key not in new:
                    yield (*path, key), "delete"
                else:
                    yield from differences(old[key], new[key], (*path, key))
        case list(), list():
            for index in range(max(len(old), len(new))):
                if index >= len(old):
                    yield (*path, index), "add"
                elif index >= len(new):
                    yield (*path, index), "delete"
                else:
                    yield from differences(old[index], new[index], (*path, index))
        case _:
            yield path, "update"
