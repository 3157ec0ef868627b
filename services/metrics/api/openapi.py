"""What OpenAPI says about the doors: parameters and every answer."""

from typing import Any, get_args

from contracts.face.problems import PROBLEM
from services.metrics.api.answers import FLOW_NAMES
from services.metrics.api.queries import ROLES, ROWS_DAYS_MAX, SUM_DAYS_MAX
from services.metrics.domain.delivery import LINKS
from services.metrics.domain.silence import State

DESCRIPTION = """Counters of every unit, exact, as of the reported offsets that each answer names (`as_of`).

Flows count events on the business day of their `time` (Asia/Ho_Chi_Minh) and in total; stocks count dossiers as they stand
now, and are left out of answers for a day or a range. Public: no key is needed.

`lag_seconds` is 0 at the end of `dossier.reported`, else the age of the last record counted in; while Kafka cannot be asked
it is that age, an upper bound, and null while not even that is known. `stopped` names partitions that are counted no
further, with the reason (`gap`, `diverged`, `unreadable`, `log_changed`): their figures stand as of `as_of`.

`complete_until` is the time up to which a unit's edges have delivered all they hold, but for what intake refused and lies
aside (of the whole answer: every known edge; null: none is known), `provisional` whether an outbox is not empty or its edge
has not been heard of for too long in working hours (null: heartbeats are not read). Figures are whole up to then where
`centre.quarantined_events` is 0: neither of the two waits for refused events, which nobody may ever mend; what is tried
again takes `complete_until` back to when it was entered. `centre` has the line (`link`), the outbox, the last event, and
whether silence is to be expected by the unit's own calendar (`silence`: `heard`, `resting`, `silent`, `never`, `unknown`).
"""
STREAM = """Server-sent events. `units`: an answer like that of `/v1/units` in total, with the rows that changed, at first
with all, at most 4 a second; more than fifty rows come in several events, of which each but the last says how many rows
are still `to_come`. `as_of`: `as_of` and `lag_seconds` every 2 s while nothing changes. `problem`: its `code` while
figures cannot be told. Whoever takes nothing for a minute or two is let go; so is, that memory has its bound, whoever is
slowest over what nine clients take at nine different times. The stream then ends, and a new one begins with all rows."""
_DAY = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "format": "date"}
_INTEGERS = {"type": "object", "additionalProperties": {"type": "integer"}}
_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_NUMBERS = {"type": "array", "items": {"type": "integer"}}
_MAYBE = {"type": ["string", "null"]}


def units_operation() -> dict[str, Any]:
    """`GET /v1/units`."""
    return _operation(_TOTALS, "Units", "Every unit of the role, zeros where nothing is counted, and their sum.")


def unit_operation() -> dict[str, Any]:
    """`GET /v1/units/{code}`."""
    return _operation([_CODE, *_TOTALS], "Unit", "One unit, also by field and by channel.", _UNKNOWN)


def days_operation() -> dict[str, Any]:
    """`GET /v1/units/{code}/days`."""
    return _operation([_CODE, _ROLE, _FROM, _TO], "Days", "A row for each business day of the range.", _UNKNOWN)


def course_operation() -> dict[str, Any]:
    """`GET /v1/days`."""
    return _operation([_COUNTER, _ROLE, _FROM, _TO], "Course", "One counter of every unit, a number for each day.")


def counters_operation() -> dict[str, Any]:
    """`GET /v1/counters`."""
    return _operation([], "Dictionary", "Every counter and rate with its meaning.", late=False)


