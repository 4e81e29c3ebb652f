"""A real Kubernetes API server that the simulated cloud's clusters can stand on: its objects are then real ones."""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self, TypeVar

from simulator.controllers import WAIT_FOR
from simulator.errors import CloudError
from simulator.kubernetes import Api, ApiError, CredentialError, Manifest
from simulator.values import Values, as_list, as_object, at, list_at, object_at

FIELD_MANAGER: Final = "pulumi-kubernetes"
TIMEOUT: Final = "pulumi.com/timeoutSeconds"
DEFAULT_TIMEOUT_SECONDS: Final = 600.0
"""As long as the real provider waits unless it is told otherwise."""

POLL_SECONDS: Final = 0.25
LOOPBACK: Final = "https://127.0.0.1:"
"""How the endpoint of a real API server on this machine begins; EKS's never do."""


Answer = TypeVar("Answer")


class NotReadyError(CloudError):
    """An object stands, but did not become what the program waits for.

    Attributes:
        identifier: Its id; filled in by the cloud.
        outputs: The object as it is.
    """

    identifier: str
    outputs: Values

    def __init__(self, message: str, outputs: Values) -> None:
        """A refusal with the object as it is."""
        super().__init__("Timeout", message)
        self.identifier = ""
        self.outputs = outputs


@dataclass(frozen=True, kw_only=True)
class ControlPlane:
    """Where the API server is, and what the local stack is told so that it fits; see ``controlplane/``.

    Attributes:
        endpoint: Address of the API server on this machine.
        certificate_authority: Its authority, base64 of PEM.
        tools: Folder with the ``aws`` command that answers the kubeconfig's request for a token.
        settings: Configuration by concern (``gitops``), merged over the stack's own.
    """

    endpoint: str
    certificate_authority: str
    tools: str
    settings: dict[str, dict[str, str]]

    def write(self, path: Path) -> None:
        """Leaves it for who runs the stack."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def find(cls, path: Path) -> Self | None:
        """The control plane that a file tells of, if it still answers."""
        try:
            plane = cls(**json.loads(path.read_text()))
        except FileNotFoundError:
            return None
        return plane if plane.answers() else None

    def answers(self) -> bool:
        """Whether the API server takes requests from the stack."""
        try:
            return self.open(self._kubeconfig()).text("/readyz") == "ok"
        except (ApiError, CredentialError, OSError):
            return False

    def open(self, kubeconfig: Values) -> Api:
        """A client for a kubeconfig whose command is looked for among the tools."""
        return Api(kubeconfig, self.tools)

    def _kubeconfig(self) -> Values:
        """The kubeconfig that EKS would give for a cluster here."""
        cluster = {"server": self.endpoint, "certificate-authority-data": self.certificate_authority}
        command = {"command": "aws", "args": ["eks", "get-token", "--cluster-name", "any"]}
        return {"clusters": [{"cluster": cluster}], "users": [{"user": {"exec": command}}]}


class Objects:
    """The Kubernetes objects of one cluster, handled as Pulumi's Kubernetes provider does with server-side apply."""

    def __init__(self, connect: Callable[[], Api]) -> None:
        """Takes how to reach the API server; nothing is sent before the first object."""
        self._connect = connect
        self._api: Api | None = None

    @property
    def api(self) -> Api:
        """The client. Raises ``CredentialError``."""
        if self._api is None:
            self._api = self._connect()
        return self._api

    def apply(self, inputs: Values, timeout_seconds: float) -> Values:
        """Applies an object and waits for what its annotation asks for; returns it as the server has it.

        Raises:
            CloudError: the API server refuses it.
            NotReadyError: it stands, and does not become ready in time.
        """
        manifest = {key: value for key, value in inputs.items() if not key.startswith("__")}
        found = self._ask(lambda: self.api.apply(manifest, field_manager=FIELD_MANAGER))
        wanted = str(at(inputs, "metadata", "annotations", WAIT_FOR) or "")
        if not wanted:
            return found
        condition = wanted.removeprefix("condition=")
        seconds = float(at(inputs, "metadata", "annotations", TIMEOUT) or timeout_seconds or DEFAULT_TIMEOUT_SECONDS)
        until = time.monotonic() + seconds
        while not _holds(found, condition):
            if time.monotonic() > until:
                message = f"{_named(inputs)} is not {condition} after {seconds:.0f} s: {_states(found)}"
                raise NotReadyError(message, found)
            time.sleep(POLL_SECONDS)
            found = self.read(inputs) or found
        return found

    def read(self, inputs: Values) -> Values | None:
        """The object as the server has it; None when it is gone."""
        kind, metadata = (inputs["apiVersion"], inputs["kind"]), inputs["metadata"]
        try:
            return self._ask(lambda: self.api.find(*kind, metadata["name"], metadata.get("namespace", "default")))
        except CloudError as error:
            if error.code == "NotFound":
                return None
            raise

    def delete(self, inputs: Values, timeout_seconds: float) -> None:
        """Deletes an object, its dependants first, and waits until it is gone.

        Raises:
            CloudError: a finalizer still holds it when the time is up.
        """
        kind, metadata = (inputs["apiVersion"], inputs["kind"]), inputs["metadata"]
        where = (metadata["name"], metadata.get("namespace", "default"))
        options: Manifest = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground"}
        self._ask(lambda: self.api.delete(*kind, *where, options=options))
        seconds = timeout_seconds or DEFAULT_TIMEOUT_SECONDS
        until = time.monotonic() + seconds
        while (found := self.read(inputs)) is not None:
            if time.monotonic() > until:
                held = at(found, "metadata", "finalizers") or at(found, "spec", "finalizers") or "none"
                raise CloudError(
                    "Timeout",
                    f"{_named(inputs)} is still there after {seconds:.0f} s, finalizers: {held}; {_states(found)}",
                )
            time.sleep(POLL_SECONDS)

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        try:
            return question()
        except ApiError as error:
            raise CloudError(error.reason or str(error.status), error.message) from None
        except (CredentialError, OSError) as error:
            raise CloudError("Unreachable", str(error)) from None


