"""Worklists: in which of them a dossier stands and where, and which dossiers a list that is asked for consists of."""

from typing import Final, Literal, NamedTuple

from services.processing.domain import arrows, facts, fold
from services.processing.domain.dossier import Dossier, Retired
from services.processing.domain.history import Walk
from services.processing.domain.rules import Rules

Role = Literal["receiver", "competent"]
Name = Literal["overdue", "due_soon", "acceptance_due", "waiting_supplement", "waiting_payment", "open"]
ROLES: Final[tuple[Role, Role]] = ("receiver", "competent")
Span = Literal["before_clock", "from_clock", "all"]

# The sets that are kept of each role and body. Every open dossier is in exactly one of the first two.
RUNNING: Final = "running"  # its clock runs towards a due; score: the due
STANDING: Final = "standing"  # any other open one; score: the due that it will go on with, or NO_DUE
ACCEPTANCE: Final = "acceptance"  # waits for being accepted or refused; score: by when
SUPPLEMENT: Final = "supplement"  # waits for papers; score: since when
PAYMENT: Final = "payment"  # waits for payment; score: since when
SETS: Final = (RUNNING, STANDING, ACCEPTANCE, SUPPLEMENT, PAYMENT)

# Scores are microseconds since 1970 as doubles: whole numbers up to here. A due beyond (an appointment may name any year)
# stands at the last one before; without a due a dossier stands behind all others.
NO_DUE: Final = 1 << 53
LATEST: Final = NO_DUE - 1


class Place(NamedTuple):
    """Where a dossier stands: in these sets with these scores, of the receiver and of the body competent by its events."""

    receiver: str
    competent: str
    scores: tuple[tuple[str, int], ...]


NOWHERE: Final = Place("", "", ())


class Sought(NamedTuple):
    """A list: which sets it is made of, and which part of them, seen from the log clock; `ahead` in microseconds."""

    sets: tuple[str, ...]
    span: Span = "all"
    ahead: int = 0


# A change of the log clock alone moves nothing within a set: lists that depend on it are ranges.
LISTS: Final[dict[Name, Sought]] = {
    "overdue": Sought((RUNNING,), "before_clock"),
    "due_soon": Sought((RUNNING,), "from_clock", facts.THREE_DAYS_AHEAD),
    "acceptance_due": Sought((ACCEPTANCE,)),
    "waiting_supplement": Sought((SUPPLEMENT,)),
    "waiting_payment": Sought((PAYMENT,)),
    "open": Sought((RUNNING, STANDING)),
}


def place_of(walk: Walk) -> Place | None:
    """The place of a walk's outcome; None unless it is open. Neither clock nor successions have a part in it."""
    scores = _scores(walk)
    return Place(walk.receiver, walk.competent, scores) if scores else None


def place_now(dossier: Dossier | Retired | None, log_clock: int | None, rules: Rules) -> Place | None:
    """The place of a dossier under some rules."""
    if not isinstance(dossier, Dossier):
        return None
    memory = dossier.memory
    if isinstance(memory, fold.Memory) and memory.walk.rules is rules:
        return place_of(memory.walk)
    try:
        return place_of(fold.look(dossier, log_clock, rules)[0])
    except fold.MACHINES_FAULTS:
        raise
    except Exception:  # what cannot be folded has been told by a dead letter, and has no place until it can be
        return None


def changes(was: Place | None, now: Place | None) -> list[tuple[str, int | None]]:
    """Which sets, by name, get another score of the dossier; None takes it out."""
    before, after = was or NOWHERE, now or NOWHERE
    left, came = before.scores, after.scores
    kinds = dict(came)
    gone = [kind for kind, _ in left if kind not in kinds]
    new = [entry for entry in came if entry not in left]
    found: list[tuple[str, int | None]] = []
    bodies: tuple[tuple[Role, str, str], ...] = (
        ("receiver", before.receiver, after.receiver), ("competent", before.competent, after.competent)
    )  # fmt: skip
    for role, of, to in bodies:
        if of == to:
            for kind in gone:
                found.append((set_name(role, of, kind), None))
            for kind, score in new:
                found.append((set_name(role, to, kind), score))
        else:
            for kind, _ in left:
                found.append((set_name(role, of, kind), None))
            for kind, score in came:
                found.append((set_name(role, to, kind), score))
    return found


def set_name(role: Role, body: str, kind: str) -> str:
    """The name of a set within its partition."""
    return f"{role}:{body}:{kind}"


def _scores(walk: Walk) -> tuple[tuple[str, int], ...]:
    state = walk.state
    due = NO_DUE if walk.due_current is None else min(walk.due_current.at, LATEST)
    if state in arrows.RUNNING:
        return ((STANDING if due == NO_DUE else RUNNING, due),)
    if state == arrows.SUBMITTED:
        return ((STANDING, NO_DUE), (ACCEPTANCE, min(walk.acceptance_due, LATEST)))
    if state == arrows.SUPPLEMENT:
        return ((STANDING, due), (SUPPLEMENT, walk.pause_begin))
    if state == arrows.PAYMENT:
        return ((STANDING, due), (PAYMENT, walk.pause_begin))
    return ((STANDING, due),) if state == arrows.SUSPENDED else ()
