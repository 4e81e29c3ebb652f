"""Names in manifests that have to lead somewhere."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from tests.gitops.tree import (
    ROOT_SOURCE,
    RUNTIME_NAME,
    JsonObject,
    Manifest,
    Tree,
    containers,
    items,
    mapping,
    nested,
    pod_templates,
    text,
    words,
)

FLUX_NAMESPACE: Final = "flux-system"
CERTIFICATES_NAMESPACE: Final = "cert-manager"
"""Where cluster-wide issuers and bundles look for their Secrets."""

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
    for kind, namespace, name in _OF_KIND.get(manifest.kind, _none)(manifest):
        yield f"a field of {manifest.kind}", kind, namespace, name


Found: TypeAlias = Iterator[tuple[str, str, str]]
"""Kind, namespace and name of what is referred to."""


def _none(_: Manifest) -> Found:
    return iter(())


def _of_canary(canary: Manifest) -> Found:
    analysis = mapping(canary.content, "spec", "analysis")
    for metric in items(analysis, "metrics"):
        yield "MetricTemplate", *_named(canary, mapping(metric, "templateRef"))
    for alert in items(analysis, "alerts"):
        yield "AlertProvider", *_named(canary, mapping(alert, "providerRef"))
    for webhook in items(analysis, "webhooks"):
        yield "Service", *_service(text(webhook, "url"))
        for url in re.findall(r"https?://[^\s/]+", text(webhook, "metadata", "cmd")):
            yield "Service", *_service(str(url))


def _of_metric_template(template: Manifest) -> Found:
    yield "Service", *_service(text(template.content, "spec", "provider", "address"))


def _of_alert(alert: Manifest) -> Found:
    yield "Provider", *_named(alert, mapping(alert.content, "spec", "providerRef"))


def _of_secret_holder(holder: Manifest) -> Found:
    if reference := mapping(holder.content, "spec", "secretRef"):
        yield "Secret", *_named(holder, reference)


def _of_image_policy(policy: Manifest) -> Found:
    yield "ImageRepository", *_named(policy, mapping(policy.content, "spec", "imageRepositoryRef"))


def _of_gateway(gateway: Manifest) -> Found:
    yield "GatewayClass", "", text(gateway.content, "spec", "gatewayClassName")


def _of_certificate(certificate: Manifest) -> Found:
    issuer = mapping(certificate.content, "spec", "issuerRef")
    scope = "" if text(issuer, "kind") == "ClusterIssuer" else certificate.namespace
    yield text(issuer, "kind"), scope, text(issuer, "name")


def _of_cluster_issuer(issuer: Manifest) -> Found:
    if secret := text(issuer.content, "spec", "ca", "secretName"):
        yield "Secret", CERTIFICATES_NAMESPACE, secret


def _of_bundle(bundle: Manifest) -> Found:
    for source in items(bundle.content, "spec", "sources"):
        yield "Secret", CERTIFICATES_NAMESPACE, text(source, "secret", "name")


def _of_release(release: Manifest) -> Found:
    for inner in nested(mapping(release.content, "spec", "values")):
        namespace, _, name = text(inner, "injectCaFrom").partition("/")
        if name:
            yield "Certificate", namespace, name


def _of_service_account(account: Manifest) -> Found:
    for secret in items(account.content, "imagePullSecrets"):
        yield "Secret", *_named(account, secret)


def _of_deployment(deployment: Manifest) -> Found:
    namespace, template = deployment.namespace, mapping(deployment.content, "spec", "template")
    yield "ServiceAccount", namespace, text(template, "spec", "serviceAccountName")
    for secret in items(template, "spec", "imagePullSecrets"):
        yield "Secret", *_named(deployment, secret)
    for volume in items(template, "spec", "volumes"):
        if secret := text(volume, "secret", "secretName"):
            yield "Secret", namespace, secret
        if config := text(volume, "configMap", "name"):
            yield "ConfigMap", namespace, config
    for container in containers(template):
        for inner in nested(container):
            for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap"), ("secretRef", "Secret")):
                if field in inner:
                    yield kind, *_named(deployment, mapping(inner, field))
        for url in re.findall(r"http://[^\s/]+", " ".join(words(container, "command", "args"))):
            yield "Service", *_service(str(url), namespace)


_OF_KIND: Final[Mapping[str, Callable[[Manifest], Found]]] = {
    "Alert": _of_alert,
    "AlertProvider": _of_secret_holder,
    "Bundle": _of_bundle,
    "Canary": _of_canary,
    "Certificate": _of_certificate,
    "ClusterIssuer": _of_cluster_issuer,
    "Deployment": _of_deployment,
    "Gateway": _of_gateway,
    "GitRepository": _of_secret_holder,
    "HelmRelease": _of_release,
    "ImagePolicy": _of_image_policy,
    "ImageRepository": _of_secret_holder,
    "MetricTemplate": _of_metric_template,
    "Provider": _of_secret_holder,
    "ServiceAccount": _of_service_account,
}


def _named(owner: Manifest, reference: JsonObject) -> tuple[str, str]:
    """Namespace and name that a reference names; without a namespace it means its owner's."""
    return text(reference, "namespace") or owner.namespace, text(reference, "name")


def _service(url: str, own_namespace: str = "") -> tuple[str, str]:
    """Namespace and name of the Service that a URL calls: http://NAME.NAMESPACE:PORT/."""
    name, _, namespace = (urlsplit(url).hostname or "").partition(".")
    return namespace or own_namespace, name


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
        (manifest.kind, manifest.name): {
            (manifest.kind, text(item, "name")) for item in items(manifest.content, "spec", "dependsOn")
        }
        for manifest in tree.of_kind("Kustomization", "HelmRelease")
    }
    complaints: list[str] = []
    for start, direct in needs.items():
        reached: set[tuple[str, str]] = set()
        frontier = direct
        while frontier:
            reached |= frontier
            frontier = {found for item in frontier for found in needs.get(item, ())} - reached
        if start in reached:
            complaints.append(f"{start[0]} {start[1]} depends on itself")
    return complaints
