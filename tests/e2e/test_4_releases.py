"""Releases with real traffic: what the client saw, what Flagger decided, and what Git says."""

import base64
import json
import time

import pytest
import yaml

from controlplane.plane import wait_until
from controlplane.stack import FIRST_VERSION, FLUX, IMAGE, KUSTOMIZE, SOURCE, reconcile, reconcile_and_wait
from tests.e2e.platform import Platform
from tests.e2e.releases import BETTER, BROKEN, ERRORS, GOOD, FirstWave, Outage

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

STEPS = list(range(5, 55, 5))
SHARE_TOLERANCE_POINTS = 3.0
"""Percentage points between a version's share of the answers and its weight."""

CLIENT_FAILURES_PERCENT = 2.0
"""What a client may see of a version with 5 % errors, over the whole release."""


def test_good_release_goes_up_by_the_reference_steps_and_is_promoted(platform: Platform, first_wave: FirstWave) -> None:
    release = first_wave.good
    assert release.phase == "Succeeded"
    assert [weight for weight in release.weights if weight in STEPS] == STEPS
    assert platform.image("realworld", "realworld-primary") == f"{IMAGE}:{GOOD}"


def test_good_release_fails_no_request(first_wave: FirstWave) -> None:
    assert len(first_wave.good.answers) > 1000
    assert [answer for answer in first_wave.good.answers if answer.failed] == []


def test_good_release_is_not_held_up(first_wave: FirstWave) -> None:
    halts = [event for event in first_wave.good.events if "Halt" in event or "failed" in event]
    assert [halt for halt in halts if "no values found" not in halt] == []
    # The first scrape of the new pod may come a moment after the first check.
    assert len(halts) <= 1


@pytest.mark.parametrize("weight", STEPS)
def test_traffic_follows_the_weights(first_wave: FirstWave, weight: int) -> None:
    assert first_wave.good.share_percent(weight) == pytest.approx(weight, abs=SHARE_TOLERANCE_POINTS)


def test_image_automation_committed_the_release(platform: Platform, first_wave: FirstWave) -> None:
    assert first_wave
    assert f"flux: feat(realworld): release {GOOD} to local" in platform.pull()


def test_errors_roll_back_by_success_rate(first_wave: FirstWave) -> None:
    assert first_wave.errors.phase == "Failed"
    assert any("success-rate" in event and "9" in event for event in first_wave.errors.events)
    assert not any("latency-p99" in event for event in first_wave.errors.events if "advancement" in event)


def test_errors_are_really_served(first_wave: FirstWave) -> None:
    measured = [moment.success_percent for moment in first_wave.rollback if moment.success_percent is not None]
    assert 90 < min(measured) < 99


def test_errors_reach_few_clients(first_wave: FirstWave) -> None:
    assert 0 < first_wave.errors.failure_percent <= CLIENT_FAILURES_PERCENT


def test_latency_rolls_back_without_an_error(first_wave: FirstWave) -> None:
    release = first_wave.slow
    assert release.phase == "Failed"
    assert release.failure_percent == 0
    assert any("latency-p99" in event and "advancement" in event for event in release.events)


def test_rollback_leaves_the_primary_untouched(platform: Platform, first_wave: FirstWave) -> None:
    assert first_wave
    assert platform.image("slow", "realworld-primary") == f"{IMAGE}:{FIRST_VERSION}"
    assert platform.image("realworld", "realworld-primary") == f"{IMAGE}:{GOOD}"
    assert {answer.version for answer in first_wave.slow.answers[-20:]} == {FIRST_VERSION}


def test_failed_tag_does_not_come_back_by_itself(platform: Platform, first_wave: FirstWave) -> None:
    assert first_wave.errors.phase == "Failed"
    platform.apply_commit()
    time.sleep(25)
    assert platform.image("realworld") == f"{IMAGE}:{ERRORS}"
    assert platform.phase("realworld") == "Failed"
    assert platform.canary("realworld")["status"]["canaryWeight"] == 0


def test_new_revision_restarts_the_analysis(platform: Platform, first_wave: FirstWave) -> None:
    weights = first_wave.restarted.weights
    highest_before = max(weights[: weights.index(0, 1)])
    assert 15 <= highest_before < 50
    assert [weight for weight in weights[weights.index(0, 1) :] if weight in STEPS] == STEPS
    assert first_wave.restarted.phase == "Succeeded"
    assert platform.image("restarted", "realworld-primary") == f"{IMAGE}:{BETTER}"


