"""A look at a system that goes on: what an answer holds of a tick that is still counted is no difference."""

from collections.abc import Callable

import pytest

from contracts import instants
from services.audit import answers
from services.audit.answers import Answer
from services.audit.archive import CouldNotRunError, Ends
from services.audit.domain.books import Books
from services.audit.domain.comparison import of_role
from services.audit.domain.derivation import Answered
from services.audit.domain.findings import Findings
from services.audit.domain.line import Line
from services.audit.domain.plain_rules import PlainRules
from services.audit.domain.recount import Figures
from services.audit.domain.sample import Sample
from services.audit.dossiers import Dossiers
from services.audit.looking import Attempt, Looking, Scope
from services.audit.reader import PARTITIONS, Reader
from services.audit.settings import Settings
from tests.unit.audit_world import digests, golden_logs, read
from tests.unit.golden import make

pytestmark = pytest.mark.slow

SETTINGS = Settings(audit_attempts_max=3, audit_attempt_pause_seconds=0, audit_letters_seconds=0.02, audit_key="operators")
NOTHING_READ = dict.fromkeys(PARTITIONS, -1)


class MemoryReader(Reader):
    """Reads the golden logs in partition 0; the lifecycle is there up to `end`, the others are empty."""

    def __init__(self, books: Books, end: int, last_letter_after: int = 0) -> None:
        """The last dead letter comes when letters have been asked for so many times more."""
        self.lines = [Line(number, books) for number in PARTITIONS]
        self.end = end
        self.last_letter_after = last_letter_after
        for letter in golden_logs().letters[:-1]:
            self.lines[0].letters.read(letter)
        if not last_letter_after:
            self.letters()
        self.lines[0].feed(iter(golden_logs().reported))

    def ends(self) -> Ends:
        return Ends((0,) * 12, (self.end,) + (0,) * 11)

    def to(self, targets: tuple[int, ...], as_of: dict[int, int] | None = None) -> None:
        line = self.lines[0]
        while line.next < targets[0] and not self._has(0, as_of):
            line.take(golden_logs().lifecycle[line.next])

    def letters(self) -> None:
        self.last_letter_after -= 1
        if self.last_letter_after <= 0:
            self.lines[0].letters.read(golden_logs().letters[-1])

    def bodies(self) -> dict[str, PlainRules]:
        return {name: PlainRules(body) for name, body in zip(digests(), make.bodies(), strict=True)}


def world(end: int) -> tuple[Looking, MemoryReader, Books]:
    books = Books(Findings(), Sample(None, 1))
    reader = MemoryReader(books, end)
    return Looking(SETTINGS, reader, books), reader, books


def counted(end: int) -> tuple[int, Figures]:
    """What a reader of so many lifecycle records calls closed, and its total."""
    _, reader, books = world(end)
    reader.to(reader.ends().next)
    return reader.lines[0].closed, books.recount.figures().total


def parts_that_count() -> list[int]:
    """Lifecycle offsets of a tick or an activation whose figures change in between."""
    sources = [read(each).src[0] for each in golden_logs().lifecycle]
    for offset in sorted(set(sources)):
        places = [place for place, source in enumerate(sources) if source == offset]
        if len(places) > 3 and counted(places[0])[1] != counted(places[-1])[1]:
            return places
    raise AssertionError


def tells(end: Callable[[], int], wrong: int = 0) -> Callable[..., Answer]:
    """Answers of a metrics that has counted so many lifecycle records."""

    def units(_: object, role: str, day: str | None) -> Answer:
        closed, total = counted(end())
        rows = of_role(total, role) if day is None else {}
        if wrong:
            next(iter(rows.values()))["received"] = wrong
        return Answer({**NOTHING_READ, 0: closed}, rows)

    return units


def ask_units(looking: Looking, books: Books) -> None:
    looking._attempt(books.findings["recount.api"], lambda check: looking._units("receiver", None, check))


@pytest.mark.parametrize("closes", [False, True])
def test_a_tick_that_is_counted_for_longer_than_all_attempts_is_no_difference(
    monkeypatch: pytest.MonkeyPatch, closes: bool
) -> None:
    """Whether its last record is in the log by then or not: metrics has counted a part of it at each answer."""
    parts = parts_that_count()
    looking, reader, books = world(parts[-1] + 1 if closes else parts[-1])
    reader.to((parts[0], *(0,) * 11))
    monkeypatch.setattr(answers, "units", tells(lambda: parts[-1]))
    with pytest.raises(CouldNotRunError, match="counting a tick or an activation"):
        ask_units(looking, books)
    assert books.findings["recount.api"].passed


def test_an_answer_that_is_wrong_at_the_end_of_the_log_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = parts_that_count()
    looking, _, books = world(parts[-1] + 1)
    monkeypatch.setattr(answers, "units", tells(lambda: parts[-1] + 1, wrong=77))
    ask_units(looking, books)
    assert books.findings["recount.api"].differences == 1


@pytest.mark.parametrize("stays_wrong", [True, False])
def test_what_differs_at_every_attempt_is_a_difference_also_when_a_tick_comes_at_the_last(
    monkeypatch: pytest.MonkeyPatch, stays_wrong: bool
) -> None:
    """What was wrong only before the tick, and what only a part of the tick has changed, is none."""
    parts, asked = parts_that_count(), list[str]()
    looking, reader, books = world(parts[0])

    def units(*of: object) -> Answer:
        asked.append("units")
        if len(asked) == SETTINGS.audit_attempts_max:
            reader.end = parts[-1]
        is_first = len(asked) < SETTINGS.audit_attempts_max
        return tells(lambda: parts[0] if is_first else parts[-1], 77 if is_first or stays_wrong else 0)(*of)

    monkeypatch.setattr(answers, "units", units)
    if stays_wrong:
        ask_units(looking, books)
    else:
        with pytest.raises(CouldNotRunError, match="counting a tick or an activation"):
            ask_units(looking, books)
    assert books.findings["recount.api"].differences == int(stays_wrong)


