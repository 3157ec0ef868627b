"""Dossiers as the code of two generations answers for them, all of them, asked of both and held against each other."""

import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import redis

from contracts.topics import PARTITIONS
from deploy.operators.errors import RedisUnavailableError
from deploy.operators.generation.found import Difference, Dossiers, members_of
from deploy.operators.generation.speaking import Fold, Speaker, Told
from services.processing.store import keys

CALL_SECONDS: Final = 30.0
CODES_AT_ONCE: Final = 500
# A dossier that is not the same in both while one of them is ahead is looked at again.
ATTEMPTS_MAX: Final = 40
ATTEMPT_PAUSE_SECONDS: Final = 0.25


def compare(
    folds: tuple[Fold, Fold],
    redis_url: str,
    environment: Mapping[str, str],
    left_out: Container[int],
    say: Callable[[int, int], None],
) -> Dossiers:
    """Every dossier that either of them keeps, asked of both, but for those of partitions that are left out; `say` hears how
    many of how many are done."""
    found = Dossiers()
    with (
        redis.Redis.from_url(redis_url, socket_timeout=CALL_SECONDS, socket_connect_timeout=CALL_SECONDS) as client,
        Speaker(folds[0], environment) as one,
        Speaker(folds[1], environment) as two,
    ):
        partitions = [number for number in range(PARTITIONS) if number not in left_out]
        total = _kept(client, redis_url, folds, partitions)
        for partition in partitions:
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


def _kept(client: "redis.Redis", url: str, folds: Sequence[Fold], partitions: Sequence[int]) -> int:
    def ask(gen: int) -> int:
        return sum(int(client.zcard(keys.index(number, keys.KEPT, gen))) for number in partitions)

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
