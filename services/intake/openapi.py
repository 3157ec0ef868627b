"""What OpenAPI says about the doors: bodies made from the contract's own types, and every answer."""

from typing import Any

import msgspec

from contracts import data as contract_data
from contracts.data import FACTS
from contracts.events import EXTENSIONS, REQUIRED, TYPE_PREFIX, TYPE_SUFFIX
from contracts.face.bodies import BATCH, ONE
from contracts.face.problems import PROBLEM
from contracts.heartbeats import Heartbeat
from services.intake.domain.answers import Result

_REF = "#/components/schemas/{name}"
_TEXT = {"type": "string"}
_TRACE = {"type": "string", "pattern": "^[ -~]{1,512}$"}
_INSTANT = {"type": "string", "format": "date-time"}

DESCRIPTION = """Events of dossiers go in here, one or a batch, and are kept for ever.

`stored` is said only after Kafka acknowledged a record on all in-sync replicas. Whatever else is answered, the sender keeps
the event: `retry` (the world's fault) is sent again unchanged, `refused` (the event's fault) is not. Sending again is
harmless: an event is known by `source`, `id` and `subject`.
"""


def components(batch_events_max: int) -> dict[str, Any]:
    """Every schema and the security scheme that the operations below refer to."""
    models = [*dict.fromkeys(FACTS.values()), Heartbeat, Result]
    _, schemas = msgspec.json.schema_components(models, ref_template=_REF)
    events = {f"event_{fact}": _event(fact, _REF.format(name=model.__name__)) for fact, model in FACTS.items()}
    return {
        "securitySchemes": {
            "key": {"type": "http", "scheme": "bearer", "description": "A centre's key, or the operator's."}
        },
        "schemas": {
            **schemas,
            **events,
            "Event": {"oneOf": [_ref(name) for name in events]},
            "Batch": {"type": "array", "items": _ref("Event"), "maxItems": batch_events_max},
            "Tick": _closed({"at": _INSTANT}, ["at"]),
            "Results": _closed({"results": {"type": "array", "items": _ref("Result")}}, ["results"]),
            "Kept": _closed({"status": {"const": "stored"}}, ["status"]),
            "Ticked": _closed(
                {"partitions": {"type": "object", "additionalProperties": {"type": "integer"}}}, ["partitions"]
            ),
            "Problem": _problem(),
        },
    }


def events_operation() -> dict[str, Any]:
    """`POST /v1/events`."""
    return _operation(
        {ONE: _ref("Event"), BATCH: _ref("Batch")},
        {
            202: ("Results", "Every event is stored."),
            207: ("Results", "Some are stored: see each result; those with `retry` are sent again after `Retry-After`."),
            400: ("Problem", "The body cannot be read: not JSON, not UTF-8, cut, or broken gzip."),
            401: ("Problem", "No valid key."),
            403: ("Problem", "The key speaks for none of the sources: every result is `unit_not_allowed`."),
            413: ("Problem", "Too many bytes, or too many events."),
            415: ("Problem", "Another media type, charset or content coding."),
            422: ("Problem", "Every event is refused: `results` says why, one by one."),
            429: ("Problem", "The key's quota is used up; nothing is stored."),
            503: ("Problem", "Nothing is stored, and that is not the events' fault: send them again after `Retry-After`."),
        },
    )


def heartbeats_operation() -> dict[str, Any]:
    """`POST /v1/heartbeats`."""
    return _operation(
        {"application/json": _ref("Heartbeat")},
        {
            202: ("Kept", "The heartbeat is stored."),
            400: ("Problem", "The body cannot be read."),
            401: ("Problem", "No valid key."),
            403: ("Problem", "The key does not speak for the source."),
            413: ("Problem", "Too many bytes."),
            415: ("Problem", "Another media type, charset or content coding."),
            422: ("Problem", "Not a heartbeat, or of a unit that does not exist."),
            429: ("Problem", "The key's quota is used up."),
            503: ("Problem", "Not stored: send it again after `Retry-After`."),
        },
    )


def clock_operation() -> dict[str, Any]:
    """`POST /v1/clock`."""
    return _operation(
        {"application/json": _ref("Tick")},
        {
            202: ("Ticked", "One tick is stored in each partition; the offsets say where."),
            400: ("Problem", "The body cannot be read."),
            401: ("Problem", "No valid key."),
            403: ("Problem", "Not the operator's key."),
            409: ("Problem", "The archive lives by the wall clock (MOTCUA_CLOCK=wall)."),
            413: ("Problem", "Too many bytes."),
            415: ("Problem", "Another media type, charset or content coding."),
            422: ("Problem", "No instant, or too far away."),
            503: ("Problem", "Not stored in every partition: send it again after `Retry-After`."),
        },
    )


def _operation(bodies: dict[str, Any], answers: dict[int, tuple[str, str]]) -> dict[str, Any]:
    return {
        "security": [{"key": []}],
        "requestBody": {"required": True, "content": {kind: {"schema": schema} for kind, schema in bodies.items()}},
        "responses": {str(status): _answer(status, name, text) for status, (name, text) in answers.items()},
    }


def _answer(status: int, name: str, text: str) -> dict[str, Any]:
    kind = "application/json" if status < 400 else PROBLEM
    answer: dict[str, Any] = {"description": text, "content": {kind: {"schema": _ref(name)}}}
    if status in (207, 429, 503):
        answer["headers"] = {"Retry-After": {"description": "Whole seconds.", "schema": {"type": "integer", "minimum": 1}}}
    return answer


def _event(fact: str, data: str) -> dict[str, Any]:
    forms = {
        "specversion": {"const": "1.0"},
        "id": msgspec.json.schema(contract_data.EventId),
        "source": {"type": "string", "pattern": "^/units/[A-Za-z0-9._-]{1,32}(/[A-Za-z0-9._-]{1,64})?$"},
        "type": {"const": f"{TYPE_PREFIX}{fact}{TYPE_SUFFIX}"},
        "subject": msgspec.json.schema(contract_data.DossierCode),
        "time": _INSTANT,
        "data": {"$ref": data},
        "datacontenttype": {"const": "application/json"},
        "sequence": {"type": "string", "pattern": "^[0-9]{1,19}$"},
        "incarnation": {"type": "string", "format": "uuid"},
        "recordedtime": _INSTANT,
        "traceparent": _TRACE,
        "tracestate": _TRACE,
    }
    assert forms.keys() >= {*REQUIRED, *EXTENSIONS}, "each attribute of the contract is described"
    return _closed(forms, list(REQUIRED))


def _problem() -> dict[str, Any]:
    members = {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "code": {"type": "string", "pattern": "^[a-z_]+$"},
        "detail": _TEXT,
        "reasons": {"type": "array", "items": _TEXT},
        "results": {"type": "array", "items": _ref("Result"), "description": "Whenever the body parsed."},
    }
    return _closed(members, ["type", "title", "status", "code", "detail"])


def _closed(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(name=name)}
