"""Whatever is thrown at intake, it answers as its own OpenAPI says: a status, a media type, a body of that form."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.effort import examples
from tests.integration.intake_calls import REQUEST_SECONDS
from tests.province import Province

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

# `positive_data_acceptance` is left out: a form cannot say which units exist or which a key may speak for.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
BOUNDED = settings(
    max_examples=examples(12, 100),
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def operations(module_province: Province) -> list[APIOperation[Any, Any, Any, Any]]:
    """All operations that a running intake describes."""
    schema = schemathesis.openapi.from_url(module_province.start("intake").base_url + "/openapi.json")
    # A batch of more events than its form allows is too large, which the tool does not expect of a refusal.
    rejection = schema.config.checks.negative_data_rejection
    rejection.expected_statuses = [*rejection.expected_statuses, "413"]
    return [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("key", ["dev-19753", "dev-operator", "nobody"])
def test_every_answer_is_one_that_openapi_names(
    operations: list[APIOperation[Any, Any, Any, Any]], mode: GenerationMode, key: str
) -> None:
    assert {operation.path for operation in operations} >= {"/v1/events", "/v1/heartbeats", "/v1/clock", "/readyz"}
    for operation in operations:
        if operation.body or mode is GenerationMode.POSITIVE:
            _try(operation, mode, key)


def _try(operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, key: str) -> None:
    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode))
    def answered_as_described(case: Case[Any]) -> None:
        if mode is GenerationMode.POSITIVE:
            case.body = _of_a_known_unit(case.body)
        answer = case.call_and_validate(headers={"Authorization": f"Bearer {key}"}, checks=CHECKS, timeout=REQUEST_SECONDS)
        if key == "nobody" and operation.body:
            assert answer.status_code == 401

    answered_as_described()


def _of_a_known_unit(body: Any) -> Any:
    """The same with a unit that exists, so that what has the right form is also stored now and then."""
    if isinstance(body, list):
        return [_of_a_known_unit(item) for item in body]
    if not isinstance(body, dict) or "source" not in body:
        return body
    told = body.get("data", {})
    units = {name: "19753" for name in ("receiver", "competent") if name in told}
    return body | {"source": "/units/19753"} | ({"data": told | units} if units else {})
