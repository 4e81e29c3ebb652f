"""What controllers do behind Pulumi's back: the kinds they serve, the finalizers they hold, what they make."""

from dataclasses import dataclass, field
from typing import Final

from simulator.values import Values, at, list_at

FLUX: Final = "flux"
"""The controllers that a FluxInstance starts."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A Helm chart that matters to others.

    Attributes:
        serves: Custom kinds (``group/Kind``) that exist once it is installed.
        takes_away: Whether its uninstallation deletes those kinds, and every object of them.
    """

    serves: frozenset[str] = field(default_factory=frozenset)
    takes_away: bool = False


KARPENTER_KINDS: Final = frozenset(
    {
        "karpenter.sh/NodePool",
        "karpenter.sh/NodeClaim",
        "karpenter.sh/NodeOverlay",
        "karpenter.k8s.aws/EC2NodeClass",
    }
)
FLUX_KINDS: Final = frozenset(
    {
        "source.toolkit.fluxcd.io/GitRepository",
        "source.toolkit.fluxcd.io/OCIRepository",
        "source.toolkit.fluxcd.io/HelmRepository",
        "source.toolkit.fluxcd.io/HelmChart",
        "source.toolkit.fluxcd.io/Bucket",
        "kustomize.toolkit.fluxcd.io/Kustomization",
        "helm.toolkit.fluxcd.io/HelmRelease",
        "notification.toolkit.fluxcd.io/Alert",
        "notification.toolkit.fluxcd.io/Provider",
        "notification.toolkit.fluxcd.io/Receiver",
        "image.toolkit.fluxcd.io/ImageRepository",
        "image.toolkit.fluxcd.io/ImagePolicy",
        "image.toolkit.fluxcd.io/ImageUpdateAutomation",
    }
)

CHARTS: Final = {
    "karpenter-crd": Chart(serves=KARPENTER_KINDS, takes_away=True),
    "karpenter": Chart(serves=KARPENTER_KINDS),
    "aws-load-balancer-controller": Chart(
        serves=frozenset({"elbv2.k8s.aws/TargetGroupBinding", "elbv2.k8s.aws/IngressClassParams"})
    ),
    "flux-operator": Chart(
        serves=frozenset(
            {
                "fluxcd.controlplane.io/FluxInstance",
                "fluxcd.controlplane.io/FluxReport",
                "fluxcd.controlplane.io/ResourceSet",
                "fluxcd.controlplane.io/ResourceSetInputProvider",
            }
        )
    ),
    "cert-manager": Chart(
        serves=frozenset({"cert-manager.io/Certificate", "cert-manager.io/Issuer", "cert-manager.io/ClusterIssuer"})
    ),
}
"""Charts by name; a chart that is absent serves no kinds."""

FINALIZERS: Final = {
    "karpenter.sh/NodePool": ("karpenter", "karpenter.sh/termination"),
    "karpenter.k8s.aws/EC2NodeClass": ("karpenter", "karpenter.k8s.aws/termination"),
    "elbv2.k8s.aws/TargetGroupBinding": ("aws-load-balancer-controller", "elbv2.k8s.aws/resources"),
    "fluxcd.controlplane.io/FluxInstance": ("flux-operator", "fluxcd.controlplane.io/finalizer"),
    "kustomize.toolkit.fluxcd.io/Kustomization": (FLUX, "finalizers.fluxcd.io"),
    "source.toolkit.fluxcd.io/GitRepository": (FLUX, "finalizers.fluxcd.io"),
    "helm.toolkit.fluxcd.io/HelmRelease": (FLUX, "finalizers.fluxcd.io"),
}
"""Kinds whose deletion waits for a controller (chart, or the Flux instance), with the finalizer that it holds."""

WAIT_FOR: Final = "pulumi.com/waitFor"
BUILT_IN_NAMESPACES: Final = frozenset({"default", "kube-node-lease", "kube-public", "kube-system"})
ADDON_NAMESPACES: Final = {"amazon-cloudwatch-observability": "amazon-cloudwatch"}
"""Namespaces that an EKS add-on makes."""

KARPENTER_NODES: Final = 2
"""Instances that a NodePool has while the platform's own pods are its only load."""


def chart_name(release: Values) -> str:
    """Name of a Release's chart, without registry or repository."""
    return str(release.get("chart", "")).rpartition("/")[2]


def group_kind(inputs: Values) -> str:
    """``group/Kind`` of a Kubernetes object; the core group is empty."""
    group, slash, _ = str(inputs.get("apiVersion", "v1")).partition("/")
    return f"{group if slash else ''}/{inputs.get('kind', '')}"


def is_awaited(inputs: Values) -> bool:
    """Whether Pulumi waits until the object is Ready."""
    return "Ready" in str(at(inputs, "metadata", "annotations", WAIT_FOR) or "")


def log_groups(token: str, inputs: Values, name: str) -> list[str]:
    """Log groups that AWS writes to on behalf of a thing, and makes (without retention) where they are missing."""
    match token:
        case "aws:eks/cluster:Cluster":
            return [f"/aws/eks/{name}/cluster"] if inputs.get("enabledClusterLogTypes") else []
        case "aws:rds/instance:Instance":
            return [f"/aws/rds/instance/{name}/{kind}" for kind in list_at(inputs, "enabledCloudwatchLogsExports")]
        case "aws:eks/addon:Addon" if inputs.get("addonName") == "amazon-cloudwatch-observability":
            cluster = inputs.get("clusterName")
            return [
                f"/aws/containerinsights/{cluster}/{kind}"
                for kind in ("application", "dataplane", "host", "performance")
            ]
        case _:
            return []
