"""Rows 1 to 12 of the reference system, each pointed to in the graph; what lies in gitops/ is in tests/gitops."""

import json

import pytest

from plan.graph import Graph
from tests.unit.conftest import graph_of
from versions import EKS_ADDON_VERSIONS, FLUX


def test_row_1_vpc_with_three_tiers_in_three_zones(dev: Graph) -> None:
    vpc = dev.one("aws:ec2/vpc:Vpc")
    subnets = dev.of_type("aws:ec2/subnet:Subnet")

    assert vpc.inputs["cidrBlock"] == "10.0.0.0/16"
    assert vpc.inputs["enableDnsHostnames"] is True
    assert [
        subnet.inputs["cidrBlock"] for subnet in sorted(subnets, key=lambda subnet: subnet.inputs["cidrBlock"])
    ] == [f"10.0.{block}.0/24" for block in range(1, 10)]
    assert len({subnet.inputs["availabilityZone"] for subnet in subnets}) == 3
    assert len(dev.of_type("aws:ec2/natGateway:NatGateway")) == 3
    assert len(dev.one("aws:rds/subnetGroup:SubnetGroup").inputs["subnetIds"]) == 3


def test_row_1_subnet_tags_by_tier(dev: Graph) -> None:
    def tags(tier: str) -> list[dict[str, str]]:
        return [node.inputs["tags"] for node in dev.of_type("aws:ec2/subnet:Subnet") if f"-{tier}-" in node.name]

    assert all(found["kubernetes.io/role/elb"] == "1" for found in tags("public"))
    assert all(found["kubernetes.io/role/internal-elb"] == "1" for found in tags("private"))
    assert {found["karpenter.sh/discovery"] for found in tags("private")} == {dev.exports["cluster_name"]}
    assert all("karpenter.sh/discovery" not in found for tier in ("public", "database") for found in tags(tier))


def test_row_1_the_database_tier_has_no_route_out(graph: Graph) -> None:
    table = next(node for node in graph.of_type("RouteTable") if node.name.endswith("-database"))

    assert all(route.inputs["routeTableId"] != table.outputs.get("id") for route in graph.of_type("Route"))
    assert not any(table.urn in route.dependencies for route in graph.of_type("Route"))


def test_row_2_load_balancer_and_its_binding(dev: Graph) -> None:
    balancer = dev.one("aws:lb/loadBalancer:LoadBalancer")
    target_group = dev.one("aws:lb/targetGroup:TargetGroup")
    binding = dev.object("TargetGroupBinding", "public")

    assert balancer.inputs["loadBalancerType"] == "network"
    assert len(balancer.inputs["securityGroups"]) == 1
    assert (target_group.inputs["targetType"], target_group.inputs["port"]) == ("ip", 8000)
    assert target_group.inputs["preserveClientIp"] == "true"
    assert target_group.inputs["healthCheck"]["port"] == "8080"
    assert target_group.inputs["healthCheck"]["path"] == "/ping"
    assert binding.inputs["metadata"]["namespace"] == "traefik"
    assert binding.inputs["spec"]["targetGroupARN"] == target_group.outputs["arn"]
    assert binding.inputs["spec"]["serviceRef"] == {"name": "traefik", "port": 80}


def test_row_2_a_domain_makes_the_listener_speak_tls() -> None:
    plain, secure = (graph_of(name).one("aws:lb/listener:Listener").inputs for name in ("prod", "domain"))

    assert (plain["protocol"], plain["port"]) == ("TCP", 80)
    assert (secure["protocol"], secure["port"]) == ("TLS", 443)
    validation = graph_of("domain").one("aws:acm/certificateValidation:CertificateValidation")
    assert secure["certificateArn"] == validation.outputs["certificateArn"]
    assert graph_of("domain").exports["application_url"] == "https://app.example.com"


def test_row_3_cluster(dev: Graph) -> None:
    cluster = dev.one("eks:index:Cluster").inputs

    assert cluster["version"] == "1.35"
    assert (cluster["endpointPrivateAccess"], cluster["endpointPublicAccess"]) == (True, True)
    assert cluster["publicAccessCidrs"] == ["203.0.113.0/24"]
    assert cluster["encryptionConfigKeyArn"] == next(
        node.outputs["arn"] for node in dev.of_type("aws:kms/key:Key") if "secrets" in node.name
    )
    assert cluster["enabledClusterLogTypes"] == ["api", "audit", "authenticator", "controllerManager", "scheduler"]
    assert cluster["authenticationMode"] == "API"
    assert cluster["upgradePolicy"] == {"supportType": "STANDARD"}
    assert cluster["bootstrapSelfManagedAddons"] is False
    assert dev.exports["kubeconfig_command"].startswith("aws eks update-kubeconfig --region us-east-1 --name ")


