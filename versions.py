"""Every pinned engine, add-on, image and chart version, each with the marker that Renovate reads.

The manifests under ``gitops/`` repeat the chart versions that they use; ``tests/gitops`` holds them to this file.
"""

from typing import Final

# --- Kubernetes and its add-ons ---------------------------------------------------------------------------------------

EKS_ADDON_VERSIONS: Final[dict[str, dict[str, str]]] = {
    "1.34": {
        "vpc-cni": "v1.22.4-eksbuild.3",
        "kube-proxy": "v1.34.6-eksbuild.17",
        "coredns": "v1.13.2-eksbuild.11",
        "eks-pod-identity-agent": "v1.3.10-eksbuild.3",
        "amazon-cloudwatch-observability": "v6.4.0-eksbuild.1",
    },
    "1.35": {
        "vpc-cni": "v1.22.4-eksbuild.3",
        "kube-proxy": "v1.35.3-eksbuild.18",
        "coredns": "v1.14.3-eksbuild.3",
        "eks-pod-identity-agent": "v1.3.10-eksbuild.3",
        "amazon-cloudwatch-observability": "v6.4.0-eksbuild.1",
    },
}
"""Add-on versions by cluster version; a Kubernetes version without a row here is refused.

1.35 is the highest that the pinned Linkerd documents. Check before a change:
``aws eks describe-addon-versions --kubernetes-version 1.35 --addon-name vpc-cni``.
"""

# renovate: datasource=github-releases depName=awslabs/amazon-eks-ami
EKS_AMI_ALIAS: Final = "al2023@v20260930"

# --- Database ---------------------------------------------------------------------------------------------------------

# renovate: datasource=endoflife-date depName=amazon-rds-postgresql
POSTGRESQL_MAJOR: Final = "17"

# --- Charts that Pulumi installs --------------------------------------------------------------------------------------

# renovate: datasource=docker depName=public.ecr.aws/karpenter/karpenter
KARPENTER: Final = "1.14.1"

# renovate: datasource=helm depName=aws-load-balancer-controller registryUrl=https://aws.github.io/eks-charts
AWS_LOAD_BALANCER_CONTROLLER: Final = "3.5.0"

# renovate: datasource=docker depName=ghcr.io/controlplaneio-fluxcd/charts/flux-operator
FLUX_OPERATOR: Final = "0.58.1"

# renovate: datasource=github-releases depName=fluxcd/flux2
FLUX: Final = "2.9.4"

# --- Charts and sources that Flux installs from gitops/ ---------------------------------------------------------------

# renovate: datasource=github-releases depName=kubernetes-sigs/gateway-api
GATEWAY_API: Final = "v1.5.1"

# renovate: datasource=docker depName=quay.io/jetstack/charts/cert-manager
CERT_MANAGER: Final = "v1.21.1"

# renovate: datasource=docker depName=quay.io/jetstack/charts/trust-manager
TRUST_MANAGER: Final = "v0.24.0"

# renovate: datasource=helm depName=linkerd-control-plane registryUrl=https://helm.linkerd.io/edge
LINKERD: Final = "2026.8.3"

# renovate: datasource=docker depName=ghcr.io/traefik/helm/traefik
TRAEFIK: Final = "41.3.0"

# renovate: datasource=docker depName=ghcr.io/fluxcd/charts/flagger
FLAGGER: Final = "1.44.0"

# renovate: datasource=helm depName=loadtester registryUrl=https://flagger.app
FLAGGER_LOADTESTER: Final = "0.38.0"

# renovate: datasource=helm depName=metrics-server registryUrl=https://kubernetes-sigs.github.io/metrics-server/
METRICS_SERVER: Final = "3.13.1"
