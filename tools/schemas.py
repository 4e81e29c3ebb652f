"""Schemas of Kubernetes objects, taken out of the pinned Go modules that define them.

`tools/schemas/go.mod` pins the modules, its `go.sum` their content. What is needed is extracted once into a folder of
`.tools/schemas` named after the pins; later calls read it from there. Where no module publishes a definition that the
platform needs, `tools/schemas/own` holds one of ours.

`strict_errors` judges an object as an API server with strict field validation would, short of the CEL rules in a CRD
and of what admission does.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeAlias, cast

import yaml
from jsonschema import Draft202012Validator, ValidationError

import versions
from tools.build import ROOT, ToolError, Version, find_go, go_environment

JsonObject: TypeAlias = dict[str, object]

PINS: Final = ROOT / "tools" / "schemas"
CACHE: Final = ROOT / ".tools" / "schemas"
MINIMUM_GO: Final = Version(1, 21, 0)

KUBERNETES: Final = "k8s.io/kubernetes"
KUBERNETES_OPENAPI_GLOB: Final = "api/openapi-spec/v3/*.json"
CRD_GLOBS: Final[Mapping[str, Sequence[str]]] = {
    "github.com/aws/karpenter-provider-aws": ["pkg/apis/crds/*.yaml"],
    "github.com/cert-manager/cert-manager": ["deploy/crds/*.yaml"],
    "github.com/cert-manager/trust-manager": ["deploy/crds/*.yaml"],
    "github.com/controlplaneio-fluxcd/flux-operator": [
        "config/crd/bases/*.yaml",
        f"config/data/flux/v{versions.FLUX}/*.yaml",
    ],
    "github.com/fluxcd/flagger": ["artifacts/flagger/crd.yaml"],
    "sigs.k8s.io/gateway-api": ["config/crd/standard/*.yaml"],
}


POLICY_GLOBS: Final[Mapping[str, str]] = {
    "sigs.k8s.io/gateway-api": "config/crd/standard/*_vap_*.yaml",
}
"""Admission policies that are installed with the definitions."""


class Kind(NamedTuple):
    """A kind of object in one API version; the group of the core API is empty."""

    group: str
    version: str
    kind: str

    @classmethod
    def of(cls, manifest: Mapping[str, object]) -> Kind:
        """The kind that an object says it is."""
        group, _, version = str(manifest.get("apiVersion", "")).rpartition("/")
        return cls(group, version, str(manifest.get("kind", "")))

    def __str__(self) -> str:
        return f"{self.group}/{self.version} {self.kind}".removeprefix("/")


def crd_files() -> list[Path]:
    """One YAML file per custom resource definition, named after it.

    Raises:
        ToolError: the modules cannot be had, or lack what `CRD_GLOBS` expects.
    """
    return sorted((_extracted() / "crds").glob("*.yaml"))


def policy_files() -> list[Path]:
    """The YAML files of the admission policies that come with the definitions.

    Raises:
        ToolError: the modules cannot be had, or lack what `POLICY_GLOBS` expects.
    """
    return sorted((_extracted() / "policies").glob("*.yaml"))


@cache
def crd_schemas() -> dict[tuple[str, str, str], JsonObject]:
    """The OpenAPI schema of each served version of each custom resource, by (group, version, kind)."""
    schemas: dict[tuple[str, str, str], JsonObject] = {}
    for entry in cast("list[JsonObject]", json.loads((_extracted() / "crds.json").read_text())):
        kind = Kind(str(entry["group"]), str(entry["version"]), str(entry["kind"]))
        schemas[kind] = _object(entry["schema"])
    return schemas


@cache
def builtin_components() -> dict[str, JsonObject]:
    """The schemas of Kubernetes' own API by component name; references between them are `#/components/schemas/NAME`."""
    return cast("dict[str, JsonObject]", json.loads((_extracted() / "builtin.json").read_text()))


