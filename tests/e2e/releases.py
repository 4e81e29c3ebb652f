"""The releases that the tests look at. Independent ones run side by side; the rest would take half an hour in a row."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from controlplane import watch
from controlplane.picture import Moment
from controlplane.plane import wait_until
from controlplane.processes import PROMETHEUS_PORT, TRAEFIK_ADDRESSES
from controlplane.stack import FIRST_VERSION, FLAGGER
from tests.e2e.platform import Platform
from tests.e2e.traffic import Recorder, Release, call

GOOD = "1.1.0"
BETTER = "1.1.1"
ERRORS = "1.2.0"
SLOW = "1.3.0"
BROKEN = "1.4.0"
TURNS_BAD = "1.5.0"

FAULTS = {
    ERRORS: {"failEvery": 20},
    SLOW: {"delayMilliseconds": 700},
    BROKEN: {"failEvery": 1},
}
"""What is wrong with which version: 5 % errors, 700 ms more, nothing but errors."""

AFTERMATH_SECONDS = 5.0
"""Traffic goes on for a while after the decision: routers need a moment to follow it."""

RELEASE_TIMEOUT_SECONDS = 330.0
STALL_SECONDS = 60.0
"""How long a Canary must not move to count as stalled: six intervals."""


def await_serving(platform: Platform, namespace: str) -> None:
    """Wait until Flagger has initialised an app and the gateway leads to it."""
    wait_until(lambda: platform.phase(namespace) == "Initialized", 120, f"{namespace} to be initialised")
    for address in TRAEFIK_ADDRESSES:
        wait_until(
            lambda at=address: call(at, platform.host_of(namespace))[0] == 200, 30, f"{address} to lead to {namespace}"
        )


def observe(recorder: Recorder, during: Callable[[Release], None] = lambda release: None) -> Release:
    """Record a release until it ends or its time is up; ``during`` is called after each sample."""
    until = time.monotonic() + RELEASE_TIMEOUT_SECONDS
    while not recorder.look() and time.monotonic() < until:
        during(recorder.release)
        time.sleep(0.5)
    time.sleep(AFTERMATH_SECONDS)
    return recorder.finish()


def _copied(
    platform: Platform, namespace: str, version: str, during: Callable[[Release], None] = lambda release: None
) -> Release:
    recorder = Recorder(platform, namespace, FIRST_VERSION, version)
    platform.set_version(namespace, version)
    return observe(recorder, during)


def _restarted(platform: Platform) -> Release:
    changed = threading.Event()

    def change(release: Release) -> None:
        if not changed.is_set() and release.samples[-1].weight >= 15:
            changed.set()
            platform.set_version("restarted", BETTER)

    return _copied(platform, "restarted", GOOD, change)


def _through_git(platform: Platform, before: str, version: str) -> tuple[Release, list[Moment]]:
    """A release announced by the registry and carried by Flux, and what a person who watches it would see."""
    prometheus = watch.Prometheus(f"http://127.0.0.1:{PROMETHEUS_PORT}")
    moments: list[Moment] = []
    began = time.monotonic()

    def look() -> None:
        moments.append(watch.observe(platform.api, prometheus, "realworld", "realworld", began))

    def during(release: Release) -> None:
        due = not moments or time.monotonic() - began - moments[-1].seconds >= watch.INTERVAL_SECONDS
        if due and release.samples[-1].phase not in watch.ENDED:
            look()

    recorder = Recorder(platform, "realworld", before, version)
    platform.release(version)
    release = observe(recorder, during)
    look()
    return release, [moment for moment in moments if moment.phase != "Initialized"]


def _two_through_git(platform: Platform) -> list[tuple[Release, list[Moment]]]:
    """A good release, then a bad one."""
    return [_through_git(platform, FIRST_VERSION, GOOD), _through_git(platform, GOOD, ERRORS)]


def _documented(platform: Platform) -> str:
    """Return the phase in which the documented form of the Service reference is left, a minute after a change."""
    wait_until(lambda: platform.phase("documented") == "Initialized", 120, "the documented form to be initialised")
    platform.set_version("documented", GOOD)
    time.sleep(STALL_SECONDS)
    return platform.phase("documented")


@dataclass(frozen=True)
class FirstWave:
    """The records of the releases that run side by side."""

    good: Release
    errors: Release
    slow: Release
    restarted: Release
    broken: Release
    documented_phase: str
    promotion: list[Moment]
    rollback: list[Moment]

    @classmethod
    def run(cls, platform: Platform) -> Self:
        """Create the copies, wait until each is initialised, and release into all of them."""
        platform.plane.paths.faults.write_text(json.dumps(FAULTS))
        copies = ("slow", "restarted", "broken", "documented")
        for namespace in copies:
            platform.copy_app(namespace)
        reference = platform.canary("documented")["spec"]["service"]["gatewayRefs"]
        reference[0]["namespace"] = "documented"
        platform.api.patch(
            FLAGGER, "Canary", "realworld", {"spec": {"service": {"gatewayRefs": reference}}}, "documented"
        )
        for namespace in ("realworld", *copies[:-1]):
            await_serving(platform, namespace)
        with ThreadPoolExecutor(8) as pool:
            through_git = pool.submit(_two_through_git, platform)
            slow = pool.submit(_copied, platform, "slow", SLOW)
            broken = pool.submit(_copied, platform, "broken", BROKEN)
            restarted = pool.submit(_restarted, platform)
            documented: Future[str] = pool.submit(_documented, platform)
            (good, promotion), (errors, rollback) = through_git.result()
            return cls(
                good=good,
                errors=errors,
                slow=slow.result(),
                restarted=restarted.result(),
                broken=broken.result(),
                documented_phase=documented.result(),
                promotion=promotion,
                rollback=rollback,
            )


@dataclass(frozen=True)
class Outage:
    """A release during which Traefik goes away.

    Attributes:
        release: the record.
        weight_at_first_stop: the weight in the moment in which one of two instances was stopped.
        weight_with_one: the weight more than three intervals later.
        weight_before: the weight a little after the other was stopped too.
        stalled: the phase and weight four intervals after that.
    """

    release: Release
    weight_at_first_stop: int
    weight_with_one: int
    weight_before: int
    stalled: tuple[str, int]

    @classmethod
    def run(cls, platform: Platform) -> Self:
        """Release a version that turns bad while no Traefik runs; start Traefik again and wait for the decision."""
        supervisor, processes = platform.plane.supervisor, platform.plane.processes
        platform.copy_app("outage")
        await_serving(platform, "outage")
        recorder = Recorder(platform, "outage", FIRST_VERSION, TURNS_BAD)
        record = recorder.release

        def follow(seconds: float, until: Callable[[], bool] = lambda: False) -> None:
            end = time.monotonic() + seconds
            while time.monotonic() < end and not recorder.look() and not until():
                time.sleep(0.5)

        platform.set_version("outage", TURNS_BAD)
        follow(90, lambda: record.samples[-1].weight >= 10)
        first_stop = record.samples[-1].weight
        supervisor.stop("traefik-1")
        follow(35)
        with_one = record.samples[-1].weight
        supervisor.stop("traefik-2")
        follow(12)
        before = record.samples[-1].weight
        platform.plane.paths.faults.write_text(json.dumps({**FAULTS, TURNS_BAD: {"failEvery": 2}}))
        follow(40)
        stalled = (record.samples[-1].phase, record.samples[-1].weight)
        supervisor.start_together([processes.traefik(0), processes.traefik(1)])
        return cls(observe(recorder), first_stop, with_one, before, stalled)
