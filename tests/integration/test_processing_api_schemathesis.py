"""Whatever is asked of the API, it answers as its own OpenAPI says: a status, a media type, headers, a body of that form."""

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
from tests.intake_bad_inputs import event, packed
from tests.integration.intake_calls import CENTRE_BATCH, OPERATOR, REQUEST_SECONDS, post, wait_until
from tests.province import Province

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

Operation = APIOperation[Any, Any, Any, Any]
CODES = ("H57.19753-250701-0001", "H57.19753-250701-0002", "unborn")
UNITS = ("19753", "19774")
LISTS = {"/v1/rejected", "/v1/rejected/groups", "/v1/parked"}
LETTER = "/v1/rejected/{place}"
WORKLIST = "/v1/units/{code}/worklist"
DOSSIERS = {"/v1/dossiers/{code}", "/v1/dossiers/{code}/deadline"}
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
    max_examples=examples(10, 50),
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def operations(module_province: Province) -> list[Operation]:
    """All operations that a running API describes, of a province where there is something to find."""
    api = module_province.start("processing-api", ready=False)
    intake, _ = module_province.start("intake", ready=False), module_province.start("processing")
    for each in (intake, api):
        each.wait_ready()
    lives = [
        event(id="1", subject=CODES[0]),
        event(id="2", subject=CODES[0], type="vn.motcua.dossier.payment_made.v1", data={}),
        event(id="3", subject=CODES[1]),
        event(id="3", subject=CODES[1], type="vn.motcua.dossier.received.v1", data={}),
        event(id="4", subject=CODES[1], type="vn.motcua.dossier.received.v1", data={}),
        event(id="5", subject=CODES[2], type="vn.motcua.dossier.completed.v1", data={}),
    ]
    assert post(intake, "/v1/events", CENTRE_BATCH, packed(lives)).status_code == 202
    assert post(intake, "/v1/clock", OPERATOR, packed({"at": "2025-07-02T08:00:00+07:00"})).status_code == 202
    schema = schemathesis.openapi.from_url(api.base_url + "/openapi.json")
    found = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
    [parked] = [each for each in found if each.path == "/v1/parked"]

    def clock_has_moved() -> bool:
        told = parked.Case().call(headers={"Authorization": "Bearer dev-operator"}, timeout=REQUEST_SECONDS).json()
        return bool(told["as_of"]["log_clock"]) and len(told["parked"]) == 2

    wait_until(clock_has_moved)
    return found


@pytest.mark.parametrize("key", ["dev-19753", "dev-operator", "nobody"])
def test_every_answer_is_one_that_openapi_names(operations: list[Operation], key: str) -> None:
    closed = {*LISTS, *DOSSIERS, LETTER, WORKLIST}
    assert {operation.path for operation in operations} == {*closed, "/healthz", "/readyz", "/metrics"}
    for operation in operations:
        for mode in GenerationMode if operation.path in closed else [GenerationMode.POSITIVE]:
            _try(operation, mode, key)


def _try(operation: Operation, mode: GenerationMode, key: str) -> None:
    known = UNITS if operation.path == WORKLIST else CODES

    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode), code=st.none() | st.sampled_from(known))
    def answered_as_described(case: Case[Any], code: str | None) -> None:
        if mode is GenerationMode.POSITIVE and "{code}" in operation.path and code is not None:
            case.path_parameters = {"code": code}
        answer = case.call_and_validate(headers={"Authorization": f"Bearer {key}"}, checks=CHECKS, timeout=REQUEST_SECONDS)
        if key == "nobody" and operation.path.startswith("/v1/"):
            assert answer.status_code in (401, 404), "404: the path is of no route"

    answered_as_described()