@cache
def builtin_kinds() -> dict[tuple[str, str, str], str]:
    """The component name of each built-in kind, by (group, version, kind)."""
    kinds: dict[tuple[str, str, str], str] = {}
    for name, schema in builtin_components().items():
        for entry in cast("list[dict[str, str]]", schema.get("x-kubernetes-group-version-kind", [])):
            kinds[Kind(entry["group"], entry["version"], entry["kind"])] = name
    return kinds


def strict_errors(manifest: Mapping[str, object]) -> list[str]:
    """What is wrong with an object: unknown kind, unknown field, wrong type or value; empty if nothing is.

    Each entry names the kind, the object, the field and the rule that it breaks.
    """
    kind = Kind.of(manifest)
    metadata = manifest.get("metadata")
    name = cast("JsonObject", metadata).get("name", "") if isinstance(metadata, dict) else ""
    validator = _validator(kind)
    if validator is None:
        return [f"{kind} {name}: no schema knows this kind"]
    errors = sorted(validator.iter_errors(manifest), key=lambda error: error.json_path)
    return [f"{kind} {name}: {error.json_path.removeprefix('$.')}: {error.message}" for error in errors]


class _Validator(Protocol):
    def iter_errors(self, instance: object) -> Iterable[ValidationError]: ...


@cache
def _validator(kind: Kind) -> _Validator | None:
    components = _strict_components()
    if kind in builtin_kinds():
        root: JsonObject = {"$ref": f"#/components/schemas/{builtin_kinds()[kind]}"}
    elif kind in crd_schemas():
        root = _strict(crd_schemas()[kind])
        root["properties"] = _object(root["properties"]) | _OBJECT_PROPERTIES
    else:
        return None
    return cast("_Validator", Draft202012Validator({**root, "components": {"schemas": components}}))


_OBJECT_PROPERTIES: Final[JsonObject] = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"},
}


@cache
def _strict_components() -> dict[str, JsonObject]:
    return {name: _strict(schema) for name, schema in builtin_components().items()}


def _strict(schema: JsonObject) -> JsonObject:
    """The same schema without room for unknown fields.

    Only structural keywords are followed: what stands under `anyOf` and its like restricts values and names no fields.
    """
    strict = dict(schema)
    if "properties" in strict:
        properties = {name: _strict(_object(field)) for name, field in _object(strict["properties"]).items()}
        if strict.get("x-kubernetes-embedded-resource"):
            properties |= _OBJECT_PROPERTIES
        strict["properties"] = properties
        if not strict.get("x-kubernetes-preserve-unknown-fields"):
            strict.setdefault("additionalProperties", False)
    for keyword in ("items", "additionalProperties"):
        nested = strict.get(keyword)
        if isinstance(nested, dict):
            strict[keyword] = _strict(cast("JsonObject", nested))
    if strict.get("nullable") and "type" in strict:
        strict["type"] = [strict["type"], "null"]
    return strict


@cache
def _extracted() -> Path:
    """The folder with the extracted files, made if the pins or this module have changed."""
    digest = hashlib.sha256()
    own = sorted((PINS / "own").glob("*.yaml"))
    for path in (PINS / "go.mod", PINS / "go.sum", *own, Path(__file__), Path(versions.__file__)):
        digest.update(path.read_bytes())
    folder = CACHE / digest.hexdigest()[:16]
    if folder.is_dir():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as temporary:
        made = Path(temporary) / "made"
        _extract(_download(), made)
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():  # anything but another process that was quicker
                raise
    return folder


