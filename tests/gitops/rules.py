"""What must hold for every object of the tree, an app's that is yet to be written included."""

from collections.abc import Callable, Mapping
from typing import Final, cast

from tests.gitops.references import cycles, dangling_keys, unresolved
from tests.gitops.tree import Manifest, Tree, at, containers, items, mapping, nested, pod_templates, text
from tools.schemas import strict_errors

LONGEST_NAME: Final = 63


def schema_errors(tree: Tree) -> list[str]:
    """Unknown kinds, API versions that are not served, unknown fields, values of the wrong type."""
    return [error for manifest in tree.manifests for error in strict_errors(manifest.content)]


def duplicates(tree: Tree) -> list[str]:
    """Objects that two Flux Kustomizations (or one twice) would fight over."""
    seen: dict[str, str] = {}
    complaints: list[str] = []
    for manifest in tree.manifests:
        identity = f"{manifest.group} {manifest}"
        if identity in seen:
            complaints.append(f"{manifest} is applied by {seen[identity]} and by {manifest.applied_by}")
        seen[identity] = manifest.applied_by
    return complaints


def unexplicit_layers(tree: Tree) -> list[str]:
    """Flux Kustomizations that leave to defaults when they retry, when they give up and how they end."""
    complaints: list[str] = []
    for layer in tree.of_kind("Kustomization"):
        spec = mapping(layer.content, "spec")
        complaints += [
            f"{layer}: spec.{field} is not set"
            for field in ("interval", "retryInterval", "timeout", "prune", "deletionPolicy")
            if field not in spec
        ]
        if layer.namespace != "flux-system":
            complaints.append(f"{layer}: is not in flux-system")
        if "wait" not in spec and not items(spec, "healthChecks"):
            complaints.append(f"{layer}: says nothing about health: neither spec.wait nor spec.healthChecks")
        if at(spec, "prune") is True and text(spec, "deletionPolicy") != "WaitForTermination":
            complaints.append(f"{layer}: spec.deletionPolicy must be WaitForTermination")
    return complaints


def flagger_conflicts(tree: Tree) -> list[str]:
    """Objects that belong to Flagger and fields that it, or the autoscaler, owns."""
    complaints: list[str] = []
    for canary in tree.of_kind("Canary"):
        target = text(canary.content, "spec", "targetRef", "name")
        apex = text(canary.content, "spec", "service", "name") or target
        made = {
            *[("Service", f"{apex}{suffix}") for suffix in ("", "-primary", "-canary")],
            ("HTTPRoute", apex),
            ("Deployment", f"{target}-primary"),
            ("HorizontalPodAutoscaler", f"{target}-primary"),
        }
        complaints += [
            f"{manifest} belongs to Flagger"
            for manifest in tree.manifests
            if manifest.namespace == canary.namespace and (manifest.kind, manifest.name) in made
        ]
        workload = tree.find("Deployment", target, canary.namespace)
        if workload is not None and at(workload.content, "spec", "replicas") is not None:
            complaints.append(f"{workload}: spec.replicas belongs to the autoscaler")
        complaints += _canary_form(canary, apex)
        complaints += _unprotected(tree, canary, target)
    return complaints


def _canary_form(canary: Manifest, apex: str) -> list[str]:
    complaints: list[str] = []
    parents = items(canary.content, "spec", "service", "gatewayRefs")
    mesh = [parent for parent in parents if text(parent, "kind") == "Service"]
    if [text(parent, "name") for parent in mesh] != [apex]:
        complaints.append(f"{canary}: gatewayRefs must name the Service {apex} once, for the mesh")
    if any("namespace" in parent for parent in mesh):
        complaints.append(
            f"{canary}: the Service in gatewayRefs must not have a namespace: Flagger would wait for ever"
        )
    if not any(text(parent, "kind") == "Gateway" for parent in parents):
        complaints.append(f"{canary}: gatewayRefs must name the Gateway, for traffic from outside")
    if not any(text(hook, "type") == "pre-rollout" for hook in items(canary.content, "spec", "analysis", "webhooks")):
        complaints.append(f"{canary}: no webhook of type pre-rollout")
    for metric in items(canary.content, "spec", "analysis", "metrics"):
        limits = mapping(metric, "thresholdRange")
        complaints += [
            f"{canary}: metric {text(metric, 'name')} has no {bound}: an infinite value would pass"
            for bound in ("min", "max")
            if bound not in limits
        ]
    return complaints