def test_failing_smoke_test_never_takes_traffic(first_wave: FirstWave) -> None:
    release = first_wave.broken
    assert release.phase == "Failed"
    assert release.weights == [0]
    assert release.failure_percent == 0
    assert all(answer.version != BROKEN for answer in release.answers)
    assert any("pre-rollout check smoke-test failed" in event for event in release.events)


def test_documented_reference_stalls_and_ours_does_not(platform: Platform, first_wave: FirstWave) -> None:
    assert first_wave.documented_phase == "Initialized"
    assert any("is not ready" in event and "observed generation: 0" in event for event in platform.events("documented"))
    assert not any("observed generation: 0" in event for event in first_wave.good.events)


def test_hand_made_change_is_reverted(platform: Platform, first_wave: FirstWave) -> None:
    assert first_wave
    hpa = ("autoscaling/v2", "HorizontalPodAutoscaler", "realworld")
    platform.api.patch(*hpa, {"spec": {"maxReplicas": 3}}, "realworld")
    reconcile(platform.api, KUSTOMIZE, "Kustomization", "realworld")
    wait_until(
        lambda: platform.api.get(*hpa, "realworld")["spec"]["maxReplicas"] == 10, 90, "Flux to revert a change by hand"
    )


def test_autoscaled_replicas_are_left_alone(platform: Platform, first_wave: FirstWave) -> None:
    assert first_wave
    primary = ("apps/v1", "Deployment", "realworld-primary")
    platform.api.patch(*primary, {"spec": {"replicas": 3}}, "realworld", "scale")
    before = platform.api.get(KUSTOMIZE, "Kustomization", "realworld", FLUX)["metadata"]["resourceVersion"]
    reconcile(platform.api, KUSTOMIZE, "Kustomization", "realworld")
    time.sleep(25)
    after = platform.api.get(KUSTOMIZE, "Kustomization", "realworld", FLUX)["metadata"]["resourceVersion"]
    assert before != after
    assert platform.api.get(*primary, "realworld")["spec"]["replicas"] == 3


def test_object_removed_from_git_is_pruned(platform: Platform, first_wave: FirstWave) -> None:
    assert first_wave
    budget = ("policy/v1", "PodDisruptionBudget", "realworld", "realworld")
    assert platform.api.find(*budget) is not None
    platform.pull()
    file = platform.checkout / "gitops" / "apps" / "realworld" / "base" / "autoscaling.yaml"
    kept = [
        document
        for document in yaml.safe_load_all(file.read_text())
        if (document["kind"], document["metadata"]["name"]) != ("PodDisruptionBudget", "realworld")
    ]
    file.write_text(yaml.safe_dump_all(kept))
    platform.commit("chore: drop a budget")
    reconcile_and_wait(platform.api, SOURCE, "GitRepository", "platform")
    wait_until(lambda: platform.api.find(*budget) is None, 90, "Flux to prune what Git no longer holds")


def test_one_of_two_gateways_is_enough(outage: Outage) -> None:
    assert outage.weight_with_one >= outage.weight_at_first_stop + 10


def test_release_stands_still_without_a_gateway(platform: Platform, outage: Outage) -> None:
    assert outage.stalled == ("Progressing", outage.weight_before)
    assert any("is not ready" in event for event in outage.release.events)
    alerts = [alert for alert in platform.alerts() if alert.get("namespace") == "outage"]
    stalled = [alert["metadata"] for alert in alerts if "is not ready" in alert["metadata"]["eventMessage"]]
    assert {alert["eventType"] for alert in stalled} == {"Warning"}


def test_bad_release_is_rolled_back_when_the_gateway_returns(platform: Platform, outage: Outage) -> None:
    assert outage.release.phase == "Failed"
    assert platform.image("outage", "realworld-primary") == f"{IMAGE}:{FIRST_VERSION}"
    assert {answer.version for answer in outage.release.answers[-20:]} == {FIRST_VERSION}


def test_flagger_runs_with_the_receiver_that_the_tree_gives_it(platform: Platform) -> None:
    receiver = platform.api.get("v1", "Secret", "event-receiver", "flagger-system")
    environment = platform.plane.processes.flagger().environment
    assert base64.b64decode(receiver["data"]["address"]).decode() == environment["EVENT_WEBHOOK_URL"]


def test_failed_releases_are_announced(platform: Platform, first_wave: FirstWave) -> None:
    assert first_wave
    messages = [json.dumps(alert) for alert in platform.alerts()]
    assert any("Canary analysis completed successfully" in message for message in messages)
    assert any("rolling back" in message.lower() or "Rolled back" in message for message in messages)
