"""The picture of a finished release: weight, requests, success rate and latency over time, with the decision marked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, PANEL_HEIGHT, LEFT, RIGHT, TOP, GAP = 860, 110, 70, 30, 60, 34
OLD, NEW, LIMIT, GOOD, BAD = "#7a869a", "#1f6feb", "#d29922", "#1a7f37", "#cf222e"


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The state of a release at one moment; a figure is None where there was no traffic to measure."""

    seconds: float
    phase: str
    weight_percent: int
    failed_checks: int
    primary_rps: float | None
    canary_rps: float | None
    success_percent: float | None
    p99_milliseconds: float | None


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a panel."""

    name: str
    colour: str
    value: Callable[[Moment], float | None]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One strip of the picture: its lines, its range, and the limit that Flagger holds it to."""

    title: str
    lines: Sequence[Line]
    lowest: float
    highest: float
    limit: float | None = None


def panels(moments: Sequence[Moment]) -> list[Panel]:
    """Return the four strips, with ranges that hold every value."""
    requests = [value for moment in moments for value in (moment.primary_rps, moment.canary_rps) if value is not None]
    success = [moment.success_percent for moment in moments if moment.success_percent is not None]
    latency = [moment.p99_milliseconds for moment in moments if moment.p99_milliseconds is not None]
    return [
        Panel(
            title="weight of the new version, %",
            lines=[Line(name="weight", colour=NEW, value=lambda moment: moment.weight_percent)],
            lowest=0,
            highest=100,
        ),
        Panel(
            title="requests per second, with the load test",
            lines=[
                Line(name="old version", colour=OLD, value=lambda moment: moment.primary_rps),
                Line(name="new version", colour=NEW, value=lambda moment: moment.canary_rps),
            ],
            lowest=0,
            highest=max([1.0, *requests]) * 1.1,
        ),
        Panel(
            title="success rate of the new version, %",
            lines=[Line(name="success rate", colour=NEW, value=lambda moment: moment.success_percent)],
            lowest=min([95.0, *success]) - 1,
            highest=100,
            limit=99,
        ),
        Panel(
            title="P99 of the new version, ms",
            lines=[Line(name="P99", colour=NEW, value=lambda moment: moment.p99_milliseconds)],
            lowest=0,
            highest=max([600.0, *latency]) * 1.1,
            limit=500,
        ),
    ]


def decision(moments: Sequence[Moment]) -> tuple[float, str, str]:
    """Return when the outcome was decided, what it was, and its colour.

    A promotion is decided when Flagger leaves the analysis, a rollback when it gives the traffic back.
    """
    promoted = moments[-1].phase == "Succeeded"
    phases = ("Promoting", "Finalising", "Succeeded") if promoted else ("Failed",)
    at = next(moment.seconds for moment in moments if moment.phase in phases)
    return at, "promoted" if promoted else "rolled back", GOOD if promoted else BAD


def draw(moments: Sequence[Moment], title: str) -> str:
    """Return the picture as SVG. Needs at least one moment; the last one's phase is the outcome."""
    first = moments[0].seconds
    duration = max(1.0, moments[-1].seconds - first)
    strips = panels(moments)
    height = TOP + len(strips) * (PANEL_HEIGHT + GAP)
    decided_at, outcome, colour = decision(moments)

    def x(seconds: float) -> float:
        return LEFT + (seconds - first) / duration * (WIDTH - LEFT - RIGHT)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="26" font-size="16" font-weight="bold">{escape(title)}: {outcome} after '
        f"{decided_at - first:.0f} s</text>",
    ]
    for number, panel in enumerate(strips):
        parts += _panel(panel, moments, TOP + number * (PANEL_HEIGHT + GAP), x)
    at = f"{x(decided_at):.1f}"
    parts.append(
        f'<line x1="{at}" x2="{at}" y1="{TOP - 14}" y2="{height - GAP}" stroke="{colour}" stroke-width="2" '
        f'stroke-dasharray="5 3"/>'
    )
    parts.append(f'<text x="{x(decided_at) - 4:.1f}" y="{TOP - 18}" text-anchor="end" fill="{colour}">{outcome}</text>')
    for tick in range(0, int(duration) + 1, 20):
        parts.append(f'<text x="{x(first + tick):.1f}" y="{height - 14}" text-anchor="middle">{tick} s</text>')
    return "\n".join([*parts, "</svg>\n"])


def _panel(panel: Panel, moments: Sequence[Moment], top: float, x: Callable[[float], float]) -> list[str]:
    def y(value: float) -> float:
        return top + PANEL_HEIGHT * (1 - (value - panel.lowest) / (panel.highest - panel.lowest))

    right = WIDTH - RIGHT
    parts = [
        f'<text x="{LEFT}" y="{top - 5}" font-weight="bold">{escape(panel.title)}</text>',
        f'<rect x="{LEFT}" y="{top}" width="{right - LEFT}" height="{PANEL_HEIGHT}" fill="none" stroke="#d0d7de"/>',
        f'<text x="{LEFT - 6}" y="{top + 10}" text-anchor="end">{panel.highest:.0f}</text>',
        f'<text x="{LEFT - 6}" y="{top + PANEL_HEIGHT}" text-anchor="end">{panel.lowest:.0f}</text>',
    ]
    if panel.limit is not None:
        level = y(panel.limit)
        parts.append(f'<line x1="{LEFT}" x2="{right}" y1="{level:.1f}" y2="{level:.1f}" stroke="{LIMIT}"/>')
        parts.append(
            f'<text x="{right - 4}" y="{level - 3:.1f}" text-anchor="end" fill="{LIMIT}">limit {panel.limit:.0f}</text>'
        )
    for number, line in enumerate(panel.lines):
        for stretch in _stretches(moments, line):
            points = " ".join(f"{x(seconds):.1f},{y(value):.1f}" for seconds, value in stretch)
            parts.append(f'<polyline points="{points}" fill="none" stroke="{line.colour}" stroke-width="2"/>')
        if len(panel.lines) > 1:
            left = right - 100 * (len(panel.lines) - number)
            parts.append(f'<text x="{left}" y="{top - 5}" fill="{line.colour}">{escape(line.name)}</text>')
    return parts


def _stretches(moments: Sequence[Moment], line: Line) -> list[list[tuple[float, float]]]:
    """Return the parts of a line between gaps in the measurements."""
    stretches: list[list[tuple[float, float]]] = [[]]
    for moment in moments:
        value = line.value(moment)
        if value is not None:
            stretches[-1].append((moment.seconds, value))
        elif stretches[-1]:
            stretches.append([])
    return [stretch for stretch in stretches if stretch]
