"""What OpenAPI says about the doors: parameters and every answer."""

from typing import Any

from contracts.face.problems import PROBLEM
from services.processing.api.cursors import FORM as CURSOR_FORM
from services.processing.api.forms import TEXT, ref
from services.processing.api.queries import DOSSIER_FORM, PLACE_FORM, REASON_FORM, UNIT_FORM, WEEK_FORM
from services.processing.domain.worklists import LISTS, ROLES

DESCRIPTION = """Dossiers and their deadlines, worklists, dead letters and parked events, as the worker has folded them.

Every answer says up to where the log is counted in (`as_of`) and how long ago that was (`lag_seconds`, 0 at the end).

**Who may read.** A dossier and its deadline: a key of the receiver, of a body that is or was competent, or of one that
succeeded these; and the operator's. Any other key gets 403 `unit_not_allowed`. A code that nothing is known of is 404
`unknown_dossier` to every valid key; so is, except to the operator, one of which events have come in that could not bear
it yet. One whose history has left is 410 `retired` to every valid key: whose it was has left with it. A worklist: a key of
the unit, or of one that succeeded it, and the operator's. Dead letters and parked events are the operator's alone.
"""


def dossier_operation() -> dict[str, Any]:
    """`GET /v1/dossiers/{code}`."""
    return _operation(
        [_CODE_IN_PATH], "Dossier", "How the dossier stands, with everything that is kept of it.", _OF_A_DOSSIER
    )


def deadline_operation() -> dict[str, Any]:
    """`GET /v1/dossiers/{code}/deadline`."""
    return _operation([_CODE_IN_PATH], "Deadline", "Why the dossier is due when it is.", _OF_A_DOSSIER)


def worklist_operation() -> dict[str, Any]:
    """`GET /v1/units/{code}/worklist`."""
    given = [
        _UNIT_IN_PATH,
        {"name": "list", "in": "query", "required": True, "description": _LISTS, "schema": {"enum": list(LISTS)}},
        _in_query("role", f"^({'|'.join(ROLES)})?$", "As what the unit stands in the dossiers; without one the receiver."),
        _GOES_ON,
    ]
    return _operation(given, "Worklist", _WORKLIST, _OF_A_WORKLIST)


def rejected_operation() -> dict[str, Any]:
    """`GET /v1/rejected`."""
    text = "A page of dead letters, by partition, oldest first; it may be empty and have a `next` when a filter is set."
    return _operation([_OF_REASON, _OF_UNIT, _GOES_ON], "Rejected", text, _OF_A_LIST)


def groups_operation() -> dict[str, Any]:
    """`GET /v1/rejected/groups`."""
    week = _in_query("week", f"^({WEEK_FORM})?$", "Only those recorded in this ISO week of Vietnam's calendar, `2025-W27`.")
    return _operation([_OF_REASON, _OF_UNIT, week, _GOES_ON], "Groups", _GROUPS, _OF_A_LIST)


def letter_operation() -> dict[str, Any]:
    """`GET /v1/rejected/{place}`."""
    return _operation([_PLACE_IN_PATH], "WholeLetter", _WHOLE, _OF_A_LETTER)


def parked_operation() -> dict[str, Any]:
    """`GET /v1/parked`."""
    text = "A page of events that are parked now, by partition and dossier; a dossier's are never on two pages."
    return _operation([_OF_UNIT, _GOES_ON], "Parked", text, _OF_A_LIST)


def not_ready() -> dict[int | str, dict[str, Any]]:
    """What `/readyz` may answer besides 200."""
    return {503: {"description": "Not now; `reasons` says why.", "content": {PROBLEM: {"schema": ref("Problem")}}}}


# --- operations -------------------------------------------------------------------------------------------------------

