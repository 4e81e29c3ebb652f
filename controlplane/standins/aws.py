"""Stand-in for ``aws eks get-token``: prints the token that a file holds, in the form that kubeconfigs expect."""

import argparse
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

LIFETIME = timedelta(minutes=14)
"""As AWS tells clients to ask again after."""


def credential(token: str, now: datetime) -> dict[str, object]:
    """Return the ExecCredential that carries a token."""
    expires = (now + LIFETIME).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "kind": "ExecCredential",
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "spec": {},
        "status": {"expirationTimestamp": expires, "token": token},
    }


def main(token_file: Path, arguments: list[str]) -> None:
    """Answer one call of the command; any other command ends with a usage line and exit status 2."""
    parser = argparse.ArgumentParser(prog="aws", description=__doc__)
    parser.add_argument("--region")
    services = parser.add_subparsers(dest="service", required=True)
    commands = services.add_parser("eks").add_subparsers(dest="command", required=True)
    get_token = commands.add_parser("get-token")
    get_token.add_argument("--cluster-name", required=True)
    get_token.add_argument("--region")
    get_token.add_argument("--output", choices=["json"], default="json")
    parser.parse_args(arguments)
    print(json.dumps(credential(token_file.read_text(), datetime.now(UTC))))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
