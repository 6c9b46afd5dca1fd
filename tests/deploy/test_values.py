"""The chart's values and their schema: what is right, and what a wrong one is told."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from ccstream.ops.helm_values import OF_THE_CHART, file_settings, schema, settings_schema
from ccstream.ops.settings import Settings
from ccstream.ops.settings_sources import known_paths
from ccstream.ops.strimzi import EXAMPLE
from tests.support.kubernetes import CHART


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    found: dict[str, Any] = load(CHART / "values.yaml")
    return found


def refused(values: Any) -> str:
    """What the schema says of the values; nothing if they are right."""
    errors = jsonschema_rs.validator_for(schema()).iter_errors(values)
    return "; ".join(f"{'.'.join(map(str, one.instance_path))}: {one.message}" for one in errors)


def test_the_schema_in_the_chart_is_fresh() -> None:
    there = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    assert there == schema(), "stale: run `make generate`"


def test_the_charts_own_values_are_right(values: dict[str, Any]) -> None:
    assert refused(values) == ""


def test_every_value_is_in_the_schema_and_the_other_way_round(values: dict[str, Any]) -> None:
    def compare(given: dict[str, Any], known: dict[str, Any], path: str) -> None:
        assert given.keys() == known.keys(), path
        for name, inner in known.items():
            if inner.get("additionalProperties") is False:
                compare(given[name], inner["properties"], f"{path}.{name}")

    known = {**schema()["properties"]}
    del known["global"]  # Helm's own, for charts in charts
    compare(values, known, "values")


def test_every_setting_can_be_given_or_is_a_file_or_the_charts() -> None:
    given = {
        f"{section}.{name}" if "properties" in inner else section
        for section, inner in settings_schema()["properties"].items()
        for name in inner.get("properties", {"": None})
    }
    files = set(file_settings())
    every = {".".join(path) for path, kind in known_paths(Settings).items() if kind is None}
    secrets = {name.removesuffix("_file") for name in files} - {"gateway.tls_certificate"}
    assert every == given | OF_THE_CHART | files | (secrets & every)
    assert not given & files


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"settings": {"kafka": {"partitions": "many"}}}, 'partitions: "many" is not of type "int'),
        ({"settings": {"kafka": {"partitions": 0}}}, "0 is less than the minimum of 1"),
        ({"settings": {"kafka": {"partitons": 8}}}, "'partitons' was unexpected"),
        ({"settings": {"kafka": {"sasl_password": "secret"}}}, "'sasl_password' was unexpected"),
        ({"settings": {"web": {"host": "0.0.0.0"}}}, "web"),
        ({"worker": {"replicas": "three"}}, '"three" is not of type "integer"'),
        ({"worker": {"resources": {"limits": {"memory": "2 GB"}}}}, "limits.memory"),
        ({"files": {"kafka.ssl_ca_file": {"secret": "a"}}}, "files.kafka.ssl_ca_file"),
        ({"files": {"kafka.nonsense_file": {"secret": "a", "key": "b"}}}, "nonsense_file"),
        ({"gateway": {"enabled": "yes"}}, '"yes" is not of type "boolean"'),
    ],
)
def test_a_wrong_value_is_told_with_where_it_is(wrong: Any, words: str) -> None:
    assert words in refused(wrong)


def test_the_chart_starts_this_version() -> None:
    chart = load(CHART / "Chart.yaml")
    project = tomllib.loads((CHART.parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == project["project"]["version"]


def test_the_values_fit_the_users_and_topics_of_deploy_strimzi(values: dict[str, Any]) -> None:
    kafka = values["settings"]["kafka"]
    assert kafka["partitions"] == EXAMPLE.partitions
    assert kafka["replication_factor"] == EXAMPLE.replication_factor
    users = yaml.safe_load_all((CHART.parents[1] / "strimzi" / "users.yaml").read_text())
    names = {user["metadata"]["name"] for user in users}
    for part in ("worker", "gateway", "heartbeat"):
        user = values[part]["settings"]["kafka"]["sasl_username"]
        assert user in names
        # the user operator makes a Secret of the user's name with its password
        secret = values[part]["files"]["kafka.sasl_password_file"]
        assert secret == {"secret": user, "key": "password"}
