"""The stack's configuration, read once into frozen models; every default of the project is stated here.

A key of ``Pulumi.<stack>.yaml`` is one object per concern (``network``, ``cluster``, …) with camelCase fields inside.
Whatever is wrong is refused before the first resource, one line per fault: the key, the value, the rule.
"""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated, Literal, Self

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError
from semantic_version import NpmSpec

from network.addresses import SMALLEST_PREFIX_LENGTH, SubnetPlan, first_overlap, plan_subnets
from versions import EKS_ADDON_VERSIONS, EKS_AMI_ALIAS, POSTGRESQL_MAJOR

PROJECT = "realworld-platform"
ANYWHERE = IPv4Network("0.0.0.0/0")

HOST_NAME = r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
CLOCK = r"([01]\d|2[0-3]):[0-5]\d"
WEEK_DAY = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun)"


def _rule(message: str) -> PydanticCustomError:
    return PydanticCustomError("rule", "{message}", {"message": message})


def _matching(pattern: str, rule: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise _rule(rule)
        return value

    return AfterValidator(check)


def _semver_range(value: str) -> str:
    try:
        NpmSpec(value.replace(",", " "))
    except ValueError:
        raise _rule("must be a semantic version range such as '>=1.0.0 <2.0.0'") from None
    return value


def _network(value: object) -> IPv4Network:
    if isinstance(value, IPv4Network):
        return value
    try:
        return IPv4Network(str(value))
    except ValueError as error:
        raise _rule(f"must be an IPv4 network such as 10.0.0.0/16 ({error})") from None


Network = Annotated[IPv4Network, PlainValidator(_network)]
NonEmpty = Annotated[str, StringConstraints(min_length=1)]
DomainName = Annotated[str, _matching(HOST_NAME, "must be a domain name in lower case such as app.example.com")]
GoDuration = Annotated[
    str, _matching(r"(\d+h)?(\d+m)?(\d+s)?(?<=[hms])", "must be a duration such as 30s, 10m or 720h")
]
SemverRange = Annotated[str, AfterValidator(_semver_range)]
LogRetentionDays = Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 3653]
"""Days that CloudWatch Logs accepts (PutRetentionPolicy)."""


class NatStrategy(StrEnum):
    """How many NAT gateways the private subnets share."""

    ONE_PER_ZONE = "one-per-zone"
    SINGLE = "single"


class CapacityType(StrEnum):
    """Purchase options that Karpenter may choose from."""

    SPOT = "spot"
    ON_DEMAND = "on-demand"


class GitAuthentication(StrEnum):
    """How Flux reads (and image automation writes) the repository."""

    DEPLOY_KEY = "deploy-key"
    TOKEN = "token"  # noqa: S105 – the name of a choice
    NONE = "none"


class AlertProviderType(StrEnum):
    """Where Flux and Flagger send what went wrong."""

    SLACK = "slack"
    GENERIC = "generic"


