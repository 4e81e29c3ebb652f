"""Property values on Pulumi's wire: protobuf structs with marks for secrets, references and unknown values."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import json_format, struct_pb2

from simulator.values import Path, Values, as_list, as_object

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 – the wire's mark, no secret
RESOURCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"


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
    found: Values = json_format.MessageToDict(struct)
    values = {key: _plain(value, (key,), secrets) for key, value in found.items()}
    return Properties(values, frozenset(secrets))


def _plain(value: object, path: Path, secrets: set[Path]) -> Any:  # noqa: ANN401 – property values have any type
    fields = as_object(value)
    if fields is not None and fields.get(SIGNATURE) == SECRET:
        secrets.add(path)
        return _plain(fields["value"], path, secrets)
    if fields is not None and fields.get(SIGNATURE) == RESOURCE:
        return fields.get("id") or fields.get("urn")
    if fields is not None:
        return {key: _plain(item, (*path, key), secrets) for key, item in fields.items()}
    items = as_list(value)
    if items is not None:
        return [_plain(item, (*path, index), secrets) for index, item in enumerate(items)]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def encode(values: Values, secrets: Iterable[Path] = ()) -> struct_pb2.Struct:
    """Properties onto the wire; what stands where a secret stood is marked as one."""
    marked = {key: _marked(value, (key,), frozenset(secrets)) for key, value in values.items()}
    return json_format.ParseDict(marked, struct_pb2.Struct())


def _marked(value: object, path: Path, secrets: frozenset[Path]) -> Any:  # noqa: ANN401 – property values have any type
    if path in secrets:
        return {SIGNATURE: SECRET, "value": _marked(value, path, secrets - {path})}
    fields, items = as_object(value), as_list(value)
    if fields is not None:
        return {key: _marked(item, (*path, key), secrets) for key, item in fields.items()}
    if items is not None:
        return [_marked(item, (*path, index), secrets) for index, item in enumerate(items)]
    return value
