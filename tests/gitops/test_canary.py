"""The app's canary, autoscaler and load test have the reference's values."""

import re
from datetime import timedelta

import pytest

from tests.gitops.tree import Tree, at, items, mapping, read_tree, text

UNITS = {"s": "seconds", "m": "minutes"}


def duration(written: str) -> timedelta:
    """The time that ``10s`` or ``3m`` says."""
    return timedelta(**{UNITS[written[-1]]: int(written[:-1])})


def canary(tree: Tree) -> dict[str, object]:
    return mapping(tree.get("Canary", "realworld", "realworld").content, "spec")


def test_analysis(tree: Tree) -> None:
    spec = canary(tree)
    analysis = mapping(spec, "analysis")

    assert {name: analysis[name] for name in ("interval", "threshold", "maxWeight", "stepWeight")} == {
        "interval": "10s",
        "threshold": 3,
        "maxWeight": 50,
        "stepWeight": 5,
    }
    assert spec["progressDeadlineSeconds"] == 60
    assert spec["provider"] == "gatewayapi:v1"
    assert "revertOnDeletion" not in spec  # its finalizer would hang a destroy in which Flagger goes first


def test_metrics(tree: Tree) -> None:
    found = {
        text(metric, "name"): (metric["interval"], metric["thresholdRange"])
        for metric in items(canary(tree), "analysis", "metrics")
    }

    assert found == {
        "success-rate": ("1m", {"min": 99, "max": 100}),
        "latency-p99": ("30s", {"min": 0, "max": 500}),
    }


@pytest.mark.parametrize(
    ("template", "series"), [("success-rate", "response_total"), ("latency-p99", "response_latency_ms_bucket")]
)
def test_metric_asks_about_the_canary_alone(tree: Tree, template: str, series: str) -> None:
    spec = mapping(tree.get("MetricTemplate", template, "flagger-system").content, "spec")
    selectors = re.findall(
        rf"{series}\{{(.*?)\}}(?:\[\{{\{{ interval \}}\}}\])?\)", text(spec, "query"), flags=re.DOTALL
    )

    assert text(spec, "provider", "address") == "http://prometheus.linkerd-viz:9090"
    assert len(selectors) == text(spec, "query").count(series)
    for selector in selectors:
        assert 'namespace="{{ namespace }}"' in selector
        assert 'deployment=~"{{ target }}"' in selector
        assert 'direction="inbound"' in selector


def test_failures_are_counted_so_that_no_rounding_exceeds_the_maximum(tree: Tree) -> None:
    query = text(tree.get("MetricTemplate", "success-rate", "flagger-system").content, "spec", "query")
    for ratio in query.split("\nor\n"):
        numerator, _, denominator = ratio.partition("\n/\n")

        assert numerator.startswith("100 - 100 * (")
        assert "or vector(0)" in numerator
        assert 'classification="failure"' in numerator
        assert "vector" not in denominator
        assert "classification" not in denominator


@pytest.mark.parametrize("template", ["success-rate", "latency-p99"])
def test_before_there_is_a_rate_the_same_is_asked_of_the_counters(tree: Tree, template: str) -> None:
    query = text(tree.get("MetricTemplate", template, "flagger-system").content, "spec", "query")
    rate, counters = query.split("\nor\n")

    assert rate.count("rate(") == rate.count("[{{ interval }}])") > 0
    without_rate = rate.replace("rate(", "").replace("[{{ interval }}])", "")
    assert without_rate.split() == counters.split()