def _unprotected(tree: Tree, canary: Manifest, target: str) -> list[str]:
    """Both copies need a disruption budget that lets a node drain."""
    complaints: list[str] = []
    for name in (target, f"{target}-primary"):
        budget = tree.find("PodDisruptionBudget", name, canary.namespace)
        if budget is None:
            complaints.append(f"{canary}: no PodDisruptionBudget {name}")
        elif text(budget.content, "spec", "selector", "matchLabels", "app") != name:
            complaints.append(f"{budget}: selects other pods than app={name}")
        elif at(budget.content, "spec", "maxUnavailable") in {None, 0, "0", "0%"}:
            complaints.append(f"{budget}: blocks a drain: it needs a maxUnavailable above 0")
    return complaints


def exposed(tree: Tree) -> list[str]:
    """Ways into the cluster beside the one load balancer."""
    complaints = [f"{ingress}: the gateway is the only way in" for ingress in tree.of_kind("Ingress")]
    for manifest in tree.of_kind("Service", "HelmRelease"):
        complaints += [
            f"{manifest}: a Service of type {inner['type']} makes a load balancer that survives a destroy"
            for inner in nested(manifest.content)
            if inner.get("type") in {"LoadBalancer", "NodePort"}
        ]
    return complaints


def insecure_pods(tree: Tree) -> list[str]:
    """Pods that Pod Security "restricted" refuses, or that could do without what they have."""
    complaints: list[str] = []
    for workload, template in pod_templates(tree):
        spec = mapping(template, "spec")
        if at(spec, "automountServiceAccountToken") is not False:
            complaints.append(f"{workload}: mounts a token of its ServiceAccount")
        if text(spec, "serviceAccountName") in {"", "default"}:
            complaints.append(f"{workload}: runs as the default ServiceAccount")
        if at(spec, "securityContext", "runAsNonRoot") is not True:
            complaints.append(f"{workload}: securityContext.runAsNonRoot is not true")
        if at(spec, "securityContext", "runAsUser") in {None, 0}:
            complaints.append(f"{workload}: securityContext.runAsUser names no user")
        if text(spec, "securityContext", "seccompProfile", "type") != "RuntimeDefault":
            complaints.append(f"{workload}: securityContext.seccompProfile is not RuntimeDefault")
        complaints += [
            f"{workload}: spec.{field} is set" for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field)
        ]
        complaints += [f"{workload}: a hostPath volume" for volume in items(spec, "volumes") if "hostPath" in volume]
        for container in containers(template):
            name, context = text(container, "name"), mapping(container, "securityContext")
            wanted: Mapping[str, object] = {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "runAsNonRoot": True,
                "capabilities": {"drop": ["ALL"]},
            }
            complaints += [
                f"{workload}: container {name}: securityContext.{field} is not {value}"
                for field, value in wanted.items()
                if context.get(field) != value
            ]
            resources = mapping(container, "resources")
            complaints += [
                f"{workload}: container {name}: no {field}"
                for field, value in (
                    ("cpu request", text(resources, "requests", "cpu")),
                    ("memory request", text(resources, "requests", "memory")),
                    ("memory limit", text(resources, "limits", "memory")),
                )
                if not value
            ]
            image = text(container, "image")
            if ":" not in image.rpartition("/")[2] or image.endswith(":latest"):
                complaints.append(f"{workload}: container {name}: image {image} has no version")
    return complaints


