"""The forms of what the ledger tells of a deadline, as OpenAPI's schemas."""

from typing import Any

from services.processing.domain.ledger import SEGMENTS_MAX
from services.processing.domain.sources import SOURCES

_REF = "#/components/schemas/{name}"
_TEXT: dict[str, Any] = {"type": "string"}
_TEXT_OR_NULL: dict[str, Any] = {"type": ["string", "null"]}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_COUNT_OR_NULL: dict[str, Any] = {"type": ["integer", "null"], "minimum": 0}
_FLAG: dict[str, Any] = {"type": "boolean"}
_INSTANT: dict[str, Any] = {"type": "string", "format": "date-time", "description": "RFC 3339, +07:00."}
_INSTANT_OR_NULL: dict[str, Any] = {**_INSTANT, "type": ["string", "null"]}
_DATE: dict[str, Any] = {"type": "string", "format": "date"}
_PHASE: dict[str, Any] = {"enum": ["acceptance", "processing"]}
_CLOCK: dict[str, Any] = {**_COUNT, "description": "0 the acceptance, 1 from the reception, one more with each restart."}
_RULE: dict[str, Any] = {"enum": sorted(SOURCES), "description": "One of `rules`."}
_DAY = {"enum": ["holiday", "weekend", "day_off", "make_up_day"]}
_VERDICTS = [
    "not_submitted", "awaiting_acceptance", "acceptance_paused", "acceptance_overdue", "running", "paused", "overdue",
    "early", "on_time", "late", "without_due", "open_without_due", "refused", "withdrawn", "halted",
]  # fmt: skip


def schemas() -> dict[str, Any]:
    """The parts that a deadline is made of, by name."""
    return {
        "Segment": _segment(),
        "Stretch": _stretch(),
        "Move": _move(),
        "SpecialDay": _closed({"date": _DATE, "code": _DAY, "name": _TEXT_OR_NULL}),
        "Balance": _balance(),
        "Verdict": _verdict(),
        "Rule": _rule(),
    }


def members() -> dict[str, Any]:
    """What the answer says beside state, limit, dues and sentence."""
    return {
        "limit_from": {"enum": ["received", "submitted", "catalogue", None]},
        "segments": _list("Segment"),
        "segments_left_out": {
            **_COUNT,
            "description": f"The oldest, where there are over {SEGMENTS_MAX:,}; stretches are all there.",
        },
        "stretches": _list("Stretch"),
        "moves": _list("Move"),
        "balance": {"anyOf": [_ref("Balance"), {"type": "null"}]},
        "verdict": _ref("Verdict"),
        "rules": {"type": "object", "propertyNames": _RULE, "additionalProperties": _ref("Rule")},
    }


def _segment() -> dict[str, Any]:
    why = "The fact that set the clock going or made it pause, or `outside_hours`."
    reason = "Of the calendar: `lunch_break`, `holiday`, …; of a pause the reported one."
    return _closed(
        {
            "kind": {"enum": ["running", "paused", "closed"]}, "from": _INSTANT, "to": _INSTANT,
            "working_minutes": _COUNT, "why": {**_TEXT, "description": why}, "phase": _PHASE, "clock": _CLOCK,
            "began_by": _TEXT, "ended_by": {**_TEXT, "description": "A fact, an edge of the office's hours, or `now`."},
            "reason": {**_TEXT_OR_NULL, "description": reason}, "reason_name": _TEXT_OR_NULL,
            "beyond_limit": _FLAG, "rule": _RULE,
        }
    )  # fmt: skip


def _stretch() -> dict[str, Any]:
    return _closed(
        {
            "kind": {"enum": ["running", "paused"]}, "phase": _PHASE, "clock": _CLOCK, "from": _INSTANT, "to": _INSTANT,
            "working_minutes": _COUNT, "began_by": _TEXT, "ended_by": _TEXT, "reported_reason": _TEXT_OR_NULL,
        }
    )  # fmt: skip


def _move() -> dict[str, Any]:
    codes = ["acceptance_set", "acceptance_moved", "set", "paused", "restarted", "apology_letter", "handed_over", "recalled"]
    pause = {
        "fact": _TEXT, "reported_reason": _TEXT_OR_NULL, "from": _INSTANT, "to": _INSTANT, "working_minutes": _COUNT,
        "added_working_minutes": _COUNT_OR_NULL, "added_days": _COUNT_OR_NULL,
    }  # fmt: skip
    dates = {"base_date": _DATE, "due_date": _DATE, "passed_over": _list("SpecialDay")}
    dues = dict.fromkeys(("clock_start", "due_before", "due_original", "due_current", "acceptance_due"), _INSTANT_OR_NULL)
    return _closed(
        {
            "code": {"enum": codes}, "at": _INSTANT, "fact": _TEXT, "rules": {"type": "array", "items": _RULE}, **dues,
            "pause": {**_closed(pause), "type": ["object", "null"]}, "dates": {**_closed(dates), "type": ["object", "null"]},
            "special_days": _list("SpecialDay"), "competent": _TEXT_OR_NULL,
        }
    )  # fmt: skip


def _balance() -> dict[str, Any]:
    known = dict.fromkeys(("limit_minutes", "remaining_minutes", "beyond_limit_minutes"), _COUNT_OR_NULL)
    return _closed(
        {
            "clock": _CLOCK, "phase": _PHASE, "running_minutes": _COUNT, "paused_minutes": _COUNT, **known,
            "base_date": {**_DATE, "type": ["string", "null"]},
        }
    )  # fmt: skip


def _verdict() -> dict[str, Any]:
    minutes = dict.fromkeys(("late_minutes", "late_minutes_by_clock", "early_minutes"), _COUNT)
    flags = dict.fromkeys(("late_by_unit", "late_by_link", "late_entry"), _FLAG)
    instants = dict.fromkeys(("at", "entered_at", "log_clock_at_arrival"), _INSTANT_OR_NULL)
    return _closed({"code": {"enum": _VERDICTS}, **minutes, **flags, **instants, "rules": {"type": "array", "items": _RULE}})


def _rule() -> dict[str, Any]:
    basis = "`law` a text decides it; `inferred` systems do it so; `configured` here; `ours` where the sources leave room."
    article = {
        **_TEXT_OR_NULL,
        "description": "Null without an act, where the act says it itself, and where nobody has entered it.",
    }
    stands_on = _closed({"vi": _TEXT, "en": _TEXT}) | {"description": "Which act it is, or that none is known or cited."}
    return _closed(
        {
            "basis": {"enum": ["law", "inferred", "configured", "ours"], "description": basis},
            "act": _TEXT_OR_NULL, "article": article, "vi": _TEXT, "en": _TEXT, "stands_on": stands_on,
        }
    )  # fmt: skip


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(name=name)}


def _list(name: str) -> dict[str, Any]:
    return {"type": "array", "items": _ref(name)}
