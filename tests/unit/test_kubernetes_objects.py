"""Every Kubernetes object that the program registers, held to the schemas of the pinned versions."""

import json

from plan.graph import Graph
from tools.schemas import strict_errors


def test_every_object_validates_strictly(graph: Graph) -> None:
    objects = [
        node for node in graph if node.type.startswith("kubernetes:") and not node.type.startswith("kubernetes:helm")
    ]

    assert len(objects) >= 12
    assert [(node.name, fault) for node in objects for fault in strict_errors(node.inputs)] == []


def test_every_flux_controller_runs_on_the_system_nodes(graph: Graph) -> None:
    placement, dependencies = graph.object("FluxInstance", "flux").inputs["spec"]["kustomize"]["patches"]
    pod = json.loads(placement["patch"])["spec"]["template"]["spec"]
    labels = graph.one("eks:index:ManagedNodeGroup").inputs["labels"]

    assert placement["target"] == {"kind": "Deployment"}
    assert pod == {
        "nodeSelector": labels,
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
    }
    assert dependencies["target"]["name"] == "(kustomize|helm)-controller"
    assert json.loads(dependencies["patch"])[0]["value"] == "--requeue-dependency=5s"


def test_the_controllers_that_pulumi_installs_run_on_the_system_nodes(graph: Graph) -> None:
    labels = graph.one("eks:index:ManagedNodeGroup").inputs["labels"]

    for release in ("karpenter", "aws-load-balancer-controller"):
        assert graph.object("Release", release).inputs["values"]["nodeSelector"] == labels
