"""Every object of every stack keeps the rules, and each rule is seen to catch what it is there for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gitops.rules import RULES, complaints
from tests.gitops.tree import STACKS, UNSET, VALUES, Tree, read_tree

APP = "gitops/apps/realworld/base"
CONTROLLERS = "gitops/infrastructure/controllers"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(getattr(rule, "__name__", rule)))
def test_rule_holds(tree: Tree, rule: Callable[[Tree], list[str]]) -> None:
    assert tree.manifests
    assert rule(tree) == []


@pytest.mark.parametrize("stack", STACKS)
def test_rules_hold_where_optional_settings_are_absent(stack: str) -> None:
    assert complaints(read_tree(stack, values={**VALUES, **UNSET})) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        (f"{APP}/deployment.yaml", "minReadySeconds: 3", "minReadySecond: 3", "minReadySecond"),
        (
            f"{APP}/image.yaml",
            "toolkit.fluxcd.io/v1\nkind: ImagePolicy",
            "toolkit.fluxcd.io/v1beta2\nkind: ImagePolicy",
            "no schema",
        ),
        (f"{APP}/canary.yaml", "threshold: 3", 'threshold: "3"', "analysis"),
        (
            f"{APP}/canary.yaml",
            "    name: realworld\n  autoscalerRef",
            "    name: other\n  autoscalerRef",
            "Deployment realworld/other",
        ),
        (
            f"{APP}/canary.yaml",
            "http://loadtester.flagger-system/",
            "http://tester.flagger-system/",
            "flagger-system/tester",
        ),
        (
            f"{APP}/canary.yaml",
            "name: latency-p99\n          namespace",
            "name: p99\n          namespace",
            "MetricTemplate",
        ),
        (f"{APP}/canary.yaml", "name: public", "name: private", "Gateway traefik/private"),
        (
            f"{APP}/canary.yaml",
            "name: realworld\n        port",
            "name: realworld\n        namespace: realworld\n        port",
            "wait for ever",
        ),
        (f"{APP}/canary.yaml", "type: pre-rollout", "type: rollout", "pre-rollout"),
        (f"{APP}/canary.yaml", "          max: 100\n", "", "infinite"),
        (f"{APP}/image.yaml", "    name: realworld\n  policy:", "    name: other\n  policy:", "ImageRepository"),
        (f"{APP}/deployment.yaml", "key: DATABASE_HOST", "key: HOST", "no key HOST"),
        (f"{APP}/deployment.yaml", "name: temporary\n          emptyDir", "name: tmp\n          emptyDir", "no volume"),
        (f"{APP}/deployment.yaml", "serviceAccountName: realworld", "serviceAccountName: other", "ServiceAccount"),
        (
            f"{APP}/deployment.yaml",
            "readOnlyRootFilesystem: true",
            "readOnlyRootFilesystem: false",
            "readOnlyRootFilesystem",
        ),
        (
            f"{APP}/deployment.yaml",
            "automountServiceAccountToken: false",
            "automountServiceAccountToken: true",
            "token",
        ),
        (f"{APP}/deployment.yaml", "  minReadySeconds: 3", "  replicas: 2\n  minReadySeconds: 3", "spec.replicas"),
        (f"{APP}/deployment.yaml", "seconds: 10", "seconds: 60", "no time"),
        (f"{APP}/deployment.yaml", "maxUnavailable: 0", "maxUnavailable: 1", "rolling update"),
        (f"{APP}/loadtest.yaml", "flagger-loadtester:0.38.0", "flagger-loadtester", "no version"),
        (f"{APP}/autoscaling.yaml", "app: realworld-primary", "app: realworld", "selects other pods"),
        (f"{APP}/autoscaling.yaml", "maxUnavailable: 1", "minAvailable: 1", "blocks a drain"),
        (f"{APP}/namespace.yaml", "enforce: restricted", "enforce: baseline", "Pod Security"),
        (f"{APP}/namespace.yaml", "linkerd.io/inject: enabled", "linkerd.io/inject: disabled", "outside the mesh"),
        (f"{APP}/namespace.yaml", "platform/gateway: public", "platform/gateway: private", "takes no routes"),
        (
            f"{APP}/network-policies.yaml",
            "  podSelector: {}\n  policyTypes:\n    - Ingress\n    - Egress",
            "  podSelector: {}\n  policyTypes:\n    - Ingress",
            "denies everything",
        ),
        (
            "gitops/apps/realworld/flux.yaml",
            "    - name: delivery",
            "    - name: mash",
            "Kustomization flux-system/mash",
        ),
        ("gitops/apps/realworld/flux.yaml", "  retryInterval: 1m\n", "", "retryInterval"),
        ("gitops/apps/realworld/flux.yaml", "WaitForTermination", "Orphan", "WaitForTermination"),
        ("gitops/clusters/base/infrastructure.yaml", "    - name: foundation", "    - name: mesh", "depends on itself"),
        (f"{CONTROLLERS}/mesh/base/traefik.yaml", "type: ClusterIP", "type: LoadBalancer", "survives a destroy"),
        (
            f"{CONTROLLERS}/mesh/base/traefik.yaml",
            "targetNamespace: traefik",
            "targetNamespace: ingress",
            "Namespace /ingress",
        ),
        (
            f"{CONTROLLERS}/mesh/base/flagger.yaml",
            "    kind: OCIRepository\n    name: flagger",
            "    kind: OCIRepository\n    name: flag",
            "OCIRepository",
        ),
        (
            f"{CONTROLLERS}/mesh/base/linkerd.yaml",
            "linkerd/linkerd-sp-validator",
            "linkerd/sp-validator",
            "Certificate linkerd/sp-validator",
        ),
        (
            "gitops/infrastructure/configs/identity/issuer.yaml",
            "name: linkerd-trust-anchor",
            "name: other",
            "ClusterIssuer",
        ),
        (
            "gitops/infrastructure/configs/delivery/metrics.yaml",
            "prometheus.linkerd-viz",
            "prometheus.monitoring",
            "monitoring/prometheus",
        ),
    ],
)
def test_fault_is_named(repository: Path, file: str, old: str, new: str, complaint: str) -> None:
    path = repository / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))

    assert any(complaint in found for found in complaints(read_tree("dev", repository=repository)))


@pytest.mark.parametrize(
    ("manifest", "complaint"),
    [
        (
            "{apiVersion: v1, kind: Service, metadata: {name: realworld}, spec: {ports: [{port: 3000}]}}",
            "belongs to Flagger",
        ),
        (
            "{apiVersion: v1, kind: Service, metadata: {name: extra}, spec: {type: LoadBalancer, ports: [{port: 80}]}}",
            "load balancer",
        ),
        (
            "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: realworld}}",
            "belongs to Flagger",
        ),
        ("{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: extra}}", "only way in"),
        ("{apiVersion: v1, kind: Secret, metadata: {name: alert-receiver, namespace: flux-system}}", "is applied by"),
        ("{apiVersion: v1, kind: ConfigMap, metadata: {name: extra, namespace: nowhere}}", "Namespace /nowhere"),
    ],
)
def test_forbidden_object_is_named(repository: Path, manifest: str, complaint: str) -> None:
    folder = repository / APP
    (folder / "extra.yaml").write_text(
        manifest.replace("metadata: {name: realworld", "metadata: {namespace: realworld, name: realworld")
    )
    kustomization = folder / "kustomization.yaml"
    kustomization.write_text(kustomization.read_text() + "  - extra.yaml\n")

    assert any(complaint in found for found in complaints(read_tree("dev", repository=repository)))
