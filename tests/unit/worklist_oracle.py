"""What stands on a worklist, told without worklists: a plain filter over what `GET /v1/dossiers/{code}` says of each."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from contracts import instants
from services.processing.api.views import dossier_answer
from services.processing.domain import worklists
from services.processing.domain.dossier import Dossier
from services.processing.domain.rules import Rules

LISTS = ("overdue", "due_soon", "acceptance_due", "waiting_supplement", "waiting_payment", "open")
ROLES = ("receiver", "competent")
OPEN = {(1, None), (2, None), (4, None), (5, None), (6, None), (8, "suspended")}
NEVER = datetime.max.isoformat()
Answer = Mapping[str, Any]
Sets = Mapping[str, Mapping[str, int]]


def listed(answers: Iterable[Answer], name: str, role: str, unit: str) -> list[str]:
    """Dossier codes of a list in its order: by its instant, then by code."""
    rows = [
        (_instant(answer, name), str(answer["code"])) for answer in answers if answer[role] == unit and _is_in(answer, name)
    ]
    return [code for _, code in sorted(rows)]


def _is_in(answer: Answer, name: str) -> bool:
    state = answer["state"]
    told: dict[str, bool] = {
        "overdue": answer["overdue"],
        "due_soon": answer["due_in_72h"],
        "acceptance_due": state == 1,
        "waiting_supplement": state == 5,
        "waiting_payment": state == 6,
        "open": (state, answer["state_detail"]) in OPEN,
    }
    return told[name]


def _instant(answer: Answer, name: str) -> str:
    """As texts that sort as the instants do; open dossiers without a due come last."""
    if name == "acceptance_due":
        return _sortable(answer["acceptance_due"])
    if name.startswith("waiting_"):
        fact = {"waiting_supplement": "supplement_requested", "waiting_payment": "payment_requested"}[name]
        return _sortable([step["occurred_at"] for step in answer["history"] if step["fact"] == fact][-1])
    return NEVER if answer["due_current"] is None else _sortable(answer["due_current"])


def _sortable(text: str) -> str:
    # Every answer has the same offset.
    return datetime.fromisoformat(text).replace(tzinfo=None).isoformat(timespec="microseconds")


# --- what is stored, read as a list -------------------------------------------------------------------------------------


def stored_list(sets: Sets, name: str, role: str, unit: str, clock: int | None, rules: Rules) -> list[str]:
    """A list out of the sets of one partition, as the API is meant to put it together."""
    sought = worklists.LISTS[name]  # type: ignore[index]
    if sought.span != "all" and clock is None:
        return []
    low, high = {
        "all": (0, worklists.NO_DUE),
        "before_clock": (0, (clock or 0) - 1),
        "from_clock": (clock or 0, (clock or 0) + sought.ahead),
    }[sought.span]
    bodies: Iterable[str] = (unit,)
    if role == "competent" and clock is not None:
        bodies = rules.resolving_to(unit, instants.day_number(clock))
    rows = [
        (score, code)
        for body in bodies
        for kind in sought.sets
        for code, score in sets.get(f"{role}:{body}:{kind}", {}).items()
        if low <= score <= high
    ]
    return [code for _, code in sorted(rows)]


def assert_listed(sets: Sets, dossiers: Mapping[str, Dossier], clock: int | None, rules: Rules) -> None:
    """Every list of every body, in both roles, is the filter's; nobody stands twice or in a list of nobody."""
    answers = [dossier_answer((dossier, clock, rules)) for dossier in dossiers.values()]
    units = {answer[role] for answer in answers for role in ROLES} - {None} | {name.split(":")[1] for name in sets}
    for role in ROLES:
        for unit in units:
            for name in LISTS:
                told = stored_list(sets, name, role, unit, clock, rules)
                assert told == listed(answers, name, role, unit), f"{name} of {role} {unit}"
    assert all(scores for scores in sets.values()), "an empty set is no set"
