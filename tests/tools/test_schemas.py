"""`tools/schemas.py`: pinned like the charts, strict like an API server."""

import copy
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import versions
from tools import schemas
from tools.build import ROOT
from tools.schemas import JsonObject, strict_errors

GOOD = cast(
    "list[JsonObject]",
    list(
        yaml.safe_load_all("""
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  selector: {matchLabels: {app: web}}
  strategy: {rollingUpdate: {maxSurge: 25%, maxUnavailable: 0}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: registry.example/web:1.0.0
          ports: [{containerPort: 3000, name: http}]
          resources: {requests: {cpu: 100m, memory: 256Mi}, limits: {cpu: 1}}
          readinessProbe: {httpGet: {path: /, port: http}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: runtime, namespace: flux-system}
data: {stack: local}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: refuse}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [services]}]
  validations: [{expression: "object.spec.type != 'LoadBalancer'", message: refused}]
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec:
  interval: 10m
  path: ./gitops/apps
  prune: true
  sourceRef: {kind: GitRepository, name: platform}
---
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: web, namespace: web}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  service: {port: 80, targetPort: 3000}
  analysis: {interval: 10s, threshold: 3, maxWeight: 50, stepWeight: 5}
---
apiVersion: fluxcd.controlplane.io/v1
kind: FluxInstance
metadata: {name: flux, namespace: flux-system}
spec:
  distribution: {version: 2.9.x, registry: registry.example/fluxcd}
  components: [source-controller, kustomize-controller]
---
apiVersion: elbv2.k8s.aws/v1beta1
kind: TargetGroupBinding
metadata: {name: public, namespace: traefik}
spec:
  serviceRef: {name: traefik, port: web}
  targetGroupARN: arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef
  targetType: ip
""")
    ),
)


def objects(value: object) -> Iterator[JsonObject]:
    """Every object inside an object, itself included, except where names are free: labels, data, quantities."""
    if isinstance(value, dict):
        fields = cast("JsonObject", value)
        yield fields
        for name, field in fields.items():
            if name not in {"labels", "matchLabels", "data", "requests", "limits"}:
                yield from objects(field)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from objects(item)


@pytest.mark.parametrize("manifest", GOOD, ids=lambda manifest: str(manifest["kind"]))
def test_a_good_object_has_no_errors(manifest: JsonObject) -> None:
    assert strict_errors(manifest) == []


@given(st.data())
def test_an_unknown_field_is_refused_wherever_it_stands(data: st.DataObject) -> None:
    manifest = copy.deepcopy(data.draw(st.sampled_from(GOOD)))
    data.draw(st.sampled_from(list(objects(manifest))))["unheardOf"] = "value"
    assert len(strict_errors(manifest)) >= 1
    assert any("unheardOf" in error for error in strict_errors(manifest))


def test_an_error_names_kind_object_field_and_rule() -> None:
    manifest = copy.deepcopy(GOOD[0])
    cast("JsonObject", manifest["spec"])["replicas"] = "three"
    assert strict_errors(manifest) == ["apps/v1 Deployment web: spec.replicas: 'three' is not of type 'integer'"]


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [("image.toolkit.fluxcd.io/v1beta2", "ImagePolicy"), ("policy/v1beta1", "PodDisruptionBudget"), ("v1", "Teapot")],
)
def test_a_removed_or_unknown_kind_is_refused(api_version: str, kind: str) -> None:
    manifest = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "old"}}
    assert strict_errors(manifest) == [f"{api_version} {kind} old: no schema knows this kind"]


def test_every_custom_resource_definition_is_valid_and_known() -> None:
    crds = [cast("JsonObject", yaml.load(path.read_text(), Loader=yaml.CSafeLoader)) for path in schemas.crd_files()]
    assert [error for crd in crds for error in strict_errors(crd)] == []
    specs = [cast("dict[str, dict[str, str]]", crd["spec"]) for crd in crds]
    assert {(group, kind) for group, _, kind in schemas.crd_schemas()} == {
        (str(spec["group"]), spec["names"]["kind"]) for spec in specs
    }


@pytest.mark.parametrize(
    ("module", "version"),
    [
        ("github.com/aws/karpenter-provider-aws", versions.KARPENTER),
        ("github.com/cert-manager/cert-manager", versions.CERT_MANAGER),
        ("github.com/cert-manager/trust-manager", versions.TRUST_MANAGER),
        ("github.com/controlplaneio-fluxcd/flux-operator", versions.FLUX_OPERATOR),
        ("github.com/fluxcd/flagger", versions.FLAGGER),
        ("sigs.k8s.io/gateway-api", versions.GATEWAY_API),
    ],
)
def test_a_schema_has_the_version_of_the_chart(module: str, version: str) -> None:
    pins = dict(re.findall(r"^\t(\S+) (v\S+)$", (ROOT / "tools" / "schemas" / "go.mod").read_text(), re.MULTILINE))
    assert pins[module].removeprefix("v") == version.removeprefix("v")


def test_kubernetes_own_schemas_are_those_of_a_supported_minor_version() -> None:
    pin = re.search(r"k8s\.io/kubernetes v(\d+\.\d+)\.", (ROOT / "tools" / "schemas" / "go.mod").read_text())
    assert pin
    assert pin[1] == max(versions.EKS_ADDON_VERSIONS)


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"from pathlib import Path; from tools import schemas; {program}"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_second_call_needs_neither_go_nor_its_modules(tmp_path: Path) -> None:
    assert schemas.crd_files()
    result = run("print(len(schemas.crd_files()))", PATH=str(tmp_path), GOPROXY="off", GOMODCACHE=str(tmp_path))
    assert (result.stdout.strip(), result.stderr) == (str(len(schemas.crd_files())), "")


def test_a_module_whose_content_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    pins = tmp_path / "pins"
    shutil.copytree(ROOT / "tools" / "schemas", pins)
    sums = pins / "go.sum"
    sums.write_text(re.sub(r"(flagger v[0-9.]+ h1:)....", r"\1AAAA", sums.read_text()))
    result = run(f"schemas.PINS, schemas.CACHE = Path({str(pins)!r}), Path({str(tmp_path)!r}); schemas.crd_files()")
    assert result.returncode != 0
    assert re.search(r"ToolError: schemas: github\.com/fluxcd/flagger v\S+ is not what \S+go\.sum says", result.stderr)
