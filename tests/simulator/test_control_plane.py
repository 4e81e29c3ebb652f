"""Objects on a real API server: what the provider makes of its answers. The server itself is in `tests/e2e`."""

import base64
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime.proto import provider_pb2, status_pb2

from controlplane.standins import charts
from simulator import keys
from simulator.answers import Cloud
from simulator.control_plane import ControlPlane, NotReadyError, as_given, inputs_of
from simulator.errors import CloudError
from simulator.kubernetes import Api, ApiError, CredentialError, Manifest, items
from simulator.provider import Servicer
from simulator.values import Values
from simulator.wire import decode, encode
from tests.simulator.world import CLUSTER, EKS, World

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
CUSTOM = "kubernetes:example.org/v1:Custom"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
    max_leaves=12,
)
ENDPOINT = "https://127.0.0.1:1"
AUTHORITY = keys.authority("test")


@given(JSON)
def test_an_object_as_it_was_given_has_the_inputs_that_it_was_given(value: object) -> None:
    assert as_given(value, value) == value


@given(st.dictionaries(st.text(), JSON), st.dictionaries(st.text(), JSON))
def test_what_the_server_adds_is_no_change(inputs: dict[str, object], added: dict[str, object]) -> None:
    assert as_given(inputs, {**added, **inputs}) == inputs


def test_what_others_change_is_seen() -> None:
    inputs = {"metadata": {"name": "a"}, "spec": {"ports": [1, 2], "kept": True, "removed": 1}}
    live = {"metadata": {"name": "a", "uid": "u"}, "spec": {"ports": [1, 2, 3], "kept": False}, "status": {}}
    assert as_given(inputs, live) == {"metadata": {"name": "a"}, "spec": {"ports": [1, 2, 3], "kept": False}}


@given(st.dictionaries(st.text(min_size=1), st.text()), st.dictionaries(st.text(min_size=1), st.text(), max_size=2))
def test_a_secrets_text_is_read_out_of_its_data(texts: dict[str, str], by_hand: dict[str, str]) -> None:
    inputs: Values = {"metadata": {"name": "a"}, "stringData": texts}
    now = {**texts, **by_hand}
    data = {key: base64.b64encode(text.encode()).decode() for key, text in now.items()}
    assert inputs_of(inputs, {"metadata": {"name": "a"}, "data": data})["stringData"] == now


def test_absent_and_null_lists_are_empty() -> None:
    assert items({"status": None}, "status", "conditions") == []
    assert items({"status": {"conditions": None}}, "status", "conditions") == []


# --- the token --------------------------------------------------------------------------------------------------------


def kubeconfig(command: str = "aws") -> Manifest:
    user = {"exec": {"command": command, "args": ["eks", "get-token", "--cluster-name", CLUSTER]}}
    cluster = {"server": ENDPOINT, "certificate-authority-data": AUTHORITY}
    return {"clusters": [{"cluster": cluster}], "users": [{"user": user}]}


def tool(folder: Path, script: str) -> str:
    (folder / "aws").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "aws").chmod(0o755)
    return str(folder)


def test_the_kubeconfigs_command_gives_the_token(tmp_path: Path) -> None:
    arguments = tmp_path / "arguments"
    document = json.dumps({"kind": "ExecCredential", "status": {"token": "t0ken"}})
    folder = tool(tmp_path, f"echo \"$@\" > {arguments}\necho '{document}'")
    assert vars(Api(kubeconfig(), folder))["_token"] == "t0ken"
    assert arguments.read_text() == f"eks get-token --cluster-name {CLUSTER}\n"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'no credentials' >&2; exit 255", "aws eks get-token --cluster-name platform: no credentials"),
        ("echo '{}'", r"aws eks get-token --cluster-name platform: it printed '\{\}\\n'"),
    ],
)
def test_a_command_that_gives_no_token_is_one_line(tmp_path: Path, script: str, message: str) -> None:
    with pytest.raises(CredentialError, match=message):
        Api(kubeconfig(), tool(tmp_path, script))


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="aws is not on PATH"):
        Api(kubeconfig(), str(tmp_path))


# --- the cloud in front of an API server ------------------------------------------------------------------------------


@dataclass
class Server:
    """An API server by its calls: objects become ready when the test says, and leave when it says."""

    objects: dict[str, Manifest] = field(default_factory=dict[str, Manifest])
    becomes_ready: bool = True
    lets_go: bool = True
    refuses: str = ""
    options: Manifest | None = None

    def apply(self, manifest: Manifest, field_manager: str) -> Manifest:
        assert field_manager == "pulumi-kubernetes"
        if self.refuses:
            raise ApiError(422, "Invalid", self.refuses)
        name = manifest["metadata"]["name"]
        status = {"conditions": [{"type": "Ready", "status": str(self.becomes_ready), "message": "because"}]}
        metadata = {**manifest["metadata"], "uid": "real", "generation": 1}
        self.objects[name] = {**manifest, "metadata": metadata, "status": status}
        return self.objects[name]

    def find(self, api_version: str, kind: str, name: str, namespace: str) -> Manifest | None:
        return self.objects.get(name)

    def delete(self, api_version: str, kind: str, name: str, namespace: str, options: Manifest) -> None:
        self.options = options
        if self.lets_go:
            self.objects.pop(name, None)
        else:
            self.objects[name]["metadata"]["finalizers"] = ["example.org/held"]