class Model(BaseModel):
    """Frozen, strict, camelCase outside; an unknown key is refused."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_default=True,
        regex_engine="python-re",
    )


class NetworkSettings(Model):
    """The VPC and its three tiers of subnets."""

    cidr: Network = Field(default=IPv4Network("10.0.0.0/16"), description="Address range of the VPC, /16 to /28")
    availability_zone_count: int = Field(default=3, ge=2, le=4, description="Availability zones, 2 to 4")
    subnet_prefix_length: int = Field(
        default=24,
        ge=16,
        le=SMALLEST_PREFIX_LENGTH,
        description="Prefix length of each subnet when the addresses are derived",
    )
    private_subnet_cidrs: tuple[Network, ...] | None = Field(
        default=None, description="Private subnets, one per zone; derived from cidr when absent"
    )
    public_subnet_cidrs: tuple[Network, ...] | None = Field(
        default=None, description="Public subnets, one per zone; derived from cidr when absent"
    )
    database_subnet_cidrs: tuple[Network, ...] | None = Field(
        default=None, description="Database subnets, one per zone; derived from cidr when absent"
    )
    nat_strategy: NatStrategy = Field(
        default=NatStrategy.ONE_PER_ZONE, description="one-per-zone survives the loss of a zone; single is cheaper"
    )
    flow_log_retention_days: LogRetentionDays = Field(default=30, description="Days that VPC flow logs are kept")

    @property
    def nat_gateway_count(self) -> int:
        """NAT gateways in the VPC."""
        return 1 if self.nat_strategy is NatStrategy.SINGLE else self.availability_zone_count

    @field_validator("cidr")
    @classmethod
    def _size_that_aws_accepts(cls, cidr: IPv4Network) -> IPv4Network:
        if not 16 <= cidr.prefixlen <= SMALLEST_PREFIX_LENGTH:
            raise _rule("must be a network of /16 to /28, as a VPC accepts")
        return cidr

    @field_validator("subnet_prefix_length")
    @classmethod
    def _room_for_the_subnets(cls, prefix_length: int, info: ValidationInfo) -> int:
        cidr, zone_count = info.data.get("cidr"), info.data.get("availability_zone_count")
        if cidr is not None and zone_count is not None:
            try:
                plan_subnets(cidr, zone_count=zone_count, prefix_length=prefix_length)
            except ValueError as error:
                raise _rule(str(error)) from None
        return prefix_length

    @field_validator("private_subnet_cidrs", "public_subnet_cidrs", "database_subnet_cidrs")
    @classmethod
    def _fit_the_vpc(
        cls, networks: tuple[IPv4Network, ...] | None, info: ValidationInfo
    ) -> tuple[IPv4Network, ...] | None:
        data = info.data
        if networks is None or "cidr" not in data or "availability_zone_count" not in data:
            return networks
        if len(networks) != data["availability_zone_count"]:
            raise _rule(f"must name one network per availability zone ({data['availability_zone_count']})")
        for network in networks:
            if not network.subnet_of(data["cidr"]):
                raise _rule(f"{network} must lie inside the VPC's {data['cidr']}")
            if network.prefixlen > SMALLEST_PREFIX_LENGTH:
                raise _rule(f"{network} must be /{SMALLEST_PREFIX_LENGTH} or larger, as a subnet must")
        return networks

    @field_validator("database_subnet_cidrs")
    @classmethod
    def _do_not_overlap(
        cls, networks: tuple[IPv4Network, ...] | None, info: ValidationInfo
    ) -> tuple[IPv4Network, ...] | None:
        data = info.data
        if {"cidr", "availability_zone_count", "subnet_prefix_length"} <= data.keys():
            plan = _subnets(
                plan_subnets(
                    data["cidr"],
                    zone_count=data["availability_zone_count"],
                    prefix_length=data["subnet_prefix_length"],
                ),
                private=data.get("private_subnet_cidrs"),
                public=data.get("public_subnet_cidrs"),
                database=networks,
            )
            if overlap := first_overlap(plan.networks):
                raise _rule(f"subnets must not overlap: {overlap[0]} and {overlap[1]} share addresses")
        return networks

    @property
    def subnets(self) -> SubnetPlan:
        """The subnets' addresses: those that are configured, else those that are derived."""
        derived = plan_subnets(
            self.cidr, zone_count=self.availability_zone_count, prefix_length=self.subnet_prefix_length
        )
        return _subnets(
            derived,
            private=self.private_subnet_cidrs,
            public=self.public_subnet_cidrs,
            database=self.database_subnet_cidrs,
        )


def _subnets(
    derived: SubnetPlan,
    *,
    private: tuple[IPv4Network, ...] | None,
    public: tuple[IPv4Network, ...] | None,
    database: tuple[IPv4Network, ...] | None,
) -> SubnetPlan:
    return SubnetPlan(
        private=private or derived.private,
        public=public or derived.public,
        database=database or derived.database,
    )


class IngressSettings(Model):
    """The network load balancer that the internet sees."""

    domain: DomainName | None = Field(default=None, description="Host name of the app; with it the NLB speaks TLS")
    hosted_zone: DomainName | None = Field(
        default=None, description="Route 53 zone that holds the domain; default: the domain less its first label"
    )
    allowed_cidrs: tuple[Network, ...] = Field(
        default=(ANYWHERE,), min_length=1, description="Networks that may reach the app; the app is public by default"
    )
    deletion_protection: bool = Field(default=False, description="Refuse to delete the load balancer")

    @field_validator("hosted_zone")
    @classmethod
    def _holds_the_domain(cls, zone: str | None, info: ValidationInfo) -> str | None:
        domain = info.data.get("domain")
        if zone is None:
            return zone
        if domain is None:
            raise _rule("must go with ingress.domain, which is not set")
        if domain != zone and not domain.endswith(f".{zone}"):
            raise _rule(f"must be the domain {domain} or a parent of it")
        return zone

    @property
    def zone_name(self) -> str | None:
        """Name of the Route 53 zone that gets the records, None without a domain."""
        if self.domain is None:
            return None
        return self.hosted_zone or self.domain.partition(".")[2]


