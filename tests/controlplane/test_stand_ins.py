"""The stand-ins behave as what they stand in for, where a release depends on it."""

import asyncio
import struct
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.standins import dns, linkerd
from controlplane.standins.app import App, Cluster, Histogram, Pod, WeightedTurns, request_headers
from simulator.kubernetes import Manifest


def route(*parents: Manifest) -> Manifest:
    return {"metadata": {"name": "app", "namespace": "shop"}, "spec": {"parentRefs": list(parents)}}


SERVICE: Manifest = {"group": "core", "kind": "Service", "name": "app", "port": 3000}
GATEWAY: Manifest = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public"}


def test_linkerd_names_the_namespace_and_never_the_generation() -> None:
    entries = linkerd.wanted_entries(route(SERVICE, GATEWAY), "2026-01-01T00:00:00Z")
    assert [entry["parentRef"] for entry in entries] == [{**SERVICE, "namespace": "shop"}]
    assert all("observedGeneration" not in condition for condition in entries[0]["conditions"])


def test_linkerd_takes_the_empty_group_for_core() -> None:
    entries = linkerd.wanted_entries(route({**SERVICE, "group": ""}), "2026-01-01T00:00:00Z")
    assert entries[0]["parentRef"]["group"] == "core"


@pytest.mark.parametrize("weight", [5, 35, 50])
def test_turns_follow_the_weights_exactly(weight: int) -> None:
    turns = WeightedTurns()
    chosen = [turns.next({"old": 100 - weight, "new": weight}) for _ in range(100)]
    assert chosen.count("new") == weight


def test_nobody_has_a_turn_without_weight() -> None:
    assert WeightedTurns().next({"old": 0, "new": 0}) is None


@pytest.mark.parametrize(("latency_ms", "bound"), [(0.4, 1), (500, 500), (501, 1000), (700_000, float("inf"))])
def test_latencies_fall_into_linkerds_buckets(latency_ms: float, bound: float) -> None:
    histogram = Histogram()
    histogram.observe(latency_ms)
    assert histogram.buckets[bound] == 1


def query(name: str, kind: int = dns.TYPE_A) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return b"\x12\x34" + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


ADDRESSES = {("linkerd-viz", "prometheus"): "10.96.1.2"}


@pytest.mark.parametrize("name", ["prometheus.linkerd-viz", "prometheus.linkerd-viz.svc.cluster.local"])
def test_service_names_resolve_to_the_cluster_address(name: str) -> None:
    assert dns.answer(query(name), ADDRESSES).endswith(bytes([10, 96, 1, 2]))


def test_unknown_names_do_not_exist_and_other_types_are_empty() -> None:
    unknown = dns.answer(query("prometheus.elsewhere"), ADDRESSES)
    ipv6 = dns.answer(query("prometheus.linkerd-viz", kind=28), ADDRESSES)
    assert unknown[3] & 0x0F == dns.NAME_ERROR
    assert (ipv6[3] & 0x0F, ipv6[6:8]) == (0, b"\0\0")


def cluster_of_one(pod: Pod) -> Cluster:
    """A cluster in which every address leads to one pod."""
    cluster = Mock(spec=Cluster)
    cluster.answering.return_value = pod
    cluster.pods_by_address = {"10.0.0.1": pod}
    return cluster


def test_the_counters_of_a_pod_go_with_it(tmp_path: Path) -> None:
    cluster = cluster_of_one(Pod("shop", "app", "app-1", "1.2.0"))
    app = App(cluster, tmp_path / "faults.json")
    asyncio.run(app.answer("10.0.0.1", "gateway"))
    assert 'pod="app-1"' in app.metrics()
    assert app.metrics().count("response_latency_ms_bucket") > 20
    cluster.pods_by_address = {}
    assert 'pod="app-1"' not in app.metrics()


@given(callers=st.lists(st.sampled_from(["load-test", "gateway"]), max_size=120))
def test_each_caller_gets_its_share_of_errors(callers: list[str]) -> None:
    with TemporaryDirectory() as folder:
        faults = Path(folder) / "faults.json"
        faults.write_text('{"1.2.0": {"failEvery": 20}}')
        app = App(cluster_of_one(Pod("shop", "app", "app-1", "1.2.0")), faults)
        answered = [(caller, asyncio.run(app.answer("10.0.0.1", caller))[0]) for caller in callers]
    for caller in set(callers):
        statuses = [status for asked, status in answered if asked == caller]
        assert statuses == [500 if turn % 20 == 0 else 200 for turn in range(1, len(statuses) + 1)]


def test_headers_are_found_in_any_case() -> None:
    headers = request_headers(b"POST / HTTP/1.1\r\nhost: shop.test\r\nCONTENT-LENGTH: 5\r\n\r\n")
    assert (headers["Host"], headers["Content-Length"], headers.get("Connection")) == ("shop.test", "5", None)
