"""Flux's access to the repository: deploy key, token or none."""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_github as github
import pulumi_tls as tls

from gitops.runtime import https_address, revealed
from settings import GitAuthentication, GitopsSettings

GITHUB_KNOWN_HOSTS: Final = "\n".join(
    f"github.com {key}"
    for key in (
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9"
        "nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=",
    )
)
"""Host keys that GitHub publishes (docs.github.com, "GitHub's SSH key fingerprints")."""


@dataclass(frozen=True, kw_only=True)
class RepositoryAccessArgs:
    """How the repository is reached.

    Attributes:
        title: Title of the deploy key.
        settings: Repository, kind of access, tokens.
    """

    title: pulumi.Input[str]
    settings: GitopsSettings


class RepositoryAccess(pulumi.ComponentResource):
    """Credentials that can read and, for image automation, write the repository.

    Attributes:
        secret_data: Content of Flux's Git Secret; None where the repository needs none.
        public_key: Public half of the deploy key, else None.
        needs_a_hand: Whether a person has to register the key before Flux can read the repository.
        next_step: What that person does, in one line; empty where nothing is left to do.
    """

    secret_data: dict[str, pulumi.Input[str]] | None
    public_key: pulumi.Output[str] | None
    needs_a_hand: bool
    next_step: pulumi.Output[str]

    def __init__(self, name: str, args: RepositoryAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Registers the key and, with a GitHub token, its place in the repository."""
        super().__init__("realworld:gitops:RepositoryAccess", name, None, opts)
        self.secret_data = None
        self.public_key = None
        self.needs_a_hand = False
        self.next_step = pulumi.Output.from_input("")
        match args.settings.authentication:
            case GitAuthentication.TOKEN:
                token = pulumi.Output.secret(revealed(args.settings.token) or "")
                self.secret_data = {"username": "git", "password": token}
            case GitAuthentication.DEPLOY_KEY:
                self._deploy_key(name, args)
            case GitAuthentication.NONE:
                pass
        self.register_outputs({"public_key": self.public_key})

    def _deploy_key(self, name: str, args: RepositoryAccessArgs) -> None:
        key = tls.PrivateKey(f"{name}-deploy-key", algorithm="ED25519", opts=pulumi.ResourceOptions(parent=self))
        self.public_key = key.public_key_openssh.apply(str.strip)
        self.secret_data = {
            "identity": key.private_key_openssh,
            "identity.pub": key.public_key_openssh,
            "known_hosts": args.settings.known_hosts or GITHUB_KNOWN_HOSTS,
        }
        address = https_address(args.settings.repository_url)
        github_token = revealed(args.settings.github_token)
        if github_token is None:
            self.needs_a_hand = True
            self.next_step = pulumi.Output.concat(
                f"Add this deploy key with write access at {address}/settings/keys/new: ", self.public_key
            )
            return
        owner, _, repository = address.partition("://")[2].partition("/")[2].partition("/")
        provider = github.Provider(
            name, owner=owner, token=pulumi.Output.secret(github_token), opts=pulumi.ResourceOptions(parent=self)
        )
        github.RepositoryDeployKey(
            f"{name}-deploy-key",
            repository=repository,
            title=args.title,
            key=self.public_key,
            read_only=False,
            opts=pulumi.ResourceOptions(parent=self, provider=provider),
        )
