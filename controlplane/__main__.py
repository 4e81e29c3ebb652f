"""A control plane for a person; ``make up`` puts the local stack on it while it runs.

``build`` builds its binaries, ``up`` runs it, ``release`` ships a version of the app, ``watch`` follows a release and
draws it.
"""

import argparse
import json
import shutil
import signal
import sys
import time
from pathlib import Path

from controlplane import isolation, processes, watch
from controlplane.plane import Plane
from controlplane.processes import Paths
from controlplane.stack import FLUX, IMAGES, announce, carry, prepare, refusal
from controlplane.supervisor import ProcessFailed
from simulator.driver import CONTROL_PLANE_FILE
from simulator.kubernetes import Api, ApiError
from tools.build import Toolbox, ToolError, ensure
from tools.schemas import crd_files, policy_files

HOME = CONTROL_PLANE_FILE.parent
DOORS = {
    "API server": (processes.API_SERVER_PORT, "127.0.0.1", processes.API_SERVER_PORT),
    "Prometheus": (19090, "127.0.0.1", processes.PROMETHEUS_PORT),
    "gateway": (18000, processes.TRAEFIK_ADDRESSES[0], processes.GATEWAY_PORT),
    "Git server": (13080, "127.0.0.1", processes.GIT_PORT),
    "registry": (15000, "127.0.0.1", processes.REGISTRY_PORT),
}
"""Port on this machine's loopback, then address and port inside the plane's network."""


def build() -> int:
    """Build what is missing, with progress; a machine that can't use it is refused first."""
    processes.check_machine()
    began = time.monotonic()
    Toolbox().ensure_lanes(processes.BUILD_LANES)
    print(f"binaries ready after {time.monotonic() - began:.0f} s", flush=True)
    return 0


def up() -> int:
    """Build what is missing, start everything, print how to reach it, and run until interrupted."""
    build()
    definitions, policies = crd_files(), policy_files()
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    doors = [isolation.Door(port, (host, inside)) for port, host, inside in DOORS.values()]
    isolation.enter(isolation.write_resolv_conf(HOME))
    for door in doors:
        door.open()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    with Plane(HOME, ensure, print) as plane:
        plane.start_kubernetes()
        print(f"{plane.install_definitions(definitions, policies)} custom resource definitions are served")
        plane.start_platform()
        prepare(plane)
        memory = sum(plane.memory_mebibytes().values())
        print(f"\nThe control plane is up: {plane.start_seconds:.0f} s, {memory:.0f} MiB.")
        for name, (port, _, _) in DOORS.items():
            print(f"  {name:12} 127.0.0.1:{port}")
        print(f"  export KUBECONFIG={plane.paths.kubeconfig}")
        print("Next, in another terminal: make up makes the local stack on it, make destroy takes it away again.")
        print("Ctrl-C stops the control plane and removes its files.", flush=True)
        try:
            while True:
                time.sleep(1)
                plane.supervisor.check()
        except KeyboardInterrupt:
            print("stopping")
    return 0


class ReleaseError(Exception):
    """A version cannot be released; the message says why."""


def release(version: str, fail_every: int, delay_milliseconds: int) -> int:
    """Ship a version on the plane that runs; its faults last as long as the plane."""
    if not CONTROL_PLANE_FILE.exists():
        raise ReleaseError("no control plane runs: start one with `make control-plane`, then `make up`")
    api = Api(Paths(HOME).kubeconfig)
    policy = api.find(IMAGES, "ImagePolicy", "realworld", FLUX)
    if policy is None or "latestRef" not in policy.get("status", {}):
        raise ReleaseError("the local stack is not on the control plane yet: run `make up` first")
    if why := refusal(version, policy["spec"]["policy"]["semver"]["range"], policy["status"]["latestRef"]["tag"]):
        raise ReleaseError(why)
    file = Paths(HOME).faults
    faults: dict[str, dict[str, int]] = json.loads(file.read_text()) if file.exists() else {}
    faults[version] = {"failEvery": fail_every, "delayMilliseconds": delay_milliseconds}
    file.write_text(json.dumps(faults))
    announce(version, DOORS["registry"][0])
    carry(api, version)
    print(f"{version} is in Git and applied; follow it with `make watch-release`")
    return 0


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def main() -> int:
    """Parse the command line and run one command; errors are one line and exit status 1."""
    parser = argparse.ArgumentParser(prog="python -m controlplane", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build every binary that is missing")
    commands.add_parser("up", help="start a control plane and print its kubeconfig")
    follow = commands.add_parser("watch", help="show a release live, and draw a picture of it when it is finished")
    follow.add_argument("--namespace", default="realworld")
    follow.add_argument("--canary", default="realworld")
    follow.add_argument("--picture", type=Path, default=Path("release.svg"), help="where the picture goes")
    ship = commands.add_parser("release", help="announce a version of the app and let Flux and Flagger carry it")
    ship.add_argument("version", help="a tag above the last one, within gitops.imageSemverRange")
    ship.add_argument("--fail-every", type=_count, default=0, help="every n-th request to this version fails; 0: none")
    ship.add_argument("--delay-milliseconds", type=_count, default=0, help="how late this version answers")
    arguments = parser.parse_args()
    try:
        if arguments.command == "build":
            return build()
        if arguments.command == "up":
            return up()
        if arguments.command == "release":
            return release(arguments.version, arguments.fail_every, arguments.delay_milliseconds)
        prometheus = f"http://127.0.0.1:{DOORS['Prometheus'][0]}"
        watch.follow(Paths(HOME).kubeconfig, prometheus, arguments.namespace, arguments.canary, arguments.picture)
    except (
        ReleaseError,
        ApiError,
        ProcessFailed,
        processes.MachineError,
        isolation.IsolationError,
        ToolError,
        OSError,
    ) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
