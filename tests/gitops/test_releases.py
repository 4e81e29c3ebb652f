"""How the controllers are installed, kept and removed."""

from itertools import pairwise

import pytest
import yaml

from network import gateway
from tests.gitops.tree import STACKS, Tree, at, items, mapping, read_tree, text, words


def values(tree: Tree, release: str) -> dict[str, object]:
    return mapping(tree.get("HelmRelease", release, "flux-system").content, "spec", "values")


def test_every_release_heals_itself(tree: Tree) -> None:
    for release in tree.of_kind("HelmRelease"):
        spec = mapping(release.content, "spec")
        assert text(spec, "driftDetection", "mode") == "enabled", release
        assert text(spec, "install", "strategy", "name") == "RetryOnFailure", release
        assert at(spec, "upgrade", "remediation", "retries") == 3, release
        assert at(spec, "upgrade", "remediation", "remediateLastFailure") is True, release
        assert text(spec, "interval"), release
        assert text(spec, "timeout"), release


def test_every_release_says_what_becomes_of_definitions(tree: Tree) -> None:
    found = {
        release.name: (
            text(release.content, "spec", "install", "crds"),
            text(release.content, "spec", "upgrade", "crds"),
        )
        for release in tree.of_kind("HelmRelease")
    }
    assert found.pop("flagger") == ("CreateReplace", "CreateReplace")
    assert set(found.values()) == {("Skip", "Skip")}


def test_releases_outlive_their_namespaces(tree: Tree) -> None:
    """A prune deletes namespaces and releases at once; Helm's records have to be elsewhere until it is done."""
    for release in tree.of_kind("HelmRelease"):
        assert release.namespace == "flux-system", release
        assert text(release.content, "spec", "storageNamespace") in {"", "flux-system"}, release
        assert text(release.content, "spec", "releaseName") == release.name


def test_drift_ignores_what_others_write(tree: Tree) -> None:
    for release in tree.of_kind("HelmRelease"):
        rules = items(release.content, "spec", "driftDetection", "ignore")
        paths = {path for rule in rules for path in words(rule, "paths")}
        if release.name == "traefik" and tree.stack == "prod":
            assert "/spec/replicas" in paths
        else:
            assert "/webhooks/0/clientConfig/caBundle" in paths, release
            assert "/spec/replicas" not in paths, release


@pytest.mark.parametrize("stack", STACKS)
def test_charts_are_pulled_only_where_there_are_nodes(stack: str) -> None:
    tree = read_tree(stack)
    pulled = tree.of_kind("HelmRelease", "HelmRepository", "OCIRepository", "GitRepository")
    pulled.append(tree.get("Kustomization", "gateway-api", "flux-system"))

    assert len(pulled) > 15
    for source in pulled:
        assert at(source.content, "spec", "suspend") is (True if stack == "local" else None), source


@pytest.mark.parametrize(("stack", "waits"), [("local", False), ("dev", True), ("prod", True)])
def test_layers_wait_for_what_they_install(stack: str, waits: bool) -> None:
    tree = read_tree(stack)
    for name in ("foundation", "identity", "mesh", "delivery"):
        spec = mapping(tree.get("Kustomization", name, "flux-system").content, "spec")
        assert spec["wait"] is waits
        if not waits:
            assert "healthCheckExprs" not in spec


def test_layers_follow_each_other(tree: Tree) -> None:
    order = ["foundation", "identity", "mesh", "delivery", "realworld"]
    for earlier, later in pairwise(order):
        layer = tree.get("Kustomization", later, "flux-system")
        assert [text(item, "name") for item in items(layer.content, "spec", "dependsOn")] == [earlier]


def test_definitions_stay_when_their_layer_goes(tree: Tree) -> None:
    gateway_api = mapping(tree.get("Kustomization", "gateway-api", "flux-system").content, "spec")
    assert (gateway_api["prune"], gateway_api["deletionPolicy"]) == (False, "Orphan")
    for release in ("cert-manager", "trust-manager"):
        assert at(values(tree, release), "crds", "keep") is True
    renderer = items(tree.get("HelmRelease", "linkerd-crds", "flux-system").content, "spec", "postRenderers")
    patch = items(renderer[0], "kustomize", "patches")[0]
    assert text(patch, "target", "kind") == "CustomResourceDefinition"
    assert yaml.safe_load(text(patch, "patch")) == [
        {"op": "add", "path": "/metadata/annotations/helm.sh~1resource-policy", "value": "keep"}
    ]


