"""Property values: paths, differences, and the wire."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from simulator.values import at, differences, leaves, written
from simulator.wire import decode, encode

KEYS = st.text("abcXYZ_.", min_size=1, max_size=4)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.text(max_size=5))
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)


@given(OBJECTS)
def test_the_wire_gives_back_what_it_took(values: dict[str, Any]) -> None:
    assert decode(encode(values)).values == values


@given(OBJECTS)
def test_every_leaf_can_be_a_secret(values: dict[str, Any]) -> None:
    paths = {path for path, _ in leaves(values)}
    there_and_back = decode(encode(values, paths))
    assert there_and_back.values == values
    assert there_and_back.secrets == paths


@given(OBJECTS)
def test_leaves_stand_where_their_paths_say(values: dict[str, Any]) -> None:
    for path, value in leaves(values):
        assert at(values, *path) == value


@given(OBJECTS, OBJECTS)
def test_values_differ_exactly_where_they_are_said_to(old: dict[str, Any], new: dict[str, Any]) -> None:
    found = list(differences(old, new))
    assert (old == new) == (not found)
    for path, kind in found:
        assert at(old, *path) != at(new, *path) or kind in {"add", "delete"} or at(old, *path) == at(new, *path) is None


def test_paths_are_written_as_pulumi_writes_them() -> None:
    assert written(("vpcConfig", "subnetIds", 0)) == "vpcConfig.subnetIds[0]"
    assert written(("tags", "karpenter.sh/discovery")) == 'tags["karpenter.sh/discovery"]'