def text_operation(kind: str, text: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    """An operation that answers with text."""
    told = _operation(list(parameters), "Units", text)
    told["responses"]["200"] = {"description": text, "content": {kind: {"schema": _TEXT}}}
    return told


def role_parameter() -> dict[str, Any]:
    """`role`."""
    return _ROLE


def not_ready() -> dict[int | str, dict[str, Any]]:
    """What `/readyz` may answer besides 200."""
    return {503: {"description": "Not now; `reasons` says why.", "content": {PROBLEM: {"schema": _ref("Problem")}}}}


def components() -> dict[str, Any]:
    """Every schema that the operations refer to."""
    rate = _object(numerator={"type": "integer"}, denominator={"type": "integer"}, percent={"type": ["number", "null"]})
    figures = {"counters": _INTEGERS, "rates": {"type": "object", "additionalProperties": _ref("Rate")}}
    named = {"unit": _TEXT, "name": _TEXT, "kind": _TEXT}
    head = {
        "as_of": _object(time=_TEXT, log_clock={"type": ["string", "null"]}, partitions=_INTEGERS),
        "lag_seconds": {"type": ["number", "null"], "minimum": 0},
        "role": {"enum": list(ROLES)},
    }
    marks = {"complete_until": _MAYBE, "provisional": {"type": ["boolean", "null"]}}
    centre = {**marks, "centre": _ref("Centre")}
    parts = {"type": "object", "additionalProperties": _ref("Figures")}
    schemas = {
        "Rate": rate,
        "Figures": _object(**figures),
        "Centre": _object(link={"enum": list(LINKS)}, heard_at=_MAYBE, spool_events={"type": ["integer", "null"]},
                          oldest_unsent_at=_MAYBE, quarantined_events={"type": ["integer", "null"]},
                          silence={"enum": list(get_args(State))}, last_event=_MAYBE, expected_by=_MAYBE),
        "UnitRow": _object(**named, **figures, **centre),
        "DayRow": _object(day=_DAY, **figures, restated_at={"type": ["string", "null"]}),
        "Units": _object(**head, **marks, units=_list("UnitRow"), total=_ref("Figures")),
        "Unit": _object(**head, **named, **centre, **figures, by_field=parts, by_channel=parts),
        "Days": _object(**head, **named, **centre, days=_list("DayRow")),
        "Course": _object(**head, counter=_TEXT, **marks, days={"type": "array", "items": _DAY}, total=_NUMBERS,
                          units={"type": "object", "additionalProperties": _NUMBERS}),
        "Counter": _object(name=_TEXT, kind={"enum": ["flow", "stock"]}, attributed={"enum": ["body", "source"]},
                           roles=_TEXTS, help=_TEXT, label_vi=_TEXT, help_vi=_TEXT),
        "RateMeaning": _object(name=_TEXT, help=_TEXT, label_vi=_TEXT, help_vi=_TEXT, formula=_TEXT, numerator=_TEXTS,
                               denominator=_object(plus=_TEXTS, minus=_TEXTS)),
        "Dictionary": _object(counters=_list("Counter"), rates=_list("RateMeaning")),
        "Problem": _object(type=_TEXT, title=_TEXT, status={"type": "integer"}, code=_TEXT, detail=_TEXT),
    }  # fmt: skip
    for name in ("Units", "Unit", "Days", "Course"):
        schemas[name]["properties"]["stopped"] = {"type": "object", "additionalProperties": _TEXT}
    return {"schemas": schemas}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(name: str) -> dict[str, Any]:
    return {"type": "array", "items": _ref(name)}


def _object(**members: Any) -> dict[str, Any]:
    return {"type": "object", "properties": members, "required": list(members)}


def _in_query(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": text, "schema": schema}


_CODE = {"name": "code", "in": "path", "required": True, "description": "Unit or department.", "schema": _TEXT}
_ROLE = _in_query(
    "role", {"enum": list(ROLES), "default": ROLES[0]}, "Whose figures: the receiver's or the competent body's."
)
_FROM = _in_query("from", _DAY, f"First day, with `to`; at most {ROWS_DAYS_MAX} days.")
_SUM_FROM = _in_query("from", _DAY, f"First day, with `to`; at most {SUM_DAYS_MAX} days.")
_TO = _in_query("to", _DAY, "Last day, included.")
_COUNTER = _in_query("counter", {"enum": list(FLOW_NAMES), "default": "received"}, "A flow of /v1/counters.")
_TOTALS = [_ROLE, _in_query("day", _DAY, "One day."), _SUM_FROM, _TO]
_UNKNOWN = {404: "`unknown_unit`."}


def _operation(
    parameters: list[dict[str, Any]], name: str, text: str, more: dict[int, str] | None = None, late: bool = True
) -> dict[str, Any]:
    told = {
        422: "`invalid_role`, `invalid_counter`, `invalid_day`, `invalid_range`, `unknown_parameter`, `repeated_parameter`.",
        **(more or {}),
    }
    if late:
        told[503] = "`rebuilding`, `unavailable`, `busy` or `too_many_clients`: ask again after `Retry-After`."
    problem = {PROBLEM: {"schema": _ref("Problem")}}
    answers = {str(status): {"description": why, "content": problem} for status, why in sorted(told.items())}
    good = {"description": text, "content": {"application/json": {"schema": _ref(name)}}}
    return {"parameters": parameters, "responses": {"200": good, **answers}}