def test_row_3_every_addon_is_pinned(graph: Graph) -> None:
    addons = {addon.inputs["addonName"]: addon.inputs["addonVersion"] for addon in graph.of_type("aws:eks/addon:Addon")}

    assert addons == EKS_ADDON_VERSIONS["1.35"]


def test_row_3_system_nodes(dev: Graph) -> None:
    nodes = dev.one("eks:index:ManagedNodeGroup").inputs
    template = dev.one("aws:ec2/launchTemplate:LaunchTemplate").inputs

    assert nodes["instanceTypes"] == ["m5.large"]
    assert nodes["scalingConfig"] == {"minSize": 3, "desiredSize": 3, "maxSize": 10}
    assert nodes["taints"] == [{"key": "CriticalAddonsOnly", "value": "true", "effect": "NO_SCHEDULE"}]
    assert template["metadataOptions"]["httpTokens"] == "required"
    assert template["metadataOptions"]["httpPutResponseHopLimit"] == 1
    assert template["blockDeviceMappings"][0]["ebs"]["encrypted"] == "true"


def test_row_4_karpenter(dev: Graph) -> None:
    pool = dev.object("NodePool", "default").inputs["spec"]
    node_class = dev.object("EC2NodeClass", "default").inputs["spec"]

    assert pool["limits"] == {"cpu": "1000"}
    assert pool["disruption"]["consolidateAfter"] == "30s"
    assert pool["template"]["spec"]["terminationGracePeriod"] == "10m"
    assert node_class["amiSelectorTerms"] == [{"alias": "al2023@v20260930"}]
    assert node_class["subnetSelectorTerms"] == [{"tags": {"karpenter.sh/discovery": dev.exports["cluster_name"]}}]
    assert node_class["metadataOptions"]["httpTokens"] == "required"
    assert "role" not in node_class
    assert len(dev.of_type("aws:cloudwatch/eventRule:EventRule")) == 5
    assert (
        dev.object("Release", "karpenter").inputs["values"]["settings"]["interruptionQueue"]
        == (dev.one("aws:sqs/queue:Queue").outputs["name"])
    )


def test_row_5_load_balancer_controller_makes_no_load_balancer(dev: Graph) -> None:
    values = dev.object("Release", "aws-load-balancer-controller").inputs["values"]
    rule = dev.object("ValidatingAdmissionPolicy", "no-load-balancer-services").inputs["spec"]

    assert values["enableServiceMutatorWebhook"] is False
    assert set(values["controllerConfig"]["featureGates"].values()) == {False}
    assert rule["validations"][0]["expression"] == "object.spec.type != 'LoadBalancer'"
    assert dev.object("ValidatingAdmissionPolicyBinding", "no-load-balancer-services").inputs["spec"] == {
        "policyName": "no-load-balancer-services",
        "validationActions": ["Deny"],
    }


def test_row_6_pod_logs_and_container_insights(dev: Graph) -> None:
    addon = dev.one("aws:eks/addon:Addon", addonName="amazon-cloudwatch-observability").inputs
    values = json.loads(addon["configurationValues"])

    assert values["agent"]["config"]["logs"]["metrics_collected"]["kubernetes"]["enhanced_container_insights"] is True
    assert values["applicationSignals"] == {"enabled": False}
    prefix = f"/aws/containerinsights/{dev.exports['cluster_name']}"
    groups = {node.inputs.get("name") for node in dev.of_type("aws:cloudwatch/logGroup:LogGroup")}
    assert {f"{prefix}/{kind}" for kind in ("application", "dataplane", "host", "performance")} <= groups


def test_row_7_database(dev: Graph) -> None:
    instance = dev.one("aws:rds/instance:Instance").inputs

    assert (
        instance.items()
        >= {
            "engine": "postgres",
            "instanceClass": "db.t3.micro",
            "multiAz": True,
            "allocatedStorage": 20,
            "maxAllocatedStorage": 100,
            "storageType": "gp3",
            "storageEncrypted": True,
            "backupWindow": "03:00-06:00",
            "backupRetentionPeriod": 7,
            "maintenanceWindow": "Mon:00:00-Mon:03:00",
            "performanceInsightsEnabled": True,
            "performanceInsightsRetentionPeriod": 7,
            "monitoringInterval": 60,
            "publiclyAccessible": False,
            "dbName": "gobuff_realworld_example_app_development",
            "caCertIdentifier": "rds-ca-rsa2048-g1",
        }.items()
    )
    assert instance["enabledCloudwatchLogsExports"] == ["postgresql", "upgrade"]
    parameters = dev.one("aws:rds/parameterGroup:ParameterGroup").inputs["parameters"]
    assert {"name": "rds.force_ssl", "value": "1", "applyMethod": "immediate"} in parameters