def test_parents_of_the_route(tree: Tree) -> None:
    assert items(canary(tree), "service", "gatewayRefs") == [
        {"group": "core", "kind": "Service", "name": "realworld", "port": 3000},
        {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public", "namespace": "traefik"},
    ]


def test_webhooks_of_each_step_fit_between_two_steps(tree: Tree) -> None:
    analysis = mapping(canary(tree), "analysis")
    each_step = [hook for hook in items(analysis, "webhooks") if text(hook, "type") == "rollout"]

    assert [text(hook, "name") for hook in each_step] == ["load-test"]
    spent = sum((duration(text(hook, "timeout")) for hook in each_step), timedelta())
    assert spent < duration(text(analysis, "interval"))


def test_load_test_outlasts_the_analysis(tree: Tree) -> None:
    analysis = mapping(canary(tree), "analysis")
    steps = 50 // 5 + 3
    commands = [text(hook, "metadata", "cmd") for hook in items(analysis, "webhooks")]
    lasting = [match[1] for command in commands if (match := re.search(r"hey -z (\w+)", command))]

    assert [duration(written) > steps * duration("10s") for written in lasting] == [True]


def test_smoke_test_calls_the_canary_before_users_do(tree: Tree) -> None:
    smoke_tests = [hook for hook in items(canary(tree), "analysis", "webhooks") if text(hook, "type") == "pre-rollout"]

    assert len(smoke_tests) == 1
    assert text(smoke_tests[0], "metadata", "type") == "bash"
    assert "--fail" in text(smoke_tests[0], "metadata", "cmd")
    assert "http://realworld-canary.realworld:3000/" in text(smoke_tests[0], "metadata", "cmd")


@pytest.mark.parametrize(("stack", "minimum"), [("local", 1), ("dev", 1), ("prod", 2)])
def test_autoscaler(stack: str, minimum: int) -> None:
    spec = mapping(read_tree(stack).get("HorizontalPodAutoscaler", "realworld", "realworld").content, "spec")

    assert (spec["minReplicas"], spec["maxReplicas"]) == (minimum, 10)
    assert items(spec, "metrics") == [
        {
            "type": "ContainerResource",
            "containerResource": {
                "name": "cpu",
                "container": "realworld",
                "target": {"type": "Utilization", "averageUtilization": 80},
            },
        }
    ]


def test_resources(tree: Tree) -> None:
    deployment = tree.get("Deployment", "realworld", "realworld").content

    assert at(deployment, "spec", "template", "spec", "containers", 0, "resources") == {
        "requests": {"cpu": "100m", "memory": "256Mi"},
        "limits": {"cpu": "1", "memory": "768Mi"},
    }


def test_database_is_called_over_verified_tls(tree: Tree) -> None:
    template = mapping(tree.get("Deployment", "realworld", "realworld").content, "spec", "template")
    app, migration = items(template, "spec", "containers")[0], items(template, "spec", "initContainers")[1]

    assert text(migration, "name") == "migrate"
    for container in (app, migration):
        environment = {text(entry, "name"): entry.get("value") for entry in items(container, "env")}
        assert environment["PGSSLMODE"] == "verify-full"
        assert {"DATABASE_HOST", "DATABASE_PASSWORD"} <= set(environment)
        folders = {text(mount, "mountPath") for mount in items(container, "volumeMounts")}
        assert str(environment["PGSSLROOTCERT"]).rpartition("/")[0] in folders


def test_load_test_is_at_rest_and_may_be_scaled(tree: Tree) -> None:
    load_test = tree.get("Deployment", "realworld-loadtest", "realworld").content
    layer = tree.get("Kustomization", "realworld", "flux-system").content

    assert at(load_test, "spec", "replicas") == 0
    assert "http://realworld-primary:3000/" in str(
        at(load_test, "spec", "template", "spec", "containers", 0, "command")
    )
    assert items(layer, "spec", "ignore") == [
        {"target": {"kind": "Deployment", "name": "realworld-loadtest"}, "paths": ["/spec/replicas"]}
    ]


def test_flux_waits_for_the_release(tree: Tree) -> None:
    spec = mapping(tree.get("Kustomization", "realworld", "flux-system").content, "spec")

    assert [text(check, "kind") for check in items(spec, "healthChecks")] == ["Canary"]
    assert [text(check, "kind") for check in items(spec, "healthCheckExprs")] == ["Canary"]
    # A rollback leaves the primary serving: were it a failure here, the root would be held up, and so would a destroy.
    assert text(items(spec, "healthCheckExprs")[0], "current") == "!(status.phase in ['', 'Initializing'])"
    assert "failed" not in items(spec, "healthCheckExprs")[0]
