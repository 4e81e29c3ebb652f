"""The simulated cloud itself, without any protocol: inputs in, outputs out.

``Cloud`` serves the provider server and, with ``permissive=True``, the mocks of the unit tests and the plan.
"""

import base64
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from simulator import controllers, errors, naming, queries, schema
from simulator.account import Account, digest
from simulator.computed import KINDS, Birth, Kind, born
from simulator.control_plane import LOOPBACK, ControlPlane, NotReadyError, Objects, inputs_of
from simulator.errors import CloudError
from simulator.references import CLUSTER, LOG_GROUP, references
from simulator.things import Store, Thing, key_of
from simulator.values import Values, at, list_at, object_at

NAMESPACE: Final = "kubernetes:core/v1:Namespace"
SERVICE: Final = "kubernetes:core/v1:Service"
SECRET: Final = "kubernetes:core/v1:Secret"  # noqa: S105 – a type token
RELEASE: Final = naming.RELEASE
CRD: Final = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
ADMISSION_POLICY: Final = "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy"
ADMISSION_BINDING: Final = f"{ADMISSION_POLICY}Binding"
NODE_GROUP: Final = "aws:eks/nodeGroup:NodeGroup"
ADDON: Final = "aws:eks/addon:Addon"
INSTANCE: Final = "aws:ec2/instance:Instance"
INTERFACE: Final = "aws:ec2/networkInterface:NetworkInterface"
SUBNET: Final = "aws:ec2/subnet:Subnet"
BALANCER: Final = "aws:lb/loadBalancer:LoadBalancer"
DATABASE: Final = "aws:rds/instance:Instance"
SNAPSHOT: Final = "aws:rds/snapshot:Snapshot"

