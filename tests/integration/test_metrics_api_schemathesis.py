"""Whatever is asked of the metrics API, it answers as its own OpenAPI says: a status, a media type, a body of that form."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
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
from tests.integration.metrics_by_hand import api_of, by_hand
from tests.servers import Servers

pytestmark = pytest.mark.kafka

Operation = APIOperation[Any, Any, Any, Any]
REQUEST_SECONDS = 10
CODES = ("19753", "19774", "H57.01", "nobody")
# It never ends; the schema of its answer is text.
STREAM = "/v1/stream"
FIGURES = {"/v1/units", "/v1/units/{code}", "/v1/units/{code}/days", "/v1/days", "/v1/counters"}
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
    max_examples=examples(10, 50), deadline=None, derandomize=True, database=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.fixture(scope="module")
def operations(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Operation]]:
    """All operations that a running API describes, with some figures to tell."""
    with by_hand(servers) as figures, api_of(servers, tmp_path_factory.mktemp("api")) as api:
        figures.places()
        figures.write(
            "total", {"receiver|19753|received": 3, "receiver|19753|received_online": 2, "competent|19753|open": 1}
        )
        figures.write("split", {"receiver|19753|f:civil|received": 3, "receiver|19753|c:online|received": 2})
        figures.write("day:2025-07-01", {"receiver|19753|received": 3})
        schema = schemathesis.openapi.from_url(api.base_url + "/openapi.json")
        yield [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]


def test_every_answer_is_one_that_openapi_names(operations: list[Operation]) -> None:
    """With what it allows and with what it does not."""
    paths = {operation.path for operation in operations}
    assert paths == FIGURES | {STREAM, "/metrics/dossiers", "/", "/healthz", "/readyz", "/metrics"}
    for operation in operations:
        for mode in GenerationMode if operation.path in FIGURES - {"/v1/counters"} else [GenerationMode.POSITIVE]:
            if operation.path != STREAM:
                _try(operation, mode)


def _try(operation: Operation, mode: GenerationMode) -> None:
    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode), code=st.none() | st.sampled_from(CODES))
    def answered_as_described(case: Case[Any], code: str | None) -> None:
        if mode is GenerationMode.POSITIVE and "{code}" in operation.path and code is not None:
            case.path_parameters = {"code": code}
        case.call_and_validate(checks=CHECKS, timeout=REQUEST_SECONDS)

    answered_as_described()
