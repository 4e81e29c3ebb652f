"""Follow a release in a terminal, and draw a picture of it when it is finished."""

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from controlplane.picture import Moment, draw
from simulator.kubernetes import Api

INTERVAL_SECONDS = 2.0
ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Prometheus:
    """Reads single figures from Prometheus."""

    address: str

    def figure(self, query: str) -> float | None:
        """Return the value of a query with one result; None without one."""
        url = f"{self.address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        with urllib.request.urlopen(url, timeout=5) as response:
            result = json.loads(response.read())["data"]["result"]
        value = float(result[0]["value"][1]) if result else float("nan")
        return None if value != value else value  # noqa: PLR0124


def figures(prometheus: Prometheus, namespace: str, name: str) -> dict[str, float | None]:
    """Return requests per second of both versions, and success rate (%) and P99 (ms) of the new one."""
    new = f'namespace="{namespace}",deployment="{name}",direction="inbound"'
    old = f'namespace="{namespace}",deployment="{name}-primary",direction="inbound"'
    answered = f"sum(rate(response_total{{{new}}}[30s]))"
    failed = f'(sum(rate(response_total{{{new},classification="failure"}}[30s])) or vector(0))'
    latency = f"sum by (le) (rate(response_latency_ms_bucket{{{new}}}[30s]))"
    return {
        "primary_rps": prometheus.figure(f"sum(rate(response_total{{{old}}}[30s]))"),
        "canary_rps": prometheus.figure(answered),
        "success_percent": prometheus.figure(f"100 - 100 * {failed} / {answered}"),
        "p99_milliseconds": prometheus.figure(f"histogram_quantile(0.99, {latency})"),
    }


def observe(api: Api, prometheus: Prometheus, namespace: str, name: str, began: float) -> Moment:
    """Return the state of a release now."""
    status = (api.find("flagger.app/v1beta1", "Canary", name, namespace) or {}).get("status", {})
    return Moment(
        seconds=time.monotonic() - began,
        phase=status.get("phase", ""),
        weight_percent=status.get("canaryWeight", 0),
        failed_checks=status.get("failedChecks", 0),
        **figures(prometheus, namespace, name),
    )


def _show(moment: Moment, title: str) -> Group:
    table = Table("phase", "weight", "failed checks", "old version", "new version", "success rate", "P99", title=title)
    table.add_row(
        moment.phase,
        f"{moment.weight_percent} %",
        str(moment.failed_checks),
        _text(moment.primary_rps, "{:.0f}/s"),
        _text(moment.canary_rps, "{:.0f}/s"),
        _text(moment.success_percent, "{:.1f} %"),
        _text(moment.p99_milliseconds, "{:.0f} ms"),
    )
    return Group(table, ProgressBar(total=100, completed=moment.weight_percent, width=60))


def _text(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def record(look: Callable[[], Moment], shown: Callable[[Moment], None]) -> list[Moment]:
    """Take moments from the start of the next release to its end."""
    moments: list[Moment] = []
    while True:
        moment = look()
        shown(moment)
        if moment.phase == "Progressing" or moments:
            moments.append(moment)
        if moments and moment.phase in ENDED:
            return moments
        time.sleep(INTERVAL_SECONDS)


def follow(kubeconfig: Path, prometheus_address: str, namespace: str, name: str, picture: Path) -> None:
    """Show the next release live until it ends, then write its picture.

    Raises:
        FileNotFoundError: no control plane runs.
    """
    if not kubeconfig.exists():
        raise FileNotFoundError("no control plane runs: start one with `make control-plane`")
    api, prometheus, console = Api(kubeconfig), Prometheus(prometheus_address), Console()
    title, began = f"{namespace}/{name}", time.monotonic()
    with Live(console=console, refresh_per_second=2) as live:
        moments = record(
            lambda: observe(api, prometheus, namespace, name, began), lambda moment: live.update(_show(moment, title))
        )
    picture.write_text(draw(moments, title))
    console.print(f"{moments[-1].phase} after {moments[-1].seconds - moments[0].seconds:.0f} s; picture: {picture}")
