"""Property values on Pulumi's wire: protobuf structs with marks for secrets, references and unknown values."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import json_format, struct_pb2

from simulator.values import Path, Values

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 – the wire's mark, no secret
RESOURCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


@dataclass(frozen=True)
class Properties:
    """Decoded properties.

    Attributes:
        values: Plain values; a reference to a resource is its id.
        secrets: Where secrets stand.
    """

    values: Values
    secrets: frozenset[Path] = field(default_factory=frozenset)


def decode(struct: struct_pb2.Struct) -> Properties:
    """Properties off the wire."""
    secrets: set[Path] = set()
    values = {
        key: _plain(value, (key,), secrets) for key, value in json_format.MessageToDict(struct).items()
    }
    return Properties(values, frozenset(secrets))


def _plain(value: Any, path: Path, secrets: set[Path]) -> Any:  # noqa: ANN401 – property values have any type
    match value:
        case {"4dabf18193072939515e22adb298388d": mark}:
            if mark == SECRET:
                secrets.add(path)
                return _plain(value["value"], path, secrets)
            if mark == RESOURCE:
                return value.get("id") or value.get("urn")
            return value
        case dict():
            return {key: _plain(item, (*path, key), secrets) for key, item in value.items()}
        case list():
            return [_plain(item, (*path, index), secrets) for index, item in enumerate(value)]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def encode(values: Values, secrets: Iterable[Path] = ()) -> struct_pb2.Struct:
    """Properties onto the wire; what stands where a secret stood is marked as one."""
    marked = {key: _marked(value, (key,), frozenset(secrets)) for key, value in values.items()}
    return json_format.ParseDict(marked, struct_pb2.Struct())


def _marked(value: Any, path: Path, secrets: frozenset[Path]) -> Any:  # noqa: ANN401 – property values have any type
    if path in secrets:
        return {SIGNATURE: SECRET, "value": _marked(value, path, secrets - {path})}
    match value:
        case dict():
            return {str(key): _marked(item, (*path, str(key)), secrets) for key, item in value.items()}
        case list():
            return [_marked(item, (*path, index), secrets) for index, item in enumerate(value)]
        case _:
            return value
