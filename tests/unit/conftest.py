"""The program evaluated once per variant of its settings."""

import functools
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from plan.graph import Graph, evaluate
from settings import PROJECT

REPOSITORY = Path(__file__).parents[2]
REACHABLE: dict[str, object] = {"publicAccessCidrs": ["203.0.113.0/24"]}

VARIANTS: dict[str, tuple[str, dict[str, dict[str, object]]]] = {
    "local": ("local", {}),
    "dev": ("dev", {"cluster": REACHABLE}),
    "prod": ("prod", {"cluster": REACHABLE}),
    "two-zones": ("dev", {"cluster": REACHABLE, "network": {"availabilityZoneCount": 2}}),
    "reference": ("dev", {"cluster": REACHABLE, "network": {"natStrategy": "one-per-zone"}}),
    "domain": ("prod", {"cluster": REACHABLE, "ingress": {"domain": "app.example.com"}}),
    "token": (
        "dev",
        {
            "cluster": REACHABLE,
            "gitops": {
                "repositoryUrl": "https://github.com/o/n",
                "authentication": "token",
                "token": "t0ken",
                "alertProvider": "slack",
                "alertAddress": "https://hooks.slack.com/services/T0/B0/x",
            },
        },
    ),
    "read-only": (
        "dev",
        {
            "cluster": REACHABLE,
            "gitops": {
                "repositoryUrl": "https://github.com/o/n",
                "authentication": "none",
                "repositoryIsReadOnly": True,
            },
        },
    ),
    "github": (
        "dev",
        {
            "cluster": REACHABLE,
            "gitops": {
                "repositoryUrl": "ssh://git@github.com/o/n.git",
                "githubToken": "t0ken",
                "alertAddress": "https://alerts.example.org/",
            },
        },
    ),
}
"""Stack file and what is laid over it, by name."""


@functools.cache
def graph_of(variant: str) -> Graph:
    """The graph of a variant; an evaluation takes about three seconds."""
    stack, overlay = VARIANTS[variant]
    document: dict[str, Any] = yaml.safe_load((REPOSITORY / f"Pulumi.{stack}.yaml").read_text())["config"]
    for concern, values in overlay.items():
        key = f"{PROJECT}:{concern}"
        document[key] = {**document.get(key, {}), **values}
    return evaluate(
        stack, {key: value if isinstance(value, str) else json.dumps(value) for key, value in document.items()}
    )


@pytest.fixture(scope="session", params=list(VARIANTS))
def graph(request: pytest.FixtureRequest) -> Graph:
    """The graph of each variant in turn."""
    return graph_of(str(request.param))


@pytest.fixture(scope="session")
def dev() -> Graph:
    """The graph of the reference's values: ``dev`` with a NAT gateway per zone."""
    return graph_of("reference")
