"""Lives that end before reception, or still wait for it when the period ends."""

from random import Random

from contracts import instants
from contracts.data import Data, Nothing, Reasoned, Submitted
from lab.fortnight import detours
from lab.fortnight.courses import World
from lab.fortnight.happenings import Happening, Life, agent, moments
from lab.fortnight.solver import UnitPlan

UNRECEIVED_SHARE = 0.03
FATES = {"submitted": 50, "refused": 35, "withdrawn": 8, "supplement": 5, "lapsed": 2}
# Accepted or refused within eight working hours: an hour is left for the clerk.
DECIDED_WITHIN_SECONDS = 7 * 3600
NOT_SO_LATE_SECONDS = 1800
# Whatever happens in the period is also entered in it.
LAST_ENTRY = 5 * instants.MINUTE


def lives_of(plan: UnitPlan, world: World, chance: Random) -> list[Life]:
    """As many as there are beside those that the plan counts as received."""
    return [_life(plan.code, world, chance) for _ in range(round(sum(plan.online) * UNRECEIVED_SHARE))]


def _life(unit: str, world: World, chance: Random) -> Life:
    hours = world.hours
    fate = chance.choices(list(FATES), list(FATES.values()))[0]
    procedure = world.single.draw(chance).code
    if fate == "submitted" and chance.random() < 0.5:
        after_hours = hours.instant(hours.total - 1) + chance.randrange(60, 6 * 3600) * instants.SECOND
        return Life([_submission(min(after_hours, hours.last_midnight - LAST_ENTRY), unit, procedure, chance)])
    # What still waits came within the last hours, with few exceptions.
    recent = fate == "submitted" and chance.random() < 0.9
    last = hours.total - NOT_SO_LATE_SECONDS
    start = chance.randrange(max(60, hours.total - DECIDED_WITHIN_SECONDS) if recent else 60, last)
    told = [_submission(hours.instant(start), unit, procedure, chance)]
    facts: dict[str, tuple[tuple[str, Data], ...]] = {
        "submitted": (),
        "refused": (("refused", Reasoned("not_eligible")),),
        "withdrawn": (("withdrawn", Nothing()),),
        "supplement": (detours.supplement_asked(chance),),
        "lapsed": (detours.supplement_asked(chance), ("supplement_lapsed", Nothing())),
    }
    until = min(start + DECIDED_WITHIN_SECONDS, hours.total - 1)
    for at, (fact, data) in zip(moments(start, until, len(facts[fate]), chance), facts[fate], strict=True):
        told.append(Happening(hours.instant(at), f"/units/{unit}", fact, data))
    return Life(told)


def _submission(at: int, unit: str, procedure: str, chance: Random) -> Happening:
    point = agent(chance)
    data = Submitted(procedure=procedure, channel="online", receiver=unit, competent=unit, assisted_by=point)
    return Happening(at, f"/units/{unit}/{point}" if point else f"/units/{unit}", "submitted", data)