def test_the_mesh_is_there_before_what_lives_in_it(tree: Tree) -> None:
    wanted = {
        "linkerd-control-plane": {"linkerd-crds", "linkerd-cni"},
        "linkerd-viz": {"linkerd-control-plane"},
        "traefik": {"linkerd-control-plane"},
        "loadtester": {"linkerd-control-plane"},
        "flagger": {"linkerd-viz"},
        "trust-manager": {"cert-manager"},
    }
    for name, needs in wanted.items():
        release = tree.get("HelmRelease", name, "flux-system")
        assert {text(item, "name") for item in items(release.content, "spec", "dependsOn")} == needs


def test_traefik_leaves_the_split_to_the_mesh(tree: Tree) -> None:
    traefik = values(tree, "traefik")

    assert at(traefik, "providers", "kubernetesGateway", "nativeLBByDefault") is True
    assert at(traefik, "deployment", "podAnnotations") == {
        "linkerd.io/inject": "enabled",
        "config.linkerd.io/skip-inbound-ports": "8000",
    }
    assert text(traefik, "service", "spec", "type") == "ClusterIP"
    assert text(traefik, "fullnameOverride") == "traefik"
    assert (at(traefik, "ports", "web", "port"), at(traefik, "ports", "web", "exposedPort")) == (8000, 80)
    assert at(traefik, "ports", "traefik", "port") == 8080


def test_traefik_is_where_pulumi_binds_the_load_balancer(tree: Tree) -> None:
    """Compares the two sides; the test above holds this one to the numbers."""
    traefik = values(tree, "traefik")
    release = tree.get("HelmRelease", "traefik", "flux-system")
    listener = items(tree.get("Gateway", "public", gateway.NAMESPACE).content, "spec", "listeners")[0]

    assert text(release.content, "spec", "targetNamespace") == gateway.NAMESPACE
    assert text(traefik, "fullnameOverride") == gateway.SERVICE
    assert at(traefik, "ports", "web", "exposedPort") == gateway.SERVICE_PORT
    assert at(traefik, "ports", "web", "port") == at(listener, "port") == gateway.TRAFFIC_PORT
    assert at(traefik, "ports", "traefik", "port") == gateway.HEALTH_CHECK_PORT


def test_traefik_survives_a_node(tree: Tree) -> None:
    traefik = values(tree, "traefik")
    replicas = at(traefik, "autoscaling", "minReplicas") or at(traefik, "deployment", "replicas")

    assert isinstance(replicas, int)
    assert replicas >= (3 if tree.stack == "prod" else 2)
    assert at(traefik, "podDisruptionBudget") == {"enabled": True, "maxUnavailable": 1}
    assert "kubernetes.io/hostname" in {
        text(spread, "topologyKey")
        for spread in items(traefik, "topologySpreadConstraints")
        if text(spread, "whenUnsatisfiable") == "DoNotSchedule"
    }


def test_gateway_listens_on_traefiks_port(tree: Tree) -> None:
    gateway = tree.get("Gateway", "public", "traefik").content
    listener = items(gateway, "spec", "listeners")[0]

    assert (text(listener, "name"), listener["port"]) == ("web", at(values(tree, "traefik"), "ports", "web", "port"))
    assert tree.get("GatewayClass", "traefik").content["spec"] == {"controllerName": "traefik.io/gateway-controller"}