def test_row_7_only_the_vpc_reaches_the_database(dev: Graph) -> None:
    rules = [node.inputs for node in dev.of_type("SecurityGroupIngressRule") if node.inputs["fromPort"] == 5432]

    assert [(rule["toPort"], rule["cidrIpv4"]) for rule in rules] == [(5432, "10.0.0.0/16")]


def test_row_7_the_secret_holds_the_whole_connection(dev: Graph) -> None:
    connection = json.loads(dev.one("aws:secretsmanager/secretVersion:SecretVersion").inputs["secretString"])

    assert connection["host"] == dev.one("aws:rds/instance:Instance").outputs["address"]
    assert connection["password"] == dev.one("random:index/randomPassword:RandomPassword").outputs["result"]


def test_row_7_alarms_reach_their_topic(dev: Graph) -> None:
    topic = dev.one("aws:sns/topic:Topic")
    alarms = dev.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")

    # CloudWatch may not use the key behind alias/aws/sns: its alarms would be lost without a word.
    assert "kmsMasterKeyId" not in topic.inputs
    assert {alarm.inputs["metricName"] for alarm in alarms} == {
        "CPUUtilization",
        "FreeStorageSpace",
        "FreeableMemory",
        "DatabaseConnections",
    }
    assert all(alarm.inputs["alarmActions"] == [topic.outputs["arn"]] for alarm in alarms)


def test_row_8_flux(dev: Graph) -> None:
    instance = dev.object("FluxInstance", "flux").inputs["spec"]
    root = dev.object("Kustomization", "platform").inputs["spec"]

    assert instance["distribution"]["version"] == FLUX
    assert sorted(instance["components"]) == [
        "helm-controller",
        "image-automation-controller",
        "image-reflector-controller",
        "kustomize-controller",
        "notification-controller",
        "source-controller",
    ]
    assert instance["cluster"]["networkPolicy"] is True
    assert "sync" not in instance
    assert root["path"] == "./gitops/clusters/dev"
    assert (root["prune"], root["wait"], root["deletionPolicy"]) == (True, True, "WaitForTermination")
    assert root["retryInterval"] == "1m"


@pytest.mark.parametrize(
    ("variant", "secret_keys", "waits"),
    [
        ("dev", {"identity", "identity.pub", "known_hosts"}, False),
        ("github", {"identity", "identity.pub", "known_hosts"}, True),
        ("token", {"username", "password"}, True),
    ],
)
def test_row_8_access_to_git_and_whether_up_can_wait(variant: str, secret_keys: set[str], waits: bool) -> None:
    graph = graph_of(variant)
    annotations = graph.object("Kustomization", "platform").inputs["metadata"].get("annotations", {})

    assert set(graph.object("Secret", "platform-git").inputs["stringData"]) == secret_keys
    assert (annotations.get("pulumi.com/waitFor") == "condition=Ready") is waits
    assert bool(graph.exports["next_step"]) is not waits


def test_row_8_a_github_token_registers_the_deploy_key_with_write_access() -> None:
    key = graph_of("github").one("github:index/repositoryDeployKey:RepositoryDeployKey").inputs

    assert (key["repository"], key["readOnly"]) == ("n", False)
    assert key["key"] == graph_of("github").exports["git_deploy_key"]


def test_row_9_values_reach_git_as_strings(graph: Graph) -> None:
    values = graph.object("ConfigMap", "platform-runtime").inputs["data"]
    secrets = graph.object("Secret", "platform-runtime").inputs["stringData"]

    assert all(isinstance(value, str) and value for value in values.values())
    assert values["cluster_name"] == graph.exports["cluster_name"]
    assert values["ingress_target_group_arn"] == graph.one("aws:lb/targetGroup:TargetGroup").outputs["arn"]
    assert values["ingress_host"] in graph.exports["application_url"]
    assert secrets["database_password"] == graph.one("random:index/randomPassword:RandomPassword").outputs["result"]
    assert values["aws_account_id"].isdigit()


def test_row_9_events_of_releases_go_to_a_receiver_that_takes_any_json() -> None:
    def addresses(variant: str) -> tuple[str, str]:
        secrets = graph_of(variant).object("Secret", "platform-runtime").inputs["stringData"]
        return secrets["alert_address"], secrets["event_address"]

    assert addresses("dev") == ("", "")
    assert addresses("github") == ("https://alerts.example.org/", "https://alerts.example.org/")
    assert addresses("token") == ("https://hooks.slack.com/services/T0/B0/x", "")


def test_row_9_without_a_token_nothing_reports_and_without_access_nothing_is_committed() -> None:
    def suspended(variant: str) -> tuple[str, str]:
        values = graph_of(variant).object("ConfigMap", "platform-runtime").inputs["data"]
        return values["commit_status_suspended"], values["image_automation_suspended"]

    assert suspended("dev") == ("true", "false")
    assert suspended("github") == ("false", "false")
    assert suspended("read-only") == ("true", "true")
