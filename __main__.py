"""One stack: settings → network → load balancer → cluster → database → Flux. Reads like the picture in README.md."""

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from cluster.container_insights import ContainerInsights, ContainerInsightsArgs
from cluster.control_plane import Cluster, ClusterArgs
from cluster.ingress_binding import IngressBinding, IngressBindingArgs
from cluster.karpenter import Karpenter, KarpenterArgs
from cluster.load_balancer_controller import LoadBalancerController, LoadBalancerControllerArgs
from cluster.system_nodes import SystemNodes, SystemNodesArgs
from database.postgresql import Database, DatabaseArgs
from gitops.bootstrap import Flux, FluxArgs
from gitops.repository_access import RepositoryAccess, RepositoryAccessArgs
from gitops.runtime import RuntimeSecrets, RuntimeValues
from network.load_balancer import LoadBalancer, LoadBalancerArgs
from network.vpc import Vpc, VpcArgs
from settings import Settings

settings = Settings.load()
name, tags = settings.name, settings.resource_tags
in_aws = aws.Provider("aws", region=settings.region, default_tags=aws.ProviderDefaultTagsArgs(tags=tags))
cluster_name = random.RandomId("cluster-name", prefix=f"{name}-", byte_length=3).hex


def after(*dependencies: pulumi.Resource, inside: Cluster | None = None) -> pulumi.ResourceOptions:
    """Options of a component that is made after its dependencies, and goes before them on destroy."""
    providers: list[pulumi.ProviderResource] = [in_aws] if inside is None else [in_aws, inside.kubernetes_provider]
    return pulumi.ResourceOptions(providers=providers, depends_on=list(dependencies))


vpc = Vpc(f"{name}-vpc", VpcArgs(cluster_name=cluster_name, settings=settings.network), after())
ingress = LoadBalancer(f"{name}-ingress", LoadBalancerArgs(vpc=vpc, settings=settings.ingress), after())
cluster = Cluster(
    f"{name}-cluster", ClusterArgs(cluster_name=cluster_name, vpc=vpc, settings=settings.cluster), after(*vpc.egress)
)
nodes = SystemNodes(
    f"{name}-system", SystemNodesArgs(cluster=cluster, vpc=vpc, settings=settings.cluster, tags=tags), after()
)
karpenter = Karpenter(
    f"{name}-karpenter",
    KarpenterArgs(cluster=cluster, nodes=nodes, settings=settings.cluster.karpenter, tags=tags),
    after(nodes, inside=cluster),
)
controller = LoadBalancerController(
    f"{name}-lb-controller",
    LoadBalancerControllerArgs(cluster=cluster, vpc=vpc, load_balancer=ingress),
    after(nodes, inside=cluster),
)
binding = IngressBinding(
    f"{name}-binding", IngressBindingArgs(cluster=cluster, load_balancer=ingress), after(controller, inside=cluster)
)
insights = ContainerInsights(
    f"{name}-insights", ContainerInsightsArgs(cluster=cluster, settings=settings.cluster), after(karpenter)
)
database = Database(f"{name}-db", DatabaseArgs(vpc=vpc, settings=settings.database), after())
access = RepositoryAccess(f"{name}-git", RepositoryAccessArgs(title=cluster_name, settings=settings.gitops))
values = RuntimeValues.of(settings, cluster=cluster, ingress=ingress, database=database)
secrets = RuntimeSecrets.of(settings.gitops, database_password=database.password)
flux = Flux(
    f"{name}-flux",
    FluxArgs(access=access, values=values, secrets=secrets, settings=settings),
    after(binding, insights, inside=cluster),
)

for output, value in {
    "cluster_name": cluster.name,
    "kubeconfig_command": cluster.kubeconfig_command,
    "load_balancer_dns_name": ingress.dns_name,
    "application_url": ingress.url,
    "database_endpoint": database.endpoint,
    "git_deploy_key": access.public_key,
    "next_step": access.next_step,
}.items():
    pulumi.export(output, value)
