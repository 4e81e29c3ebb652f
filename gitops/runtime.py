"""What Pulumi hands to Git by substitution, so that the tree holds no value of an account.

The fields are the variables: ``cluster_name`` here is ``${cluster_name}`` there.
"""

from base64 import b64encode
from dataclasses import dataclass, fields
from typing import Final, Self

import pulumi
from pydantic import SecretStr

from cluster.control_plane import Cluster
from database.postgresql import Database
from network.load_balancer import LoadBalancer
from settings import AlertProviderType, GitopsSettings, Settings

NAME: Final = "platform-runtime"
"""Name of the ConfigMap and of the Secret, both in flux-system."""


@dataclass(frozen=True, kw_only=True)
class RuntimeValues:
    """The ConfigMap; every value is a string, as substitution wants it.

    Attributes:
        stack: Name of the stack, and of the overlay.
        aws_region: AWS region.
        aws_account_id: AWS account.
        cluster_name: Name of the EKS cluster.
        ingress_host: Host name of the app: its domain, or else the load balancer's name.
        ingress_target_group_arn: Target group of the gateway.
        database_host: Host name of PostgreSQL.
        database_name: Database of the app.
        database_username: Its user.
        git_url: Repository that Flux follows.
        git_branch: Branch that Flux follows.
        git_push_branch: Branch that image automation writes.
        git_commit_status_address: HTTPS address of the repository, for commit status.
        image_repository: Image of the app, without a tag.
        image_semver_range: Tags that may be released.
        alert_provider_type: ``slack`` or ``generic``.
        commit_status_suspended: ``true`` without a GitHub token: there is nobody to report to.
        image_automation_suspended: ``true`` for a repository that cannot be written.
    """

    stack: pulumi.Input[str]
    aws_region: pulumi.Input[str]
    aws_account_id: pulumi.Input[str]
    cluster_name: pulumi.Input[str]
    ingress_host: pulumi.Input[str]
    ingress_target_group_arn: pulumi.Input[str]
    database_host: pulumi.Input[str]
    database_name: pulumi.Input[str]
    database_username: pulumi.Input[str]
    git_url: pulumi.Input[str]
    git_branch: pulumi.Input[str]
    git_push_branch: pulumi.Input[str]
    git_commit_status_address: pulumi.Input[str]
    image_repository: pulumi.Input[str]
    image_semver_range: pulumi.Input[str]
    alert_provider_type: pulumi.Input[str]
    commit_status_suspended: pulumi.Input[str]
    image_automation_suspended: pulumi.Input[str]

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        cluster: Cluster,
        ingress: LoadBalancer,
        database: Database,
    ) -> Self:
        """The values of a stack: what its settings say, and what the cloud answered."""
        gitops = settings.gitops
        return cls(
            stack=settings.stack,
            aws_region=settings.region,
            aws_account_id=cluster.arn.apply(lambda arn: arn.split(":")[4]),
            cluster_name=cluster.name,
            ingress_host=ingress.host,
            ingress_target_group_arn=ingress.target_group_arn,
            database_host=database.address,
            database_name=settings.database.name,
            database_username=settings.database.username,
            git_url=gitops.repository_url,
            git_branch=gitops.branch,
            git_push_branch=gitops.push_branch or gitops.branch,
            git_commit_status_address=https_address(gitops.repository_url),
            image_repository=gitops.image_repository,
            image_semver_range=gitops.image_semver_range,
            alert_provider_type=gitops.alert_provider,
            commit_status_suspended=_yaml(gitops.github_token is None),
            image_automation_suspended=_yaml(gitops.repository_is_read_only),
        )


@dataclass(frozen=True, kw_only=True)
class RuntimeSecrets:
    """The Secret; empty text where a setting is absent.

    Attributes:
        database_password: Password of PostgreSQL's user.
        alert_address: Webhook of the alerts' receiver.
        event_address: The same for Flagger's events, whose JSON Slack does not take; empty then.
        git_token: GitHub token for commit status.
        registry_docker_config_json: ``.dockerconfigjson`` in base64.
    """

    database_password: pulumi.Input[str]
    alert_address: pulumi.Input[str]
    event_address: pulumi.Input[str]
    git_token: pulumi.Input[str]
    registry_docker_config_json: pulumi.Input[str]

    @classmethod
    def of(cls, settings: GitopsSettings, *, database_password: pulumi.Input[str]) -> Self:
        """The secrets of a stack: what its settings say, and the generated password."""
        docker_config = revealed(settings.registry_docker_config) or '{"auths": {}}'
        alert_address = revealed(settings.alert_address) or ""
        takes_any_json = settings.alert_provider is AlertProviderType.GENERIC
        return cls(
            database_password=database_password,
            alert_address=pulumi.Output.secret(alert_address),
            event_address=pulumi.Output.secret(alert_address if takes_any_json else ""),
            git_token=pulumi.Output.secret(revealed(settings.github_token) or ""),
            registry_docker_config_json=pulumi.Output.secret(b64encode(docker_config.encode()).decode()),
        )


RUNTIME_KEYS: Final = tuple(field.name for field in fields(RuntimeValues))
SECRET_KEYS: Final = tuple(field.name for field in fields(RuntimeSecrets))


def _yaml(condition: bool) -> str:
    return "true" if condition else "false"


def revealed(secret: SecretStr | None) -> str | None:
    """The text of a secret setting, None where it is absent."""
    return None if secret is None else secret.get_secret_value()


def https_address(repository_url: str) -> str:
    """The repository's address for people and for GitHub's API: ssh://git@host/o/n.git → https://host/o/n."""
    address = repository_url.removesuffix(".git")
    scheme, _, rest = address.partition("://")
    if scheme != "ssh":
        return address
    host, _, path = rest.rpartition("@")[2].partition("/")
    return f"https://{host.partition(':')[0]}/{path}"