def test_identity_is_made_and_rotated_in_the_cluster(tree: Tree) -> None:
    control_plane = values(tree, "linkerd-control-plane")
    issuer = tree.get("Certificate", "linkerd-identity-issuer", "linkerd").content
    anchor = tree.get("Certificate", "linkerd-trust-anchor", "cert-manager").content
    bundle = tree.get("Bundle", "linkerd-identity-trust-roots").content

    assert control_plane["identity"] == {"externalCA": True, "issuer": {"scheme": "kubernetes.io/tls"}}
    assert text(issuer, "spec", "secretName") == "linkerd-identity-issuer"
    assert text(issuer, "spec", "commonName") == "identity.linkerd.cluster.local"
    assert text(issuer, "spec", "privateKey", "rotationPolicy") == "Always"
    assert text(anchor, "spec", "privateKey", "rotationPolicy") == "Never"  # or the old issuer's work is void at once
    for certificate in (issuer, anchor):
        assert at(certificate, "spec", "isCA") is True
        assert _hours(certificate, "renewBefore") * 2 >= _hours(certificate, "duration")
    assert at(bundle, "spec", "target") == {
        "configMap": {"key": "ca-bundle.crt"},
        "namespaceSelector": {"matchLabels": {"linkerd.io/is-control-plane": "true"}},
    }
    assert tree.get("Namespace", "linkerd").labels["linkerd.io/is-control-plane"] == "true"


def _hours(certificate: dict[str, object], field: str) -> int:
    return int(text(certificate, "spec", field).removesuffix("h"))


@pytest.mark.parametrize(
    ("release", "component", "namespace", "service"),
    [
        ("linkerd-control-plane", "proxyInjector", "linkerd", "linkerd-proxy-injector"),
        ("linkerd-control-plane", "profileValidator", "linkerd", "linkerd-sp-validator"),
        ("linkerd-control-plane", "policyValidator", "linkerd", "linkerd-policy-validator"),
        ("linkerd-viz", "tap", "linkerd-viz", "tap"),
        ("linkerd-viz", "tapInjector", "linkerd-viz", "tap-injector"),
    ],
)
def test_webhook_certificates_rotate(tree: Tree, release: str, component: str, namespace: str, service: str) -> None:
    certificate = tree.get("Certificate", service, namespace).content

    chart = mapping(values(tree, release), component)
    assert (chart["externalSecret"], chart["injectCaFrom"]) == (True, f"{namespace}/{service}")
    assert text(certificate, "spec", "secretName") == f"{service}-k8s-tls"
    assert at(certificate, "spec", "dnsNames") == [f"{service}.{namespace}.svc"]


def test_pods_need_no_privilege_to_join_the_mesh(tree: Tree) -> None:
    assert values(tree, "linkerd-control-plane")["cniEnabled"] is True
    assert at(values(tree, "linkerd-cni"), "repairController", "enabled") is True
    assert tree.get("Namespace", "linkerd-cni").labels["pod-security.kubernetes.io/enforce"] == "privileged"


def test_production_runs_several_of_each() -> None:
    tree = read_tree("prod")
    control_plane = values(tree, "linkerd-control-plane")

    assert control_plane["controllerReplicas"] == 3
    assert control_plane["webhookFailurePolicy"] == "Fail"
    assert control_plane["enablePodAntiAffinity"] is control_plane["enablePodDisruptionBudget"] is True
    assert at(values(tree, "cert-manager"), "webhook", "replicaCount") == 3
    assert at(values(tree, "trust-manager"), "replicaCount") == 2
    assert at(values(tree, "metrics-server"), "replicas") == 2
    assert at(values(tree, "flagger"), "leaderElection") == {"enabled": True, "replicaCount": 2}


def test_flagger_may_ask_prometheus(tree: Tree) -> None:
    flagger = values(tree, "flagger")

    assert flagger["meshProvider"] == "gatewayapi:v1"
    assert flagger["metricsServer"] == "http://prometheus.linkerd-viz:9090"
    assert flagger["linkerdAuthPolicy"] == {"create": True, "namespace": "linkerd-viz"}
    assert text(flagger, "podAnnotations", "linkerd.io/inject") == "enabled"


def test_load_tester_has_the_name_that_canaries_call(tree: Tree) -> None:
    load_tester = values(tree, "loadtester")

    assert load_tester["fullnameOverride"] == "loadtester"
    assert load_tester["service"] == {"type": "ClusterIP", "port": 80}
    assert text(load_tester, "podAnnotations", "linkerd.io/inject") == "enabled"
