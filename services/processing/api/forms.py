"""The forms of the answers, as OpenAPI's schemas."""

from typing import Any

from contracts.topics import PARTITIONS
from services.processing.api import deadline_forms
from services.processing.domain.worklists import LISTS, ROLES

_REF = "#/components/schemas/{name}"
TEXT: dict[str, Any] = {"type": "string"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_FLAG: dict[str, Any] = {"type": "boolean"}
_INSTANT: dict[str, Any] = {"type": "string", "format": "date-time", "description": "RFC 3339, +07:00."}
_STATE: dict[str, Any] = {"type": ["integer", "null"], "enum": [*range(1, 11), None]}
_DETAIL: dict[str, Any] = {"type": ["string", "null"], "enum": ["suspended", "terminal", None]}
_CODE: dict[str, Any] = {"type": "string", "pattern": "^[a-z_]+$"}
_MISFIT: dict[str, Any] = {"enum": ["parked", "rejected"]}
_NO_TEXT = {"type": ["string", "null"], "contentEncoding": "base64", "description": "Where they are no UTF-8."}
_STANDINGS = ["applied", "parked", "duplicate", "rejected", "annulled", "tick", "control"]


def components() -> dict[str, Any]:
    """Every schema and the security scheme that the operations below refer to."""
    return {
        "securitySchemes": {
            "key": {"type": "http", "scheme": "bearer", "description": "A centre's key, or the operator's."}
        },
        "schemas": {
            "AsOf": _as_of(),
            "Dossier": _dossier(),
            "Step": _step(),
            "Misfit": _closed({**_EVENT, "code": TEXT, "standing": _MISFIT, "expires_at": _INSTANT}),
            "Event": _closed(_EVENT),
            "Annulment": _closed({**_EVENT, "event": TEXT, "reason": TEXT}),
            "Deadline": _deadline(),
            **deadline_forms.schemas(),
            "Worklist": _worklist(),
            "Listed": _listed(),
            "Rejected": _with_figures({"rejected": _list("Letter"), "next": _or_null(TEXT)}),
            "Letter": _closed(_letter()),
            "Groups": _with_figures({"groups": _list("Group"), "next": _or_null(TEXT)}),
            "Group": _group(),
            "WholeLetter": _with_figures({**_letter(), **_whole()}),
            "Header": _closed({"name": TEXT, "value": _or_null(TEXT), "bytes": _NO_TEXT}),
            "Parked": _with_figures({"parked": _list("Waiting"), "next": _or_null(TEXT)}),
            "Waiting": _waiting(),
            "Problem": _problem(),
        },
    }


def _closed(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def ref(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(name=name)}


def _list(name: str) -> dict[str, Any]:
    return {"type": "array", "items": ref(name)}


def _or_null(form: dict[str, Any]) -> dict[str, Any]:
    return {**form, "type": [form["type"], "null"]}


_EVENT: dict[str, Any] = {
    "fact": TEXT,
    "source": TEXT,
    "id": TEXT,
    "offset": {**_COUNT, "description": "In the dossier's partition of dossier.reported."},
    "occurred_at": _INSTANT,
    "recorded_at": _INSTANT,
}
_DUES: dict[str, Any] = {
    "due_original": {**_or_null(_INSTANT), "description": "Without an apology letter."},
    "due_current": _or_null(_INSTANT),
    "acceptance_due": {**_or_null(_INSTANT), "description": "By when it had to be accepted or refused."},
}
_PLACE = _closed({"partition": _COUNT, "offset": _COUNT})
_FIGURES: dict[str, Any] = {"as_of": ref("AsOf"), "lag_seconds": {"type": "number", "minimum": 0}}


def _with_figures(properties: dict[str, Any]) -> dict[str, Any]:
    return _closed({**properties, **_FIGURES})


def _as_of() -> dict[str, Any]:
    partition = {"type": "integer", "minimum": -1}
    partitions = _closed({str(number): partition for number in range(PARTITIONS)})
    return _closed({"time": _INSTANT, "log_clock": _or_null(_INSTANT), "partitions": partitions})


def _dossier() -> dict[str, Any]:
    told = dict.fromkeys(("procedure", "field", "channel", "parent", "receiver", "competent"), _or_null(TEXT))
    flags = dict.fromkeys(("overdue", "due_in_24h", "due_in_72h", "acceptance_overdue"), _FLAG)
    lists = {"history": "Step", "misfits": "Misfit", "annulled": "Event", "annulments": "Annulment", "repeats": "Event"}
    return _with_figures(
        {
            "code": TEXT, "state": _STATE, "state_detail": _DETAIL,
            "state_name": {**_closed({"vi": TEXT, "en": TEXT}), "type": ["object", "null"]},
            **told, **_DUES, **flags, **{name: _list(form) for name, form in lists.items()},
            "gen": _COUNT, "digest": {**TEXT, "description": "Of the rules in force."},
        }
    )  # fmt: skip


def _step() -> dict[str, Any]:
    timeliness = {"enum": ["early", "on_time", "late", "without_due", None]}
    late = {"enum": ["by_link", "entry", None], "description": "In time, and reported after the clock had passed the due."}
    moved = {"competent": TEXT, "state": _STATE, "state_detail": _DETAIL, "due_current": _or_null(_INSTANT)}
    return _closed({**_EVENT, **moved, "timeliness": timeliness, "late": late})


def _deadline() -> dict[str, Any]:
    units = {"enum": ["working_hours", "working_days", "calendar_days", "months"]}
    limit = {**_closed({"amount": _COUNT, "unit": units}), "type": ["object", "null"]}
    return _with_figures(
        {
            "code": TEXT, "state": _STATE, "state_detail": _DETAIL, "limit": limit, **deadline_forms.members(),
            **_DUES, "calendar_digest": TEXT, "gen": _COUNT,
            "sentence": _closed({"vi": TEXT, "en": TEXT}),
        }
    )  # fmt: skip


def _worklist() -> dict[str, Any]:
    told = {"unit": TEXT, "role": {"enum": list(ROLES)}, "list": {"enum": list(LISTS)}, "total": _COUNT}
    return _with_figures({**told, "dossiers": _list("Listed"), "next": _or_null(TEXT)})


def _listed() -> dict[str, Any]:
    minutes = "Whole working minutes; while the clock is paused as of when the pause began. At most one of the two is told."
    told = {"procedure": TEXT, "field": TEXT, "channel": TEXT, "receiver": TEXT, "competent": TEXT}
    left = {name: {**_or_null(_COUNT), "description": minutes} for name in ("minutes_left", "minutes_over")}
    waiting = {"waiting_since": {**_or_null(_INSTANT), "description": "When the pause began."}}
    flags = dict.fromkeys(("overdue", "due_in_24h", "due_in_72h", "acceptance_overdue"), _FLAG)
    name = _closed({"vi": TEXT, "en": TEXT})
    state = {"state": {"enum": [1, 2, 4, 5, 6, 8]}, "state_detail": {"enum": ["suspended", None]}, "state_name": name}
    return _closed({"code": TEXT, **told, **state, **_DUES, **waiting, **left, **flags})


def _letter() -> dict[str, Any]:
    why = "As the reported record stands now, or stood when its dossier's history left; null while nobody can say."
    told = dict.fromkeys(("dossier", "source", "id", "fact"), _or_null(TEXT))
    instants = dict.fromkeys(("occurred_at", "recorded_at"), _or_null(_INSTANT))
    src = {"type": "array", "items": _COUNT, "minItems": 3, "maxItems": 3, "description": "offset, index, n"}
    return {
        "code": TEXT, "detail": TEXT, "standing": {"enum": [*_STANDINGS, None], "description": why},
        **told, **instants,
        "reported": _closed({"partition": _COUNT, "offset": _or_null(_COUNT)}),
        "src": src, "position": _PLACE,
    }  # fmt: skip


def _group() -> dict[str, Any]:
    unit = {**_or_null(TEXT), "description": "The code in `source`; null where the record names none readably."}
    week = {**_or_null(TEXT), "description": "ISO week of the day of recording in Vietnam, `2025-W27`; null while unknown."}
    now = {**_COUNT, "description": "How many of these stand rejected now."}
    return _closed({"code": TEXT, "unit": unit, "week": week, "letters": _COUNT, "rejected_now": now})


def _whole() -> dict[str, Any]:
    in_base64 = {**_or_null(TEXT), "contentEncoding": "base64"}
    text = {**_or_null(TEXT), "description": "The same as text, where it is UTF-8."}
    heals = {**TEXT, "description": "What would heal it, for operators."}
    headers = {**_list("Header"), "description": "As reported, in their order."}
    return {"heals": heals, "headers": headers, "key": in_base64, "value": in_base64, "value_text": text}


def _waiting() -> dict[str, Any]:
    told = {name: form for name, form in _EVENT.items() if name != "offset"}
    return _closed(
        {
            "dossier": TEXT,
            **told,
            "code": TEXT,
            "standing": {"const": "parked"},
            "expires_at": _INSTANT,
            "reported": _PLACE,
        }
    )


def _problem() -> dict[str, Any]:
    texts = {"type": "array", "items": TEXT}
    told = {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "code": _CODE, "detail": TEXT}
    return _closed({**told, "reasons": texts, "notes": texts, **_FIGURES}, ("reasons", "notes", *_FIGURES))
