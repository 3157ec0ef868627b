"""Dossiers as the code of two generations answers for them: each fold says it by itself, in a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import msgspec
import redis
from msgspec import Struct

from contracts.topics import PARTITIONS
from deploy.operators.errors import NotAnsweredError, RedisUnavailableError
from deploy.operators.generation.found import Difference, Dossiers, members_of
from services.processing.store import keys

CODES_AT_ONCE: Final = 500
# A dossier that is not the same in both while one of them is ahead is looked at again.
ATTEMPTS_MAX: Final = 40
ATTEMPT_PAUSE_SECONDS: Final = 0.25
_MODULE: Final = "services.processing.answers"


@dataclass(frozen=True)
class Fold:
    """A generation and the code that works it out: an interpreter and the directory of its modules."""

    gen: int
    directory: Path
    interpreter: str = field(default=sys.executable)


class Told(Struct, frozen=True):
    """What a fold says of some codes, as of one position."""

    at: str | None
    log_clock: int | None
    digest: str | None
    answers: dict[str, Any]

    @property
    def place(self) -> tuple[str | None, int | None, str | None]:
        """Where that fold stands."""
        return self.at, self.log_clock, self.digest


class Speaker:
    """The process that speaks for a fold. To be closed."""

    def __init__(self, fold: Fold, environment: Mapping[str, str]) -> None:
        self._gen = fold.gen
        self._process = subprocess.Popen(
            [fold.interpreter, "-m", _MODULE],
            cwd=fold.directory,
            env={**os.environ, **environment, "MOTCUA_GEN": str(fold.gen)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def __enter__(self) -> "Speaker":
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, partition: int, codes: Sequence[str], full: bool = False) -> None:
        """Puts a question; `told` waits for its answer."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(msgspec.json.encode({"partition": partition, "codes": codes, "full": full}) + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise self._failed() from error

    def told(self) -> Told:
        """The answer."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._failed()
        return msgspec.json.decode(line, type=Told)

    def _failed(self) -> NotAnsweredError:
        self._process.kill()
        _, words = self._process.communicate()
        lines = words.decode(errors="replace").strip().splitlines() or ["it ended without a word"]
        return NotAnsweredError(self._gen, lines[-1][:300])


def compare(
    folds: tuple[Fold, Fold], redis_url: str, environment: Mapping[str, str], say: Callable[[int, int], None]
) -> Dossiers:
    """Every dossier that either of them keeps, asked of both; `say` hears how many of how many are done."""
    found = Dossiers()
    with (
        redis.Redis.from_url(redis_url) as client,
        Speaker(folds[0], environment) as one,
        Speaker(folds[1], environment) as two,
    ):
        total = _kept(client, redis_url, folds)
        for partition in range(PARTITIONS):
            for codes in _codes(client, redis_url, partition, [fold.gen for fold in folds]):
                found.take(_differing(partition, codes, one, two, found))
                found.compared += len(codes)
                say(found.compared, max(total, found.compared))
    found.compared -= found.moved
    return found


def _differing(partition: int, codes: list[str], one: Speaker, two: Speaker, found: Dossiers) -> Iterable[Difference]:
    left = codes
    for _ in range(ATTEMPTS_MAX):
        first, second = _both(one, two, partition, left, full=False)
        left = [code for code in left if first.answers.get(code) != second.answers.get(code)]
        if not left:
            return
        if first.place == second.place:
            first, second = _both(one, two, partition, left, full=True)
            if first.place == second.place:
                for code in left:
                    members = tuple(members_of(_answer(first, code), _answer(second, code)))
                    if members:
                        yield Difference(partition, code, members)
                return
        time.sleep(ATTEMPT_PAUSE_SECONDS)
    found.moved += len(left)


def _both(one: Speaker, two: Speaker, partition: int, codes: Sequence[str], full: bool) -> tuple[Told, Told]:
    one.ask(partition, codes, full)
    two.ask(partition, codes, full)
    return one.told(), two.told()


def _answer(told: Told, code: str) -> Any:
    answer = told.answers.get(code)
    return answer if isinstance(answer, dict) else {"dossier": "unknown" if answer is None else answer}


def _kept(client: "redis.Redis", url: str, folds: Sequence[Fold]) -> int:
    def ask(gen: int) -> int:
        return sum(int(client.zcard(keys.index(number, keys.KEPT, gen))) for number in range(PARTITIONS))

    return max(int(_asked(url, partial(ask, fold.gen))) for fold in folds)


def _codes(client: "redis.Redis", url: str, partition: int, gens: Sequence[int]) -> Iterable[list[str]]:
    """The codes that one of the generations keeps a history of, some at a time, in order."""
    after: str | None = None
    while True:
        low = "-" if after is None else f"({after}"

        def page(gen: int, low: str = low) -> Any:
            return client.zrangebylex(keys.index(partition, keys.KEPT, gen), low, "+", start=0, num=CODES_AT_ONCE)

        pages = [_asked(url, partial(page, gen)) for gen in gens]
        # Codes are ASCII, so their order as text is Redis' order of bytes.
        codes = sorted({code.decode() for each in pages for code in each})[:CODES_AT_ONCE]
        if not codes:
            return
        yield codes
        after = codes[-1]


def _asked(url: str, ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except redis.RedisError as error:
        raise RedisUnavailableError(url, type(error).__name__) from error