def _download() -> dict[str, Path]:
    """The folder of each pinned module in Go's cache, checked against go.sum."""
    go = find_go(MINIMUM_GO, needed_by="tools/schemas")
    environment = {**go_environment(go), "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -mod=mod".strip()}
    pins = _pins(go, environment)
    print(f"schemas: downloading {len(pins)} Go modules, about 10 s the first time", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as elsewhere:  # Go would otherwise write into go.sum
        result = subprocess.run(
            [go, "mod", "download", "-json", *pins],
            cwd=elsewhere,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    sums = {line.rpartition(" ")[0]: line.rpartition(" ")[2] for line in (PINS / "go.sum").read_text().splitlines()}
    folders: dict[str, Path] = {}
    for module in _json_documents(result.stdout):
        path, version = str(module["Path"]), str(module["Version"])
        if "Error" in module:
            raise ToolError(f"schemas: {module['Error']}")
        if module.get("Sum") != sums.get(f"{path} {version}"):
            raise ToolError(f"schemas: {path} {version} is not what {PINS / 'go.sum'} says")
        folders[path] = Path(str(module["Dir"]))
    if len(folders) != len(pins):
        raise ToolError(f"schemas: {result.stderr.strip()}")
    return folders


def _pins(go: Path, environment: Mapping[str, str]) -> list[str]:
    result = subprocess.run(
        [go, "mod", "edit", "-json"], cwd=PINS, env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise ToolError(f"schemas: {'; '.join(result.stderr.split(chr(10))[1:])}")
    requires = cast("list[dict[str, str]]", _object(json.loads(result.stdout))["Require"])
    return [f"{require['Path']}@{require['Version']}" for require in requires]


def _extract(modules: Mapping[str, Path], target: Path) -> None:
    """Writes `crds/*.yaml`, `crds.json`, `policies/*.yaml` and `builtin.json`."""
    (target / "crds").mkdir(parents=True)
    (target / "policies").mkdir()
    definitions = [crd for path in sorted((PINS / "own").glob("*.yaml")) for crd in _crds(path)]
    for module, globs in CRD_GLOBS.items():
        for glob in globs:
            published = [crd for path in sorted(modules[module].glob(glob)) for crd in _crds(path)]
            if not published:
                raise ToolError(f"schemas: {module} has no custom resource definition in {glob}")
            definitions += published
    for crd in definitions:
        name = str(_object(crd["metadata"])["name"])
        (target / "crds" / f"{name}.yaml").write_text(yaml.safe_dump(crd, sort_keys=False))
    for module, glob in POLICY_GLOBS.items():
        policies = list(modules[module].glob(glob))
        if not policies:
            raise ToolError(f"schemas: {module} has no admission policy in {glob}")
        for path in policies:
            (target / "policies" / path.name).write_text(path.read_text())
    entries = [version for crd in definitions for version in _served_versions(crd)]
    (target / "crds.json").write_text(json.dumps(entries))
    components: JsonObject = {}
    for path in sorted(modules[KUBERNETES].glob(KUBERNETES_OPENAPI_GLOB)):
        document = _object(json.loads(path.read_text()))
        components |= _object(_object(document.get("components", {})).get("schemas", {}))
    if not components:
        raise ToolError(f"schemas: {KUBERNETES} has no schema in {KUBERNETES_OPENAPI_GLOB}")
    (target / "builtin.json").write_text(json.dumps(components))


def _crds(path: Path) -> Iterator[JsonObject]:
    for document in cast("Iterator[object]", yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader)):
        if document and _object(document)["kind"] == "CustomResourceDefinition":
            yield {key: value for key, value in _object(document).items() if key != "status"}


def _served_versions(crd: JsonObject) -> Iterator[JsonObject]:
    spec = _object(crd["spec"])
    for version in cast("list[JsonObject]", spec["versions"]):
        if version["served"]:
            yield {
                "group": spec["group"],
                "version": version["name"],
                "kind": _object(spec["names"])["kind"],
                "schema": _object(version["schema"])["openAPIV3Schema"],
            }


def _json_documents(text: str) -> Iterator[JsonObject]:
    decoder, position = json.JSONDecoder(), 0
    while text[position:].strip():
        position += len(text[position:]) - len(text[position:].lstrip())
        document, position = cast("tuple[JsonObject, int]", decoder.raw_decode(text, position))
        yield document


def _object(value: object) -> JsonObject:
    if not isinstance(value, dict):
        raise TypeError(f"expected a JSON object, got {value!r}")
    return cast("JsonObject", value)
