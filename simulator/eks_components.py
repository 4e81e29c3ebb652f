"""Stand-in for the plugin of pulumi-eks: its components with the children and edges that the real ones register.

The engine runs it as ``pulumi-resource-eks``; ``install`` writes that script. No tidier than the real one: no edge
joins node group and add-ons, and coredns is left out when the default node group is.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as k8s
from pulumi.provider import ConstructResult, Provider, main

from simulator.computed import kubeconfig
from simulator.values import object_at

CLUSTER_POLICY: Final = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
VPC_CNI_SETTINGS: Final = {
    "AWS_VPC_CNI_NODE_PORT_SUPPORT": "true",
    "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG": "false",
    "AWS_VPC_K8S_CNI_EXTERNALSNAT": "false",
    "AWS_VPC_K8S_CNI_LOGLEVEL": "DEBUG",
    "AWS_VPC_K8S_CNI_LOG_FILE": "/host/var/log/aws-routed-eni/ipamd.log",
    "AWS_VPC_K8S_CNI_VETHPREFIX": "eni",
    "AWS_VPC_ENI_MTU": "9001",
    "AWS_VPC_K8S_PLUGIN_LOG_FILE": "/var/log/aws-routed-eni/plugin.log",
    "AWS_VPC_K8S_PLUGIN_LOG_LEVEL": "DEBUG",
    "ENABLE_POD_ENI": "false",
    "ENABLE_PREFIX_DELEGATION": "false",
    "WARM_ENI_TARGET": "1",
}
"""Twelve settings that the real component gives the CNI unless told otherwise."""

Inputs = Mapping[str, Any]


def _given(inputs: Inputs, *names: str) -> dict[str, Any]:
    return {name: inputs[name] for name in names if inputs.get(name) is not None}


class Cluster(pulumi.ComponentResource):
    """``eks:index:Cluster``."""

    def __init__(self, name: str, inputs: Inputs, opts: pulumi.ResourceOptions | None) -> None:
        """Registers the control plane, its access, its add-ons and its Kubernetes provider."""
        super().__init__("eks:index:Cluster", name, {}, opts)
        if not inputs.get("skipDefaultNodeGroup"):
            raise ValueError("the simulated eks:index:Cluster has no default node group: set skip_default_node_group")
        self._name = name
        self._inputs = inputs
        self._child = pulumi.ResourceOptions(parent=self)
        role_arn = self._role_arn()
        subnets = self._subnets()
        security_group = None if inputs.get("skipDefaultSecurityGroups") else self._cluster_security_group()
        self._cluster = aws.eks.Cluster(
            f"{name}-eksCluster",
            args=self._cluster_args(role_arn, subnets, security_group),
            opts=self._child,
        )
        node_group = self._node_security_group(security_group) if security_group else None
        region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region
        self._kubeconfig_json = pulumi.Output.all(
            region=region,
            name=self._cluster.name,
            endpoint=self._cluster.endpoint,
            authority=self._cluster.certificate_authority,
        ).apply(
            lambda values: kubeconfig(
                {
                    "name": values["name"],
                    "endpoint": values["endpoint"],
                    "certificateAuthority": {"data": values["authority"]["data"]},
                },
                values["region"],
            )
        )
        provider = k8s.Provider(f"{name}-eks-k8s", kubeconfig=self._kubeconfig_json, opts=self._child)
        self._access_entries()
        self._addons()
        vpc_config = self._cluster.vpc_config
        parsed = self._kubeconfig_json.apply(json.loads)
        self.outputs: dict[str, Any] = {
            "kubeconfig": parsed,
            "kubeconfigJson": self._kubeconfig_json,
            "eksCluster": self._cluster,
            "clusterSecurityGroupId": security_group.id
            if security_group
            else vpc_config.apply(lambda config: config["cluster_security_group_id"]),
            "nodeSecurityGroupId": node_group.id
            if node_group
            else vpc_config.apply(lambda config: config["cluster_security_group_id"]),
            "instanceRoles": [],
            "core": {
                "cluster": self._cluster,
                "vpcId": inputs.get("vpcId"),
                "subnetIds": subnets,
                "endpoint": self._cluster.endpoint,
                "kubeconfig": parsed,
                "provider": provider,
                "instanceRoles": [],
            },
        }
        self.register_outputs(self.outputs)

    def _subnets(self) -> pulumi.Output[list[str]]:
        tiers = (self._inputs.get(name) for name in ("subnetIds", "publicSubnetIds", "privateSubnetIds"))
        return pulumi.Output.all(*tiers).apply(lambda known: [subnet for tier in known for subnet in tier or ()])

    def _role_arn(self) -> pulumi.Input[str]:
        role = self._inputs.get("serviceRole")
        if role is not None:
            return role.arn
        service_role = _ServiceRole(f"{self._name}-eksRole", "eks.amazonaws.com", [CLUSTER_POLICY], self._child)
        return service_role.arn

    def _cluster_args(
        self, role_arn: pulumi.Input[str], subnets: pulumi.Output[list[str]], group: aws.ec2.SecurityGroup | None
    ) -> aws.eks.ClusterArgs:
        inputs = self._inputs
        key = inputs.get("encryptionConfigKeyArn")
        mode = inputs.get("authenticationMode") or "CONFIG_MAP"
        return aws.eks.ClusterArgs(
            name=inputs.get("name"),
            role_arn=role_arn,
            version=inputs.get("version"),
            enabled_cluster_log_types=inputs.get("enabledClusterLogTypes"),
            deletion_protection=inputs.get("deletionProtection"),
            bootstrap_self_managed_addons=inputs.get("bootstrapSelfManagedAddons"),
            access_config=aws.eks.ClusterAccessConfigArgs(
                authentication_mode=mode, bootstrap_cluster_creator_admin_permissions=True
            ),
            upgrade_policy=inputs.get("upgradePolicy"),
            encryption_config=aws.eks.ClusterEncryptionConfigArgs(
                provider=aws.eks.ClusterEncryptionConfigProviderArgs(key_arn=key), resources=["secrets"]
            )
            if key is not None
            else None,
            vpc_config=aws.eks.ClusterVpcConfigArgs(
                subnet_ids=subnets,
                security_group_ids=[group.id] if group else None,
                endpoint_private_access=inputs.get("endpointPrivateAccess"),
                endpoint_public_access=inputs.get("endpointPublicAccess"),
                public_access_cidrs=inputs.get("publicAccessCidrs"),
            ),
            tags=pulumi.Output.all(inputs.get("tags") or {}, inputs.get("clusterTags") or {}).apply(
                lambda tags: {"Name": f"{self._name}-eksCluster", **tags[0], **tags[1]}
            ),
        )

    def _cluster_security_group(self) -> aws.ec2.SecurityGroup:
        group = aws.ec2.SecurityGroup(
            f"{self._name}-eksClusterSecurityGroup",
            vpc_id=self._inputs.get("vpcId"),
            revoke_rules_on_delete=True,
            tags={"Name": f"{self._name}-eksClusterSecurityGroup"},
            opts=self._child,
        )
        self._rule("eksClusterInternetEgressRule", group, type="egress", ports=(0, 0), cidrs=["0.0.0.0/0"])
        return group

    def _node_security_group(self, cluster_group: aws.ec2.SecurityGroup) -> aws.ec2.SecurityGroup:
        group = aws.ec2.SecurityGroup(
            f"{self._name}-nodeSecurityGroup",
            vpc_id=self._inputs.get("vpcId"),
            revoke_rules_on_delete=True,
            tags=self._cluster.name.apply(
                lambda name: {f"kubernetes.io/cluster/{name}": "owned", "Name": f"{self._name}-nodeSecurityGroup"}
            ),
            opts=self._child,
        )
        self._rule("eksNodeIngressRule", group, type="ingress", ports=(0, 0), from_self=True)
        self._rule("eksNodeClusterIngressRule", group, type="ingress", ports=(1025, 65535), source=cluster_group)
        self._rule("eksExtApiServerClusterIngressRule", group, type="ingress", ports=(443, 443), source=cluster_group)
        self._rule("eksNodeInternetEgressRule", group, type="egress", ports=(0, 0), cidrs=["0.0.0.0/0"])
        self._rule("eksClusterIngressRule", cluster_group, type="ingress", ports=(443, 443), source=group)
        return group

    def _rule(
        self,
        purpose: str,
        group: aws.ec2.SecurityGroup,
        *,
        type: str,  # noqa: A002 – the provider's own name
        ports: tuple[int, int],
        cidrs: list[str] | None = None,
        source: aws.ec2.SecurityGroup | None = None,
        from_self: bool | None = None,
    ) -> None:
        aws.ec2.SecurityGroupRule(
            f"{self._name}-{purpose}",
            type=type,
            security_group_id=group.id,
            protocol="-1" if ports == (0, 0) else "tcp",
            from_port=ports[0],
            to_port=ports[1],
            cidr_blocks=cidrs,
            source_security_group_id=source.id if source else None,
            self=from_self,
            opts=self._child,
        )

    def _access_entries(self) -> None:
        for entry, values in object_at(self._inputs, "accessEntries").items():
            access = aws.eks.AccessEntry(
                f"{self._name}-{entry}",
                cluster_name=self._cluster.name,
                principal_arn=values["principalArn"],
                kubernetes_groups=values.get("kubernetesGroups"),
                type=values.get("type"),
                user_name=values.get("username"),
                tags=values.get("tags"),
                opts=self._child,
            )
            for policy, association in object_at(values, "accessPolicies").items():
                aws.eks.AccessPolicyAssociation(
                    f"{self._name}-{entry}-{policy}",
                    cluster_name=self._cluster.name,
                    principal_arn=values["principalArn"],
                    policy_arn=association["policyArn"],
                    access_scope=association["accessScope"],
                    opts=pulumi.ResourceOptions(parent=access),
                )

    def _addons(self) -> None:
        kube_proxy = object_at(self._inputs, "kubeProxyAddonOptions")
        if kube_proxy.get("enabled", True):
            self._addon(f"{self._name}-kube-proxy", "kube-proxy", kube_proxy, self._child)
        coredns = object_at(self._inputs, "corednsAddonOptions")
        if coredns.get("enabled"):
            self._addon(f"{self._name}-coredns", "coredns", coredns, self._child)
        if not self._inputs.get("useDefaultVpcCni"):
            options = object_at(self._inputs, "vpcCniOptions")
            component = pulumi.ComponentResource("eks:index:VpcCniAddon", f"{self._name}-vpc-cni", {}, self._child)
            settings = {**VPC_CNI_SETTINGS}
            if options.get("logLevel"):
                settings["AWS_VPC_K8S_CNI_LOGLEVEL"] = options["logLevel"]
            if options.get("enablePrefixDelegation"):
                settings["ENABLE_PREFIX_DELEGATION"] = "true"
            self._addon(
                f"{self._name}-vpc-cni",
                "vpc-cni",
                {**options, "version": options.get("addonVersion"), "configurationValues": {"env": settings}},
                pulumi.ResourceOptions(parent=component),
            )

    def _addon(self, name: str, addon: str, options: Inputs, opts: pulumi.ResourceOptions) -> None:
        version = options.get("version")
        if version is None:
            version = aws.eks.get_addon_version_output(
                addon_name=addon,
                kubernetes_version=self._cluster.version,
                most_recent=True,
                opts=pulumi.InvokeOutputOptions(parent=self),
            ).version
        configuration = options.get("configurationValues")
        aws.eks.Addon(
            name,
            cluster_name=self._cluster.name,
            addon_name=addon,
            addon_version=version,
            preserve=True,
            resolve_conflicts_on_create=options.get("resolveConflictsOnCreate") or "OVERWRITE",
            resolve_conflicts_on_update=options.get("resolveConflictsOnUpdate") or "OVERWRITE",
            configuration_values=json.dumps(configuration) if configuration else None,
            opts=opts,
        )


class _ServiceRole(pulumi.ComponentResource):
    arn: pulumi.Output[str]

    def __init__(self, name: str, service: str, policies: Sequence[str], opts: pulumi.ResourceOptions) -> None:
        super().__init__("eks:index:ServiceRole", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        trust = {
            "Version": "2012-10-17",
            "Statement": [{"Action": ["sts:AssumeRole"], "Effect": "Allow", "Principal": {"Service": [service]}}],
        }
        role = aws.iam.Role(f"{name}-role", assume_role_policy=json.dumps(trust), opts=child)
        for policy in policies:
            aws.iam.RolePolicyAttachment(
                f"{name}-{policy.rpartition('/')[2]}", role=role.name, policy_arn=policy, opts=child
            )
        self.arn = role.arn
        self.register_outputs({})


class ManagedNodeGroup(pulumi.ComponentResource):
    """``eks:index:ManagedNodeGroup``."""

    def __init__(self, name: str, inputs: Inputs, opts: pulumi.ResourceOptions | None) -> None:
        """Registers the node group."""
        super().__init__("eks:index:ManagedNodeGroup", name, {}, opts)
        given = inputs["cluster"]
        cluster: Any = given.eks_cluster if isinstance(given, eks.Cluster) else given["cluster"]
        role = inputs.get("nodeRole")
        plain = _given(
            inputs,
            "amiType",
            "capacityType",
            "diskSize",
            "instanceTypes",
            "labels",
            "launchTemplate",
            "nodeGroupName",
            "releaseVersion",
            "remoteAccess",
            "subnetIds",
            "tags",
            "taints",
            "updateConfig",
        )
        node_group = pulumi.CustomResource(
            "aws:eks/nodeGroup:NodeGroup",
            name,
            {
                **plain,
                "clusterName": cluster.name,
                "nodeRoleArn": role.arn if role is not None else inputs.get("nodeRoleArn"),
                "scalingConfig": inputs.get("scalingConfig") or {"desiredSize": 2, "minSize": 1, "maxSize": 2},
                "version": inputs.get("version") or cluster.version,
            },
            pulumi.ResourceOptions(
                parent=self,
                ignore_changes=["scalingConfig.desiredSize"] if inputs.get("ignoreScalingChanges") else None,
            ),
        )
        self.outputs: dict[str, Any] = {"nodeGroup": node_group}
        self.register_outputs(self.outputs)


COMPONENTS: Final = {"eks:index:Cluster": Cluster, "eks:index:ManagedNodeGroup": ManagedNodeGroup}


class EksProvider(Provider):
    """Makes the components."""

    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: Inputs,
        options: pulumi.ResourceOptions | None = None,
    ) -> ConstructResult:
        """Makes a component.

        Raises:
            ValueError: the type is not simulated.
        """
        if resource_type not in COMPONENTS:
            raise ValueError(f"the simulated eks package has no {resource_type}")
        component = COMPONENTS[resource_type](name, inputs, options)
        return ConstructResult(component.urn, component.outputs)


def install(plugins: Path) -> None:
    """Puts the plugin where the engine looks first: into the plugin folder of its home, at the SDK's version.

    On PATH it would be found too, but the engine warns about that at every run.
    """
    folder = plugins / f"resource-eks-v{metadata.version('pulumi-eks')}"
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "pulumi-resource-eks"
    root = Path(__file__).parent.parent
    script.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(root)!r})\n"
        "from simulator.eks_components import serve\nserve()\n"
    )
    script.chmod(0o755)


def serve() -> None:
    """Runs the plugin; the engine passes its own address as an argument."""
    version = metadata.version("pulumi-eks")
    main(EksProvider(version, schema=json.dumps({"name": "eks", "version": version})), sys.argv[1:])
