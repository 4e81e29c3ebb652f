"""Pulumi's provider protocol in front of the simulated cloud: one server for every package.

The engine opens one connection per provider resource, so configuration is kept by connection.
"""

import itertools
import json
import re
from collections.abc import Generator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
import yaml
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from simulator import naming, replacement, schema
from simulator.account import Account
from simulator.answers import Cloud
from simulator.control_plane import NotReadyError
from simulator.errors import CloudError
from simulator.values import UNKNOWN, Path, Values, at, object_at
from simulator.wire import Properties, decode, encode

PACKAGES: Final = ("aws", "kubernetes", "random", "tls", "github")
"""Packages that the server stands in for."""

WORKERS: Final = 32
ANY_VERSION: Final = "99.0.0"


@dataclass
class Configuration:
    """What a provider resource was configured with.

    Attributes:
        default_tags: Tags that the AWS provider adds to every resource.
        cluster: Cluster that the Kubernetes provider speaks to.
        delete_unreachable: Whether objects of an unreachable cluster count as deleted.
    """

    default_tags: dict[str, str] = field(default_factory=dict)
    cluster: str = ""
    delete_unreachable: bool = False

    def ignores(self, error: CloudError) -> bool:
        """Whether an object counts as deleted after this error."""
        return error.code == "Unreachable" and self.delete_unreachable


def type_of(urn: str) -> str:
    """Type token of a URN."""
    return urn.split("::")[2].rpartition("$")[2]


