"""Stand-in for the app's containers and for Linkerd's data plane around them.

One server answers on the app's port at every pod's and every Service's address. It learns from its socket which pod or
Service was called, answers as that pod with the version that is its image's tag, and counts the answer in the metrics
that a Linkerd proxy has (``response_total``, ``response_latency_ms_bucket``), with the labels that linkerd-viz adds.

- A Service's address goes to one of its ready endpoints, request by request, as Linkerd's proxy does; when none is
  ready, to one that still serves while it terminates.
- A Service that is the parent of an HTTPRoute is split by that route's weights, as the mesh does.
- Faults belong to a version and are deterministic: a JSON file maps a tag to
  ``{"failEvery": 20, "delayMilliseconds": 700}``. Requests are counted by the host name that they ask for, so that the
  load test does not take the errors of those who come through the gateway.

Not modelled: retries, timeouts, mutual TLS, load.
"""

import argparse
import asyncio
import itertools
import json
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from simulator.kubernetes import Api, Manifest, Mirror, items

LATENCY_BUCKETS_MS = tuple(base * scale for scale in (1, 10, 100, 1_000, 10_000) for base in (1, 2, 3, 4, 5))
"""Upper bounds of Linkerd's latency histogram."""


@dataclass(frozen=True)
class Pod:
    """A pod as its Linkerd proxy labels it."""

    namespace: str
    deployment: str
    name: str
    version: str


@dataclass(frozen=True)
class Fault:
    """What is wrong with a version: every n-th request fails, or every request is late."""

    fail_every: int = 0
    delay_milliseconds: int = 0


@dataclass
class Histogram:
    """Counts by upper bound, and the sum, of latencies in milliseconds."""

    buckets: Counter[float] = field(default_factory=Counter[float])
    sum_ms: float = 0.0
    count: int = 0

    def observe(self, latency_ms: float) -> None:
        """Count one latency."""
        bound = next((bound for bound in LATENCY_BUCKETS_MS if latency_ms <= bound), float("inf"))
        self.buckets[bound] += 1
        self.sum_ms += latency_ms
        self.count += 1


class WeightedTurns:
    """Smooth weighted round robin: over any stretch each name gets its share, without chance."""

    def __init__(self) -> None:
        self._credit: defaultdict[str, float] = defaultdict(float)

    def next(self, weights: dict[str, int]) -> str | None:
        """Return whose turn it is, or None when all weights are 0."""
        candidates = {name: weight for name, weight in weights.items() if weight > 0}
        if not candidates:
            return None
        for name, weight in candidates.items():
            self._credit[name] += weight
        chosen = max(candidates, key=lambda name: self._credit[name])
        self._credit[chosen] -= sum(candidates.values())
        return chosen


class Cluster:
    """Which pod answers at which address, from mirrors of the API."""

    def __init__(self, api: Api) -> None:
        self._pods = Mirror(api, "v1", "Pod", self._index_pods)
        self._services = Mirror(api, "v1", "Service", self._index_services)
        self._slices = Mirror(api, "discovery.k8s.io/v1", "EndpointSlice", self._index_slices)
        self._routes = Mirror(api, "gateway.networking.k8s.io/v1", "HTTPRoute", self._index_routes)
        self.pods_by_address: dict[str, Pod] = {}
        self._services_by_address: dict[str, tuple[str, str]] = {}
        self._endpoints: dict[tuple[str, str], list[str]] = {}
        self._weights: dict[tuple[str, str], dict[str, int]] = {}
        self._turns: defaultdict[tuple[str, str], WeightedTurns] = defaultdict(WeightedTurns)
        self._rotation = itertools.count()

    def wait(self) -> None:
        """Return once every mirror has listed its kind."""
        for mirror in (self._pods, self._services, self._slices, self._routes):
            mirror.synced.wait()

    def _index_pods(self) -> None:
        self.pods_by_address = {
            pod["status"]["podIP"]: _pod(pod) for pod in self._pods.objects.values() if pod["status"].get("podIP")
        }

    def _index_services(self) -> None:
        self._services_by_address = {
            service["spec"]["clusterIP"]: key
            for key, service in self._services.objects.items()
            if service["spec"].get("clusterIP", "None") != "None"
        }

    def _index_slices(self) -> None:
        ready: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        leaving: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for (namespace, _), item in self._slices.objects.items():
            service = (namespace, item["metadata"].get("labels", {}).get("kubernetes.io/service-name", ""))
            for endpoint in items(item, "endpoints"):
                conditions = endpoint.get("conditions", {})
                if conditions.get("ready"):
                    ready[service] += endpoint["addresses"]
                elif conditions.get("serving"):
                    leaving[service] += endpoint["addresses"]
        self._endpoints = {**leaving, **ready}

    def _index_routes(self) -> None:
        weights: dict[tuple[str, str], dict[str, int]] = {}
        for (namespace, _), route in self._routes.objects.items():
            rules = items(route, "spec", "rules")
            for parent in items(route, "spec", "parentRefs"):
                if parent.get("kind") == "Service" and rules:
                    weights[parent.get("namespace", namespace), parent["name"]] = {
                        backend["name"]: backend.get("weight", 1) for backend in items(rules[0], "backendRefs")
                    }
        self._weights = weights

    def answering(self, address: str) -> Pod | None:
        """Return the pod that answers at a pod's or a Service's address; None when there is none."""
        service = self._services_by_address.get(address)
        if service is None:
            return self.pods_by_address.get(address)
        if service in self._weights:
            backend = self._turns[service].next(self._weights[service])
            if backend is not None:
                service = (service[0], backend)
        addresses = self._endpoints.get(service)
        if not addresses:
            return None
        return self.pods_by_address.get(addresses[next(self._rotation) % len(addresses)])


