"""Schemas of Kubernetes and of what is installed into it, from packages, for kubeconform.

It would fetch them from the network; these are the same, made from what packages have:
Kubernetes' own from ``kubernetes-validate``, KEDA's from the models of ``cloudcoil-models-keda``,
Strimzi's from its own API by its own generator, as Maven has both.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from ccstream.devkit.kafka_jars import cache_root

__all__ = [
    "CHART",
    "find_tool",
    "keda_schemas",
    "kubeconform",
    "kubernetes_schemas",
    "strimzi_definitions",
    "strimzi_schemas",
]

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "ccstream"

WITHIN = "#/$defs/"
SHARED = f"/api/_definitions.json{WITHIN}"
"""How the package's schemas name what they share, from without and from within."""

KINDS = (
    *("deployment-apps-v1", "job-batch-v1", "networkpolicy-networking-v1"),
    *("poddisruptionbudget-policy-v1", "service-v1", "serviceaccount-v1", "statefulset-apps-v1"),
)
"""What the chart makes of Kubernetes' own."""

TOOL_S_MAX = 50


def find_tool(name: str) -> str | None:
    """Where a program is: on the path, or where ``scripts/deploy-tools`` puts it."""
    return shutil.which(name) or shutil.which(name, path=str(cache_root() / "bin"))


def kubeconform(program: str, schemas: Path, text: str) -> tuple[bool, str]:
    """Whether all documents are as the schemas in a folder have them, and what it says."""
    done = subprocess.run(
        [
            *(program, "-strict", "-summary", "-schema-location"),
            f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json",
            "-",
        ],
        input=text,
        capture_output=True,
        text=True,
        timeout=TOOL_S_MAX,
        check=False,
    )
    return done.returncode == 0, done.stdout + done.stderr


def kubernetes_schemas(version: str, folder: Path) -> None:
    """Writes the schemas of ``KINDS`` at a version of Kubernetes, ``"1.37"``."""
    spec = find_spec("kubernetes_validate")
    assert spec is not None
    assert spec.origin is not None
    packaged = Path(spec.origin).parent / "kubernetes-json-schema" / f"v{version}.0-local-strict"
    shared = json.loads((packaged / "_definitions.json").read_text(encoding="utf-8"))["$defs"]
    for kind in KINDS:
        schema = json.loads((packaged / f"{kind}.json").read_text(encoding="utf-8"))
        _write(folder / f"{kind}.json", _self_contained(schema, shared))


def _self_contained(schema: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """A schema with what it names of the shared ones in itself."""
    found: dict[str, Any] = {}
    wanted = list(_named(schema))
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = shared[name]
            wanted += _named(shared[name])
    text = json.dumps({**schema, "definitions": found})
    whole: dict[str, Any] = json.loads(
        text.replace(SHARED, "#/definitions/").replace(WITHIN, "#/definitions/")
    )
    for part in (whole, *whole["definitions"].values()):
        part.pop("$id", None)
        part.pop("$schema", None)
    return whole


def _named(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, inner in schema.items():
            if key == "$ref":
                yield inner.rpartition("/")[2]
            else:
                yield from _named(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _named(inner)


def keda_schemas(folder: Path) -> None:
    """Writes the schema of a ``ScaledObject``."""
    from cloudcoil.models.keda.v1alpha1 import ScaledObject

    schema = ScaledObject.model_json_schema(by_alias=True)
    schema["definitions"] = {name: _closed(part) for name, part in schema.pop("$defs").items()}
    text = json.dumps(_closed(schema)).replace("#/$defs/", "#/definitions/")
    _write(folder / "scaledobject-keda-v1alpha1.json", json.loads(text))


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Models take fields that they do not know; a mistyped one must not go unseen."""
    if "properties" in schema:
        schema.setdefault("additionalProperties", False)
    return schema


def strimzi_definitions() -> Path | None:
    """The folder of definitions that ``scripts/deploy-tools`` makes; None where there is none."""
    return max(cache_root().glob("strimzi-*"), default=None)


def strimzi_schemas(definitions: Path, folder: Path) -> None:
    """Writes the schemas of the resources that are defined in a folder of YAML."""
    for path in definitions.glob("*.yaml"):
        resource = yaml.safe_load(path.read_text(encoding="utf-8"))
        group = resource["spec"]["group"].partition(".")[0]
        kind = resource["spec"]["names"]["kind"].lower()
        for version in resource["spec"]["versions"]:
            schema = version["schema"]["openAPIV3Schema"]
            _write(folder / f"{kind}-{group}-{version['name']}.json", _strict(schema))


def _strict(schema: Any) -> Any:
    """Kubernetes prunes what a definition does not have; a mistyped field must not go unseen."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _strict(inner) for name, inner in schema.items()}
    if (
        isinstance(schema.get("properties"), dict)
        and schema.get("type") == "object"
        and not schema.get("x-kubernetes-preserve-unknown-fields")
    ):
        made.setdefault("additionalProperties", False)
    return made


def _write(path: Path, schema: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(schema), encoding="utf-8")