CLUSTER_SCOPED: Final = frozenset(
    {
        "APIService",
        "ClusterIssuer",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "EC2NodeClass",
        "GatewayClass",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "NodePool",
        "PersistentVolume",
        "PriorityClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    }
)
"""Kinds of Kubernetes objects that have no namespace."""

PROTECTIONS: Final = {
    DATABASE: ("deletionProtection", "InvalidParameterCombination"),
    BALANCER: ("enableDeletionProtection", "OperationNotPermitted"),
    CLUSTER: ("deletionProtection", "InvalidRequestException"),
}
"""Types with a deletion protection: the input that turns it on, and AWS's code while it is on."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What was done to the cloud: ``create``, ``update`` or ``delete``, and how long AWS takes for it."""

    action: str
    token: str
    name: str
    id: str
    seconds: int = 0


class Cloud:
    """A simulated AWS account with the Kubernetes clusters in it.

    Attributes:
        account: Account and region that answer.
        operations: Everything that was done since the cloud was opened, in order.
    """

    account: Account
    operations: list[Operation]

    def __init__(
        self,
        path: Path | None = None,
        *,
        permissive: bool = False,
        account: Account | None = None,
        faults: Mapping[str, str] | None = None,
        control_plane: ControlPlane | None = None,
    ) -> None:
        """Opens a cloud.

        Args:
            path: File that keeps it; None for one that is forgotten.
            permissive: Answer without checking types, references or dependants, for single resources under mocks.
            account: Account and region.
            faults: Error code by operation (``create:aws:rds/instance:Instance``), raised instead of the operation.
            control_plane: A real API server that new clusters stand on; without it their objects are simulated too.
        """
        self.account = account or Account()
        self.operations = []
        self._permissive = permissive
        self._faults = dict(faults or {})
        self._control_plane = control_plane
        self._objects: dict[str, Objects] = {}
        self._store = Store(path)
        self._lock = threading.RLock()

    def __iter__(self) -> Iterator[Thing]:
        """Everything that stands in the cloud, oldest first."""
        return iter(self._store)

    def find(self, identifier: str) -> Thing | None:
        """The live AWS thing with this id or ARN, or the one that has it as a part."""
        for thing in self._store:
            if thing.token.startswith("aws:") and identifier in {thing.id, thing.arn, *thing.parts}:
                return thing
        return None

    def orphans(self) -> list[Thing]:
        """What controllers made behind Pulumi's back and nobody deleted."""
        return [thing for thing in self._store if thing.maker]

    # --- what a provider does -----------------------------------------------------------------------------------------

    def connect(self, cluster: str, kubeconfig: Values) -> None:
        """Takes the kubeconfig by which a cluster is reached; it matters where a real API server answers."""
        plane = self._control_plane
        if plane is not None and at(kubeconfig, "clusters", 0, "cluster", "server") == plane.endpoint:
            self._objects.setdefault(cluster, Objects(lambda: plane.open(kubeconfig)))

    def create(
        self, token: str, name: str, inputs: Values, *, cluster: str = "", timeout_seconds: float = 0
    ) -> tuple[str, Values]:
        """Makes a resource.

        Args:
            token: Its type, such as ``aws:ec2/vpc:Vpc``.
            name: Its logical name.
            inputs: Its inputs, camelCase.
            cluster: Name of the EKS cluster that a Kubernetes object goes into.
            timeout_seconds: How long a real API server is given; 0 for the real provider's default.

        Returns:
            Its id and its outputs.

        Raises:
            CloudError: AWS or Kubernetes would refuse it.
            NotReadyError: it stands, and does not become ready in time.
        """
        with self._lock:
            self._fail_if_told("create", token)
            seed = self._store.next_seed(token, name)
            inputs = naming.named(token, name, inputs, seed=seed)
            if token.startswith("kubernetes:"):
                thing = self._new_object(token, name, inputs, seed, cluster)
            else:
                thing = self._new_resource(token, name, inputs, seed)
        with self._applied(thing, inputs, timeout_seconds) as outputs, self._lock:
            thing.outputs = outputs
            self._store.things[thing.key] = thing
            self._set_controllers_going(thing)
            self._log("create", thing)
        return thing.id, thing.outputs

    def read(self, token: str, identifier: str, *, cluster: str = "") -> Thing | None:
        """The live thing of a type and id."""
        with self._lock:
            return self._store.things.get(key_of(token, identifier, cluster))

    def refresh(self, token: str, identifier: str, *, cluster: str = "") -> Thing | None:
        """The live thing as it is by now: an object on a real API server may have been changed by others.

        Raises:
            CloudError: the API server does not answer.
        """
        thing = self.read(token, identifier, cluster=cluster)
        objects = self._objects_around(thing) if thing is not None else None
        if thing is None or objects is None:
            return thing
        live = objects.read(thing.inputs)
        with self._lock:
            if live is None:
                del self._store.things[thing.key]
                self._store.save()
                return None
            thing.inputs, thing.outputs = inputs_of(thing.inputs, live), live
            return thing

    def update(
        self, token: str, identifier: str, inputs: Values, *, cluster: str = "", timeout_seconds: float = 0
    ) -> Values:
        """Changes a resource in place and returns its outputs.

        Raises:
            CloudError: it is gone, or AWS or Kubernetes would refuse the change.
            NotReadyError: it was changed, and does not become ready in time.
        """
        with self._lock:
            self._fail_if_told("update", token)
            thing = self.read(token, identifier, cluster=cluster)
            if thing is None:
                raise errors.not_found(errors.service_of(token), identifier, "the update")
            before = vars(thing).copy()
            if thing.cluster:
                self._reach(thing.cluster)
                self._admit(token, inputs, thing.cluster)
            thing.uses = self._resolve(token, inputs)
            computed = {key: value for key, value in thing.outputs.items() if key not in thing.inputs}
            thing.outputs = {**self._visible(inputs), **computed}
            if "metadata" in inputs:
                thing.outputs["metadata"] = {**(thing.outputs["metadata"] or {}), **self._object_metadata(thing.id)}
                thing.outputs.update(self._object_status(token, inputs))
            if token == CLUSTER:
                server_made = {"clusterSecurityGroupId": thing.parts[0]}
                thing.outputs["vpcConfig"] = {**object_at(inputs, "vpcConfig"), **server_made}
            if token == "aws:ec2/launchTemplate:LaunchTemplate":  # noqa: S105 – a type token
                thing.outputs["latestVersion"] = int(thing.outputs["latestVersion"]) + 1
                if inputs.get("updateDefaultVersion"):
                    thing.outputs["defaultVersion"] = thing.outputs["latestVersion"]
            thing.inputs = inputs
        try:
            with self._applied(thing, inputs, timeout_seconds) as outputs, self._lock:
                thing.outputs = outputs
                self._set_controllers_going(thing)
                self._log("update", thing)
        except NotReadyError:
            raise
        except CloudError:
            vars(thing).update(before)
            raise
        return thing.outputs

    def delete(self, token: str, identifier: str, *, cluster: str = "", timeout_seconds: float = 0) -> None:
        """Deletes a resource; one that is gone already is no error, as with the real providers.

        Raises:
            CloudError: it is protected, in use, or its finalizer waits for a controller that is gone.
        """
        with self._lock:
            self._fail_if_told("delete", token)
            thing = self.read(token, identifier, cluster=cluster)
            if thing is None:
                return
            if token.startswith("kubernetes:"):
                self._reach(thing.cluster)
                self._finalize(thing)
            else:
                self._refuse_if_needed(thing)
        objects = self._objects_around(thing)
        if objects is not None:
            objects.delete(thing.inputs, timeout_seconds)
        with self._lock:
            del self._store.things[thing.key]
            self._clean_up(thing)
            self._log("delete", thing)

    def invoke(self, token: str, args: Values) -> Values:
        """Answers a data source.

        Raises:
            CloudError: nothing matches.
            LookupError: the simulated cloud does not know the data source.
        """
        with self._lock:
            return queries.answer(token, args, self.account, list(self._store), permissive=self._permissive)

    # --- AWS ----------------------------------------------------------------------------------------------------------

    def _new_resource(self, token: str, name: str, inputs: Values, seed: str) -> Thing:
        kind = schema.resource_type(token)
        physical = str(inputs.get(naming.name_property(token) or "name") or inputs.get("name") or name)
        uses = self._resolve(token, inputs)
        birth = Birth(token=token, name=physical, inputs=inputs, seed=seed, account=self.account, find=self._outputs_of)
        has_arn = token.startswith("aws:") and kind is not None and "arn" in kind.outputs
        identifier, arn, computed = born(birth, KINDS.get(token, Kind()), has_arn=has_arn)
        outputs = {**self._visible(inputs), **computed}
        if arn:
            outputs["arn"] = arn
        if kind is not None and "tagsAll" in kind.outputs:
            outputs["tagsAll"] = object_at(inputs, "tags")
        if kind is not None and token.startswith("aws:"):
            common = {"region": self.account.region, "ownerId": self.account.account_id}
            outputs = {key: value for key, value in common.items() if key in kind.outputs} | outputs
        parts = [
            str(value)
            for value in (
                at(outputs, "vpcConfig", "clusterSecurityGroupId"),
                *(outputs.get(key) for key in ("defaultSecurityGroupId", "defaultRouteTableId", "defaultNetworkAclId")),
            )
            if value
        ]
        if token == CLUSTER and self._control_plane is not None:
            authority = {"data": self._control_plane.certificate_authority}
            outputs["endpoint"] = self._control_plane.endpoint
            outputs |= {"certificateAuthority": authority, "certificateAuthorities": [authority]}
        thing = Thing(
            token=token, id=identifier, name=name, arn=arn, inputs=inputs, outputs=outputs, uses=uses, parts=parts
        )
        if not self._permissive:
            self._refuse_if_taken(thing)
            self._wait_for_nodes(thing)
        return thing

    def _outputs_of(self, identifier: str) -> Values | None:
        service, slash, name = identifier.partition("/")
        if slash and service == "eks":
            cluster = self.read(CLUSTER, name)
            return cluster.outputs if cluster else None
        thing = self.find(identifier)
        return thing.outputs if thing else None

    def _visible(self, inputs: Values) -> Values:
        return {key: value for key, value in inputs.items() if not key.startswith("__")}

    def _resolve(self, token: str, inputs: Values) -> list[str]:
        """Keys of the things that the inputs name.

        Raises:
            CloudError: one of them does not exist.
        """
        if self._permissive:
            return []
        keys: dict[str, None] = {}
        for reference in references(token, inputs):
            if reference.token:
                thing = self._named(reference.token, reference.identifier)
            else:
                thing = self.find(reference.identifier)
            if thing is None:
                raise errors.not_found(reference.service, reference.identifier, f"{'.'.join(map(str, reference.path))}")
            if reference.identifier not in thing.parts:
                keys[thing.key] = None
        return list(keys)

    def _named(self, token: str, name: str) -> Thing | None:
        for thing in self._store:
            if thing.token == token and name in {thing.id, thing.arn, thing.inputs.get("name")}:
                return thing
        return None

    def _refuse_if_taken(self, thing: Thing) -> None:
        for other in self._store:
            same_arn = thing.arn and other.arn == thing.arn
            if other.key == thing.key or (same_arn and other.token == thing.token):
                raise errors.exists(thing.token, thing.inputs.get("name") or thing.id)

    def _refuse_if_needed(self, thing: Thing) -> None:
        if self._permissive:
            return
        protection, code = PROTECTIONS.get(thing.token, ("", ""))
        if protection and thing.inputs.get(protection):
            raise CloudError(code, f"{thing.id!r} has {protection}; turn it off and deploy before you destroy")
        users = [str(other) for other in self._store if thing.key in other.uses and other.key != thing.key]
        if users:
            raise errors.in_use(thing.token, thing.id, users)

    def _wait_for_nodes(self, thing: Thing) -> None:
        """Refuses what would wait for nodes, or nodes that would wait for a network, until AWS gives up."""
        cluster = str(thing.inputs.get("clusterName", ""))
        addon = thing.inputs.get("addonName")
        if thing.token == ADDON and addon in {"coredns", "metrics-server", *controllers.ADDON_NAMESPACES}:
            if not self._has_nodes(cluster):
                raise CloudError("DEGRADED", f"add-on {addon} waits for a node, and cluster {cluster} has none")
        elif thing.token == NODE_GROUP:
            owner = self._named(CLUSTER, cluster)
            brings_its_own = owner is None or owner.inputs.get("bootstrapSelfManagedAddons", True)
            networks = {str(other.inputs["addonName"]) for other in self._store if other.token == ADDON}
            if not brings_its_own and "vpc-cni" not in networks:
                raise CloudError("NodeCreationFailure", f"nodes of {cluster} never become Ready: no vpc-cni add-on")

    def _has_nodes(self, cluster: str) -> bool:
        return any(thing.token == NODE_GROUP and thing.inputs.get("clusterName") == cluster for thing in self._store)

    # --- Kubernetes ---------------------------------------------------------------------------------------------------

    def _new_object(self, token: str, name: str, inputs: Values, seed: str, cluster: str) -> Thing:
        if not self._permissive:
            self._reach(cluster)
        identifier = self._object_id(token, inputs)
        if token == RELEASE:
            thing = self._new_resource(token, name, inputs, seed)
            thing.id, thing.cluster = identifier, cluster
        else:
            uid = digest(seed, "uid", length=32)
            metadata = {
                **object_at(inputs, "metadata"),
                **self._object_metadata(identifier),
                "uid": f"{uid[:8]}-{uid[8:12]}-{uid[12:16]}-{uid[16:20]}-{uid[20:]}",
            }
            outputs = {**self._visible(inputs), "metadata": metadata, **self._object_status(token, inputs)}
            thing = Thing(token=token, id=identifier, name=name, inputs=inputs, outputs=outputs, cluster=cluster)
        if not self._permissive:
            if thing.key in self._store.things:
                raise CloudError("AlreadyExists", f"{inputs.get('kind', 'Release')} {identifier!r} already exists")
            self._admit(token, inputs, cluster)
        return thing

    def _object_id(self, token: str, inputs: Values) -> str:
        if token == RELEASE:
            return f"{inputs.get('namespace') or 'default'}/{inputs['name']}"
        name = str(at(inputs, "metadata", "name") or "")
        if inputs.get("kind") in CLUSTER_SCOPED or token.rpartition(":")[2] in CLUSTER_SCOPED:
            return name
        return f"{at(inputs, 'metadata', 'namespace') or 'default'}/{name}"

    def _object_metadata(self, identifier: str) -> Values:
        namespace, slash, _ = identifier.rpartition("/")
        stamps = {"creationTimestamp": "2026-11-23T12:00:00Z", "generation": 1, "resourceVersion": "1"}
        return {**stamps, "namespace": namespace} if slash else stamps

    def _object_status(self, token: str, inputs: Values) -> Values:
        if token == SECRET:
            encoded = {
                key: base64.b64encode(str(value).encode()).decode()
                for key, value in object_at(inputs, "stringData").items()
            }
            return {"data": {**object_at(inputs, "data"), **encoded}, "type": inputs.get("type", "Opaque")}
        if token == NAMESPACE:
            return {"status": {"phase": "Active"}}
        if schema.resource_type(token) is None:
            return {"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "Succeeded"}]}}
        return {}

    def _reach(self, cluster: str) -> None:
        if self._permissive:
            return
        owner = self.read(CLUSTER, cluster)
        is_gone = owner is None or (
            str(owner.outputs["endpoint"]).startswith(LOOPBACK) and cluster not in self._objects
        )
        if is_gone:
            raise CloudError("Unreachable", f"no API server answers for cluster {cluster!r}")

    def _objects_around(self, thing: Thing) -> Objects | None:
        """The real objects of the cluster that a thing is in; None for what is simulated: AWS and what charts bring."""
        return None if thing.token == RELEASE else self._objects.get(thing.cluster)

    @contextmanager
    def _applied(self, thing: Thing, inputs: Values, timeout_seconds: float) -> Generator[Values]:
        """Brings a thing to the real API server, if it belongs there; yields its outputs to keep, then may fail."""
        objects = self._objects_around(thing)
        failure: NotReadyError | None = None
        outputs = thing.outputs
        if objects is not None:
            try:
                outputs = objects.apply(inputs, timeout_seconds)
            except NotReadyError as error:
                failure, outputs = error, error.outputs
        yield outputs
        if failure is not None:
            failure.identifier = thing.id
            raise failure

    def _admit(self, token: str, inputs: Values, cluster: str) -> None:
        """What the API server, its webhooks and its admission policies refuse."""
        if self._permissive:
            return
        namespace = inputs.get("namespace") if token == RELEASE else at(inputs, "metadata", "namespace")
        if namespace and not (token == RELEASE and inputs.get("createNamespace")):
            self._require_namespace(str(namespace), cluster)
        kind = controllers.group_kind(inputs)
        if token == RELEASE:
            chart = controllers.chart_name(inputs)
            if chart != "karpenter-crd" and not inputs.get("skipAwait") and not self._has_nodes(cluster):
                raise CloudError("Timeout", f"release {inputs['name']!r}: its pods find no node to run on")
        elif schema.resource_type(token) is None and kind not in self._served_kinds(cluster):
            raise CloudError("NotFound", f'no matches for kind "{inputs.get("kind")}" in "{inputs.get("apiVersion")}"')
        elif token == SERVICE and at(inputs, "spec", "type") == "LoadBalancer":
            self._ask_admission_policies(cluster)
        elif kind == "elbv2.k8s.aws/TargetGroupBinding":
            self._require(str(at(inputs, "spec", "targetGroupARN")), "TargetGroupNotFound")
        elif kind == "karpenter.k8s.aws/EC2NodeClass" and controllers.is_awaited(inputs):
            self._require_node_class(inputs)

    def _require(self, identifier: str, code: str) -> Thing:
        thing = self.find(identifier)
        if thing is None:
            raise CloudError(code, f"{identifier!r} does not exist")
        return thing

    def _require_namespace(self, namespace: str, cluster: str) -> None:
        made_by_addons = {
            controllers.ADDON_NAMESPACES.get(str(thing.inputs.get("addonName")))
            for thing in self._store
            if thing.token == ADDON and thing.inputs.get("clusterName") == cluster
        }
        made_by_charts = {
            thing.inputs.get("namespace")
            for thing in self._inside(cluster)
            if thing.token == RELEASE and thing.inputs.get("createNamespace")
        }
        if (
            namespace not in controllers.BUILT_IN_NAMESPACES | made_by_addons | made_by_charts
            and self.read(NAMESPACE, namespace, cluster=cluster) is None
        ):
            raise CloudError("NotFound", f'namespaces "{namespace}" not found')

    def _inside(self, cluster: str) -> list[Thing]:
        return [thing for thing in self._store if thing.cluster == cluster and thing.token.startswith("kubernetes:")]

    def _served_kinds(self, cluster: str) -> set[str]:
        kinds: set[str] = set()
        for thing in self._inside(cluster):
            if thing.token == RELEASE:
                chart = controllers.chart_name(thing.inputs)
                if not (chart == "karpenter" and thing.inputs.get("skipCrds")):
                    kinds |= controllers.CHARTS.get(chart, controllers.Chart()).serves
            elif thing.token == CRD:
                kinds.add(f"{at(thing.inputs, 'spec', 'group')}/{at(thing.inputs, 'spec', 'names', 'kind')}")
            elif controllers.group_kind(thing.inputs) == "fluxcd.controlplane.io/FluxInstance" and (
                thing.settled or controllers.is_awaited(thing.inputs)
            ):
                kinds |= controllers.FLUX_KINDS
        return kinds

    def _ask_admission_policies(self, cluster: str) -> None:
        bound = {
            str(at(thing.inputs, "spec", "policyName"))
            for thing in self._inside(cluster)
            if thing.token == ADMISSION_BINDING
        }
        for thing in self._inside(cluster):
            if thing.token == ADMISSION_POLICY and at(thing.inputs, "metadata", "name") in bound:
                for validation in list_at(thing.inputs, "spec", "validations"):
                    if "LoadBalancer" in str(validation.get("expression")):
                        raise CloudError("Forbidden", str(validation.get("message")))

    def _require_node_class(self, inputs: Values) -> None:
        """Karpenter calls an EC2NodeClass Ready when its subnets, groups and instance profile exist."""
        if not self._selected_subnets(inputs):
            raise CloudError("SubnetsNotFound", f"{at(inputs, 'spec', 'subnetSelectorTerms')} selects no subnet")
        for term in list_at(inputs, "spec", "securityGroupSelectorTerms"):
            if "id" in term:
                self._require(str(term["id"]), "SecurityGroupsNotFound")
        profile = at(inputs, "spec", "instanceProfile")
        if profile and self.read("aws:iam/instanceProfile:InstanceProfile", str(profile)) is None:
            raise CloudError("InstanceProfileNotFound", f"{profile!r} does not exist")

    def _selected_subnets(self, node_class: Values) -> list[Thing]:
        terms: list[Values] = list_at(node_class, "spec", "subnetSelectorTerms")
        return [
            thing
            for thing in self._store
            if thing.token == SUBNET
            and any(
                term.get("id") == thing.id
                or ("tags" in term and term["tags"].items() <= object_at(thing.inputs, "tags").items())
                for term in terms
            )
        ]

    def _finalize(self, thing: Thing) -> None:
        """A finalizer is removed by its controller; without one the deletion never ends."""
        controller, finalizer = controllers.FINALIZERS.get(controllers.group_kind(thing.inputs), ("", ""))
        if self._permissive or not controller or self._runs(controller, thing.cluster):
            return
        raise CloudError(
            "Timeout",
            f"{thing.inputs.get('kind')} {thing.id!r} keeps its finalizer {finalizer}: {controller} is gone",
        )

    def _runs(self, controller: str, cluster: str) -> bool:
        for thing in self._inside(cluster):
            if controller == controllers.FLUX:
                if controllers.group_kind(thing.inputs) == "fluxcd.controlplane.io/FluxInstance":
                    return True
            elif thing.token == RELEASE and controllers.chart_name(thing.inputs) == controller:
                return True
        return False

    # --- what happens behind Pulumi's back ----------------------------------------------------------------------------

    def _set_controllers_going(self, thing: Thing) -> None:
        if self._permissive:
            return
        self._write_logs()
        if controllers.group_kind(thing.inputs) == "karpenter.sh/NodePool":
            self._start_nodes(thing)
        elif thing.token == SERVICE:
            self._remove_made_by(self._maker(thing))
            if at(thing.inputs, "spec", "type") == "LoadBalancer":
                self._start_balancer(thing)

    def _write_logs(self) -> None:
        """AWS makes a missing log group anew when the next log line arrives, and nobody deletes that one."""
        for thing in self._store:
            name = str(thing.inputs.get("identifier") or thing.inputs.get("name") or thing.id)
            for group in controllers.log_groups(thing.token, thing.inputs, name):
                if self.read(LOG_GROUP, group) is None:
                    self._add(LOG_GROUP, group, {"name": group}, maker=thing.token.split(":")[1].partition("/")[0])

    def _start_nodes(self, pool: Thing) -> None:
        maker = self._maker(pool)
        if not self._runs("karpenter", pool.cluster) or any(thing.maker == maker for thing in self._store):
            return
        class_name = str(at(pool.inputs, "spec", "template", "spec", "nodeClassRef", "name"))
        token = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"  # noqa: S105 – a type token
        node_class = self.read(token, class_name, cluster=pool.cluster)
        if node_class is None:
            return
        groups = [
            term["id"] for term in list_at(node_class.inputs, "spec", "securityGroupSelectorTerms") if "id" in term
        ]
        for index, subnet in enumerate(self._selected_subnets(node_class.inputs)[: controllers.KARPENTER_NODES]):
            instance = self._add(
                INSTANCE,
                f"node-{pool.id}-{index}",
                {
                    "subnetId": subnet.id,
                    "vpcSecurityGroupIds": groups,
                    "iamInstanceProfile": at(node_class.inputs, "spec", "instanceProfile") or "",
                },
                maker=maker,
            )
            self._add(INTERFACE, f"{instance.name}-eni", {"subnetId": subnet.id, "securityGroups": groups}, maker=maker)

    def _start_balancer(self, service: Thing) -> None:
        owner = self.read(CLUSTER, service.cluster)
        vpc = at(owner.outputs, "vpcConfig", "vpcId") if owner else None
        subnets = [
            thing.id
            for thing in self._store
            if thing.token == SUBNET
            and thing.inputs.get("vpcId") == vpc
            and "kubernetes.io/role/elb" in object_at(thing.inputs, "tags")
        ]
        name = "k8s-" + service.id.replace("/", "-")[:20]
        inputs: Values = {"name": name, "loadBalancerType": "network", "subnets": subnets}
        balancer = self._add(BALANCER, name, inputs, maker=self._maker(service))
        ingress = [{"hostname": balancer.outputs["dnsName"]}]
        service.outputs["status"] = {"loadBalancer": {"ingress": ingress}}

    def _maker(self, thing: Thing) -> str:
        return f"{thing.inputs.get('kind') or thing.token.rpartition(':')[2]} {thing.id} of cluster {thing.cluster}"

    def _add(self, token: str, name: str, inputs: Values, *, maker: str) -> Thing:
        thing = self._new_resource(token, name, inputs, self._store.next_seed(token, name))
        profile = str(inputs.get("iamInstanceProfile") or "")
        if profile:
            thing.uses.append(key_of("aws:iam/instanceProfile:InstanceProfile", profile))
        thing.maker = maker
        self._store.things[thing.key] = thing
        return thing

    def _remove_made_by(self, maker: str) -> None:
        for other in self._store:
            if other.maker == maker:
                del self._store.things[other.key]

    def _clean_up(self, thing: Thing) -> None:
        """What goes along with a thing, and what comes back after it."""
        if self._permissive:
            return
        kind = controllers.group_kind(thing.inputs)
        if kind == "karpenter.sh/NodePool" or thing.token == SERVICE:
            self._remove_made_by(self._maker(thing))
        elif thing.token == NAMESPACE:
            for other in self._inside(thing.cluster):
                if at(other.inputs, "metadata", "namespace") == thing.id or other.inputs.get("namespace") == thing.id:
                    self._finalize(other)
                    del self._store.things[other.key]
                    self._clean_up(other)
        elif thing.token == RELEASE:
            chart = controllers.CHARTS.get(controllers.chart_name(thing.inputs), controllers.Chart())
            for other in self._inside(thing.cluster):
                if chart.takes_away and controllers.group_kind(other.inputs) in chart.serves:
                    del self._store.things[other.key]
        elif thing.token == CLUSTER:
            for other in self._inside(thing.id):
                del self._store.things[other.key]
        elif thing.token == DATABASE and not thing.inputs.get("skipFinalSnapshot"):
            snapshot = str(thing.inputs.get("finalSnapshotIdentifier") or f"{thing.id}-final")
            self._add(SNAPSHOT, snapshot, {}, maker="rds: the final snapshot that the settings ask for")
        self._write_logs()

    # --- bookkeeping --------------------------------------------------------------------------------------------------

    def _fail_if_told(self, action: str, token: str) -> None:
        code = self._faults.get(f"{action}:{token}")
        if code:
            raise CloudError(code, f"injected fault of {action} {token}")

    def _log(self, action: str, thing: Thing) -> None:
        kind = KINDS.get(thing.token, Kind())
        seconds = {"create": kind.create_seconds, "delete": kind.delete_seconds}.get(action, 1)
        self.operations.append(
            Operation(action=action, token=thing.token, name=thing.name, id=thing.id, seconds=seconds)
        )
        if not self._permissive:
            self._store.save()