def _pod(manifest: Manifest) -> Pod:
    metadata = manifest["metadata"]
    labels = metadata.get("labels", {})
    name = metadata["name"]
    template_hash = labels.get("pod-template-hash")
    deployment = name.split(f"-{template_hash}-")[0] if template_hash else name
    image = manifest["spec"]["containers"][0]["image"]
    return Pod(metadata["namespace"], deployment, name, image.rpartition(":")[2].partition("@")[0])


class App:
    """Answers requests and counts them."""

    def __init__(self, cluster: Cluster, faults: Path) -> None:
        self._cluster = cluster
        self._faults_file = faults
        self._faults_read_at = -1.0
        self._faults: dict[str, Fault] = {}
        self._turn: Counter[tuple[str, str, str]] = Counter()
        self._responses: Counter[tuple[Pod, int]] = Counter()
        self._latencies: defaultdict[Pod, Histogram] = defaultdict(Histogram)

    def _fault(self, version: str) -> Fault:
        changed_at = self._faults_file.stat().st_mtime if self._faults_file.exists() else 0.0
        if changed_at != self._faults_read_at:
            self._faults_read_at = changed_at
            text = self._faults_file.read_text() if changed_at else "{}"
            self._faults = {
                tag: Fault(fault.get("failEvery", 0), fault.get("delayMilliseconds", 0))
                for tag, fault in json.loads(text).items()
            }
        return self._faults.get(version, Fault())

    async def answer(self, address: str, host: str) -> tuple[int, dict[str, Any]]:
        """Answer one request for a host that arrived at an address, as the pod that stands behind it."""
        began = time.perf_counter()
        pod = self._cluster.answering(address)
        if pod is None:
            return 503, {"error": f"nothing ready at {address}"}
        fault = self._fault(pod.version)
        if fault.delay_milliseconds:
            await asyncio.sleep(fault.delay_milliseconds / 1000)
        turn = (pod.namespace, pod.version, host)
        self._turn[turn] += 1
        failed = fault.fail_every and self._turn[turn] % fault.fail_every == 0
        status = 500 if failed else 200
        self._responses[pod, status] += 1
        self._latencies[pod].observe((time.perf_counter() - began) * 1000)
        return status, {"version": pod.version, "deployment": pod.deployment, "pod": pod.name}

    def metrics(self) -> str:
        """Return the counters in Prometheus' text format; those of a pod go with it, as its proxy would."""
        present = set(self._cluster.pods_by_address.values())
        lines = ["# TYPE response_total counter"]
        for (pod, status), count in self._responses.items():
            if pod not in present:
                continue
            classification = "success" if status < 500 else "failure"
            labels = f'{_labels(pod)},classification="{classification}",status_code="{status}",version="{pod.version}"'
            lines.append(f"response_total{{{labels}}} {count}")
        lines.append("# TYPE response_latency_ms histogram")
        for pod, histogram in self._latencies.items():
            if pod not in present:
                continue
            below = 0
            for bound in (*LATENCY_BUCKETS_MS, float("inf")):
                below += histogram.buckets[bound]
                limit = "+Inf" if bound == float("inf") else str(bound)
                lines.append(f'response_latency_ms_bucket{{{_labels(pod)},le="{limit}"}} {below}')
            lines.append(f"response_latency_ms_sum{{{_labels(pod)}}} {histogram.sum_ms}")
            lines.append(f"response_latency_ms_count{{{_labels(pod)}}} {histogram.count}")
        return "\n".join(lines) + "\n"


def _labels(pod: Pod) -> str:
    return f'direction="inbound",namespace="{pod.namespace}",deployment="{pod.deployment}",pod="{pod.name}"'


def request_headers(head: bytes) -> Message:
    """Return the headers of a request; their names are found in any case."""
    return HeaderParser().parsestr(head.decode("latin-1").partition("\r\n")[2])


async def _serve_app(app: App, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    address = writer.get_extra_info("sockname")[0]
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            headers = request_headers(head)
            await reader.readexactly(int(headers.get("Content-Length", "0")))
            status, body = await app.answer(address, headers.get("Host", ""))
            closing = headers.get("Connection", "").lower() == "close"
            await _respond(writer, status, "application/json", json.dumps(body), closing)
            if closing:
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def _serve_metrics(app: App, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await reader.readuntil(b"\r\n\r\n")
        await _respond(writer, 200, "text/plain; version=0.0.4", app.metrics(), closing=True)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def _respond(writer: asyncio.StreamWriter, status: int, content_type: str, body: str, closing: bool) -> None:
    phrase = {200: "OK", 500: "Internal Server Error", 503: "Service Unavailable"}[status]
    connection = "close" if closing else "keep-alive"
    writer.write(
        f"HTTP/1.1 {status} {phrase}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body.encode())}\r\n"
        f"Connection: {connection}\r\n\r\n{body}".encode()
    )
    await writer.drain()


async def _main(kubeconfig: Path, faults: Path, port: int, metrics_port: int) -> None:
    cluster = Cluster(Api(kubeconfig))
    await asyncio.to_thread(cluster.wait)
    app = App(cluster, faults)
    servers = [
        await asyncio.start_server(
            lambda reader, writer: _serve_app(app, reader, writer), "0.0.0.0", port, backlog=1024
        ),
        await asyncio.start_server(
            lambda reader, writer: _serve_metrics(app, reader, writer), "127.0.0.1", metrics_port
        ),
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Stand-in for the app's containers and their Linkerd proxies.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--faults", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--metrics-port", type=int, required=True)
    arguments = parser.parse_args()
    asyncio.run(_main(arguments.kubeconfig, arguments.faults, arguments.port, arguments.metrics_port))