_LISTS = (
    "`overdue`, `due_soon` (72 hours by the clock, the next 24 included) and `open` (those without a due last): by due. "
    "`acceptance_due`: submitted, neither accepted nor refused, by when they had to be. `waiting_supplement`, "
    "`waiting_payment`: by how long they have been waiting, the longest first. Always then by code."
)
_WORKLIST = (
    "A page of a unit's open dossiers as of the log clock; `total` is the length of the whole list, equal to the stock that "
    "metrics counts. A dossier that stays where it stands is neither passed over nor shown twice while others come and go; "
    "one that has moved while the page was put together is left out, so a page may be short and still have a `next`. Who "
    "was told partition and offset by intake finds the event counted in once `as_of.partitions` has reached them."
)
_GROUPS = (
    "How many dead letters there are by code, unit and week (of recording), and how many of them stand rejected now: of a "
    "piece of their topic, in the order of `/v1/rejected`. Whoever wants the whole goes on by `next` until it is null, and "
    "adds up what is told of the same code, unit and week. A piece may be without groups and have a `next`."
)
_WHOLE = (
    "One dead letter: its row in the list, what would heal it, and what was reported: headers as text, key and value byte "
    "for byte. What a worker that died had sent and not stored lies there twice: the list has the first of them, here each "
    "is shown at its place."
)
_OF_A_DOSSIER = {
    403: "`unit_not_allowed`: the key speaks for none of the dossier's bodies.",
    404: "`unknown_dossier`: nothing of this code is counted in; `as_of` says up to where.",
    410: "`retired`: the history has left, to every valid key; its counts stand.",
    422: "`invalid_code`, or a query where none is taken.",
}
_OF_A_WORKLIST = {
    403: "`unit_not_allowed`: the key speaks neither for the unit nor for one that succeeded it.",
    404: "`unknown_unit`: the rules in force know no such code.",
    422: "`invalid_code`, `invalid_list`, `invalid_role`, `invalid_cursor`, `invalid_parameter` or `unknown_parameter`.",
}
_OF_A_LIST = {
    403: "`operator_only`.",
    422: "`invalid_cursor`, `invalid_parameter` or `unknown_parameter`.",
}
_OF_A_LETTER = {
    403: "`operator_only`.",
    404: "`unknown_letter`: no dead letter that is counted in lies at this place; `as_of` says up to where.",
    422: "`invalid_place`, or a query where none is taken.",
}


def _operation(parameters: list[dict[str, Any]], name: str, text: str, problems: dict[int, str]) -> dict[str, Any]:
    told = {
        **problems,
        401: "`no_valid_key`.",
        503: "`unavailable`: Redis or Kafka does not answer, or the state is being rebuilt; ask again after `Retry-After`.",
    }
    answers = {str(status): _answer(status, text) for status, text in sorted(told.items())}
    good = {"description": text, "content": {"application/json": {"schema": ref(name)}}}
    return {"security": [{"key": []}], "parameters": parameters, "responses": {"200": good, **answers}}


def _answer(status: int, text: str) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": text, "content": {PROBLEM: {"schema": ref("Problem")}}}
    if status == 401:
        answer["headers"] = {"WWW-Authenticate": {"required": True, "schema": TEXT}}
    if status == 503:
        seconds = {"type": "integer", "minimum": 1}
        answer["headers"] = {"Retry-After": {"required": True, "description": "Whole seconds.", "schema": seconds}}
    return answer


def _in_path(name: str, form: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "description": text,
            "schema": {"type": "string", "pattern": f"^{form}$"}}  # fmt: skip


def _in_query(name: str, pattern: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": text,
            "schema": {"type": "string", "pattern": pattern}}  # fmt: skip


_CODE_IN_PATH = _in_path("code", DOSSIER_FORM, "Dossier code.")
_UNIT_IN_PATH = _in_path("code", UNIT_FORM, "Unit or department code.")
_PLACE_IN_PATH = _in_path("place", PLACE_FORM, "`position` of a row: partition and offset in dossier.rejected, `3:17`.")
_OF_REASON = _in_query("code", f"^({REASON_FORM})?$", "Only those rejected for this reason.")
_OF_UNIT = _in_query("unit", f"^({UNIT_FORM})?$", "Only those whose `source` names this code.")
_GOES_ON = _in_query("cursor", CURSOR_FORM, "`next` of the page before.")
