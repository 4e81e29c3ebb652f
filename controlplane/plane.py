"""One control plane: files, processes in order, and what a cluster has before anything is installed into it."""

import base64
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from controlplane import processes
from controlplane.processes import Paths, Processes
from controlplane.supervisor import Supervisor
from simulator.kubernetes import Api, ApiError, Manifest, items

ZONES = ("eu-central-1a", "eu-central-1b", "eu-central-1c")
CRD_TIMEOUT_SECONDS = 60.0

PULUMI = "pulumi"
"""The user who the stack is in the audit log."""

AUDIT_POLICY: Manifest = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "verbs": ["get", "list", "watch"]},
        {"level": "None", "resources": [{"group": "coordination.k8s.io"}, {"group": "", "resources": ["events"]}]},
        {"level": "Metadata"},
    ],
}


class Plane:
    """A running control plane; leaving its context stops every process and removes its files.

    When it is left by an error, it first reports what ``describe`` finds.
    """

    def __init__(
        self,
        root: Path,
        binary: Callable[[str], Path],
        report: Callable[[str], None] = lambda line: None,
    ) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.paths = Paths(root.resolve())
        self.processes = Processes(self.paths, binary)
        self.supervisor = Supervisor(self.paths.logs, report)
        self.start_seconds = 0.0
        self._report = report
        self._token = secrets.token_hex(16)
        self._api: Api | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            self._report(self.describe())
        self.supervisor.stop_all()
        shutil.rmtree(self.paths.root)

    @property
    def api(self) -> Api:
        """The cluster administrator's view."""
        if self._api is None:
            self._api = Api(self.paths.kubeconfig)
        return self._api

    def start_kubernetes(self) -> None:
        """Start store, API server, controllers, scheduler and nodes."""
        began = time.monotonic()
        self._write_files()
        self.supervisor.start(self.processes.etcd())
        self.supervisor.start(self.processes.api_server(self._api_is_ready))
        self.supervisor.start_together(
            [self.processes.controller_manager(), self.processes.scheduler(), self.processes.kwok()]
        )
        for number, zone in enumerate(ZONES):
            self.api.apply(node(number, zone))
        self.start_seconds += time.monotonic() - began

    def install_definitions(self, definition_files: Iterable[Path], policy_files: Iterable[Path]) -> int:
        """Apply custom resource definitions, wait until all are served, then apply admission policies.

        Returns:
            The number of definitions.
        """
        began = time.monotonic()
        definitions, policies = list(documents(definition_files)), list(documents(policy_files))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self.api.apply, definitions))
        wanted = {definition["metadata"]["name"] for definition in definitions}
        wait_until(lambda: wanted <= self._established(), CRD_TIMEOUT_SECONDS, "every definition to be served")
        for policy in policies:
            self.api.apply(policy)
        self.start_seconds += time.monotonic() - began
        return len(wanted)

    def start_platform(self) -> None:
        """Start the stand-ins, Prometheus, Flux, Flagger, its load tester and two Traefik instances."""
        began = time.monotonic()
        self.supervisor.start_together(self.processes.stand_ins())
        self.supervisor.start_together(
            [
                self.processes.prometheus(),
                *(self.processes.flux(name) for name in processes.FLUX_PORTS),
                self.processes.flagger(),
                self.processes.loadtester(),
                self.processes.traefik(0),
                self.processes.traefik(1),
            ]
        )
        self.start_seconds += time.monotonic() - began

    def memory_mebibytes(self) -> dict[str, float]:
        """Return what each process holds now."""
        return {name: running.resident_mebibytes() for name, running in self.supervisor.running.items()}

    def describe(self) -> str:
        """Return what a person needs after a failure: objects that are not ready, recent events, ends of the logs."""
        try:
            lines = self._describe_objects()
        except (OSError, ApiError) as error:
            lines = [f"the API server does not answer: {error}"]
        return "\n".join([*lines, "=== ends of the logs", self.supervisor.last_log_lines()])

    def _describe_objects(self) -> list[str]:
        lines = ["=== conditions that are not true"]
        for definition in self.api.list("apiextensions.k8s.io/v1", "CustomResourceDefinition"):
            spec = definition["spec"]
            version = next(entry["name"] for entry in spec["versions"] if entry["storage"])
            for item in self.api.list(f"{spec['group']}/{version}", spec["names"]["kind"]):
                lines += _unready(item)
        lines.append("=== last events")
        events = self.api.list("v1", "Event")
        for event in sorted(events, key=lambda event: event.get("lastTimestamp") or "")[-40:]:
            about = event["involvedObject"]
            where = f"{about.get('namespace', '')}/{about['kind']}/{about['name']}"
            lines.append(f"{event.get('lastTimestamp')} {where} {event.get('reason')}: {event.get('message')}")
        return lines

    def _api_is_ready(self) -> bool:
        certificate = self.paths.certificates / "apiserver.crt"
        if not certificate.exists():
            return False
        authority = base64.b64encode(certificate.read_bytes()).decode()
        self.paths.kubeconfig.write_text(yaml.safe_dump(kubeconfig(authority, self._token)))
        try:
            return Api(self.paths.kubeconfig).text("/readyz") == "ok"
        except ApiError:
            return False

    def _established(self) -> set[str]:
        return {
            definition["metadata"]["name"]
            for definition in self.api.list("apiextensions.k8s.io/v1", "CustomResourceDefinition")
            for condition in items(definition, "status", "conditions")
            if condition["type"] == "Established" and condition["status"] == "True"
        }

    def _write_files(self) -> None:
        root = self.paths.root
        self.paths.repositories.mkdir(exist_ok=True)
        users = {"admin": self._token, PULUMI: secrets.token_hex(16)}
        lines = [f"{token},{user},{user},system:masters\n" for user, token in users.items()]
        (root / "tokens.csv").write_text("".join(lines))
        self.paths.git_token.write_text(secrets.token_hex(16))
        self._write_aws_command(users[PULUMI])
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        (root / "service-account.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
            )
        )
        (root / "audit-policy.yaml").write_text(yaml.safe_dump(AUDIT_POLICY))
        (root / "prometheus.yaml").write_text(yaml.safe_dump(prometheus_configuration()))

    def _write_aws_command(self, token: str) -> None:
        """The stand-in ``aws``, which gives the stack its own user's token."""
        self.paths.tools.mkdir()
        file, command = self.paths.tools / "pulumi.token", self.paths.tools / "aws"
        file.write_text(token)
        program = Path(__file__).parent / "standins" / "aws.py"
        command.write_text(f'#!/bin/sh\nexec {sys.executable} {program} {file} "$@"\n')
        command.chmod(0o755)


