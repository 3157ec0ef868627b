"""Sabotage on a real city that audit recounts: each breaks the verdicts that it should, and no other."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from lab.load import judging
from lab.load import scenario as scenarios
from lab.load.city import City
from lab.load.counting import AUDIT, COUNTS, DEADLINES, DOUBLE, EXPLAINED, JUDGED, LOST, OVERDUE, REFUSED, STANDS
from lab.load.outcome import Outcome
from lab.load.scenario import Promises
from lab.load.timing import timed
from lab.load.verdict import broken
from tests.conftest import NewProvince
from tests.integration import another_fold
from tests.integration.load_city import city_of, run
from tests.integration.load_saboteur import Deed, Saboteur

# Where nobody has done so before, the first of these builds Toxiproxy.
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(700)]

SCENARIO = scenarios.read(str(Path(__file__).resolve().parents[1] / "load_scenarios" / "sabotage.toml"))
FOLD = "services/processing/domain/fold.py"
# What comes again under the id that it had counts as it did the first time.
TWICE = (
    (FOLD, "from msgspec import Struct\n", "from msgspec import Struct\nfrom msgspec.structs import replace\n"),
    (
        FOLD,
        'entry = _outside(event, at, "duplicate")',
        "[entry] = (replace(known.walk.content[e.offset], offset=at.offset) for e in dossier.kept if e.id == event.id)",
    ),
)
# Dues a minute after those of the lab, and ledgers with a minute in each segment that nothing else knows of.
A_MINUTE_MORE = (
    (
        "services/processing/domain/deadline.py",
        "limit.amount * instants.HOUR)",
        "limit.amount * instants.HOUR + instants.MINUTE)",
    ),
    (
        "services/processing/domain/explained.py",
        '"working_minutes": piece.minutes,',
        '"working_minutes": piece.minutes + 1,',
    ),
)
IMPOSSIBLE = Promises(freshness_p99_ms={"all": 1}, drain_seconds=0.001)


def test_a_fold_that_forgets_ids_is_given_away(new_province: NewProvince, tmp_path: Path) -> None:
    """Answers are lost, the same ids come again, and a fold with one line changed counts them once more."""
    city = city_of(new_province(), processing=another_fold.checkout(tmp_path / "code", *TWICE))
    outcome = _sabotaged(city, tmp_path, "lose answers")
    assert _broken(outcome) == {DOUBLE, AUDIT}


@pytest.mark.long
def test_the_fold_that_is_shipped_knows_its_ids(new_province: NewProvince, tmp_path: Path) -> None:
    """The same answers are lost, and no promise is broken."""
    outcome = _sabotaged(city_of(new_province()), tmp_path, "lose answers")
    assert _broken(outcome) == set()
    assert outcome.total["duplicates"] > 0


@pytest.mark.long
def test_nothing_is_broken_where_nobody_meddles(new_province: NewProvince, tmp_path: Path) -> None:
    """Every count and audit are kept; what could not be kept in no city is broken."""
    outcome = _sabotaged(city_of(new_province()), tmp_path, "nothing")
    told = {each.name: each.word for each in judging.verdicts(outcome)}
    for name in (*COUNTS, AUDIT):
        assert told[name] == "kept", name
    assert _broken(outcome) == set()
    times = timed(replace(outcome, scenario=replace(SCENARIO, promises=IMPOSSIBLE)))
    words = {each.name.partition(",")[0]: each.word for each in times}
    assert (words["freshness"], words["drained"]) == ("broken", "broken")


@pytest.mark.long
@pytest.mark.parametrize(
    ("deed", "verdicts"),
    [
        # Of what no counter shows.
        ("drop", {LOST, AUDIT}),
        # What nobody withdrew is open, and falls due.
        ("drop withdrawals", {LOST, STANDS, OVERDUE, JUDGED, AUDIT}),
        # The fold recognises them, and no counter moves.
        ("double", {DOUBLE}),
        # Whether one of them is among the dossiers that are asked for is chance.
        ("blame", {OVERDUE}),
        ("spoil", {REFUSED}),
    ],
)
def test_a_saboteur_is_given_away(new_province: NewProvince, tmp_path: Path, deed: Deed, verdicts: set[str]) -> None:
    """Events dropped behind a false `stored`, batches again under new ids, the line's delay taken for the unit's, spoilt."""
    found = _broken(_sabotaged(city_of(new_province()), tmp_path, deed))
    assert found - ({JUDGED} if deed == "blame" else set()) == verdicts


@pytest.mark.long
def test_dues_that_are_a_minute_late_are_given_away(new_province: NewProvince, tmp_path: Path) -> None:
    """Dossiers are asked for, and the city's own API has other dues, and ledgers that do not add up."""
    city = city_of(new_province(), processing_api=another_fold.checkout(tmp_path / "code", *A_MINUTE_MORE))
    assert _broken(_sabotaged(city, tmp_path, "nothing")) == {DEADLINES, EXPLAINED, AUDIT}


def _broken(outcome: Outcome) -> set[str]:
    return {each.name for each in broken(judging.verdicts(outcome))}


def _sabotaged(city: City, directory: Path, deed: Deed) -> Outcome:
    """Everything was delivered, and the saboteur has done what it is for."""
    saboteur = Saboteur(city.intake, deed, SCENARIO.time.speed)

    async def through_it() -> Outcome:
        async with saboteur.listening() as door:
            return await run(city, SCENARIO, directory, door=door)

    outcome = asyncio.run(through_it())
    # Shown where a test fails.
    print(*judging.verdicts(outcome), outcome.audit, saboteur.done, sep="\n")
    assert outcome.left == 0
    assert deed == "nothing" or saboteur.done[deed] > 0
    return outcome
