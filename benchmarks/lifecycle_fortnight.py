"""Lifecycle records of a city's fortnight, its dossiers interleaved as they would lie in a partition."""

import random
from collections.abc import Iterator

from msgspec import structs

from contracts.lifecycle import Entry, Lifecycle, Stand, Step

UNITS = 40
DAYS = 14
PROCEDURES = 150
FIELDS = 18
# (fact, state after it); eight reported events are the usual life of a dossier that needed a supplement and a payment.
LIFE = (
    ("submitted", 1),
    ("received", 2),
    ("processing_started", 4),
    ("supplement_requested", 5),
    ("supplement_provided", 4),
    ("payment_requested", 6),
    ("payment_made", 4),
    ("returned", 10),
)


def fortnight(dossiers: int) -> Iterator[Lifecycle]:
    """The lifecycle records of `dossiers` whole lives over 40 units and 14 days, in order of occurrence."""
    chance = random.Random(46)
    events = []
    for number in range(dossiers):
        at = sorted(chance.uniform(0, DAYS) for _ in LIFE)
        events += [(moment, number, step) for step, moment in enumerate(at)]
    events.sort()
    traits = [a_dossier(chance) for _ in range(dossiers)]
    stands: dict[int, Stand] = {}
    for offset, (moment, number, at_step) in enumerate(events):
        was, step = stands.get(number), LIFE[at_step]
        now = after(traits[number], step[1], chance, moment)
        stands[number] = now
        yield a_record(offset, moment, number, step[0], was, now)


def a_dossier(chance: random.Random) -> Stand:
    procedure = min(int(chance.expovariate(1 / 18)), PROCEDURES - 1)
    receiver = f"{19700 + 7 * min(int(chance.expovariate(1 / 9)), UNITS - 1)}"
    return Stand(
        procedure=f"1.{procedure:06d}",
        field=f"field-{procedure % FIELDS}",
        channel=chance.choices(("online", "direct", "post"), (76, 22, 2))[0],
        receiver=receiver,
        competent=receiver if chance.random() < 0.9 else f"H57.{chance.randrange(12):02d}",
    )


def after(traits: Stand, state: int, chance: random.Random, moment: float) -> Stand:
    soon = state in (2, 4) and chance.random() < 0.25
    return structs.replace(traits, state=state, due_in_72h=soon, due_in_24h=soon and moment % 1 > 0.7)


def a_record(offset: int, moment: float, number: int, fact: str, was: Stand | None, now: Stand) -> Lifecycle:
    assert now.receiver is not None
    assert now.competent is not None
    occurred_at = 1_751_300_000_000_000 + int(moment * 86_400_000_000)
    source = now.receiver if fact in ("submitted", "received", "returned") else now.competent
    step = Step(
        fact=fact,
        competent=now.competent,
        birth="case" if fact == "submitted" else None,
        timeliness="on_time" if fact == "returned" else None,
        digitised=fact == "received" and number % 3 == 0,
    )
    entry = Entry(offset=offset, standing="applied", source=source, day=f"2025-07-{1 + int(moment):02d}", step=step)
    return Lifecycle(
        src=(offset, 0), prev=(offset - 1, 0) if offset else None, last=True, outcome="applied",
        recorded_at=occurred_at + 1_500_000, log_clock=occurred_at - occurred_at % 60_000_000,
        digest="5d0c2c1a7f4e4b0f9a3f6d2e8b7c1a90", source=source, fact=fact, occurred_at=occurred_at,
        dossier=f"H57.{now.receiver}-2507{1 + int(moment):02d}-{number:04d}", was=was, now=now, done=(entry,),
    )  # fmt: skip
