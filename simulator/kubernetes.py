"""A small client of the Kubernetes API: discovery, strict server-side apply, lists, watches, mirrors of one kind.

Our own, because the published ones for objects of any kind (the official dynamic client 37.0, lightkube 1.0) cannot ask
for ``fieldValidation=Strict``: a field that the server does not know would be dropped without a word.
"""

import base64
import http.client
import json
import os
import shutil
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]
"""One Kubernetes object, as JSON or YAML holds it."""

MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
TOO_MANY_REQUESTS = 429
PATIENCE = 20
FIELD_MANAGER = "controlplane"


Answer = http.client.HTTPResponse


def items(manifest: Manifest, *path: str) -> list[Manifest]:
    """Return the objects of a list inside an object; a list that is absent or null is empty."""
    *parents, last = path
    for key in parents:
        manifest = manifest.get(key) or {}
    return list(manifest.get(last) or [])


class ApiError(Exception):
    """The API server refused a request.

    Attributes:
        status: the HTTP status code.
        reason: Kubernetes' one-word reason (``NotFound``, ``Invalid``), or an empty string.
        message: What the server says.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message


@dataclass(frozen=True)
class Resource:
    """Where one kind is served: ``prefix`` is ``/api/v1`` or ``/apis/<group>/<version>``."""

    prefix: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """Return the URL path of an object, of a namespace's list, or of the cluster's list."""
        parts = [self.prefix]
        if self.namespaced and namespace is not None:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name is not None:
            parts.append(urllib.parse.quote(name))
        return "/".join(parts)


class CredentialError(Exception):
    """The command that a kubeconfig names gives no token."""


def _token(user: Manifest, search_path: str) -> str:
    """Return a user's bearer token: the one in the kubeconfig, or the one that its command prints."""
    if "token" in user:
        return user["token"]
    name: str = user["exec"]["command"]
    arguments: list[str] = user["exec"].get("args") or []
    command = shutil.which(name, path=search_path)
    if command is None:
        raise CredentialError(f"{name} is not on PATH: the kubeconfig asks it for a token")
    done = subprocess.run([command, *arguments], capture_output=True, text=True, timeout=30, check=False)
    try:
        return json.loads(done.stdout)["status"]["token"]
    except (ValueError, KeyError, TypeError):
        reason = done.stderr.strip() or f"it printed {done.stdout!r}"
        raise CredentialError(f"{' '.join([name, *arguments])}: {reason}") from None


