"""The plane's processes: which binary, which flags, and how each one shows that it is ready."""

import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from controlplane.isolation import POD_RANGE, SERVICE_RANGE, is_listening, is_possible
from controlplane.supervisor import Process

REPOSITORY = Path(__file__).resolve().parent.parent

API_SERVER_PORT = 16443
GIT_PORT = 3080
ALERTS_PORT = 3081
REGISTRY_PORT = 5000
APP_PORT = 3000
APP_METRICS_PORT = 4191
PROMETHEUS_PORT = 9090
FLAGGER_PORT = 9180
LOADTESTER_PORT = 80
GATEWAY_PORT = 8000
TRAEFIK_ADDRESSES = ("10.244.250.1", "10.244.250.2")
SCRAPE_INTERVAL_SECONDS = 10
"""As in linkerd-viz."""

EVENTS_PORT = 9332
FLUX_PORTS = {
    "source-controller": 9300,
    "kustomize-controller": 9310,
    "helm-controller": 9320,
    "notification-controller": 9330,
    "image-reflector-controller": 9340,
    "image-automation-controller": 9350,
}
"""First port of each controller: metrics, then health, then what it serves."""

SYSTEM_PACKAGES = {"curl": "curl", "git": "git", "ip": "iproute2", "prometheus": "prometheus"}
"""Commands that are not built here, and Debian's packages of them."""

BUILD_LANES = (
    ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "traefik"),
    (*FLUX_PORTS, "flagger", "loadtester", "hey", "pulumi", "kustomize"),
)
"""What is built from ``tools/`` or found on the machine.

The lanes are built side by side; tools that share packages are in the same one.
"""


class MachineError(Exception):
    """No control plane can run on this machine as it is."""


def check_machine() -> None:
    """Look for what can't be built.

    Raises:
        MachineError: a command is missing, or this user may not make a network; the message says what to do.
    """
    missing = [package for command, package in SYSTEM_PACKAGES.items() if shutil.which(command) is None]
    if missing:
        raise MachineError(f"missing on this machine: {', '.join(missing)}; apt-get install {' '.join(missing)}")
    if not is_possible():
        raise MachineError("a control plane makes a network of its own: run it as root on Linux")


def answers(url: str) -> Callable[[], bool]:
    """Return a check that an address answers HTTP with any status but a server's error."""

    def check() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return True
        except urllib.error.HTTPError as error:
            return error.code < 500

    return check


def listens(port: int, host: str = "127.0.0.1") -> Callable[[], bool]:
    """Return a check that a port accepts connections."""
    return lambda: is_listening(host, port)


@dataclass(frozen=True)
class Paths:
    """Where one plane keeps its files; the folder is its own and may be removed with it."""

    root: Path

    @property
    def kubeconfig(self) -> Path:
        """For whoever is inside the plane's network."""
        return self.root / "kubeconfig"

    @property
    def control_plane(self) -> Path:
        """What the local stack needs to know; see ``simulator.control_plane``."""
        return self.root / "control-plane.json"

    @property
    def tools(self) -> Path:
        """Commands that kubeconfigs ask for tokens: the stand-in ``aws``."""
        return self.root / "tools"

    @property
    def git_token(self) -> Path:
        """Password of the Git server's user ``git``."""
        return self.root / "git.token"

    @property
    def certificates(self) -> Path:
        """The API server's own certificate, which is its authority too."""
        return self.root / "certificates"

    @property
    def audit_log(self) -> Path:
        """Every request that changes something, in the order of completion."""
        return self.root / "audit.log"

    @property
    def repositories(self) -> Path:
        """Bare Git repositories, served at ``http://127.0.0.1:3080/<name>``."""
        return self.root / "git"

    @property
    def faults(self) -> Path:
        """What is wrong with which version of the app; see ``standins.app``."""
        return self.root / "faults.json"

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.root / "logs"


