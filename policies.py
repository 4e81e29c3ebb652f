"""IAM policy documents as pure functions."""

import json
from collections.abc import Mapping, Sequence
from typing import TypedDict

Conditions = Mapping[str, Mapping[str, str | Sequence[str]]]
"""Operator → condition key → value or values."""


class Statement(TypedDict, total=False):
    """One statement of a policy document, in IAM's own spelling."""

    Sid: str
    Effect: str
    Principal: str | dict[str, str | list[str]]
    Action: list[str]
    Resource: list[str]
    Condition: dict[str, dict[str, str | list[str]]]


def allow(
    actions: Sequence[str],
    resources: Sequence[str],
    *,
    sid: str | None = None,
    conditions: Conditions | None = None,
) -> Statement:
    """A statement that allows ``actions`` on ``resources`` while every condition holds."""
    statement = Statement(Effect="Allow", Action=list(actions), Resource=list(resources))
    if sid is not None:
        statement["Sid"] = sid
    if conditions:
        statement["Condition"] = {
            operator: {key: value if isinstance(value, str) else list(value) for key, value in tests.items()}
            for operator, tests in conditions.items()
        }
    return statement


def document(*statements: Statement) -> str:
    """A policy document as the JSON text that AWS takes."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(service: str, *, tag_session: bool = False) -> str:
    """The trust policy of a role that ``service`` may assume.

    ``tag_session`` adds sts:TagSession, which EKS Pod Identity needs (pods.eks.amazonaws.com).
    """
    actions = ["sts:AssumeRole", "sts:TagSession"] if tag_session else ["sts:AssumeRole"]
    return document(Statement(Effect="Allow", Principal={"Service": service}, Action=actions))
