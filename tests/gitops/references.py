"""Names in manifests that have to lead somewhere."""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from gitops.runtime import NAME as RUNTIME_NAME
from tests.gitops.tree import (
    ROOT_SOURCE,
    JsonObject,
    Manifest,
    Tree,
    containers,
    items,
    mapping,
    nested,
    pod_templates,
    text,
)

FLUX_NAMESPACE: Final = "flux-system"

MADE_BY_PULUMI: Final = frozenset(
    {
        ("GitRepository", FLUX_NAMESPACE, ROOT_SOURCE),
        ("ConfigMap", FLUX_NAMESPACE, RUNTIME_NAME),
        ("Secret", FLUX_NAMESPACE, RUNTIME_NAME),
        ("Namespace", "", FLUX_NAMESPACE),
        ("Namespace", "", "traefik"),
    }
)
MADE_BY_KUBERNETES: Final = frozenset({("Namespace", "", "kube-system"), ("Namespace", "", "default")})
MADE_BY_CHARTS: Final = frozenset(
    {
        ("Service", "linkerd-viz", "prometheus"),
        ("Service", "flagger-system", "loadtester"),
        ("Service", "traefik", "traefik"),
    }
)
"""Services of the releases; `test_releases.py` holds the values to these names."""

WEBHOOK_SECRETS: Final = re.compile(r"-k8s-tls$")


def unresolved(tree: Tree) -> list[str]:
    """Every reference that names an object which neither the tree nor anybody else makes."""
    known = {(manifest.kind, manifest.namespace, manifest.name) for manifest in tree.manifests}
    known |= MADE_BY_PULUMI | MADE_BY_KUBERNETES | MADE_BY_CHARTS | set(_made_by_controllers(tree))
    return [
        f"{manifest}: {field} names {kind} {namespace}/{name}, which nobody makes"
        for manifest in tree.manifests
        for field, kind, namespace, name in _references(manifest)
        if (kind, namespace, name) not in known
    ]


def _made_by_controllers(tree: Tree) -> Iterator[tuple[str, str, str]]:
    """What Flagger makes for a Canary, and cert-manager for a Certificate."""
    for canary in tree.of_kind("Canary"):
        target = text(canary.content, "spec", "targetRef", "name")
        apex = text(canary.content, "spec", "service", "name") or target
        for suffix in ("", "-primary", "-canary"):
            yield "Service", canary.namespace, f"{apex}{suffix}"
        yield "Deployment", canary.namespace, f"{target}-primary"
    for certificate in tree.of_kind("Certificate"):
        yield "Secret", certificate.namespace, text(certificate.content, "spec", "secretName")


def _references(manifest: Manifest) -> Iterator[tuple[str, str, str, str]]:
    """Field, kind, namespace and name of each reference."""
    namespace, content = manifest.namespace, manifest.content
    if namespace:
        yield "metadata.namespace", "Namespace", "", namespace
    if target := text(content, "spec", "targetNamespace"):
        yield "spec.targetNamespace", "Namespace", "", target
    for inner in nested(mapping(content, "spec")):
        for field in ("sourceRef", "chartRef", "targetRef", "autoscalerRef", "scaleTargetRef"):
            if field in inner:
                reference = mapping(inner, field)
                yield field, text(reference, "kind"), text(reference, "namespace") or namespace, text(reference, "name")
        for reference in items(inner, "dependsOn"):
            yield "dependsOn", manifest.kind, text(reference, "namespace") or namespace, text(reference, "name")
        for reference in items(inner, "substituteFrom"):
            yield "substituteFrom", text(reference, "kind"), namespace, text(reference, "name")
        for reference in items(inner, "gatewayRefs"):
            kind = text(reference, "kind")
            yield "gatewayRefs", kind, text(reference, "namespace") or namespace, text(reference, "name")
        for reference in items(inner, "healthChecks"):
            yield "healthChecks", text(reference, "kind"), text(reference, "namespace"), text(reference, "name")
    yield from _by_kind(manifest)


