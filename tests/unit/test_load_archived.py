"""Repeats in the archive, told apart by the ids under which they came."""

from collections import Counter

import pytest

from contracts.events import CLOCK_TICKED, TYPE_PREFIX, Headers
from lab.errors import UnreachableError
from lab.load import archived
from lab.load.archived import Standing


def _record(number: str, source: str = "/units/19753", kind: str = f"{TYPE_PREFIX}received.v1") -> Headers:
    return [("ce_source", source.encode()), ("ce_id", number.encode()), ("ce_type", kind.encode())]


def test_what_came_again_under_another_id_is_renamed() -> None:
    """One repeat of three came under an id of its own; ids are a source's, and ticks are no events."""
    found = [_record(each) for each in ("1", "2", "1", "2", "3")]
    found += [_record("1", "/units/20107"), _record("9", kind=CLOCK_TICKED), _record("9", kind=CLOCK_TICKED)]
    told = archived.renamed({"standing_applied": 3, "standing_duplicate": 3}, found)
    assert told == {"standing_applied": 3, "standing_duplicate": 2, "standing_renamed": 1}


def test_what_is_applied_twice_is_not_renamed() -> None:
    """Where the same id counts each time, none of it stands duplicate."""
    told = archived.renamed({"standing_applied": 2}, [_record("1"), _record("1")])
    assert told == {"standing_applied": 2, "standing_duplicate": 0, "standing_renamed": 0}


def test_a_kafka_that_does_not_tell_costs_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What audit counted stays, and nobody says that repeats were told apart."""

    def records(_: str) -> list[Headers]:
        raise UnreachableError("Kafka did not tell the archive's records for 30 s")

    monkeypatch.setattr(archived, "records", records)
    assert archived.read_again("nowhere:9", {"standing_duplicate": 3}) == {"standing_duplicate": 3}


def test_what_stands_twice_and_what_does_not_stand_are_counted_apart() -> None:
    """What the plan does not have is another run's."""
    plan = Counter({("D-1", "received"): 1, ("D-2", "received"): 2, ("D-3", "received"): 1})
    found = Counter({("D-1", "received"): 3, ("D-2", "received"): 1, ("D-9", "received"): 9})
    assert archived.standing(plan, found) == Standing(double=2, absent=2)
    assert Standing(1, 2).and_(Standing(10, 20)) == Standing(11, 22)
