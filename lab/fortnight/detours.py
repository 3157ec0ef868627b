"""What may happen after reception: pauses, hand-overs, recalls, and the ways in which a dossier stays unfinished."""

from collections.abc import Sequence
from random import Random
from typing import Final, Literal

from msgspec import Struct

from contracts.data import (
    Annulled,
    Completed,
    Data,
    HandedOver,
    Nothing,
    PaymentMade,
    PaymentRequested,
    Reasoned,
    SupplementProvided,
    SupplementRequested,
)
from contracts.reference import Procedure
from lab.fortnight.courses import Course, World

RECEIVER: Final = "receiver"
COMPETENT: Final = "competent"
# The pauses of a dossier in processing, by how often they occur; after a restart it is as if just received.
PAUSES: Final = {"payment": 60, "supplement": 30, "restart": 4, "suspended": 6}
PAUSE_COUNTS: Final = {0: 74, 1: 22, 2: 4}
UNFINISHED: Final = {
    "processing": 46, "received": 20, "supplement": 14, "payment": 9,
    "suspended": 4, "withdrawn": 4, "halted": 2, "lapsed": 1,
}  # fmt: skip
BEGINS_PAUSE: Final = frozenset({"supplement_requested", "payment_requested", "suspended"})
FEES_VND: Final = (2_000, 5_000, 8_000, 15_000, 50_000)
DEPARTMENT_SHARE: Final = 0.12
OTHER_UNIT_SHARE: Final = 0.015
HANDED_OVER_SHARE: Final = 0.05
HANDED_BACK_SHARE: Final = 0.6
RECALLED_SHARE: Final = 0.004
SLIP_SHARE: Final = 0.003


class Step(Struct, frozen=True, gc=False):
    """A fact still without an instant, and who reports it; `next_body` is competent afterwards."""

    fact: str
    data: Data
    by: Literal["receiver", "competent"] = COMPETENT
    next_body: str | None = None


# The clerk typed the wrong dossier's code, sees it, and annuls what was typed; that event's id is known only when written.
ANNULS_THE_LAST: Final = Step("annulled", Annulled("", "wrong_dossier"))


def competent_body(unit: str, procedure: Procedure, world: World, chance: Random) -> str:
    """Who decides: mostly the unit itself, else a department of the city or, regardless of borders, another unit."""
    department = world.assumed.departments.get(procedure.field)
    drawn = chance.random()
    if department is not None and drawn < DEPARTMENT_SHARE:
        return department
    return chance.choice(world.units) if drawn > 1 - OTHER_UNIT_SHARE else unit


def on_the_way(unit: str, procedure: Procedure, world: World, chance: Random) -> list[Step]:
    """Detours of a dossier in processing that will be completed."""
    steps: list[Step] = []
    for _ in range(chance.choices(list(PAUSE_COUNTS), list(PAUSE_COUNTS.values()))[0]):
        steps += _pause(chance.choices(list(PAUSES), list(PAUSES.values()))[0], chance)
    department = world.assumed.departments.get(procedure.field)
    if department is not None and chance.random() < HANDED_OVER_SHARE:
        # A pause between two hand-overs would be as good; the last place keeps pauses in pairs.
        steps.append(Step("handed_over", HandedOver(department), next_body=department))
        if chance.random() < HANDED_BACK_SHARE:
            steps.append(Step("handed_over", HandedOver(unit), next_body=unit))
    drawn = chance.random()
    if drawn < RECALLED_SHARE:
        steps.append(Step("completed", Completed(electronic_result=False)))
        steps.append(Step("recalled", Reasoned("wrong_name_of_place")))
    elif drawn < RECALLED_SHARE + SLIP_SHARE:
        steps += [Step("completed", Completed()), ANNULS_THE_LAST]
    return steps


def without_end(chance: Random) -> list[Step]:
    """How far a dossier has come that is not completed within the period."""
    fate = chance.choices(list(UNFINISHED), list(UNFINISHED.values()))[0]
    if fate == "received":
        return []
    begun = [Step("processing_started", Nothing())]
    match fate:
        case "processing":
            return begun
        case "withdrawn":
            return [*begun, Step("withdrawn", Nothing(), RECEIVER)]
        case "halted":
            return [*begun, Step("halted", Reasoned("no_legal_basis"))]
        case "lapsed":
            return [*begun, Step(*supplement_asked(chance)), Step("supplement_lapsed", Nothing())]
        case pause:
            return [*begun, _pause(pause, chance)[0]]


def supplement_asked(chance: Random) -> tuple[str, Data]:
    """The centre asks for what is missing."""
    return "supplement_requested", SupplementRequested(chance.choice(("missing_document", "unreadable_scan", "wrong_form")))


def moved_due(course: Course, steps: Sequence[Step], moments: Sequence[int], world: World) -> int | None:
    """The last due after these pauses and restarts; None where pauses count in dates or by the hours of another time."""
    same_hours = world.hours.law(world.hours.instant(course.start)) is world.hours
    due = course.due if course.promised is None else course.promised
    since = None
    for step, at in zip(steps, moments, strict=True):
        if step.fact in BEGINS_PAUSE:
            since = at
        elif since is not None:
            if not (same_hours and course.limit.unit.startswith("working")):
                return None
            restarts = isinstance(step.data, SupplementProvided) and step.data.restart
            due = world.hours.due(course.limit, at) if restarts else due + at - since
            since = None
    return due


def _pause(kind: str, chance: Random) -> list[Step]:
    match kind:
        case "payment":
            fee = chance.choice(FEES_VND)
            paid = PaymentMade(online=chance.random() < 0.7)
            return [Step("payment_requested", PaymentRequested(amount_vnd=fee)), Step("payment_made", paid, RECEIVER)]
        case "supplement":
            return [Step(*supplement_asked(chance)), Step("supplement_provided", SupplementProvided(), RECEIVER)]
        case "restart":
            return [
                Step(*supplement_asked(chance)),
                Step("supplement_provided", SupplementProvided(restart=True), RECEIVER),
                Step("processing_started", Nothing()),
            ]
        case _:
            return [Step("suspended", Reasoned("awaiting_other_body")), Step("resumed", Nothing())]
