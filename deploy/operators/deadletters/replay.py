"""Another try: events of dead letters go once more through intake's door, in order, each written down before and after."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from uuid import uuid4

import msgspec

from contracts import instants
from contracts.deadletters import DeadLetter
from contracts.events import Event, RefusedError, from_record
from deploy.operators.deadletters import remedies
from deploy.operators.deadletters.doors import Doors
from deploy.operators.deadletters.journal import Journal
from deploy.operators.deadletters.letters import Row, Selection, in_original_order
from services.processing.domain.remedies import HEALED, RETIRED

WAIT_SECONDS: Final = 60.0
REJECTED_PAGES_ROWS_MAX: Final = 10_000


@dataclass(frozen=True)
class Planned:
    """A dead letter and what is to be done about it: `is_replayed`, or the remedy says what would heal it."""

    row: Row
    is_replayed: bool
    remedy: str


@dataclass(frozen=True)
class Replayed:
    """What became of one: `answer` is intake's, `standing` how its event stands afterwards (None: not known yet)."""

    id: str
    row: Row
    answer: str
    standing: str | None = None


def plan(rows: Iterable[Row], doors: Doors, limit: int) -> list[Planned]:
    """Dead letters in their order of trying, each with what helps, as far as the `limit`-th that is to be handed in again.

    An event that was taken since, by an earlier replay or from its sender, is kept in its dossier: it needs nothing, and
    stands in the way of none behind it. Nor does one whose dossier has been retired.
    """
    planned: list[Planned] = []
    tried: set[tuple[str | None, ...]] = set()
    wanted = 0
    for row in _in_order_of_trying(rows):
        if wanted == limit:
            break
        if not remedies.is_replayable(row):
            planned.append(Planned(row, False, remedies.remedy(row)))
            continue
        if (event := _event(row)) in tried:
            planned.append(Planned(row, False, remedies.SAME))
            continue
        tried.add(event)
        standing = doors.standing(row.dossier or "", row.source or "", row.id or "")
        wanted += standing is None
        planned.append(Planned(row, standing is None, _remedy(row, standing)))
    return planned


def _in_order_of_trying(rows: Iterable[Row]) -> Sequence[Row]:
    """As they were reported; dossiers with events that were tried and came back, as newer letters, behind the others.

    The whole dossier waits, not the event alone: none of its events overtakes another.
    """
    ordered = in_original_order(rows)
    tries = Counter(_event(row) for row in ordered if remedies.is_replayable(row))
    most: dict[str | None, int] = {}
    for row in ordered:
        most[row.dossier] = max(tries[_event(row)], most.get(row.dossier, 0))
    return sorted(ordered, key=lambda row: most[row.dossier])


def _event(row: Row) -> tuple[str | None, ...]:
    return row.source, row.id, row.dossier


def _remedy(row: Row, standing: str | None) -> str:
    if standing is None:
        return remedies.remedy(row)
    return RETIRED if standing == "retired" else HEALED.format(standing)


class Replay:
    """One run; what it does is in the journal under the run's id, whatever interrupts it."""

    def __init__(self, doors: Doors, journal: Journal) -> None:
        self.id = str(uuid4())
        self._doors = doors
        self._journal = journal

    def run(self, planned: Sequence[tuple[Row, DeadLetter]]) -> list[Replayed]:
        """Hands in one after the other; ends at the first that cannot be stored now, so that none overtakes another."""
        done: list[Replayed] = []
        stored: dict[str, tuple[int, int]] = {}
        for row, letter in planned:
            replay, event = str(uuid4()), as_event(letter, row.recorded_at)
            self._write("handing_in", replay, letter={"partition": row.place[0], "offset": row.place[1]}, code=row.code,
                        source=row.source, event=row.id, dossier=row.dossier,
                        sha256=sha256(letter.value or b"").hexdigest())  # fmt: skip
            item = self._doors.hand_in(row.unit, event)
            status = str(item["status"])
            if status == "stored":
                stored[replay] = int(item["partition"]), int(item["offset"])
            self._write("answered", replay, **{name: item[name] for name in _TOLD if name in item})
            done.append(Replayed(replay, row, status if status == "stored" else f"{status}: {item.get('code')}"))
            if status == "retry":
                break
        return self._judged(done, stored)

    def _judged(self, done: list[Replayed], stored: dict[str, tuple[int, int]]) -> list[Replayed]:
        ends: dict[int, int] = {}
        for partition, offset in stored.values():
            ends[partition] = max(offset, ends.get(partition, -1))
        if ends and not self._doors.wait_counted(ends, WAIT_SECONDS):
            return done
        told = []
        for each in done:
            if each.id in stored:
                each = Replayed(each.id, each.row, each.answer, self._standing(each.row, stored[each.id]))
                self._write("stands", each.id, standing=each.standing)
            told.append(each)
        return told

    def _standing(self, row: Row, place: tuple[int, int]) -> str:
        kept = self._doors.standing(row.dossier or "", row.source or "", row.id or "")
        if kept is not None:
            return kept
        # Not kept: it has a dead letter of its own again.
        for number, letter in enumerate(self._doors.rejected(Selection(unit=row.unit))):
            if (letter.reported.partition, letter.reported.offset) == place:
                return f"rejected: {letter.code}"
            if number >= REJECTED_PAGES_ROWS_MAX:
                break
        return "rejected"

    def _write(self, step: str, replay: str, **members: object) -> None:
        now = instants.show(time.time_ns() // 1000)
        self._journal.write(at=now, act="replay", run=self.id, replay=replay, step=step, **members)


_TOLD: Final = ("status", "code", "partition", "offset")


def as_event(letter: DeadLetter, recorded_at: str | None) -> dict[str, Any]:
    """The event as it was handed in the first time; ValueError when its bytes are none.

    Where it did not say when it was entered, it was entered by the time at which it was recorded: otherwise this replay
    would make it look back-dated.
    """
    try:
        says = from_record(letter.value, letter.headers)
    except RefusedError as error:
        raise ValueError("these bytes are no event") from error
    if not isinstance(says, Event):
        raise ValueError("a control record is not handed in by anybody")
    told: dict[str, Any] = {
        name.removeprefix("ce_"): text.decode()
        for name, text in letter.headers
        if name.startswith("ce_") and text is not None
    }
    if recorded_at is not None:
        told.setdefault("recordedtime", recorded_at)
    return {**told, "datacontenttype": "application/json", "data": msgspec.Raw(letter.value or b"")}
