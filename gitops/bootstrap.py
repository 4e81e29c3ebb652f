"""Flux: operator, instance, and the root GitRepository and Kustomization that Pulumi owns."""

import json
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as k8s

from cluster.scheduling import SYSTEM_NODE_LABELS, SYSTEM_TOLERATIONS
from gitops import runtime
from gitops.repository_access import RepositoryAccess
from gitops.runtime import RuntimeSecrets, RuntimeValues
from settings import Settings
from versions import FLUX, FLUX_OPERATOR

NAMESPACE: Final = "flux-system"
ROOT: Final = "platform"
"""Name of the root GitRepository and of the root Kustomization."""

CONTROLLERS: Final = (
    "source-controller",
    "kustomize-controller",
    "helm-controller",
    "notification-controller",
    "image-reflector-controller",
    "image-automation-controller",
)

QUICK_DEPENDENCIES: Final = [
    {"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--requeue-dependency=5s"}
]
"""Five layers depend on one another; with Flux's default of 30 s each commit takes two minutes to reach the app."""


@dataclass(frozen=True, kw_only=True)
class FluxArgs:
    """What Flux is, and what it follows.

    Attributes:
        access: Credentials for the repository.
        values: Values for substitution.
        secrets: Secrets for substitution.
        settings: Stack, repository, branch and waiting.
    """

    access: RepositoryAccess
    values: RuntimeValues
    secrets: RuntimeSecrets
    settings: Settings


class Flux(pulumi.ComponentResource):
    """Seed row 8. Pulumi owns the root, so that a destroy prunes the tree while the controllers still run."""

    def __init__(self, name: str, args: FluxArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Registers the operator, the instance and the root."""
        super().__init__("realworld:gitops:Flux", name, None, opts)
        self._name = name
        self._child = pulumi.ResourceOptions(parent=self)
        namespace = k8s.core.v1.Namespace(name, metadata={"name": NAMESPACE}, opts=self._child)
        self._metadata_namespace = namespace.metadata.name
        operator = self._operator(args)
        instance = self._instance(args, operator)
        runtime_objects = self._runtime_objects(args)
        source = self._source(args, instance)
        self._root(args, [source, *runtime_objects])
        self.register_outputs({})

    def _operator(self, args: FluxArgs) -> k8s.helm.v3.Release:
        return k8s.helm.v3.Release(
            f"{self._name}-operator",
            name="flux-operator",
            namespace=self._metadata_namespace,
            chart="oci://ghcr.io/controlplaneio-fluxcd/charts/flux-operator",
            version=FLUX_OPERATOR,
            values={
                "installCRDs": True,
                "web": {"enabled": False},
                "tolerations": SYSTEM_TOLERATIONS,
                "affinity": {
                    "nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {
                            "nodeSelectorTerms": [
                                {
                                    "matchExpressions": [
                                        {"key": key, "operator": "In", "values": [value]}
                                        for key, value in SYSTEM_NODE_LABELS.items()
                                    ]
                                }
                            ]
                        }
                    }
                },
            },
            opts=self._child,
        )

    def _instance(self, args: FluxArgs, operator: k8s.helm.v3.Release) -> k8s.apiextensions.CustomResource:
        placement = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "all"},
            "spec": {"template": {"spec": {"nodeSelector": SYSTEM_NODE_LABELS, "tolerations": SYSTEM_TOLERATIONS}}},
        }
        return k8s.apiextensions.CustomResource(
            f"{self._name}-instance",
            api_version="fluxcd.controlplane.io/v1",
            kind="FluxInstance",
            # Flux's own kinds exist only when the instance is Ready.
            metadata={
                "name": "flux",
                "namespace": self._metadata_namespace,
                "annotations": {"pulumi.com/waitFor": "condition=Ready"},
            },
            spec={
                "distribution": {
                    "version": FLUX,
                    "registry": "ghcr.io/fluxcd",
                    "artifact": "oci://ghcr.io/controlplaneio-fluxcd/flux-operator-manifests",
                },
                "components": list(CONTROLLERS),
                "cluster": {"type": "aws", "size": "medium", "networkPolicy": True},
                "kustomize": {
                    "patches": [
                        {"target": {"kind": "Deployment"}, "patch": json.dumps(placement)},
                        {
                            "target": {"kind": "Deployment", "name": "(kustomize|helm)-controller"},
                            "patch": json.dumps(QUICK_DEPENDENCIES),
                        },
                    ]
                },
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[operator]),
        )

    def _runtime_objects(self, args: FluxArgs) -> list[pulumi.Resource]:
        metadata = k8s.meta.v1.ObjectMetaArgs(name=runtime.NAME, namespace=self._metadata_namespace)
        objects: list[pulumi.Resource] = [
            k8s.core.v1.ConfigMap(
                f"{self._name}-runtime", metadata=metadata, data=dict(vars(args.values)), opts=self._child
            ),
            k8s.core.v1.Secret(
                f"{self._name}-runtime", metadata=metadata, string_data=dict(vars(args.secrets)), opts=self._child
            ),
        ]
        return objects

    def _source(self, args: FluxArgs, instance: pulumi.Resource) -> k8s.apiextensions.CustomResource:
        spec: dict[str, object] = {
            "interval": "1m",
            "timeout": "60s",
            "url": args.settings.gitops.repository_url,
            "ref": {"branch": args.settings.gitops.branch},
        }
        if args.access.secret_data is not None:
            credentials = k8s.core.v1.Secret(
                f"{self._name}-git",
                metadata={"name": f"{ROOT}-git", "namespace": self._metadata_namespace},
                string_data=args.access.secret_data,
                opts=self._child,
            )
            spec["secretRef"] = {"name": credentials.metadata.name}
        return k8s.apiextensions.CustomResource(
            f"{self._name}-source",
            api_version="source.toolkit.fluxcd.io/v1",
            kind="GitRepository",
            metadata={"name": ROOT, "namespace": self._metadata_namespace},
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[instance, args.access]),
        )

    def _root(self, args: FluxArgs, depends_on: list[pulumi.Resource]) -> None:
        minutes = args.settings.gitops.timeout_minutes
        longer = f"{minutes + 5}m"
        annotations = (
            {"pulumi.com/waitFor": "condition=Ready", "pulumi.com/timeoutSeconds": str(minutes * 60)}
            if args.settings.gitops.wait_for_ready and not args.access.needs_a_hand
            else {}
        )
        k8s.apiextensions.CustomResource(
            f"{self._name}-root",
            api_version="kustomize.toolkit.fluxcd.io/v1",
            kind="Kustomization",
            metadata={"name": ROOT, "namespace": self._metadata_namespace, "annotations": annotations},
            spec={
                "interval": "10m",
                "retryInterval": "1m",
                "timeout": f"{minutes}m",
                "path": f"./gitops/clusters/{args.settings.stack}",
                "prune": True,
                "wait": True,
                "deletionPolicy": "WaitForTermination",
                "sourceRef": {"kind": "GitRepository", "name": ROOT},
                "postBuild": {
                    "substituteFrom": [
                        {"kind": "ConfigMap", "name": runtime.NAME},
                        {"kind": "Secret", "name": runtime.NAME},
                    ]
                },
            },
            # Pulumi's own wait has to outlast Flux's, or a destroy fails while the prune is still under way.
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=depends_on,
                custom_timeouts=pulumi.CustomTimeouts(create=longer, update=longer, delete=longer),
            ),
        )