class SystemNodeSettings(Model):
    """The managed node group that hosts the controllers."""

    instance_types: tuple[NonEmpty, ...] = Field(default=("m5.large",), min_length=1, description="EC2 instance types")
    minimum_count: int = Field(default=3, ge=2, description="Fewest nodes; Karpenter's replicas need two zones")
    desired_count: int = Field(default=3, ge=2, description="Nodes at creation")
    maximum_count: int = Field(default=10, ge=2, description="Most nodes")
    volume_size_gib: int = Field(default=50, ge=20, description="Root volume, GiB")

    @field_validator("maximum_count")
    @classmethod
    def _minimum_desired_maximum(cls, maximum: int, info: ValidationInfo) -> int:
        minimum, desired = info.data.get("minimum_count"), info.data.get("desired_count")
        if minimum is not None and desired is not None and not minimum <= desired <= maximum:
            raise _rule(f"must satisfy minimumCount ({minimum}) <= desiredCount ({desired}) <= maximumCount")
        return maximum


class KarpenterSettings(Model):
    """The nodes that Karpenter makes."""

    cpu_limit: int = Field(default=1000, ge=1, description="Most CPUs that Karpenter may run")
    capacity_types: tuple[CapacityType, ...] = Field(
        default=(CapacityType.SPOT, CapacityType.ON_DEMAND), min_length=1, description="Purchase options"
    )
    instance_categories: tuple[NonEmpty, ...] = Field(
        default=("c", "m", "r"), min_length=1, description="EC2 instance categories"
    )
    consolidate_after: GoDuration = Field(default="30s", description="How long a node stays empty or underused")
    expire_after: GoDuration = Field(default="720h", description="Age at which a node is replaced")
    termination_grace_period: GoDuration = Field(
        default="10m", description="Longest drain of a node; bounds how long a destroy waits"
    )
    ami_alias: Annotated[str, _matching(r"al2023@v\d{8}", "must pin an AMI release such as al2023@v20260930")] = Field(
        default=EKS_AMI_ALIAS, description="AMI alias, pinned: @latest would replace nodes without a change here"
    )
    volume_size_gib: int = Field(default=50, ge=20, description="Root volume, GiB")


class ClusterSettings(Model):
    """EKS, its access and its nodes."""

    kubernetes_version: str = Field(default="1.35", description="Minor version of Kubernetes")
    endpoint_public_access: bool = Field(default=True, description="Reach the API server from outside the VPC")
    allow_public_access_from_anywhere: bool = Field(
        default=False, description="Has to be true before publicAccessCidrs may name 0.0.0.0/0"
    )
    public_access_cidrs: tuple[Network, ...] = Field(
        default=(), description="Networks that may reach the API server; required while endpointPublicAccess is true"
    )
    administrator_role_arns: tuple[
        Annotated[
            str, _matching(r"arn:aws[a-z-]*:iam::\d{12}:(role|user)/.+", "must be the ARN of an IAM role or user")
        ],
        ...,
    ] = Field(
        default=(), description="IAM principals with AmazonEKSClusterAdminPolicy, beside the one that runs Pulumi"
    )
    deletion_protection: bool = Field(default=False, description="Refuse to delete the cluster")
    log_retention_days: LogRetentionDays = Field(
        default=30, description="Days that control-plane and pod logs are kept"
    )
    enhanced_container_insights: bool = Field(
        default=True, description="Container Insights with enhanced observability"
    )
    system_nodes: SystemNodeSettings = Field(
        default=SystemNodeSettings(), description="Managed node group for the controllers"
    )
    karpenter: KarpenterSettings = Field(default=KarpenterSettings(), description="Every other node")

    @field_validator("kubernetes_version")
    @classmethod
    def _has_pinned_addons(cls, version: str) -> str:
        if version not in EKS_ADDON_VERSIONS:
            raise _rule(f"must be one of {', '.join(sorted(EKS_ADDON_VERSIONS))}: only these have pinned add-ons")
        return version

    @field_validator("public_access_cidrs")
    @classmethod
    def _name_who_may_reach_the_api(
        cls, networks: tuple[IPv4Network, ...], info: ValidationInfo
    ) -> tuple[IPv4Network, ...]:
        if info.data.get("endpoint_public_access") and not networks:
            raise _rule(
                "must name at least one network while endpointPublicAccess is true; your own address: "
                "pulumi config set --path 'cluster.publicAccessCidrs[0]' "
                '"$(curl -s https://checkip.amazonaws.com)/32"'
            )
        if ANYWHERE in networks and not info.data.get("allow_public_access_from_anywhere"):
            raise _rule("must not name 0.0.0.0/0 unless cluster.allowPublicAccessFromAnywhere is true")
        return networks