def unready_for_release(tree: Tree) -> list[str]:
    """What a canary's workload needs, to be judged, moved and stopped without a lost request."""
    complaints: list[str] = []
    for canary in tree.of_kind("Canary"):
        name = text(canary.content, "spec", "targetRef", "name")
        workload = tree.find("Deployment", name, canary.namespace)
        if workload is None:
            continue
        template = mapping(workload.content, "spec", "template")
        main = items(template, "spec", "containers")[0]
        complaints += [
            f"{workload}: no {field}" for field in ("readinessProbe", "livenessProbe", "lifecycle") if field not in main
        ]
        grace = cast("int", at(template, "spec", "terminationGracePeriodSeconds") or 30)
        pause = cast("int", at(main, "lifecycle", "preStop", "sleep", "seconds") or 0)
        if not 0 < pause < grace:
            complaints.append(f"{workload}: preStop sleeps {pause} s of {grace} s: no time to stop in")
        spreads = items(template, "spec", "topologySpreadConstraints")
        if not spreads:
            complaints.append(f"{workload}: no topologySpreadConstraints")
        complaints += [
            f"{workload}: spread by matchLabels: Flagger would leave the primary out"
            for spread in spreads
            if "matchLabels" in mapping(spread, "labelSelector")
        ]
        strategy = mapping(workload.content, "spec", "strategy", "rollingUpdate")
        if strategy.get("maxUnavailable") != 0:
            complaints.append(f"{workload}: a rolling update takes pods away before new ones serve")
    return complaints


def open_namespaces(tree: Tree) -> list[str]:
    """Namespaces with pods of ours that lack Pod Security, the mesh or a closed network."""
    complaints: list[str] = []
    for name in sorted({workload.namespace for workload, _ in pod_templates(tree)}):
        namespace = tree.find("Namespace", name)
        if namespace is None:
            complaints.append(f"Namespace {name}: has pods, but is not in Git")
            continue
        if namespace.labels.get("pod-security.kubernetes.io/enforce") != "restricted":
            complaints.append(f"{namespace}: Pod Security is not enforced as restricted")
        if text(namespace.content, "metadata", "annotations", "linkerd.io/inject") != "enabled":
            complaints.append(f"{namespace}: outside the mesh")
        closed = [
            policy
            for policy in tree.of_kind("NetworkPolicy")
            if policy.namespace == name
            and at(policy.content, "spec", "podSelector") == {}
            and at(policy.content, "spec", "policyTypes") == ["Ingress", "Egress"]
            and not items(policy.content, "spec", "ingress")
            and not items(policy.content, "spec", "egress")
        ]
        if not closed:
            complaints.append(f"{namespace}: no NetworkPolicy that denies everything not named")
    return complaints


def unadmitted_routes(tree: Tree) -> list[str]:
    """Canaries whose Gateway takes no routes from their namespace."""
    complaints: list[str] = []
    for canary in tree.of_kind("Canary"):
        for parent in items(canary.content, "spec", "service", "gatewayRefs"):
            gateway = tree.find("Gateway", text(parent, "name"), text(parent, "namespace"))
            namespace = tree.find("Namespace", canary.namespace)
            if gateway is None or namespace is None:
                continue
            for listener in items(gateway.content, "spec", "listeners"):
                wanted = mapping(listener, "allowedRoutes", "namespaces", "selector", "matchLabels")
                if not wanted.items() <= namespace.labels.items():
                    complaints.append(f"{gateway}: takes no routes from {namespace}: it asks for {wanted}")
    return complaints


def unsafe_names(tree: Tree) -> list[str]:
    """Names that leave no room for Flagger's suffix."""
    return [
        f"{canary}: the name leaves no room for -primary"
        for canary in tree.of_kind("Canary")
        if len(f"{canary.name}-primary") > LONGEST_NAME
    ]


RULES: Final[tuple[Callable[[Tree], list[str]], ...]] = (
    schema_errors,
    duplicates,
    unexplicit_layers,
    unresolved,
    dangling_keys,
    cycles,
    flagger_conflicts,
    exposed,
    insecure_pods,
    unready_for_release,
    open_namespaces,
    unadmitted_routes,
    unsafe_names,
)


def complaints(tree: Tree) -> list[str]:
    """Everything that breaks a rule."""
    return [complaint for rule in RULES for complaint in rule(tree)]
