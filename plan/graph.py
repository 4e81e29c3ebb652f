"""The program evaluated without engine or account: what it registers, as a graph.

Pulumi's mocks take the place of the engine, and the simulated cloud answers them, so that every output has a value of
the form that AWS would give it.
"""

import asyncio
import json
import runpy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pulumi
import pulumi.runtime
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import ROOT
from pulumi.runtime.stack import run_in_stack

from settings import PROJECT
from simulator.answers import Cloud
from simulator.values import Values

SIGNATURE, RESOURCE_REFERENCE = "4dabf18193072939515e22adb298388d", "5cf8f73096256a8f31e491e813e4eb8e"
"""Marks of Pulumi's wire format: this is no plain object; this is a reference to a resource."""

PROGRAM = Path(__file__).parent.parent / "__main__.py"


@dataclass(frozen=True, kw_only=True)
class Node:
    """One registered resource.

    Attributes:
        urn: Its URN.
        type: Type token, such as ``aws:ec2/vpc:Vpc``.
        name: Logical name.
        parent: URN of its parent; empty for the stack.
        provider: Reference of its provider (URN and id joined by ``::``); empty for components.
        inputs: What the program passed, outputs of others resolved.
        outputs: What the simulated cloud answered.
        dependencies: URNs that it depends on, explicitly or by an input.
        delete_timeout: Longest deletion as the program set it, empty for the default.
    """

    urn: str
    type: str
    name: str
    parent: str
    provider: str
    inputs: Values
    outputs: Values
    dependencies: frozenset[str]
    delete_timeout: str


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Everything that a program registers, in the order of registration."""

    nodes: Mapping[str, Node]
    exports: Mapping[str, Any]

    def __iter__(self) -> Iterator[Node]:
        """The nodes in the order of registration."""
        return iter(self.nodes.values())

    def of_type(self, token: str) -> list[Node]:
        """Nodes of a type, given whole (``aws:ec2/vpc:Vpc``) or by its last part (``Vpc``)."""
        return [node for node in self if node.type == token or node.type.rpartition(":")[2] == token]

    def one(self, token: str, **inputs: object) -> Node:
        """The only node of a type whose inputs hold these values.

        Raises:
            LookupError: there is none, or more than one.
        """
        found = [node for node in self.of_type(token) if inputs.items() <= node.inputs.items()]
        if len(found) != 1:
            raise LookupError(f"{len(found)} resources of type {token} with {inputs}, not one")
        return found[0]

    def object(self, kind: str, name: str) -> Node:
        """The Kubernetes object of a kind and name.

        Raises:
            LookupError: there is none, or more than one.
        """
        found = [
            node
            for node in self
            if node.type.startswith("kubernetes:")
            and node.type.rpartition(":")[2] == kind
            and (node.inputs.get("metadata", {}).get("name") or node.inputs.get("name")) == name
        ]
        if len(found) != 1:
            raise LookupError(f"{len(found)} objects {kind}/{name}, not one")
        return found[0]

    def goes_before(self, first: Node, second: Node) -> bool:
        """Whether a destroy must delete ``first`` before ``second``, as the edges stand.

        A component's edges hold for everything in it, and an edge to a component reaches everything in it: the
        engine's own rule.
        """
        reached: set[str] = set()
        waiting = [first.urn]
        while waiting:
            urn = waiting.pop()
            if urn in reached or urn not in self.nodes:
                continue
            reached.add(urn)
            node = self.nodes[urn]
            for dependency in node.dependencies:
                waiting.append(dependency)
                waiting.extend(self._below(dependency))
            waiting.append(node.parent)
        return second.urn in reached - {first.urn}

    def _below(self, urn: str) -> Iterator[str]:
        if urn in self.nodes and not self.nodes[urn].provider:
            for node in self:
                if node.parent == urn:
                    yield node.urn
                    yield from self._below(node.urn)


@dataclass
class _Answers(Mocks):
    cloud: Cloud = field(default_factory=lambda: Cloud(permissive=True))

    def call(self, args: MockCallArgs) -> tuple[Values, list[tuple[str, str]]]:
        return self.cloud.invoke(args.token, _plain(cast(object, args.args))), []

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, Values]:
        if not args.custom or args.typ.startswith("pulumi:"):
            return args.name, {}
        return self.cloud.create(args.typ, args.name, _plain(cast(object, args.inputs)))


class _Recorder(MockMonitor):
    """Sees each registration whole."""

    def __init__(self, mocks: Mocks) -> None:
        super().__init__(mocks)
        self.nodes: dict[str, Node] = {}
        self.exports: Values = {}

    def RegisterResource(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.RegisterResourceResponse:
        if request.remote:
            return self._remote_component(request)
        response: resource_pb2.RegisterResourceResponse = super().RegisterResource(request)  # pyright: ignore[reportUnknownMemberType]
        self._record(request, response.urn, _values(response.object))
        return response

    def RegisterResourceOutputs(self, request: resource_pb2.RegisterResourceOutputsRequest) -> Empty:
        if "::pulumi:pulumi:Stack::" in request.urn:
            self.exports = _values(request.outputs)
        return Empty()

    def _record(self, request: resource_pb2.RegisterResourceRequest, urn: str, outputs: Values) -> None:
        self.nodes[urn] = Node(
            urn=urn,
            type=request.type,
            name=request.name,
            parent=request.parent,
            provider=request.provider,
            inputs=_values(request.object),
            outputs=outputs,
            dependencies=frozenset(request.dependencies),
            delete_timeout=request.customTimeouts.delete,
        )

    def _remote_component(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.RegisterResourceResponse:
        """A component of pulumi-eks, with the one child that the program looks at.

        The engine runs these components for real; tests/engine sees all their children.
        """
        urn = self.make_urn(request.parent, request.type, request.name)
        inputs = _values(request.object)
        outputs: Values = {}
        self.resources[urn] = MockMonitor.ResourceRegistration(urn, request.name, {})
        self._record(request, urn, outputs)
        if request.type == "eks:index:Cluster":
            child = self._child(urn, "aws:eks/cluster:Cluster", f"{request.name}-eksCluster", inputs)
            # The bare form of a resource reference, as it stands on the wire.
            reference = {SIGNATURE: RESOURCE_REFERENCE, "urn": child.urn, "id": child.outputs["id"]}
            outputs = {"eksCluster": reference, "kubeconfigJson": json.dumps({"current-context": inputs["name"]})}
        else:
            self._child(urn, "aws:eks/nodeGroup:NodeGroup", request.name, inputs)
        return resource_pb2.RegisterResourceResponse(urn=urn, object=_struct(outputs))

    def _child(self, parent: str, token: str, name: str, inputs: Values) -> Node:
        identifier, outputs = cast(_Answers, self.mocks).cloud.create(token, name, inputs)
        urn = self.make_urn(parent, token, name)
        self.resources[urn] = MockMonitor.ResourceRegistration(urn, identifier, outputs)
        node = Node(
            urn=urn,
            type=token,
            name=name,
            parent=parent,
            provider="aws",
            inputs=inputs,
            outputs={**outputs, "id": identifier},
            dependencies=frozenset(),
            delete_timeout="",
        )
        self.nodes[urn] = node
        return node


def _plain(value: object) -> Any:  # noqa: ANN401 – property values have any type
    """Wire data as plain Python: secrets and outputs unwrapped, a resource as its URN."""
    if isinstance(value, dict):
        item = cast(Values, value)
        if SIGNATURE in item:
            return item["urn"] if item[SIGNATURE] == RESOURCE_REFERENCE else _plain(item.get("value"))
        return {key: _plain(entry) for key, entry in item.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in cast(list[object], value)]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _values(struct: Struct) -> Values:
    return cast(Values, _plain(MessageToDict(struct)))


def _struct(values: Values) -> Struct:
    struct = Struct()
    struct.update(values)
    return struct


async def _run(recorder: _Recorder, stack: str, config: Mapping[str, str]) -> None:
    # The SDK keeps its state in context variables: a coroutine of its own leaves nothing behind. The mocks register a
    # root of their own, which the program's takes the place of.
    pulumi.runtime.set_mocks(recorder.mocks, project=PROJECT, stack=stack, preview=False, monitor=recorder)
    pulumi.runtime.set_all_config(dict(config))
    ROOT.set(None)

    def program() -> None:
        runpy.run_path(str(PROGRAM), run_name="__main__")

    await run_in_stack(program)


def evaluate(stack: str, config: Mapping[str, str]) -> Graph:
    """Runs the program for a stack.

    Args:
        stack: Name of the stack.
        config: Pulumi's configuration: full keys (``project:key``), objects as JSON.

    Raises:
        SettingsError: the configuration breaks a rule.
    """
    recorder = _Recorder(_Answers())
    asyncio.run(_run(recorder, stack, config))
    return Graph(nodes=recorder.nodes, exports=recorder.exports)
