"""What the lab plans and what the law's clock in processing says are the same, found out before any server is started."""

from collections import Counter
from pathlib import Path

import pytest

from contracts import instants, lifecycle, reference, reference_files
from contracts.events import Activated, Opened, Ticked, control_record, read_structured, to_record
from lab.demo import ticks
from lab.fortnight import facts as published
from lab.fortnight import writing
from services.processing.domain.line import Sent
from services.processing.domain.rules import Rules
from tests.unit import plain_recount as plain
from tests.unit.memory_line import MemoryLine

REFERENCE = Path(__file__).resolve().parents[2] / "deploy" / "reference"
RECORDED_AT = instants.parse("2026-01-01T00:00:00+07:00")
HUONG_AN, PHU_VANG = "19804", "19942"


@pytest.mark.slow
def test_the_fold_applies_every_event_and_finds_309_of_338_in_time() -> None:
    """All lives of two units with the demo's ticks between: no misfit, no duplicate, no late surprise."""
    facts = published.read(published.HUE_2025_07)
    body = reference_files.read(REFERENCE)
    digest = reference.digest(reference.encode(body))
    line = MemoryLine({digest: Rules.compile(digest, body)})
    counted: Counter[str] = Counter()

    def count(sent: list[Sent]) -> None:
        for each in sent:
            record = lifecycle.decode(each.value)
            counted[f"outcome {record.outcome}"] += 1
            for sign, entries, stand in ((1, record.done, record.now), (-1, record.undone, record.was)):
                for step in (entry.step for entry in entries):
                    if step is not None and stand is not None:
                        counted[f"births as {step.birth}"] += sign * (step.birth is not None)
                        counted[f"{stand.receiver} {step.fact}"] += sign
                        counted[f"{stand.receiver} {step.timeliness}"] += sign

    def control(what: Opened | Activated | Ticked) -> None:
        count(line.take(*control_record(what, "c", "/c"), RECORDED_AT))

    control(Opened("log", "c"))
    control(Activated(digest))
    units = (f"H57.{HUONG_AN}-", f"H57.{PHU_VANG}-")
    events = [each for each in writing.fortnight(facts, REFERENCE, 1) if each.subject.startswith(units)]
    position = 0
    for tick in ticks(facts):
        while position < len(events) and events[position].entered_at < tick:
            event = read_structured(events[position].event, RECORDED_AT)
            _, value, headers = to_record(event)
            count(line.take(value, headers, RECORDED_AT))
            position += 1
        control(Ticked(tick))
    assert position == len(events) > 3000
    assert counted["outcome applied"] == len(events)
    lives = plain.dossiers(each.event for each in events)
    legs = sum("parent" in told[0]["data"] for told in lives.values())
    assert (counted["births as case"], counted["births as leg"]) == (len(lives) - legs, legs)
    assert legs > 0
    assert {name for name in counted if name.startswith("outcome")} == {"outcome applied", "outcome tick", "outcome control"}
    assert counted[f"{PHU_VANG} received"] == 493
    assert counted[f"{HUONG_AN} early"] + counted[f"{HUONG_AN} on_time"] == 309
    assert counted[f"{HUONG_AN} late"] == 29
    assert counted[f"{HUONG_AN} without_due"] == 0
