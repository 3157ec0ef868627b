"""Two generations held against each other at the same positions: logs, counters, answers about dossiers."""

import time
from collections import Counter
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import redis

from contracts.topics import PARTITIONS
from deploy.operators.errors import NoFiguresError, NotThereYetError, RedisUnavailableError
from deploy.operators.generation import answers, figures, standings
from deploy.operators.generation.figures import State
from deploy.operators.generation.found import SAMPLE_FIGURES, Dossiers
from deploy.operators.generation.lifecycles import Lifecycles
from deploy.operators.generation.speaking import Fold
from services.metrics.domain.contributions import Memo
from services.metrics.store import keys

# How long the slower one may need to come to where the other is. The second of its partitions has had that time already.
BEHIND_SECONDS, BEHIND_TOO_SECONDS = 60.0, 5.0
MEMO_PIECES: Final = 100_000
CALL_SECONDS: Final = 30.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Figures:
    """Counters of two states at the same positions. `left_out`: the partitions in which the shown state stands still, with
    the reason; counters are of all partitions together, so none are compared then."""

    compared: int
    differences: Mapping[tuple[str, str], tuple[int, int]]
    positions: Mapping[int, int]
    left_out: Mapping[int, str] = field(default_factory=dict)

    @property
    def totals(self) -> dict[str, int]:
        """role|unit|counter -> by how much the second is larger, in total."""
        return {field: second - first for (name, field), (first, second) in self.differences.items() if name == "total"}

    def told(self) -> dict[str, Any]:
        """As members of a report."""
        return {
            "compared": self.compared,
            "differ": len(self.differences),
            "left_out": {str(number): reason for number, reason in self.left_out.items()},
            "by_hash": dict(Counter(name.partition(":")[0] for name, _ in self.differences).most_common()),
            "sample": [
                {"in": name, "figure": field, "first": first, "second": second}
                for (name, field), (first, second) in list(self.differences.items())[:SAMPLE_FIGURES]
            ],
        }


