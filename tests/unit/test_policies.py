"""IAM documents as pure functions."""

import json

from hypothesis import given
from hypothesis import strategies as st

from cluster.karpenter_policies import POLICY_NAMES, karpenter_policies, queue_policy
from cluster.load_balancer_controller import controller_policy
from policies import allow, document, trust

NAMES = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=40)


@given(cluster_name=NAMES)
def test_karpenter_touches_only_what_carries_its_clusters_tag(cluster_name: str) -> None:
    documents = karpenter_policies(
        region="eu-central-1",
        account_id="012345678901",
        cluster_name=cluster_name,
        cluster_arn="arn:aws:eks:eu-central-1:012345678901:cluster/x",
        node_role_arn="arn:aws:iam::012345678901:role/node",
        queue_arn="arn:aws:sqs:eu-central-1:012345678901:q",
    )
    (deletion,) = json.loads(documents["terminate"])["Statement"]

    assert tuple(documents) == POLICY_NAMES
    assert deletion["Condition"]["StringEquals"] == {f"aws:ResourceTag/kubernetes.io/cluster/{cluster_name}": "owned"}
    assert all(len("".join(text.split())) <= 6144 for text in documents.values())


def test_the_controller_changes_one_target_group_only() -> None:
    read, bind = json.loads(controller_policy("arn:tg"))["Statement"]

    assert bind["Resource"] == ["arn:tg"]
    assert all("Describe" in action for action in read["Action"])


def test_the_queue_refuses_messages_without_tls() -> None:
    send, deny = json.loads(queue_policy("arn:q"))["Statement"]

    assert (send["Effect"], send["Resource"]) == ("Allow", ["arn:q"])
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_pods_may_tag_their_sessions_and_services_may_not() -> None:
    pods, service = (json.loads(text)["Statement"][0]["Action"] for text in (trust("p", tag_session=True), trust("s")))

    assert pods == ["sts:AssumeRole", "sts:TagSession"]
    assert service == ["sts:AssumeRole"]


def test_an_absent_condition_leaves_no_key() -> None:
    (statement,) = json.loads(document(allow(["s3:GetObject"], ["*"])))["Statement"]

    assert statement == {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["*"]}