class DatabaseSettings(Model):
    """RDS for PostgreSQL."""

    engine_version: Annotated[str, _matching(r"1[5-8](\.\d+)?", "must be a PostgreSQL version from 15 to 18")] = Field(
        default=POSTGRESQL_MAJOR, description="PostgreSQL version; a major alone follows RDS's minor upgrades"
    )
    instance_class: Annotated[
        str, _matching(r"db\.[a-z0-9-]+\.[a-z0-9]+", "must be an RDS class such as db.t3.micro")
    ] = Field(default="db.t3.micro", description="RDS instance class")
    name: Annotated[
        str, _matching(r"[a-z][a-z0-9_]{0,62}", "must be a lower-case PostgreSQL identifier of at most 63 characters")
    ] = Field(default="gobuff_realworld_example_app_development", description="Database that the app uses")
    username: Annotated[
        str,
        _matching(
            r"(?!(admin|rdsadmin|user|public)$)[a-z][a-z0-9_]{0,62}",
            "must be a lower-case identifier and none of admin, rdsadmin, user, public",
        ),
    ] = Field(default="postgres", description="Master user name")
    storage_gib: int = Field(default=20, ge=20, le=65536, description="Storage at creation, GiB")
    maximum_storage_gib: int = Field(default=100, ge=20, le=65536, description="Ceiling of storage autoscaling, GiB")
    multi_az: bool = Field(default=True, description="Standby in a second availability zone")
    backup_retention_days: int = Field(default=7, ge=0, le=35, description="Days that automated backups are kept")
    backup_window: Annotated[str, _matching(rf"{CLOCK}-{CLOCK}", "must be a UTC range such as 03:00-06:00")] = Field(
        default="03:00-06:00", description="Daily backup window, UTC"
    )
    maintenance_window: Annotated[
        str,
        _matching(rf"{WEEK_DAY}:{CLOCK}-{WEEK_DAY}:{CLOCK}", "must be a UTC range such as Mon:00:00-Mon:03:00"),
    ] = Field(default="Mon:00:00-Mon:03:00", description="Weekly maintenance window, UTC")
    performance_insights_retention_days: Literal[7, 31, 93, 186, 372, 465, 731] = Field(
        default=7, description="Days of Performance Insights; 7 are free"
    )
    monitoring_interval_seconds: Literal[1, 5, 10, 15, 30, 60] = Field(
        default=60, description="Seconds between two samples of enhanced monitoring"
    )
    log_retention_days: LogRetentionDays = Field(default=30, description="Days that PostgreSQL's logs are kept")
    slow_query_milliseconds: int = Field(
        default=1000, ge=-1, description="Log statements that take longer; -1 logs none"
    )
    deletion_protection: bool = Field(default=False, description="Refuse to delete the instance")
    final_snapshot: bool = Field(default=False, description="Take a snapshot before the instance is deleted")
    alarm_email: Annotated[str, _matching(r"[^@\s]+@[^@\s]+\.[^@\s]+", "must be an e-mail address")] | None = Field(
        default=None, description="Subscriber of the database's alarms"
    )

    @field_validator("maximum_storage_gib")
    @classmethod
    def _not_below_the_minimum(cls, maximum: int, info: ValidationInfo) -> int:
        minimum = info.data.get("storage_gib")
        if minimum is not None and maximum < minimum:
            raise _rule(f"must not be below database.storageGib ({minimum})")
        return maximum


