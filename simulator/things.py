"""What stands in the simulated cloud, and where it is kept."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from simulator.values import Values

FORMAT: int = 1


@dataclass(kw_only=True)
class Thing:
    """One thing in the cloud.

    Attributes:
        token: Its type.
        id: Its id, unique among things of the type (and of the cluster).
        name: Logical name in the program, or a description for what a controller made.
        arn: Its ARN; empty where it has none.
        inputs: What it was made from.
        outputs: What it answers.
        uses: Keys of the things that it names, which cannot be deleted before it.
        parts: Ids of what AWS made along with it and deletes with it.
        maker: The controller that made it behind Pulumi's back; empty for Pulumi's own things.
        cluster: The cluster that it lives in, for Kubernetes objects.
        settled: Whether time has passed since it was made: what it starts in the background is done.
    """

    token: str
    id: str
    name: str
    arn: str = ""
    inputs: Values = field(default_factory=dict)
    outputs: Values = field(default_factory=dict)
    uses: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    maker: str = ""
    cluster: str = ""
    settled: bool = False

    @property
    def key(self) -> str:
        """What identifies the thing in the whole cloud."""
        return key_of(self.token, self.id, self.cluster)

    def __str__(self) -> str:
        """How a person is told about it."""
        made = f", made by {self.maker}" if self.maker else ""
        return f"{self.token.rpartition(':')[2]} {self.id}{made}"


def key_of(token: str, identifier: str, cluster: str = "") -> str:
    """Key of a thing."""
    return f"{token}|{cluster}|{identifier}"


class Store:
    """The things by key, written to disk after every change.

    The file is replaced as a whole, so that a killed process leaves the last complete state.
    """

    def __init__(self, path: Path | None) -> None:
        """Opens a cloud that is kept at ``path``, or one that is forgotten."""
        self.path = path
        self.things: dict[str, Thing] = {}
        self.generations: dict[str, int] = {}
        if path is not None and path.exists():
            content = json.loads(path.read_text())
            self.generations = content["generations"]
            for values in content["things"]:
                thing = Thing(**values)
                thing.settled = True
                self.things[thing.key] = thing

    def __iter__(self) -> Iterator[Thing]:
        """The things in the order in which they were made."""
        return iter(list(self.things.values()))

    def save(self) -> None:
        """Writes the cloud to its file."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "format": FORMAT,
            "generations": self.generations,
            "things": [vars(thing) for thing in self.things.values()],
        }
        temporary = self.path.with_suffix(".new")
        temporary.write_text(json.dumps(content))
        temporary.replace(self.path)

    def next_seed(self, token: str, name: str) -> str:
        """A seed for the next thing of a type and name: the same in every cloud, another for each replacement."""
        key = f"{token}|{name}"
        self.generations[key] = self.generations.get(key, 0) + 1
        return f"{key}|{self.generations[key]}"