class Api:
    """One user's view of an API server, read from a kubeconfig with one cluster and one user."""

    def __init__(self, kubeconfig: Path | Manifest, search_path: str | None = None) -> None:
        """Read a kubeconfig.

        Args:
            kubeconfig: a file, or its content.
            search_path: where the command that gives the token is looked for; PATH by default.

        Raises:
            CredentialError: that command is not there or gives no token.
        """
        document = yaml.safe_load(kubeconfig.read_text()) if isinstance(kubeconfig, Path) else kubeconfig
        cluster = document["clusters"][0]["cluster"]
        self.server: str = cluster["server"]
        self._token = _token(document["users"][0]["user"], search_path or os.environ["PATH"])
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._context = ssl.create_default_context(cadata=authority)
        self._resources: dict[tuple[str, str], Resource] = {}

    def _open(self, method: str, path: str, body: object, content_type: str, timeout_seconds: float) -> Answer:
        request = urllib.request.Request(self.server + path, method=method)
        request.add_header("Authorization", f"Bearer {self._token}")
        request.add_header("Accept", "application/json")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", content_type)
        try:
            return urllib.request.urlopen(request, context=self._context, timeout=timeout_seconds)
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            try:
                status = json.loads(text)
            except ValueError:
                raise ApiError(error.code, "", text.strip()) from None
            raise ApiError(error.code, status.get("reason", ""), status.get("message", text)) from None

    def request(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> Manifest:
        """Send one request and return the decoded answer; a server that asks for patience is asked again.

        Raises:
            ApiError: on any status of 400 and above.
        """
        for _ in range(PATIENCE):
            try:
                with self._open(method, path, body, content_type, 30) as response:
                    return json.loads(response.read())
            except ApiError as error:
                if error.status != TOO_MANY_REQUESTS:
                    raise
            time.sleep(0.5)
        raise ApiError(TOO_MANY_REQUESTS, "TooManyRequests", f"{method} {path}, {PATIENCE} times")

    def text(self, path: str) -> str:
        """Return a plain-text answer, such as that of ``/readyz``."""
        with self._open("GET", path, None, "", 5) as response:
            return response.read().decode()

    def resource(self, api_version: str, kind: str) -> Resource:
        """Find where ``kind`` is served. Raises ``ApiError`` 404 when the server does not serve it."""
        if (api_version, kind) not in self._resources:
            prefix = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            for entry in self.request("GET", prefix)["resources"]:
                if "/" not in entry["name"]:
                    found = Resource(prefix, entry["name"], entry["namespaced"])
                    self._resources[api_version, entry["kind"]] = found
        if (api_version, kind) not in self._resources:
            raise ApiError(404, "NotFound", f"the server serves no {kind} in {api_version}")
        return self._resources[api_version, kind]

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Manifest:
        """Return one object. Raises ``ApiError`` 404 when it is not there."""
        return self.request("GET", self.resource(api_version, kind).path(namespace, name))

    def find(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Manifest | None:
        """Return one object, or None when it is not there."""
        try:
            return self.get(api_version, kind, name, namespace)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(self, api_version: str, kind: str, namespace: str | None = None) -> list[Manifest]:
        """Return every object of a kind, in one namespace or in all; each carries its apiVersion and kind."""
        items = self.request("GET", self.resource(api_version, kind).path(namespace))["items"]
        return [{"apiVersion": api_version, "kind": kind, **item} for item in items]

    def apply(self, manifest: Manifest, dry_run: bool = False, field_manager: str = FIELD_MANAGER) -> Manifest:
        """Apply an object server-side with strict field validation. Raises ``ApiError`` when the server refuses it."""
        metadata = manifest["metadata"]
        resource = self.resource(manifest["apiVersion"], manifest["kind"])
        query = f"?fieldManager={field_manager}&fieldValidation=Strict&force=true" + ("&dryRun=All" if dry_run else "")
        path = resource.path(metadata.get("namespace", "default"), metadata["name"])
        return self.request("PATCH", path + query, manifest, APPLY_PATCH)

    def patch(
        self, api_version: str, kind: str, name: str, body: Manifest, namespace: str | None = None, part: str = ""
    ) -> Manifest:
        """Merge ``body`` into an object, or into one of its parts (``status``, ``scale``)."""
        path = self.resource(api_version, kind).path(namespace, name) + (f"/{part}" if part else "")
        return self.request("PATCH", f"{path}?fieldManager={FIELD_MANAGER}", body, MERGE_PATCH)

    def delete(
        self, api_version: str, kind: str, name: str, namespace: str | None = None, options: Manifest | None = None
    ) -> None:
        """Ask for an object's deletion; an object that is not there is deleted already."""
        try:
            self.request("DELETE", self.resource(api_version, kind).path(namespace, name), options)
        except ApiError as error:
            if error.status != 404:
                raise

    def watch(self, api_version: str, kind: str) -> Iterator[tuple[str, Manifest]]:
        """Yield ``LISTED`` for every object, ``SYNCED`` once, then each change as it comes, until the stream ends."""
        path = self.resource(api_version, kind).path()
        listed = self.request("GET", path)
        for item in listed["items"]:
            yield "LISTED", item
        yield "SYNCED", {}
        version = listed["metadata"]["resourceVersion"]
        query = f"?watch=true&resourceVersion={version}&timeoutSeconds=300"
        with self._open("GET", path + query, None, "", 330) as response:
            for line in response:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                yield event["type"], event["object"]


class Mirror:
    """An up-to-date copy of every object of one kind, kept by a thread that lists, watches, and lists again.

    ``changed`` is called from that thread after each change.
    """

    def __init__(self, api: Api, api_version: str, kind: str, changed: Callable[[], None] = lambda: None) -> None:
        self.objects: dict[tuple[str, str], Manifest] = {}
        self.synced = threading.Event()
        self._changed = changed
        self._thread = threading.Thread(target=self._run, args=(api, api_version, kind), daemon=True)
        self._thread.start()

    def _run(self, api: Api, api_version: str, kind: str) -> None:
        while True:
            try:
                self._follow(api.watch(api_version, kind))
            except (ApiError, OSError, http.client.HTTPException):
                time.sleep(0.5)

    def _follow(self, events: Iterator[tuple[str, Manifest]]) -> None:
        listed: dict[tuple[str, str], Manifest] = {}
        for event, item in events:
            if event == "SYNCED":
                self.objects = listed
                self.synced.set()
                self._changed()
                continue
            key = (item["metadata"].get("namespace", ""), item["metadata"]["name"])
            if event == "LISTED":
                listed[key] = item
                continue
            objects = dict(self.objects)
            if event == "DELETED":
                objects.pop(key, None)
            else:
                objects[key] = item
            self.objects = objects
            self._changed()