def documents(files: Iterable[Path]) -> Iterator[Manifest]:
    """Yield every object in some YAML files."""
    for file in files:
        yield from filter(None, yaml.load_all(file.read_text(), yaml.CSafeLoader))


def kubeconfig(authority: str, token: str) -> Manifest:
    """Return a kubeconfig with a token; the server's certificate is its own authority, base64 of PEM."""
    server = f"https://127.0.0.1:{processes.API_SERVER_PORT}"
    cluster = {"server": server, "certificate-authority-data": authority}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "plane",
        "contexts": [{"name": "plane", "context": {"cluster": "plane", "user": "admin"}}],
        "clusters": [{"name": "plane", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": token}}],
    }


def node(number: int, zone: str) -> Manifest:
    """Return a node in a zone, with a pod range of its own."""
    name = f"node-{number + 1}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/zone": zone,
                "topology.kubernetes.io/region": zone[:-1],
            },
        },
        "spec": {"podCIDR": f"10.244.{number + 1}.0/24", "podCIDRs": [f"10.244.{number + 1}.0/24"]},
    }


def prometheus_configuration() -> Manifest:
    """Return what linkerd-viz's Prometheus would scrape, as far as it runs here."""
    return {
        "global": {"scrape_interval": f"{processes.SCRAPE_INTERVAL_SECONDS}s"},
        "scrape_configs": [
            {
                "job_name": "linkerd-proxy",
                "honor_labels": True,
                "static_configs": [{"targets": [f"127.0.0.1:{processes.APP_METRICS_PORT}"]}],
            },
            {
                "job_name": "flagger",
                "honor_labels": True,
                "static_configs": [{"targets": [f"127.0.0.1:{processes.FLAGGER_PORT}"]}],
            },
        ],
    }


def _unready(item: Manifest) -> list[str]:
    metadata = item["metadata"]
    where = f"{metadata.get('namespace', '')}/{item['kind']}/{metadata['name']}"
    return [
        f"{where} {condition['type']}={condition['status']} {condition.get('message', '')}"
        for condition in items(item, "status", "conditions")
        if condition["status"] != "True" and item["kind"] != "CustomResourceDefinition"
    ]


def wait_until(check: Callable[[], object], timeout_seconds: float, what: str, interval_seconds: float = 0.5) -> None:
    """Poll until ``check`` is true. Raises ``TimeoutError`` that names what was waited for."""
    until = time.monotonic() + timeout_seconds
    while not check():
        if time.monotonic() > until:
            raise TimeoutError(f"waited {timeout_seconds:.0f} s for {what}")
        time.sleep(interval_seconds)
