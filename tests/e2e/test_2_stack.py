"""`pulumi up` on a real API server: its objects are there, Flux starts from them, the root applies this repository."""

import subprocess

import pytest

from controlplane.plane import PULUMI
from controlplane.stack import FLUX, GIT_URL, KUSTOMIZE, SOURCE
from simulator.control_plane import inputs_of
from tests.e2e.platform import Platform, objects_in, requests_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

CONFIG_MAP = ("v1", "ConfigMap", "platform-runtime", FLUX)


def test_everything_is_made_at_once(platform: Platform) -> None:
    assert platform.made.changes.keys() == {"create"}
    assert platform.made.changes["create"] > 150


def test_every_object_stands_on_the_api_server_as_the_program_wants_it(platform: Platform) -> None:
    objects = objects_in(platform.state())
    assert {"Kustomization", "GitRepository", "FluxInstance", "TargetGroupBinding", "NodePool", "EC2NodeClass"} <= {
        inputs["kind"] for inputs in objects
    }
    for inputs in objects:
        metadata = inputs["metadata"]
        live = platform.api.get(inputs["apiVersion"], inputs["kind"], metadata["name"], metadata.get("namespace"))
        assert inputs_of(inputs, live) == inputs


def test_nobody_but_pulumi_made_them(platform: Platform) -> None:
    created = {
        (request.resource, request.namespace, request.name)
        for request in requests_in(platform.paths.audit_log)
        if request.user == PULUMI and request.code == 201
    }
    wanted = {
        (
            platform.api.resource(inputs["apiVersion"], inputs["kind"]).plural,
            metadata.get("namespace", ""),
            metadata["name"],
        )
        for inputs in objects_in(platform.state())
        for metadata in [inputs["metadata"]]
    }
    assert created == wanted


def test_up_ended_when_the_root_had_applied_this_very_repository(platform: Platform) -> None:
    root = platform.api.get(KUSTOMIZE, "Kustomization", "platform", FLUX)
    ready = next(condition for condition in root["status"]["conditions"] if condition["type"] == "Ready")
    assert ready["status"] == "True"
    commit = root["status"]["lastAppliedRevision"].rpartition(":")[2]
    assert commit == platform.first_commit
    assert platform.initial_phase == "Initialized"


def test_flux_reads_the_repository_with_pulumis_token(platform: Platform) -> None:
    refused = subprocess.run(
        ["git", "-c", "credential.helper=", "ls-remote", GIT_URL],
        env={"GIT_TERMINAL_PROMPT": "0", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "could not read Username" in refused.stderr
    source = platform.api.get(SOURCE, "GitRepository", "platform", FLUX)
    assert source["spec"]["secretRef"] == {"name": "platform-git"}
    assert source["status"]["artifact"]["revision"].endswith(platform.first_commit)


def test_a_second_up_changes_nothing(platform: Platform) -> None:
    assert platform.up().changes.keys() == {"same"}


def test_refresh_sees_what_was_done_by_hand_and_up_repairs_it(platform: Platform) -> None:
    platform.api.patch(*CONFIG_MAP[:3], {"data": {"database_name": "by-hand"}}, FLUX)
    policy = ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", "no-load-balancer-services")
    platform.api.delete(*policy)
    drift = platform.refresh()
    assert (drift.changes["update"], drift.changes["delete"]) == (1, 1)
    repair = platform.up()
    assert (repair.changes["update"], repair.changes["create"]) == (1, 1)
    assert platform.api.get(*CONFIG_MAP)["data"]["database_name"] != "by-hand"
    assert platform.api.find(*policy) is not None
