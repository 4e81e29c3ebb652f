"""What a person reads at the end of a run."""

from collections import Counter
from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from simulator.driver import Result, State
from simulator.things import Thing

MOST_KINDS = 12
"""Kinds of resources that are listed one by one; the rest is one line."""


def duration(seconds: float) -> str:
    """``95`` as ``1 min 35 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def show_run(console: Console, action: str, result: Result, things: Iterable[Thing]) -> None:
    """The closing lines of a run."""
    changed = {kind: count for kind, count in result.changes.items() if kind not in {"same", "read"}}
    console.print()
    if action == "up":
        _outputs(console, result.outputs, result.secret_outputs)
        _kinds(console, things)
    if action == "destroy":
        console.print("[bold green]Destroyed.[/] The stack is empty and so is the cloud; nothing is left behind.")
    elif not changed:
        console.print(
            f"[bold green]Nothing changed.[/] {sum(result.changes.values())} resources are as they should be."
        )
    else:
        words = ", ".join(
            f"{count} to {kind}" if action == "preview" else f"{count} {_past(kind)}" for kind, count in changed.items()
        )
        console.print(f"[bold green]Done:[/] {words}.")
    took = f"{duration(result.wall_seconds)} here"
    if result.operations:
        took += f"; AWS would take about {duration(result.aws_seconds)}"
    console.print(f"Time: {took}.", highlight=False)
    if action == "up":
        console.print("Next: [bold]make up[/] again changes nothing; [bold]make destroy[/] removes everything.")


def _past(kind: str) -> str:
    return f"{kind.replace('-', ' ').removesuffix('e')}ed"


def _outputs(console: Console, outputs: Mapping[str, object], secrets: frozenset[str]) -> None:
    """One line each and never folded, so that a value can be copied whole; what is left to do comes last."""
    told = [(name, value) for name, value in outputs.items() if value not in ("", None)]
    width = max((len(name) for name, _ in told), default=0)
    for name, value in sorted(told, key=lambda output: output[0].endswith("next_step")):
        shown = "(secret)" if name in secrets else str(value).strip()
        console.print(f"[bold]{name.replace('_', ' '):<{width}}[/]  {escape(shown)}", highlight=False)
    console.print()


def show_status(console: Console, state: State, things: list[Thing]) -> None:
    """What the stack gives, and what stands in the cloud."""
    if not things:
        console.print("The cloud is empty.")
        return
    _outputs(console, state.outputs, state.secret_outputs)
    _kinds(console, things)
    for thing in things:
        if thing.maker:
            console.print(f"Made behind Pulumi's back: {thing}", highlight=False)


def _kinds(console: Console, things: Iterable[Thing]) -> None:
    own = [thing for thing in things if not thing.maker]
    counts = Counter(thing.token.partition(":")[0] + " " + thing.token.rpartition(":")[2] for thing in own)
    table = Table(title=f"{len(own)} resources", title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(justify="right", style="bold")
    table.add_column()
    common = counts.most_common()
    for kind, count in common[:MOST_KINDS]:
        table.add_row(str(count), kind)
    rest = common[MOST_KINDS:]
    if rest:
        table.add_row(str(sum(count for _, count in rest)), f"of {len(rest)} other kinds")
    console.print(table, highlight=False)
    console.print()