def name_of(urn: str) -> str:
    """Logical name of a URN."""
    return urn.split("::", 3)[3]


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """The provider protocol for one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        """Serves a cloud."""
        self._cloud = cloud
        self._configurations: dict[str, Configuration] = {}

    # --- the provider itself ------------------------------------------------------------------------------------------

    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        """Says what the server understands."""
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, supports_autonaming_configuration=True)

    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> Empty:
        """The engine has come."""
        return Empty()

    def GetPluginInfo(self, request: Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """The server stands in for any version: its types are those of the SDK that is installed."""
        return plugin_pb2.PluginInfo(version=ANY_VERSION)

    def GetSchema(
        self, request: provider_pb2.GetSchemaRequest, context: grpc.ServicerContext
    ) -> provider_pb2.GetSchemaResponse:
        """The types come from the SDK; there is no schema of the server's own."""
        return provider_pb2.GetSchemaResponse(schema="{}")

    def Cancel(self, request: Empty, context: grpc.ServicerContext) -> Empty:
        """Operations are instantaneous; there is nothing to cancel."""
        return Empty()

    def Parameterize(
        self, request: provider_pb2.ParameterizeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ParameterizeResponse:
        """No package of the cloud is parameterized."""
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "the simulated cloud takes no parameters")
        raise AssertionError

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Any configuration will do."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """A provider of another region or another cluster is another provider."""
        old, new = decode(request.old_inputs).values, decode(request.news).values
        identifier = "clusterIdentifier"
        if old.get(identifier) and old.get(identifier) == new.get(identifier):
            replaced: set[str] = set()
        elif UNKNOWN in {old.get("kubeconfig"), new.get("kubeconfig")}:
            replaced = set()
        else:
            replaced = {"region"} | ({"kubeconfig"} if _cluster_of(old) != _cluster_of(new) else set())
        changed = [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=[key for key in changed if key in replaced],
        )

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Keeps what the operations of this connection need."""
        values = decode(request.args).values
        configuration = Configuration(
            default_tags=object_at(_unpacked(values.get("defaultTags")), "tags"),
            cluster=_cluster_of(values),
            delete_unreachable=str(values.get("deleteUnreachable")).lower() == "true",
        )
        self._configurations[context.peer()] = configuration
        if configuration.cluster:
            self._cloud.connect(configuration.cluster, yaml.safe_load(values["kubeconfig"]))
        region = values.get("region")
        if region and region != UNKNOWN and "kubeconfig" not in values:
            self._cloud.account = Account(region=str(region))
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    def _configuration(self, context: grpc.ServicerContext) -> Configuration:
        return self._configurations.get(context.peer()) or Configuration()

    # --- its resources ------------------------------------------------------------------------------------------------

    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        """Holds the inputs to their types, and fills in names and default tags."""
        token, news = type_of(request.urn), decode(request.news)
        faults = schema.faults(token, news.values)
        if faults:
            return provider_pb2.CheckResponse(
                failures=[provider_pb2.CheckFailure(property=fault.property, reason=fault.reason) for fault in faults]
            )
        proposed = request.autonaming.proposed_name if request.HasField("autonaming") else None
        olds = decode(request.olds).values if request.HasField("olds") else None
        inputs = naming.named(
            token, name_of(request.urn), news.values, old=olds, seed=request.randomSeed.hex(), proposed=proposed
        )
        tags = self._configuration(context).default_tags
        kind = schema.resource_type(token)
        if tags and token.startswith("aws:") and kind is not None and "tagsAll" in kind.outputs:
            inputs = {**inputs, "tags": {**tags, **object_at(inputs, "tags")}}
        return provider_pb2.CheckResponse(inputs=encode(inputs, news.secrets))

    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Says what changes, and what needs a new resource."""
        token, new = type_of(request.urn), decode(request.news).values
        found = replacement.changes(
            token, decode(request.old_inputs).values, new, ignored=frozenset(request.ignoreChanges)
        )
        kinds = provider_pb2.PropertyDiff
        replaced = any(change.replaces for change in found)
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=sorted({str(change.path[0]) for change in found}),
            replaces=sorted({str(change.path[0]) for change in found if change.replaces}),
            deleteBeforeReplace=replaced and replacement.deletes_first(token, new),
            detailedDiff={
                change.property: provider_pb2.PropertyDiff(
                    kind=kinds.Kind.Value(change.kind.upper() + ("_REPLACE" if change.replaces else "")),
                    inputDiff=True,
                )
                for change in found
            },
            hasDetailedDiff=True,
        )

    def Create(self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        """Makes a resource, or says in a preview what would be known of it."""
        token, given = type_of(request.urn), decode(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=encode(_foreseen(token, given.values), given.secrets))
        with _refusals(context, _secrets(token, given)):
            identifier, outputs = self._cloud.create(
                token,
                name_of(request.urn),
                given.values,
                cluster=self._configuration(context).cluster,
                timeout_seconds=request.timeout,
            )
            return provider_pb2.CreateResponse(id=identifier, properties=encode(outputs, _secrets(token, given)))

    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        """What stands in the cloud now; nothing when it is gone."""
        token, known = type_of(request.urn), decode(request.inputs)
        configuration = self._configuration(context)
        with _refusals(context):
            try:
                thing = self._cloud.refresh(token, request.id, cluster=configuration.cluster)
            except CloudError as error:
                if not configuration.ignores(error):
                    raise
                thing = None
        if thing is None:
            return provider_pb2.ReadResponse()
        secrets = _secrets(token, known) | decode(request.properties).secrets
        return provider_pb2.ReadResponse(
            id=thing.id, properties=encode(thing.outputs, secrets), inputs=encode(thing.inputs, known.secrets)
        )

    def Update(self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        """Changes a resource in place."""
        token, given, old = type_of(request.urn), decode(request.news), decode(request.olds)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=encode({**old.values, **given.values}, given.secrets))
        with _refusals(context, _secrets(token, given)):
            outputs = self._cloud.update(
                token,
                request.id,
                given.values,
                cluster=self._configuration(context).cluster,
                timeout_seconds=request.timeout,
            )
            return provider_pb2.UpdateResponse(properties=encode(outputs, _secrets(token, given)))

    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> Empty:
        """Deletes a resource."""
        configuration = self._configuration(context)
        with _refusals(context):
            try:
                self._cloud.delete(
                    type_of(request.urn), request.id, cluster=configuration.cluster, timeout_seconds=request.timeout
                )
            except CloudError as error:
                if not configuration.ignores(error):
                    raise
        return Empty()

    def Invoke(self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext) -> provider_pb2.InvokeResponse:
        """Answers a data source."""
        args = decode(request.args)
        with _refusals(context):
            answer = encode(self._cloud.invoke(request.tok, args.values))
            response = provider_pb2.InvokeResponse()
            # The protocol calls the field by one of Python's keywords.
            getattr(response, "return").CopyFrom(answer)
            return response


@contextmanager
def _refusals(context: grpc.ServicerContext, secrets: frozenset[Path] = frozenset()) -> Generator[None]:
    """Turns the cloud's refusals into the protocol's; ``secrets`` are those of an object that is kept unready."""
    try:
        yield
    except NotReadyError as error:
        failed = provider_pb2.ErrorResourceInitFailed(
            id=error.identifier, properties=encode(error.outputs, secrets), reasons=[str(error)]
        )
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error))
        status.details.add().Pack(failed)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.UNKNOWN, str(error))
    except CloudError as error:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
    except LookupError as error:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, str(error.args[0]))


def _secrets(token: str, given: Properties) -> frozenset[Path]:
    """Where the outputs are secret: where the inputs were, and in what is derived from them."""
    if token == "kubernetes:core/v1:Secret":  # noqa: S105 – a type token
        return given.secrets | {("data",), ("stringData",)}
    return given.secrets


def _foreseen(token: str, inputs: Values) -> Values:
    """Outputs that a preview can know: the inputs, and that the rest is not known yet."""
    kind = schema.resource_type(token)
    known = {key: value for key, value in inputs.items() if not key.startswith("__")}
    if kind is None or token.startswith("kubernetes:"):
        return known
    return dict.fromkeys(kind.outputs, UNKNOWN) | known


def _unpacked(value: object) -> Any:  # noqa: ANN401 – configuration is JSON of any type
    """A configuration value; the engine sends objects as JSON text."""
    if isinstance(value, str) and value.startswith(("{", "[")):
        return json.loads(value)
    return value


CLUSTER_ARGUMENT: Final = re.compile(r"--cluster-name|-i|--cluster-id")


def _cluster_of(configuration: Values) -> str:
    """Name of the EKS cluster that a kubeconfig speaks to."""
    text = configuration.get("kubeconfig")
    if not isinstance(text, str) or text == UNKNOWN:
        return ""
    arguments: list[str] = at(yaml.safe_load(text), "users", 0, "user", "exec", "args") or []
    for flag, value in itertools.pairwise(arguments):
        if CLUSTER_ARGUMENT.fullmatch(flag):
            return value
    return ""


@contextmanager
def serving(cloud: Cloud) -> Generator[int]:
    """Serves a cloud on a free port of the loopback interface for the time of a ``with``; yields the port."""
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=WORKERS),
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(cloud), server)
    port: int = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=1).wait()


def attachments(port: int) -> str:
    """Value of PULUMI_DEBUG_PROVIDERS that attaches the engine to the server."""
    return ",".join(f"{package}:{port}" for package in PACKAGES)