def _by_kind(manifest: Manifest) -> Iterator[tuple[str, str, str, str]]:
    namespace, spec = manifest.namespace, mapping(manifest.content, "spec")
    match manifest.kind:
        case "Canary":
            for metric in items(spec, "analysis", "metrics"):
                template = mapping(metric, "templateRef")
                yield "templateRef", "MetricTemplate", text(template, "namespace") or namespace, text(template, "name")
            for alert in items(spec, "analysis", "alerts"):
                provider = mapping(alert, "providerRef")
                yield "providerRef", "AlertProvider", text(provider, "namespace") or namespace, text(provider, "name")
            for webhook in items(spec, "analysis", "webhooks"):
                yield "webhook", "Service", *_service(text(webhook, "url"))
                for url in re.findall(r"https?://[^\s/]+", text(webhook, "metadata", "cmd")):
                    yield "webhook command", "Service", *_service(url)
        case "MetricTemplate":
            yield "provider.address", "Service", *_service(text(spec, "provider", "address"))
        case "Alert":
            yield "providerRef", "Provider", namespace, text(spec, "providerRef", "name")
        case "Provider" | "AlertProvider" | "ImageRepository" | "GitRepository":
            if secret := text(spec, "secretRef", "name"):
                yield "secretRef", "Secret", namespace, secret
        case "ImagePolicy":
            reference = mapping(spec, "imageRepositoryRef")
            yield "imageRepositoryRef", "ImageRepository", text(reference, "namespace") or namespace, text(reference, "name")
        case "Gateway":
            yield "gatewayClassName", "GatewayClass", "", text(spec, "gatewayClassName")
        case "Certificate":
            issuer = mapping(spec, "issuerRef")
            scope = "" if text(issuer, "kind") == "ClusterIssuer" else namespace
            yield "issuerRef", text(issuer, "kind"), scope, text(issuer, "name")
        case "ClusterIssuer":
            if secret := text(spec, "ca", "secretName"):
                yield "ca.secretName", "Secret", "cert-manager", secret
        case "Bundle":
            for source in items(spec, "sources"):
                yield "sources.secret", "Secret", "cert-manager", text(source, "secret", "name")
        case "HelmRelease":
            for inner in nested(mapping(spec, "values")):
                if certificate := text(inner, "injectCaFrom"):
                    yield "injectCaFrom", "Certificate", *_halves(certificate)
        case "Deployment":
            yield from _of_pods(namespace, mapping(spec, "template"))
        case "ServiceAccount":
            for secret in items(manifest.content, "imagePullSecrets"):
                yield "imagePullSecrets", "Secret", namespace, text(secret, "name")
        case _:
            pass


def _of_pods(namespace: str, template: JsonObject) -> Iterator[tuple[str, str, str, str]]:
    yield "serviceAccountName", "ServiceAccount", namespace, text(template, "spec", "serviceAccountName")
    for secret in items(template, "spec", "imagePullSecrets"):
        yield "imagePullSecrets", "Secret", namespace, text(secret, "name")
    for volume in items(template, "spec", "volumes"):
        if secret := text(volume, "secret", "secretName"):
            yield "volumes", "Secret", namespace, secret
        if config := text(volume, "configMap", "name"):
            yield "volumes", "ConfigMap", namespace, config
    for container in containers(template):
        for inner in nested(container):
            for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap"), ("secretRef", "Secret")):
                if field in inner:
                    yield field, kind, namespace, text(inner, field, "name")
        for word in map(str, [*_words(container, "command"), *_words(container, "args")]):
            for url in re.findall(r"http://[^\s/]+", word):
                yield "command", "Service", *_service(url, namespace)


def _words(container: JsonObject, field: str) -> list[object]:
    found = container.get(field)
    return list(found) if isinstance(found, list) else []


def _service(url: str, own_namespace: str = "") -> tuple[str, str]:
    """Namespace and name of the Service that a URL calls: http://NAME.NAMESPACE:PORT/."""
    name, _, namespace = (urlsplit(url).hostname or "").partition(".")
    return namespace or own_namespace, name


def _halves(qualified: str) -> tuple[str, str]:
    namespace, _, name = qualified.partition("/")
    return namespace, name


def dangling_keys(tree: Tree) -> list[str]:
    """Each key that a container takes from a Secret which has no such key, and each volume mount without a volume."""
    complaints: list[str] = []
    for workload, template in pod_templates(tree):
        volumes = {text(volume, "name") for volume in items(template, "spec", "volumes")}
        for container in containers(template):
            for inner in nested(container):
                reference = mapping(inner, "secretKeyRef")
                secret = tree.find("Secret", text(reference, "name"), workload.namespace)
                if secret is not None and text(reference, "key") not in _keys(secret):
                    complaints.append(f"{workload}: {secret} has no key {text(reference, 'key')}")
            complaints += [
                f"{workload}: {text(container, 'name')} mounts {text(mount, 'name')}, which is no volume"
                for mount in items(container, "volumeMounts")
                if text(mount, "name") not in volumes
            ]
    return complaints


def _keys(secret: Manifest) -> set[str]:
    return {*mapping(secret.content, "stringData"), *mapping(secret.content, "data")}


def cycles(tree: Tree) -> list[str]:
    """Each object that depends, by way of others, on itself."""
    needs = {
        (manifest.kind, manifest.name): {(manifest.kind, text(item, "name")) for item in items(manifest.content, "spec", "dependsOn")}
        for manifest in tree.of_kind("Kustomization", "HelmRelease")
    }
    complaints: list[str] = []
    for start in needs:
        reached, frontier = set[tuple[str, str]](), set(needs[start])
        while frontier:
            reached |= frontier
            frontier = {found for item in frontier for found in needs.get(item, ())} - reached
        if start in reached:
            complaints.append(f"{start[0]} {start[1]} depends on itself")
    return complaints