@dataclass(frozen=True, kw_only=True)
class Plane(ControlPlane):
    """A control plane whose clients speak to the stand-in."""

    server: Server

    def open(self, kubeconfig: Values) -> Api:
        return cast(Api, self.server)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def cloud(server: Server) -> Cloud:
    """A cloud whose one cluster stands on the server."""
    plane = Plane(endpoint=ENDPOINT, certificate_authority=AUTHORITY, tools="", settings={}, server=server)
    cloud = World(cloud=Cloud(control_plane=plane)).cloud
    cloud.connect(CLUSTER, kubeconfig())
    return cloud


def config_map(**data: str) -> Values:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "default"}, "data": data}


def awaited(cloud: Cloud) -> Values:
    """Inputs of a custom object that Pulumi waits for, after its definition."""
    definition: Values = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "customs.example.org"},
        "spec": {"group": "example.org", "names": {"kind": "Custom"}},
    }
    cloud.create("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", "d", definition, cluster=CLUSTER)
    annotations = {"pulumi.com/waitFor": "condition=Ready"}
    metadata = {"name": "w", "namespace": "default", "annotations": annotations}
    return {"apiVersion": "example.org/v1", "kind": "Custom", "metadata": metadata}


def test_the_cluster_names_the_api_server(cloud: Cloud) -> None:
    cluster = next(thing for thing in cloud if thing.token == EKS)
    assert cluster.outputs["endpoint"] == ENDPOINT
    assert cluster.outputs["certificateAuthority"] == {"data": AUTHORITY}


def test_an_object_has_the_servers_outputs(cloud: Cloud, server: Server) -> None:
    identifier, outputs = cloud.create(CONFIG_MAP, "c", config_map(a="1"), cluster=CLUSTER)
    assert (identifier, outputs["metadata"]["uid"]) == ("default/c", "real")
    assert server.objects["c"]["data"] == {"a": "1"}
    assert cloud.update(CONFIG_MAP, identifier, config_map(a="2"), cluster=CLUSTER)["data"] == {"a": "2"}
    cloud.delete(CONFIG_MAP, identifier, cluster=CLUSTER)
    assert "c" not in server.objects
    assert server.options is not None
    assert server.options["propagationPolicy"] == "Foreground"
    assert cloud.read(CONFIG_MAP, identifier, cluster=CLUSTER) is None


def test_a_refusal_of_the_server_leaves_nothing(cloud: Cloud, server: Server) -> None:
    server.refuses = "spec.size: must be positive"
    with pytest.raises(CloudError, match=r"^Invalid: spec\.size: must be positive$"):
        cloud.create(CONFIG_MAP, "c", config_map(), cluster=CLUSTER)
    assert cloud.read(CONFIG_MAP, "default/c", cluster=CLUSTER) is None


def test_a_refused_update_leaves_what_was(cloud: Cloud, server: Server) -> None:
    identifier, _ = cloud.create(CONFIG_MAP, "c", config_map(a="1"), cluster=CLUSTER)
    server.refuses = "no"
    with pytest.raises(CloudError):
        cloud.update(CONFIG_MAP, identifier, config_map(a="2"), cluster=CLUSTER)
    kept = cloud.read(CONFIG_MAP, identifier, cluster=CLUSTER)
    assert kept is not None
    assert (kept.inputs["data"], kept.outputs["data"]) == ({"a": "1"}, {"a": "1"})


def test_an_object_that_never_becomes_ready_is_kept_and_told_of(cloud: Cloud, server: Server) -> None:
    inputs = awaited(cloud)
    server.becomes_ready = False
    with pytest.raises(
        NotReadyError, match=r"Custom default/w is not Ready after 0 s: Ready=False \(because\)"
    ) as late:
        cloud.create(CUSTOM, "w", inputs, cluster=CLUSTER, timeout_seconds=0.1)
    assert late.value.identifier == "default/w"
    assert late.value.outputs["metadata"]["uid"] == "real"
    assert cloud.read(CUSTOM, "default/w", cluster=CLUSTER) is not None


def test_a_condition_of_an_older_generation_does_not_count(cloud: Cloud, server: Server) -> None:
    class Stale(Server):
        def apply(self, manifest: Manifest, field_manager: str) -> Manifest:
            found = super().apply(manifest, field_manager)
            for condition in found["status"]["conditions"]:
                condition["observedGeneration"] = 0
            return found

    inputs = awaited(cloud)
    server.__class__ = Stale
    with pytest.raises(NotReadyError):
        cloud.create(CUSTOM, "w", inputs, cluster=CLUSTER, timeout_seconds=0.1)


