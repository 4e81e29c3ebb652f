"""A client that calls the gateway without pause and remembers every answer, and a recorder of what Flagger decides."""

import http.client
import json
import threading
import time
from dataclasses import dataclass, field

from controlplane import processes
from tests.e2e.platform import Platform

REQUESTS_PER_SECOND = 20


@dataclass(frozen=True)
class Answer:
    """One request: when it was sent (monotonic), status (0 for none), version that answered, time to the answer."""

    sent_at: float
    status: int
    version: str
    milliseconds: float

    @property
    def failed(self) -> bool:
        """Whether the client saw a failure."""
        return self.status != 200


@dataclass(frozen=True)
class Sample:
    """The state of a Canary at one moment."""

    at: float
    phase: str
    weight: int


def call(address: str, host: str) -> tuple[int, str]:
    """Send one request to a gateway; return the status (0 for none) and the version that answered.

    Raises:
        ConnectionRefusedError: nothing listens there.
    """
    connection = http.client.HTTPConnection(address, processes.GATEWAY_PORT, timeout=5)
    try:
        connection.request("GET", "/", headers={"Host": host, "Connection": "close"})
        response = connection.getresponse()
        body = response.read()
    except ConnectionRefusedError:
        raise
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()
    return response.status, json.loads(body).get("version", "") if body.startswith(b"{") else ""


class Client:
    """Calls one host name through the gateway, taking its addresses in turn.

    Like the load balancer in front of it, it sends nothing to an address that refuses connections.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self.answers: list[Answer] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        due, number = time.monotonic(), 0
        while not self._stopping.is_set():
            self.answers.append(self._call(number))
            number += 1
            due += 1 / REQUESTS_PER_SECOND
            self._stopping.wait(max(0.0, due - time.monotonic()))

    def _call(self, number: int) -> Answer:
        sent_at, status, version = time.monotonic(), 0, ""
        addresses = processes.TRAEFIK_ADDRESSES
        for offset in range(len(addresses)):
            try:
                status, version = call(addresses[(number + offset) % len(addresses)], self._host)
                break
            except ConnectionRefusedError:
                continue
        return Answer(sent_at, status, version, (time.monotonic() - sent_at) * 1000)


@dataclass
class Release:
    """What happened during one release: the Canary's states, the client's answers, Flagger's events."""

    namespace: str
    before: str
    after: str
    samples: list[Sample] = field(default_factory=list[Sample])
    answers: list[Answer] = field(default_factory=list[Answer])
    events: list[str] = field(default_factory=list[str])

    @property
    def phase(self) -> str:
        """The last phase seen."""
        return self.samples[-1].phase

    @property
    def weights(self) -> list[int]:
        """The weights in the order in which they came, each once."""
        weights: list[int] = []
        for sample in self.samples:
            if not weights or weights[-1] != sample.weight:
                weights.append(sample.weight)
        return weights

    @property
    def seconds(self) -> float:
        """From the moment in which Flagger saw the change to the end."""
        samples = self.samples
        began = next(sample.at for sample in samples if sample.phase == "Progressing")
        ended = next(item.at for item in samples if item.at > began and item.phase in ("Succeeded", "Failed"))
        return ended - began

    @property
    def failure_percent(self) -> float:
        """Share of the client's requests that failed."""
        return 100 * sum(answer.failed for answer in self.answers) / len(self.answers)

    def share_percent(self, weight: int, settle_seconds: float = 3.0) -> float:
        """Share of the new version in the answers while a weight held; routers need a moment after a change."""
        times = [sample.at for sample in self.samples if sample.weight == weight and sample.phase == "Progressing"]
        within = [
            answer
            for answer in self.answers
            if times[0] + settle_seconds <= answer.sent_at <= times[-1] and answer.version
        ]
        return 100 * sum(answer.version == self.after for answer in within) / len(within)


class Recorder:
    """Follows one namespace's Canary and calls its host until the release has ended."""

    def __init__(self, platform: Platform, namespace: str, before: str, after: str) -> None:
        self.release = Release(namespace, before, after)
        self._platform = platform
        self._events_before = len(platform.events(namespace))
        self._client = Client(platform.host_of(namespace))
        self._began = False

    def look(self) -> bool:
        """Take a sample; say whether the release has ended."""
        status = self._platform.canary(self.release.namespace).get("status", {})
        phase, weight = status.get("phase", ""), status.get("canaryWeight", 0)
        self.release.samples.append(Sample(time.monotonic(), phase, weight))
        self._began = self._began or phase == "Progressing"
        return self._began and phase in ("Succeeded", "Failed")

    def finish(self) -> Release:
        """Stop the traffic and hand over the record."""
        self._client.stop()
        self.release.answers = self._client.answers
        self.release.events = self._platform.events(self.release.namespace)[self._events_before :]
        return self.release