def as_given(inputs: object, live: object) -> object:
    """What has become of the inputs in the live object: the same fields, with the server's values.

    A list of another length is taken over whole, so that nothing that was added is overlooked.
    """
    fields, live_fields = as_object(inputs), as_object(live)
    if fields is not None and live_fields is not None:
        return {key: as_given(value, live_fields[key]) for key, value in fields.items() if key in live_fields}
    items, live_items = as_list(inputs), as_list(live)
    if items is not None and live_items is not None and len(items) == len(live_items):
        return [as_given(value, live_value) for value, live_value in zip(items, live_items, strict=True)]
    return live


def inputs_of(inputs: Values, live: Values) -> Values:
    """The inputs that would have made the live object; a Secret's text is read back out of its data."""
    given = as_object(as_given(inputs, live)) or {}
    given |= {key: value for key, value in inputs.items() if key.startswith("__")}
    if "stringData" in inputs:
        texts = {
            key: base64.b64decode(value).decode(errors="replace")
            for key, value in object_at(live, "data").items()
            if key not in object_at(inputs, "data")
        }
        given["stringData"] = texts
    return given


def _holds(found: Values, condition: str) -> bool:
    """Whether a condition is true and tells of the object's newest generation."""
    generation = at(found, "metadata", "generation")
    return any(
        entry.get("type") == condition
        and entry.get("status") == "True"
        and entry.get("observedGeneration", generation) == generation
        for entry in list_at(found, "status", "conditions")
    )


def _states(found: Values) -> str:
    states = [
        f"{entry.get('type')}={entry.get('status')} ({entry.get('message', '')})"
        for entry in list_at(found, "status", "conditions")
    ]
    return "; ".join(states) or "no controller has looked at it"


def _named(inputs: Values) -> str:
    metadata = object_at(inputs, "metadata")
    namespace = f"{metadata['namespace']}/" if "namespace" in metadata else ""
    return f"{inputs['kind']} {namespace}{metadata['name']}"