@dataclass(frozen=True)
class Comparison:
    """What comparing two generations came to. `answered` is None where their code was not asked."""

    gens: tuple[int, int]
    figures: Figures
    counted: Dossiers
    answered: Dossiers | None
    records: int
    read_seconds: float

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs, and nothing was left uncompared."""
        answered = self.answered is not None and (self.answered.differ or self.answered.moved)
        return not (self.figures.left_out or self.figures.differences or self.counted.differ or answered)

    @property
    def is_explained(self) -> bool:
        """Whether the dossiers found are all there is to the difference of the totals."""
        explained = {name: by for name, by in self.counted.by_counter.items() if by}
        return not self.figures.left_out and explained == self.figures.totals

    def told(self) -> dict[str, Any]:
        """As a report."""
        return {
            "first": self.gens[0],
            "second": self.gens[1],
            "positions": {str(number): offset for number, offset in self.figures.positions.items()},
            "equal": self.is_equal,
            "counters": self.figures.told() | {"explained_by_dossiers": self.is_explained},
            "counted": self.counted.told(),
            "answered": None if self.answered is None else self.answered.told(),
            "lifecycle_records": self.records,
            "read_seconds": round(self.read_seconds, 1),
        }


def generations(
    bootstrap: str, redis_url: str, folds: tuple[Fold, Fold], environment: Mapping[str, str] | None, say: Say
) -> Comparison:
    """Both, completely but for partitions in which the first stands still; `environment` is what their code is run with,
    None to leave their answers out."""
    began = time.monotonic()
    one, other = (fold.gen for fold in folds)
    with Lifecycles(bootstrap, one) as first, Lifecycles(bootstrap, other) as second:
        states = _states(redis_url, {f"generation {gen}": keys.prefix(gen) for gen in (one, other)})
        counters = _figures(states, (first, second))
        counted, records = Dossiers(), 0
        for number in (each for each in range(PARTITIONS) if each not in counters.left_out):
            books = [_book(reader, number, counters.positions[number]) for reader in (first, second)]
            counted.take(standings.compare(number, *books))
            counted.compared += len((books[0].dossiers.keys() | books[1].dossiers.keys()) - {""})
            records = first.read_records + second.read_records
            say(f"  logs        partition {number:>2}: {records:,} lifecycle records, {_rate(records, began)} records/s")
    read_seconds = time.monotonic() - began
    answered = None if environment is None else _answers(redis_url, folds, environment, counters.left_out, say)
    return Comparison((one, other), counters, counted, answered, records, read_seconds)


def counters(bootstrap: str, redis_url: str, gen: int, places: tuple[keys.Place, keys.Place]) -> Figures:
    """Two states that were counted from the same log, the first of them shown."""
    states = _states(redis_url, {f"the {place} counters": keys.prefix(gen, place) for place in places})
    with Lifecycles(bootstrap, gen) as reader:
        return _figures(states, (reader, reader))


def _states(redis_url: str, prefixes: Mapping[str, str]) -> tuple[State, State]:
    try:
        with redis.Redis.from_url(redis_url, socket_timeout=CALL_SECONDS, socket_connect_timeout=CALL_SECONDS) as client:
            one, other = figures.take(client, redis_url, prefixes).values()
    except redis.RedisError as error:
        raise RedisUnavailableError(redis_url, type(error).__name__) from error
    for number, reason in other.stopped.items():
        raise NoFiguresError(other.name, f"partition {number} has stopped: {reason}")
    return one, other


def _figures(states: tuple[State, State], readers: tuple[Lifecycles, Lifecycles]) -> Figures:
    one, other = states
    target = {number: max(one.reached[number], other.reached[number]) for number in range(PARTITIONS)}
    if left_out := _left_out(one, readers[0], target):
        return Figures(0, {}, target, left_out)
    memo = Memo(MEMO_PIECES)
    for number, reported in target.items():
        if (stop := figures.count_on(other, readers[1], number, reported, BEHIND_SECONDS, memo)) is not None:
            raise NoFiguresError(other.name, f"partition {number} cannot be counted on: {stop}")
    size = max(figures.size(one.figures), figures.size(other.figures))
    return Figures(size, figures.differences(one.figures, other.figures), target)


def _left_out(shown: State, reader: Lifecycles, target: Mapping[int, int]) -> dict[int, str]:
    """The partitions in which the shown state does not come to where the other is, with the reason: it must be possible to
    leave it for the other one then. The others are counted on."""
    found = {number: f"its counting has stopped: {reason}" for number, reason in shown.stopped.items()}
    memo, patience = Memo(MEMO_PIECES), BEHIND_SECONDS
    for number, reported in target.items():
        if number in found:
            continue
        try:
            if (stop := figures.count_on(shown, reader, number, reported, patience, memo)) is not None:
                found[number] = f"its log cannot be counted on: {stop}"
        except NotThereYetError:
            found[number] = f"its fold comes no further than reported record {shown.reached[number]}"
            patience = BEHIND_TOO_SECONDS
    return dict(sorted(found.items()))


def _book(reader: Lifecycles, number: int, reported: int) -> standings.Book:
    book = standings.Book()
    for record in reader.through(number, 0, reported, BEHIND_SECONDS):
        book.take(record.says)
    return book


def _answers(
    redis_url: str, folds: tuple[Fold, Fold], environment: Mapping[str, str], left_out: Container[int], say: Say
) -> Dossiers:
    began, said = time.monotonic(), time.monotonic()

    def heard(done: int, total: int) -> None:
        nonlocal said
        if done >= total or time.monotonic() - said > 2.0:
            said = time.monotonic()
            say(f"  answers     {done:,} of {total:,} dossiers, {_rate(done, began)} dossiers/s")

    return answers.compare(folds, redis_url, environment, left_out, heard)


def _rate(done: int, began: float) -> str:
    return f"{done / max(time.monotonic() - began, 0.001):,.0f}"
