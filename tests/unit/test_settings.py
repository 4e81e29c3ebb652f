"""The configuration: defaults that hold, faults that are refused in one line."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from plan.config_table import rows, with_table
from settings import PROJECT, Settings, SettingsError
from versions import EKS_ADDON_VERSIONS

REPOSITORY = Path(__file__).parents[2]
REACHABLE = {"publicAccessCidrs": ["203.0.113.0/24"]}


def configuration(**concerns: object) -> dict[str, str]:
    """A valid configuration, with some concerns replaced."""
    document = {"cluster": REACHABLE, **concerns}
    return {"aws:region": "us-east-1", **{f"{PROJECT}:{key}": json.dumps(value) for key, value in document.items()}}


def fault(**concerns: object) -> str:
    """The one line that a configuration is refused with."""
    with pytest.raises(SettingsError) as refused:
        Settings.parse("dev", configuration(**concerns))
    (line,) = str(refused.value).splitlines()
    return line


def test_the_defaults_are_those_of_the_reference() -> None:
    settings = Settings.parse("dev", configuration())

    assert str(settings.network.cidr) == "10.0.0.0/16"
    assert settings.network.nat_gateway_count == 3
    assert settings.cluster.system_nodes.instance_types == ("m5.large",)
    assert (settings.cluster.system_nodes.minimum_count, settings.cluster.system_nodes.maximum_count) == (3, 10)
    assert settings.cluster.karpenter.cpu_limit == 1000
    assert settings.cluster.karpenter.consolidate_after == "30s"
    assert settings.database.instance_class == "db.t3.micro"
    assert (settings.database.storage_gib, settings.database.maximum_storage_gib) == (20, 100)
    assert settings.database.multi_az
    assert settings.gitops.image_semver_range == ">=1.0.0 <2.0.0"


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_every_stack_file_is_valid(stack: str) -> None:
    document: dict[str, Any] = yaml.safe_load((REPOSITORY / f"Pulumi.{stack}.yaml").read_text())["config"]
    config = {key: value if isinstance(value, str) else json.dumps(value) for key, value in document.items()}
    if stack != "local":
        # The one value that a person has to add; see the next test.
        cluster = json.loads(config.get(f"{PROJECT}:cluster", "{}"))
        config[f"{PROJECT}:cluster"] = json.dumps({**cluster, **REACHABLE})

    assert Settings.parse(stack, config).name == f"realworld-{stack}"


def test_dev_and_prod_name_the_command_for_the_value_that_only_a_person_knows() -> None:
    line = fault(cluster={})

    assert line.startswith(f"{PROJECT}:cluster.publicAccessCidrs = []: must name at least one network")
    assert "pulumi config set --path 'cluster.publicAccessCidrs[0]'" in line


@pytest.mark.parametrize(
    ("concerns", "expected"),
    [
        ({"netwrok": {}}, f"{PROJECT}:netwrok = {{}}: is no key of this project"),
        ({"network": {"cdir": "10.0.0.0/16"}}, f'{PROJECT}:network.cdir = "10.0.0.0/16": is no key'),
        ({"network": "10.0.0.0/16"}, f'{PROJECT}:network = "10.0.0.0/16": must be an object'),
        ({"network": {"availabilityZoneCount": "3"}}, 'availabilityZoneCount = "3": must be a valid integer'),
        ({"network": {"availabilityZoneCount": 1}}, "availabilityZoneCount = 1: must be greater than or equal to 2"),
        ({"network": {"availabilityZoneCount": 5}}, "availabilityZoneCount = 5: must be less than or equal to 4"),
        ({"network": {"cidr": "10.0.0.1/16"}}, 'network.cidr = "10.0.0.1/16": must be an IPv4 network'),
        ({"network": {"cidr": "ten"}}, 'network.cidr = "ten": must be an IPv4 network'),
        ({"network": {"cidr": "10.0.0.0/8"}}, 'network.cidr = "10.0.0.0/8": must be a network of /16 to /28'),
        ({"network": {"cidr": "10.0.0.0/23"}}, "10.0.0.0/23 holds 2 networks of /24, but 3 zones need 10"),
        (
            {"network": {"publicSubnetCidrs": ["10.0.1.0/24", "10.0.5.0/24", "10.0.6.0/24"]}},
            "subnets must not overlap: 10.0.1.0/24 and 10.0.1.0/24",
        ),
        (
            {"network": {"publicSubnetCidrs": ["10.1.1.0/24", "10.0.5.0/24", "10.0.6.0/24"]}},
            "10.1.1.0/24 must lie inside the VPC's 10.0.0.0/16",
        ),
        ({"network": {"privateSubnetCidrs": ["10.0.1.0/24"]}}, "must name one network per availability zone (3)"),
        ({"cluster": {**REACHABLE, "kubernetesVersion": "1.21"}}, '"1.21": must be one of 1.34, 1.35'),
        ({"cluster": {"publicAccessCidrs": []}}, "publicAccessCidrs = []: must name at least one network"),
        (
            {"cluster": {"publicAccessCidrs": ["0.0.0.0/0"]}},
            'publicAccessCidrs = ["0.0.0.0/0"]: must not name 0.0.0.0/0 unless',
        ),
        (
            {"cluster": {**REACHABLE, "systemNodes": {"minimumCount": 3, "desiredCount": 2}}},
            "must satisfy minimumCount (3) <= desiredCount (2)",
        ),
        ({"cluster": {**REACHABLE, "karpenter": {"amiAlias": "al2023@latest"}}}, "must pin an AMI release"),
        ({"cluster": {**REACHABLE, "karpenter": {"consolidateAfter": "soon"}}}, "must be a duration such as 30s"),
        ({"ingress": {"domain": "No_Domain"}}, 'ingress.domain = "No_Domain": must be a domain name in lower case'),
        ({"ingress": {"domain": "a.example.com", "hostedZone": "other.org"}}, "must be the domain a.example.com or a"),
        ({"ingress": {"allowedCidrs": []}}, "ingress.allowedCidrs = []: must have at least 1 item"),
        ({"database": {"storageGib": 40, "maximumStorageGib": 30}}, "must not be below database.storageGib (40)"),
        ({"database": {"username": "admin"}}, "none of admin, rdsadmin, user, public"),
        ({"database": {"maintenanceWindow": "Monday"}}, "must be a UTC range such as Mon:00:00-Mon:03:00"),
        ({"database": {"multiAz": "yes"}}, 'database.multiAz = "yes": must be a valid boolean'),
        ({"gitops": {"imageSemverRange": ">>1"}}, 'imageSemverRange = ">>1": must be a semantic version range'),
        ({"gitops": {"repositoryUrl": "git@github.com:o/n"}}, "of the form ssh://git@host/owner/name.git"),
        ({"gitops": {"authentication": "token", "repositoryUrl": "https://a.b/c"}}, "token = (secret): must be set"),
        ({"gitops": {"repositoryUrl": "ssh://git@git.example.com/o/n"}}, "the SSH host keys of git.example.com"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line_with_key_value_and_rule(concerns: dict[str, object], expected: str) -> None:
    assert expected in fault(**concerns)


def test_a_token_and_a_key_exclude_each_other_and_the_token_is_not_shown() -> None:
    line = fault(gitops={"token": "ghp_secret"})

    assert line == (
        f"{PROJECT}:gitops.token = (secret): must not be set while gitops.authentication is deploy-key: "
        "a token or a key, not both"
    )


def test_an_unknown_stack_has_no_overlay() -> None:
    with pytest.raises(SettingsError, match=r"stack = \"staging\": must be 'local', 'dev' or 'prod'"):
        Settings.parse("staging", configuration())


def test_every_fault_gets_its_line() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.parse("dev", configuration(cluster={}, database={"multiAz": 1}))

    assert len(str(refused.value).splitlines()) == 2


def test_anywhere_is_allowed_when_it_is_said() -> None:
    cluster = {"publicAccessCidrs": ["0.0.0.0/0"], "allowPublicAccessFromAnywhere": True}

    assert Settings.parse("dev", configuration(cluster=cluster)).cluster.endpoint_public_access


def test_a_private_endpoint_needs_no_allow_list() -> None:
    settings = Settings.parse("dev", configuration(cluster={"endpointPublicAccess": False}))

    assert settings.cluster.public_access_cidrs == ()


@given(value=st.recursive(st.none() | st.booleans() | st.text(alphabet="0a./ é\n"), st.lists, max_leaves=4))
def test_no_value_of_a_cidr_escapes_as_another_exception(value: object) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.parse("dev", configuration(network={"cidr": value}))

    assert f"{PROJECT}:network.cidr = " in str(refused.value)


def test_the_project_schema_names_the_keys_of_the_settings_and_states_no_default_of_its_own() -> None:
    schema: dict[str, dict[str, object]] = yaml.safe_load((REPOSITORY / "Pulumi.yaml").read_text())["config"]
    fields = {name: field for name, field in Settings.model_fields.items() if name not in {"stack", "region"}}

    assert set(schema) == set(fields)
    for key, entry in schema.items():
        assert entry["type"] == "object"
        assert entry["default"] == {}
        assert entry["description"] == (fields[key].description or "").rstrip(".")


def test_the_table_names_every_value_once() -> None:
    keys = [key for key, _, _ in rows()]

    assert len(keys) == len(set(keys))
    assert {"aws:region", "network.cidr", "cluster.karpenter.cpuLimit", "gitops.token", "tags"} <= set(keys)


def test_the_readme_holds_the_table_as_it_is() -> None:
    readme = (REPOSITORY / "README.md").read_text()

    assert with_table(readme) == readme, "make readme brings it up to date"


def test_every_supported_kubernetes_version_pins_the_same_addons() -> None:
    assert len({frozenset(addons) for addons in EKS_ADDON_VERSIONS.values()}) == 1
