// The modules that carry the custom resource definitions and the Kubernetes API that this platform uses.
// They are downloaded one by one (tools/schemas.py), never resolved together.
module realworld-platform/tools/schemas

go 1.26.0

require (
	github.com/aws/karpenter-provider-aws v1.14.1
	github.com/cert-manager/cert-manager v1.21.1
	github.com/cert-manager/trust-manager v0.24.0
	github.com/controlplaneio-fluxcd/flux-operator v0.58.1
	github.com/fluxcd/flagger v1.44.0
	k8s.io/kubernetes v1.35.8
	sigs.k8s.io/gateway-api v1.5.1
)
