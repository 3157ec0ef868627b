"""What OpenAPI says about the doors: the bodies that they take and every answer."""

from typing import Any

import msgspec

from contracts.face.bodies import BATCH, ONE
from contracts.face.problems import PROBLEM
from services.edge.domain.answers import Result
from services.edge.told import OutboxTold

_REF = "#/components/schemas/{name}"
DESCRIPTION = """The centre's outbox takes the same events as intake at the city, also while the line is down.

`stored` means that an event lies on this machine's disk; it is brought to the city in order, as soon as the line allows.
`retry` is sent again unchanged after `Retry-After`, `refused` is not. `sequence` and `incarnation` are given here.
"""
_PROBLEMS = {
    400: "The body cannot be read: not JSON, not UTF-8, cut, or broken gzip.",
    401: "No valid key.",
    403: "The key speaks for none of the sources: every result is `unit_not_allowed`.",
    413: "Too many bytes, or too many events.",
    415: "Another media type, charset or content coding.",
    422: "Every event is refused: `results` says why, one by one.",
    503: "Nothing is kept (`outbox_full`, `unavailable`, `too_busy`, `body_too_slow`): send it again after `Retry-After`.",
}


def components(batch_events_max: int) -> dict[str, Any]:
    """Every schema and the security scheme that the operations refer to."""
    _, schemas = msgspec.json.schema_components([Result, OutboxTold], ref_template=_REF)
    event = {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "subject", "time", "data"],
        "description": "One CloudEvent as the contract says (docs/EVENTS.md), without `sequence` and `incarnation`.",
    }
    return {
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "A key of this centre."}},
        "schemas": {
            **schemas,
            "Event": event,
            "Batch": {"type": "array", "items": _ref("Event"), "maxItems": batch_events_max},
            "Results": {"type": "object", "required": ["results"],
                        "properties": {"results": {"type": "array", "items": _ref("Result")}}},
            "Problem": {"type": "object", "required": ["type", "title", "status", "code", "detail"],
                        "properties": {"code": {"type": "string"}, "detail": {"type": "string"},
                                       "results": {"type": "array", "items": _ref("Result")}}},
        },
    }  # fmt: skip


def events_operation() -> dict[str, Any]:
    """`POST /v1/events`."""
    told = {202: "Every event is kept.", 207: "Some are kept: see each result."}
    return {
        "security": [{"key": []}],
        "requestBody": {"required": True, "content": {ONE: {"schema": _ref("Event")}, BATCH: {"schema": _ref("Batch")}}},
        "responses": {
            **{str(status): _answer(text, "application/json", "Results") for status, text in told.items()},
            **{str(status): _answer(text, PROBLEM, "Problem") for status, text in _PROBLEMS.items()},
        },
    }


def keyed_operation() -> dict[str, Any]:
    """The operations on the quarantine."""
    problems = {str(status): _answer(_PROBLEMS[status], PROBLEM, "Problem") for status in (401, 503)}
    return {"security": [{"key": []}], "responses": problems}


def outbox_operation() -> dict[str, Any]:
    """`GET /v1/outbox`."""
    answer = _answer("How the outbox and the line stand.", "application/json", "OutboxTold")
    return {"responses": {"200": answer, "503": _answer(_PROBLEMS[503], PROBLEM, "Problem")}}


def _answer(text: str, kind: str, schema: str) -> dict[str, Any]:
    return {"description": text, "content": {kind: {"schema": _ref(schema)}}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(name=name)}