def test_a_tick_that_is_reported_after_the_last_answer_excuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = parts_that_count()
    looking, reader, books = world(parts[0])
    looking._settings = SETTINGS.model_copy(update={"audit_attempts_max": 1})
    monkeypatch.setattr(answers, "units", tells(lambda: parts[0], wrong=77))
    follow = looking._follow

    def and_then(check: Attempt, as_of: dict[int, int]) -> bool:
        is_known, reader.end = follow(check, as_of), parts[-1] + 1
        return is_known

    monkeypatch.setattr(looking, "_follow", and_then)
    ask_units(looking, books)
    assert not books.findings["recount.api"].passed


@pytest.mark.parametrize(("wrong_answers", "differences"), [(1, 0), (99, 1)])
def test_an_answer_about_a_dossier_that_differs_once_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, wrong_answers: int, differences: int
) -> None:
    """In the middle of a tick one may be retired that `as_of` still knows; at the next answer both have come on."""
    looking, reader, books = world(len(golden_logs().lifecycle))
    reader.to(reader.ends().next)
    place, retired = next((place, each) for place, each in books.sample.dossiers.items() if each.retired)
    books.sample.dossiers = {place: retired}
    asked = list[str]()

    def ask(_: object, partition: int, code: str) -> Answered:
        asked.append(code)
        return Answered(reader.lines[partition].closed, 404 if len(asked) <= wrong_answers else 410, {})

    monkeypatch.setattr(Dossiers, "ask", ask)
    looking._ask_dossiers(Scope())
    assert books.findings["sample.api"].differences == differences
    assert len(asked) == (3 if differences else 2)


def test_a_look_asks_for_each_day_of_the_archive_and_misses_the_row_that_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looking, reader, _ = world(len(golden_logs().lifecycle))
    reader.to(reader.ends().next)
    days = sorted(looking.tally.day)
    as_of = {**NOTHING_READ, 0: reader.lines[0].closed}
    rows = {
        instants.day_text(day): {
            name.split("|")[2]: number
            for name, number in looking.tally.day.get(instants.day_text(day), {}).items()
            if name.startswith("receiver|A|")
        }
        for day in range(instants.day_from_text(days[0]), instants.day_from_text(days[-1]) + 1)
    }
    api = Attempt("recount.api", "")
    monkeypatch.setattr(answers, "days", lambda *_: Answer(as_of, rows))
    looking._days("receiver", "A", days, api)
    assert api.passed
    del rows[days[0]]
    looking._days("receiver", "A", days, api)
    assert f"{days[0]}: the row is missing" in str(api.first)


def test_parts_are_asked_for_of_all_days_and_only_as_long_as_there_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    looking, reader, books = world(len(golden_logs().lifecycle))
    reader.to(reader.ends().next)
    as_of, days, asked = {**NOTHING_READ, 0: reader.lines[0].closed}, sorted(looking.tally.day), list[tuple[str, str, str]]()

    def one_unit(_: object, role: str, unit: str, day: str) -> Answer:
        asked.append((role, unit, day))
        figures = looking._of_unit(looking.tally.daysplit.get(day), role, unit)
        rows: answers.Rows = {}
        for name, number in figures.items():
            _, _, mark, counter = name.split("|")
            rows.setdefault(mark, {})[counter] = number
        return Answer(as_of, rows)

    monkeypatch.setattr(answers, "one_unit", one_unit)
    looking._parts_of_days(Scope(), days[-2::-1])
    assert books.findings["recount.api"].passed
    assert [*dict.fromkeys(day for _, _, day in asked)] == days[-2::-1]
    assert len(asked) == len(set(asked)) > 3 * len(days)
    asked.clear()
    monkeypatch.setattr("services.audit.looking.PARTS_SECONDS", 0.0)
    looking._parts_of_days(Scope(), days[-2::-1])
    assert not asked


@pytest.mark.parametrize(
    ("is_only", "comes_after", "differences"), [(True, 3, 0), (True, 10**9, 1), (False, 1, 0), (False, 10**9, 0)]
)
def test_verify_waits_for_a_dead_letter_before_it_is_missing_and_the_service_leaves_it_to_its_next_look(
    is_only: bool, comes_after: int, differences: int
) -> None:
    books = Books(Findings(), Sample(0, 1))
    reader = MemoryReader(books, len(golden_logs().lifecycle), comes_after)
    reader.to(reader.ends().next)
    # One that comes is given all the time that it may take; one that never does is not waited for as long.
    seconds = 60.0 if comes_after < 10**9 else SETTINGS.audit_letters_seconds
    looking = Looking(SETTINGS.model_copy(update={"audit_letters_seconds": seconds}), reader, books)
    looking._letters(Scope(is_only=is_only))
    assert books.findings["letters.complete"].differences == differences
    assert books.findings["letters.known"].passed
    looking._letters(Scope(is_only=is_only))
    assert books.findings["letters.complete"].passed == (comes_after < 10**9)