def test_a_deletion_that_a_finalizer_holds_up_names_it(cloud: Cloud, server: Server) -> None:
    identifier, _ = cloud.create(CONFIG_MAP, "c", config_map(), cluster=CLUSTER)
    server.lets_go = False
    began = time.monotonic()
    with pytest.raises(CloudError, match=r"ConfigMap default/c is still there after 0 s, finalizers: \['example.org"):
        cloud.delete(CONFIG_MAP, identifier, cluster=CLUSTER, timeout_seconds=0.1)
    assert time.monotonic() - began < 5
    assert cloud.read(CONFIG_MAP, identifier, cluster=CLUSTER) is not None


def test_refresh_takes_over_what_others_did(cloud: Cloud, server: Server) -> None:
    identifier, _ = cloud.create(CONFIG_MAP, "c", config_map(a="1"), cluster=CLUSTER)
    server.objects["c"]["data"] = {"a": "by hand"}
    found = cloud.refresh(CONFIG_MAP, identifier, cluster=CLUSTER)
    assert found is not None
    assert found.inputs == config_map(a="by hand")
    del server.objects["c"]
    assert cloud.refresh(CONFIG_MAP, identifier, cluster=CLUSTER) is None


def test_without_its_api_server_a_cluster_is_unreachable(cloud: Cloud) -> None:
    cloud.create(CONFIG_MAP, "c", config_map(), cluster=CLUSTER)
    vars(cloud)["_objects"].clear()
    with pytest.raises(CloudError, match="Unreachable: no API server answers"):
        cloud.delete(CONFIG_MAP, "default/c", cluster=CLUSTER)


def test_the_engine_learns_what_stands_unready(cloud: Cloud, server: Server) -> None:
    class Context:
        metadata: tuple[tuple[str, bytes], ...] = ()

        def peer(self) -> str:
            return "engine"

        def set_trailing_metadata(self, metadata: tuple[tuple[str, bytes], ...]) -> None:
            self.metadata = metadata

        def abort(self, code: grpc.StatusCode, message: str) -> None:
            raise ConnectionAbortedError(message)

    inputs, context = awaited(cloud), Context()
    inputs["metadata"]["annotations"]["pulumi.com/timeoutSeconds"] = "0.1"
    server.becomes_ready = False
    servicer = Servicer(cloud)
    peer = cast(grpc.ServicerContext, context)
    arguments = provider_pb2.ConfigureRequest(args=encode({"kubeconfig": json.dumps(kubeconfig())}))
    servicer.Configure(arguments, peer)
    request = provider_pb2.CreateRequest(urn=f"urn:pulumi:local::p::{CUSTOM}::w", properties=encode(inputs))
    with pytest.raises(ConnectionAbortedError, match="Custom default/w is not Ready"):
        servicer.Create(request, peer)
    assert [key for key, _ in context.metadata] == ["grpc-status-details-bin"]
    status = status_pb2.Status.FromString(context.metadata[0][1])
    failed = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(failed)
    assert failed.id == "default/w"
    assert decode(failed.properties).values["metadata"]["uid"] == "real"
    assert list(failed.reasons) == [str(status.message)]


def test_a_file_of_a_control_plane_that_has_ended_finds_none(tmp_path: Path) -> None:
    file = tmp_path / "control-plane.json"
    assert ControlPlane.find(file) is None
    folder = tool(tmp_path, 'echo \'{"status": {"token": "t"}}\'')
    ControlPlane(endpoint=ENDPOINT, certificate_authority=AUTHORITY, tools=folder, settings={}).write(file)
    assert ControlPlane.find(file) is None


# --- the stand-in for the charts' controllers -------------------------------------------------------------------------


def held(finalizers: list[str], **metadata: Any) -> Manifest:  # noqa: ANN401 - any metadata
    return {"metadata": {"resourceVersion": "7", "generation": 2, "finalizers": finalizers, **metadata}}


def test_the_controller_holds_an_object_until_it_leaves() -> None:
    finalizer = "karpenter.sh/termination"
    leaving = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    hold = charts.metadata_change(held(["other"]), finalizer)
    assert hold == {"metadata": {"resourceVersion": "7", "finalizers": ["other", finalizer]}}
    assert charts.metadata_change(held([finalizer]), finalizer) is None
    let_go = charts.metadata_change(held(["other", finalizer], **leaving), finalizer)
    assert let_go == {"metadata": {"resourceVersion": "7", "finalizers": ["other"]}}
    assert charts.metadata_change(held(["other"], **leaving), finalizer) is None


def test_the_controller_calls_each_generation_ready_once() -> None:
    item = held([])
    change = charts.status_change(item, "2026-01-01T00:00:00Z")
    assert change is not None
    assert change["status"]["conditions"][0]["observedGeneration"] == 2
    assert charts.status_change({**item, **change}, "2026-01-01T00:00:00Z") is None