class GitopsSettings(Model):
    """The repository that Flux follows, and the releases that it writes back."""

    repository_url: NonEmpty = Field(
        default="ssh://git@github.com/example/realworld-platform.git",
        description="Repository that holds gitops/; ssh:// for a deploy key, https:// otherwise",
    )
    branch: NonEmpty = Field(default="main", description="Branch that Flux follows")
    authentication: GitAuthentication = Field(
        default=GitAuthentication.DEPLOY_KEY, description="Access to the repository"
    )
    known_hosts: NonEmpty | None = Field(
        default=None, description="SSH host keys of a server other than github.com (ssh-keyscan), for a deploy key"
    )
    token: SecretStr | None = Field(default=None, description="Secret: access token, for authentication token")
    github_token: SecretStr | None = Field(
        default=None, description="Secret: GitHub token that registers the deploy key and reports commit status"
    )
    repository_is_read_only: bool = Field(
        default=False, description="Has to be true for authentication none: image automation cannot push"
    )
    push_branch: NonEmpty | None = Field(
        default=None, description="Branch that image automation writes; default: the branch that Flux follows"
    )
    wait_for_ready: bool = Field(default=True, description="End `pulumi up` when the root Kustomization is Ready")
    timeout_minutes: int = Field(default=30, ge=5, le=120, description="Longest wait for the root Kustomization")
    image_repository: Annotated[
        str, _matching(r"[a-z0-9.:-]+(/[a-z0-9._-]+)+", "must be an image repository without a tag, with its registry")
    ] = Field(default="ghcr.io/juldanherglo/realworld", description="Image of the app, without a tag")
    image_semver_range: SemverRange = Field(default=">=1.0.0 <2.0.0", description="Tags that may be released")
    registry_docker_config: SecretStr | None = Field(
        default=None, description="Secret: .dockerconfigjson for a private registry"
    )
    alert_provider: AlertProviderType = Field(
        default=AlertProviderType.GENERIC, description="Receiver of alerts: slack, generic"
    )
    alert_address: SecretStr | None = Field(default=None, description="Secret: webhook address of the alerts' receiver")

    @field_validator("authentication")
    @classmethod
    def _fits_the_repository(cls, authentication: GitAuthentication, info: ValidationInfo) -> GitAuthentication:
        url = info.data.get("repository_url")
        if url is None:
            return authentication
        if authentication is GitAuthentication.DEPLOY_KEY and not re.fullmatch(r"ssh://[^@/\s]+@[^/\s]+/\S+", url):
            raise _rule(f"needs a gitops.repositoryUrl of the form ssh://git@host/owner/name.git, not {url}")
        if authentication is not GitAuthentication.DEPLOY_KEY and not re.fullmatch(
            r"(https://|http://127\.0\.0\.1)[^@\s]+", url
        ):
            raise _rule(f"needs a gitops.repositoryUrl of the form https://host/owner/name.git, not {url}")
        return authentication

    @field_validator("known_hosts")
    @classmethod
    def _server_is_known(cls, known_hosts: str | None, info: ValidationInfo) -> str | None:
        url = info.data.get("repository_url")
        if info.data.get("authentication") is GitAuthentication.DEPLOY_KEY and url is not None and known_hosts is None:
            host = url.partition("@")[2].partition("/")[0].partition(":")[0]
            if host != "github.com":
                raise _rule(f"must hold the SSH host keys of {host}: ssh-keyscan {host}")
        return known_hosts

    @field_validator("token")
    @classmethod
    def _token_or_key(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        authentication = info.data.get("authentication")
        if authentication is GitAuthentication.TOKEN and token is None:
            raise _rule("must be set while gitops.authentication is token")
        if token is not None and authentication is not None and authentication is not GitAuthentication.TOKEN:
            raise _rule(f"must not be set while gitops.authentication is {authentication}: a token or a key, not both")
        return token

    @field_validator("github_token")
    @classmethod
    def _only_for_github(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        url = info.data.get("repository_url")
        if token is not None and url is not None and "github.com/" not in url:
            raise _rule(f"must not be set for a repository outside GitHub ({url})")
        return token

    @field_validator("repository_is_read_only")
    @classmethod
    def _said_out_loud(cls, read_only: bool, info: ValidationInfo) -> bool:
        if info.data.get("authentication") is GitAuthentication.NONE and not read_only:
            raise _rule("must be true while gitops.authentication is none: without access no release is committed")
        return read_only

    @field_validator("registry_docker_config")
    @classmethod
    def _is_a_docker_config(cls, docker_config: SecretStr | None) -> SecretStr | None:
        if docker_config is None:
            return None
        try:
            document: object = json.loads(docker_config.get_secret_value())
        except json.JSONDecodeError:
            document = None
        if not isinstance(document, dict) or "auths" not in document:
            raise _rule('must be a .dockerconfigjson: {"auths": {…}}')
        return docker_config


class Settings(Model):
    """Everything that a stack can be told."""

    stack: Literal["local", "dev", "prod"] = Field(
        exclude=True, description="Name of the stack; picks the overlay in gitops/"
    )
    region: Annotated[str, _matching(r"[a-z]{2}(-[a-z]+)+-\d", "must be an AWS region such as us-east-1")] = Field(
        alias="aws:region", description="AWS region"
    )

    network: NetworkSettings = Field(default=NetworkSettings(), description=(NetworkSettings.__doc__ or ""))
    ingress: IngressSettings = Field(default=IngressSettings(), description=(IngressSettings.__doc__ or ""))
    cluster: ClusterSettings = Field(description=(ClusterSettings.__doc__ or ""))
    database: DatabaseSettings = Field(default=DatabaseSettings(), description=(DatabaseSettings.__doc__ or ""))
    gitops: GitopsSettings = Field(default=GitopsSettings(), description=(GitopsSettings.__doc__ or ""))
    tags: dict[str, str] = Field(default={}, description="Tags of every AWS resource, beside Project and Environment")

    @property
    def name(self) -> str:
        """Prefix of every resource's name."""
        return f"realworld-{self.stack}"

    @property
    def resource_tags(self) -> dict[str, str]:
        """Tags of every AWS resource."""
        return {"Project": PROJECT, "Environment": self.stack, "ManagedBy": "pulumi", **self.tags}

    @classmethod
    def parse(cls, stack: str, config: Mapping[str, str]) -> Self:
        """Reads a stack's configuration.

        Args:
            stack: Name of the stack.
            config: Pulumi's configuration: full keys (``project:key``), objects as JSON.

        Raises:
            SettingsError: something is wrong; one line per fault, each with the key, the value and the rule.
        """
        document: dict[str, object] = {"stack": stack}
        for full_key, text in config.items():
            namespace, _, key = full_key.partition(":")
            if namespace == PROJECT:
                try:
                    document[key] = json.loads(text)
                except json.JSONDecodeError:
                    document[key] = text
        document["aws:region"] = config.get("aws:region", "")
        document.setdefault("cluster", {})
        try:
            return cls.model_validate_json(json.dumps(document))
        except ValidationError as error:
            raise SettingsError("\n".join(_line(fault) for fault in error.errors())) from None

    @classmethod
    def load(cls) -> Self:
        """Reads the configuration of the stack that is being deployed.

        Raises:
            pulumi.RunError: something is wrong with it; see ``parse``.
        """
        return cls.parse(pulumi.get_stack(), {**get_config_env(), **CONFIG.get()})


class SettingsError(pulumi.RunError):
    """The configuration breaks a rule; the text is one line per fault."""


def _line(fault: ErrorDetails) -> str:
    location = [part if ":" in part else to_camel(part) for part in map(str, fault["loc"])]
    key = "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in location).removeprefix(".")
    name = key if location[0] in {"stack", "aws:region"} else f"{PROJECT}:{key}"
    rule = {
        "extra_forbidden": "is no key of this project; `make config` lists them",
        "missing": "must be set",
    }.get(fault["type"], fault["msg"].replace("Input should be", "must be").replace("Tuple should have", "must have"))
    hidden = location[-1] in SECRET_FIELDS
    return f"{name} = {'(secret)' if hidden else json.dumps(fault['input'], default=str)}: {rule}"


SECRET_FIELDS = frozenset(
    to_camel(name) for name, field in GitopsSettings.model_fields.items() if "SecretStr" in str(field.annotation)
)
