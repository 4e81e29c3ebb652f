"""A cloud with a network and a cluster in it, for the tests of what stands on them."""

from pathlib import Path

from simulator.answers import Cloud
from simulator.values import Values

CLUSTER = "platform"
VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
ROLE = "aws:iam/role:Role"
PROFILE = "aws:iam/instanceProfile:InstanceProfile"
EKS = "aws:eks/cluster:Cluster"
NODES = "aws:eks/nodeGroup:NodeGroup"
LOGS = "aws:cloudwatch/logGroup:LogGroup"
RELEASE = "kubernetes:helm.sh/v3:Release"
NAMESPACE = "kubernetes:core/v1:Namespace"
NODE_CLASS = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"
NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"
TRUST = '{"Version": "2012-10-17"}'


class World:
    """A cloud, and the ids of what was put into it."""

    def __init__(self, path: Path | None = None, cloud: Cloud | None = None) -> None:
        """Makes a VPC with a public and a private subnet, a role, a cluster and its nodes."""
        self.cloud = cloud or Cloud(path)
        self.vpc, _ = self.cloud.create(VPC, "vpc", {"cidrBlock": "10.0.0.0/16"})
        self.public = self.subnet("public", "10.0.0.0/24", {"kubernetes.io/role/elb": "1"})
        self.private = self.subnet("private", "10.0.1.0/24", {"karpenter.sh/discovery": CLUSTER})
        self.role, role = self.cloud.create(ROLE, "role", {"name": "nodes", "assumeRolePolicy": TRUST})
        self.role_arn: str = role["arn"]
        self.eks, cluster = self.cloud.create(EKS, "eks", self.cluster_inputs())
        self.cluster_group: str = cluster["vpcConfig"]["clusterSecurityGroupId"]
        self.nodes, _ = self.cloud.create(NODES, "nodes", self.node_inputs())

    def subnet(self, name: str, cidr: str, tags: dict[str, str]) -> str:
        """A subnet; its id."""
        inputs: Values = {"vpcId": self.vpc, "cidrBlock": cidr, "tags": tags}
        return self.cloud.create(SUBNET, name, inputs)[0]

    def cluster_inputs(self) -> Values:
        """Inputs of the cluster."""
        return {"name": CLUSTER, "roleArn": self.role_arn, "vpcConfig": {"subnetIds": [self.private]}}

    def node_inputs(self) -> Values:
        """Inputs of the node group."""
        return {
            "clusterName": CLUSTER,
            "nodeRoleArn": self.role_arn,
            "subnetIds": [self.private],
            "scalingConfig": {"desiredSize": 2, "minSize": 2, "maxSize": 3},
        }

    def release(self, chart: str, **inputs: object) -> str:
        """A Helm release of a chart in kube-system; its id."""
        given: Values = {"name": chart, "namespace": "kube-system", "chart": f"oci://example.test/{chart}", **inputs}
        return self.put(RELEASE, chart, given)

    def put(self, token: str, name: str, inputs: Values) -> str:
        """A Kubernetes object; its id."""
        return self.cloud.create(token, name, inputs, cluster=CLUSTER)[0]

    def remove(self, token: str, identifier: str) -> None:
        """Deletes a Kubernetes object."""
        self.cloud.delete(token, identifier, cluster=CLUSTER)

    def karpenter(self) -> None:
        """Karpenter with an instance profile, a node class and a pool; all called ``default``."""
        self.cloud.create(PROFILE, "profile", {"name": "nodes", "role": "nodes"})
        self.release("karpenter-crd")
        self.release("karpenter", skipCrds=True)
        self.put(NODE_CLASS, "class", self.node_class())
        self.put(NODE_POOL, "pool", self.node_pool())

    def node_class(self, **spec: object) -> Values:
        """Inputs of a node class that Karpenter accepts, but for ``spec``."""
        return {
            "apiVersion": "karpenter.k8s.aws/v1",
            "kind": "EC2NodeClass",
            "metadata": {"name": "default", "annotations": {"pulumi.com/waitFor": "condition=Ready"}},
            "spec": {
                "instanceProfile": "nodes",
                "subnetSelectorTerms": [{"tags": {"karpenter.sh/discovery": CLUSTER}}],
                "securityGroupSelectorTerms": [{"id": self.cluster_group}],
                **spec,
            },
        }

    def node_pool(self) -> Values:
        """Inputs of a pool of that class."""
        return {
            "apiVersion": "karpenter.sh/v1",
            "kind": "NodePool",
            "metadata": {"name": "default"},
            "spec": {"template": {"spec": {"nodeClassRef": {"name": "default"}}}},
        }

    def tokens(self) -> set[str]:
        """Types of what stands in the cloud."""
        return {thing.token for thing in self.cloud}
