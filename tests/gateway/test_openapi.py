"""The document says what the gateway does: checked against it by schemathesis."""

from __future__ import annotations

from collections import Counter
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ccstream.domain.events import Event
from ccstream.gateway.problems import KINDS
from tests.gateway.calls import call
from tests.gateway.events import as_cloud_event
from tests.gateway.process import GatewayProcess
from tests.support.source import ROOT
from tests.wire.samples import SAMPLES

EXAMPLES = 25
"""For each operation and kind of data; making them up takes longer than answering them."""

CHECKS = (
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)


@pytest.fixture(scope="module")
def document() -> Any:
    return yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))


async def test_a_gateway_serves_the_document_that_is_committed(
    whole_app: Any, document: Any
) -> None:
    assert (await call(whole_app, "GET", "/openapi.json")).json == document


async def test_every_path_of_the_api_is_in_it(whole_app: Any, document: Any) -> None:
    for part in whole_app.state.parts:
        for endpoint in part.endpoints():
            if endpoint.path.startswith("/v1/"):
                assert endpoint.method.lower() in document["paths"][endpoint.path]


def test_the_page_lists_every_kind_of_problem() -> None:
    page = (ROOT / "docs" / "gateway.md").read_text(encoding="utf-8")
    for kind, (status, _) in KINDS.items():
        assert f"| {status} | `{kind}` |" in page


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_each_type_of_event_is_as_its_schema_says(document: Any, event: Event) -> None:
    schema = {"$ref": "#/components/schemas/CloudEvent", "components": document["components"]}
    validator = jsonschema_rs.validator_for(schema)
    stated = as_cloud_event(event)
    validator.validate(stated)
    stated["data"]["unknown"] = 1
    assert not validator.is_valid(stated)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_whatever_is_sent_the_answer_is_one_that_the_document_has(
    process: GatewayProcess, mode: GenerationMode
) -> None:
    url = f"http://127.0.0.1:{process.port}"
    api = schemathesis.openapi.from_url(f"{url}/openapi.json")
    answers: Counter[int] = Counter()
    for found in api.get_all_operations():
        operation = found.ok()
        if operation.path.startswith(("/v1/profiles/", "/v1/agents/profiles/")):
            continue  # these do not end, or ask a worker: see tests/integration/test_queries.py
        if mode is GenerationMode.NEGATIVE and not operation.body:
            continue  # there is nothing that could be wrong with it

        @hypothesis_settings(
            max_examples=EXAMPLES,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            answers[case.call_and_validate(base_url=url, checks=CHECKS).status_code] += 1

        send()
    if mode is GenerationMode.POSITIVE:
        assert answers[202] + answers[207] >= EXAMPLES / 10, answers
    else:
        assert sum(answers.values()) - answers[202] >= EXAMPLES / 2, answers