@dataclass(frozen=True)
class Processes:
    """Builds every process of one plane. ``binary`` maps a tool's name to its executable."""

    paths: Paths
    binary: Callable[[str], Path]

    def _kubernetes(self, name: str, port: int, *flags: str) -> Process:
        return Process(
            name=name,
            command=[
                str(self.binary(name)),
                f"--kubeconfig={self.paths.kubeconfig}",
                "--leader-elect=false",
                f"--secure-port={port}",
                "--bind-address=127.0.0.1",
                f"--cert-dir={self.paths.root / name}",
                *flags,
            ],
            ready=listens(port),
        )

    def etcd(self) -> Process:
        """The store; its data need not survive a crash."""
        return Process(
            name="etcd",
            command=[
                str(self.binary("etcd")),
                f"--data-dir={self.paths.root / 'etcd'}",
                "--unsafe-no-fsync",
                "--log-level=warn",
            ],
            ready=answers("http://127.0.0.1:2379/health"),
        )

    def api_server(self, ready: Callable[[], bool]) -> Process:
        """The API server, with RBAC, an audit log and the reference's admission plugins at their defaults."""
        key = self.paths.root / "service-account.key"
        return Process(
            name="kube-apiserver",
            command=[
                str(self.binary("kube-apiserver")),
                "--etcd-servers=http://127.0.0.1:2379",
                f"--secure-port={API_SERVER_PORT}",
                "--bind-address=127.0.0.1",
                "--advertise-address=10.244.250.250",
                f"--cert-dir={self.paths.certificates}",
                f"--service-account-key-file={key}",
                f"--service-account-signing-key-file={key}",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-cluster-ip-range={SERVICE_RANGE}",
                f"--token-auth-file={self.paths.root / 'tokens.csv'}",
                "--authorization-mode=RBAC",
                "--endpoint-reconciler-type=none",
                "--allow-privileged=true",
                f"--audit-policy-file={self.paths.root / 'audit-policy.yaml'}",
                f"--audit-log-path={self.paths.audit_log}",
            ],
            ready=ready,
        )

    def controller_manager(self) -> Process:
        """Deployments, endpoints, garbage collection, HPAs."""
        return self._kubernetes(
            "kube-controller-manager",
            10257,
            f"--service-account-private-key-file={self.paths.root / 'service-account.key'}",
            f"--root-ca-file={self.paths.certificates / 'apiserver.crt'}",
            f"--cluster-cidr={POD_RANGE}",
        )

    def scheduler(self) -> Process:
        """The real scheduler, so that spread constraints and taints count."""
        return self._kubernetes("kube-scheduler", 10259)

    def kwok(self) -> Process:
        """Plays every node and every pod."""
        return Process(
            name="kwok",
            command=[
                str(self.binary("kwok")),
                f"--kubeconfig={self.paths.kubeconfig}",
                "--manage-all-nodes=true",
                f"--config={Path(__file__).parent / 'standins' / 'kwok.yaml'}",
                f"--cidr={POD_RANGE}",
                "--node-ip=10.244.0.1",
                "--server-address=127.0.0.1:10247",
            ],
            ready=answers("http://127.0.0.1:10247/healthz"),
        )

    def flux(self, controller: str) -> Process:
        """One of Flux's controllers."""
        port = FLUX_PORTS[controller]
        flags: list[str] = []
        storage = self.paths.root / controller
        storage.mkdir(exist_ok=True)
        match controller:
            case "source-controller":
                flags = [
                    f"--storage-path={storage}",
                    f"--storage-addr=127.0.0.1:{port + 2}",
                    f"--storage-adv-addr=127.0.0.1:{port + 2}",
                ]
            case "notification-controller":
                flags = [f"--receiverAddr=127.0.0.1:{port + 3}"]
            case "image-reflector-controller":
                flags = [f"--storage-path={storage}"]
            case "kustomize-controller":
                flags = ["--requeue-dependency=5s"]
            case _:
                pass
        is_receiver = controller == "notification-controller"
        flags.append(f"--events-addr={'127.0.0.1' if is_receiver else 'http://127.0.0.1'}:{EVENTS_PORT}")
        return Process(
            name=controller,
            command=[
                str(self.binary(controller)),
                f"--metrics-addr=127.0.0.1:{port}",
                f"--health-addr=127.0.0.1:{port + 1}",
                "--log-level=info",
                *flags,
            ],
            environment={
                "KUBECONFIG": str(self.paths.kubeconfig),
                "RUNTIME_NAMESPACE": "flux-system",
                "HOME": str(self.paths.root),
            },
            ready=answers(f"http://127.0.0.1:{port + 1}/healthz"),
        )

    def flagger(self) -> Process:
        """Flagger, as the chart's values in ``gitops/`` configure it."""
        return Process(
            name="flagger",
            command=[
                str(self.binary("flagger")),
                f"-kubeconfig={self.paths.kubeconfig}",
                "-mesh-provider=gatewayapi:v1",
                f"-metrics-server=http://127.0.0.1:{PROMETHEUS_PORT}",
                f"-port={FLAGGER_PORT}",
                "-log-level=info",
            ],
            environment={"EVENT_WEBHOOK_URL": f"http://127.0.0.1:{ALERTS_PORT}/"},
            ready=answers(f"http://127.0.0.1:{FLAGGER_PORT}/healthz"),
        )

    def loadtester(self) -> Process:
        """Flagger's load tester, with ``hey`` on its PATH as in its image."""
        search_path = os.pathsep.join([str(self.binary("hey").parent), os.environ["PATH"]])
        return Process(
            name="loadtester",
            command=[str(self.binary("loadtester")), f"-port={LOADTESTER_PORT}"],
            environment={"PATH": search_path},
            ready=answers(f"http://127.0.0.1:{LOADTESTER_PORT}/healthz"),
        )

    def traefik(self, number: int) -> Process:
        """One of two Traefik instances, each on an address of its own; the entry point is ``web``, port 8000."""
        address = TRAEFIK_ADDRESSES[number]
        return Process(
            name=f"traefik-{number + 1}",
            command=[
                str(self.binary("traefik")),
                f"--entrypoints.web.address={address}:{GATEWAY_PORT}",
                f"--entrypoints.traefik.address={address}:8080",
                "--ping=true",
                "--providers.kubernetesgateway=true",
                "--providers.kubernetesgateway.nativelbbydefault=true",
                "--log.level=INFO",
                "--log.nocolor=true",
                "--global.checknewversion=false",
                "--global.sendanonymoususage=false",
            ],
            environment={"KUBECONFIG": str(self.paths.kubeconfig)},
            ready=answers(f"http://{address}:8080/ping"),
        )

    def prometheus(self) -> Process:
        """Prometheus, scraping the stand-in app servers as linkerd-viz scrapes proxies, and Flagger."""
        return Process(
            name="prometheus",
            command=[
                "prometheus",
                f"--config.file={self.paths.root / 'prometheus.yaml'}",
                f"--storage.tsdb.path={self.paths.root / 'prometheus'}",
                f"--web.listen-address=0.0.0.0:{PROMETHEUS_PORT}",
            ],
            ready=answers(f"http://127.0.0.1:{PROMETHEUS_PORT}/-/ready"),
        )

    def stand_in(self, module: str, ready: Callable[[], bool], *arguments: str) -> Process:
        """One of ``controlplane.standins`` as a process of its own."""
        return Process(
            name=f"stand-in-{module}",
            command=[sys.executable, "-m", f"controlplane.standins.{module}", *arguments],
            environment={"PYTHONPATH": str(REPOSITORY)},
            ready=ready,
        )

    def stand_ins(self) -> Sequence[Process]:
        """Every stand-in."""
        kubeconfig = f"--kubeconfig={self.paths.kubeconfig}"
        return [
            self.stand_in("dns", lambda: True, kubeconfig),
            self.stand_in("linkerd", lambda: True, kubeconfig),
            self.stand_in(
                "charts",
                lambda: True,
                kubeconfig,
                f"--service=linkerd-viz/prometheus:{PROMETHEUS_PORT}",
                f"--service=flagger-system/loadtester:{LOADTESTER_PORT}",
            ),
            self.stand_in("registry", listens(REGISTRY_PORT), f"--port={REGISTRY_PORT}"),
            self.stand_in(
                "git",
                listens(GIT_PORT),
                f"--port={GIT_PORT}",
                f"--root={self.paths.repositories}",
                f"--token-file={self.paths.git_token}",
            ),
            self.stand_in("alerts", listens(ALERTS_PORT), f"--port={ALERTS_PORT}"),
            self.stand_in(
                "app",
                listens(APP_PORT),
                kubeconfig,
                f"--faults={self.paths.faults}",
                f"--port={APP_PORT}",
                f"--metrics-port={APP_METRICS_PORT}",
            ),
        ]
