"""The state of a partition on a real Redis, the sets of worklists with it: moved whole or not at all, whoever is late."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
import redis

from deploy.operators.standing import Standing
from services.processing.api import lists
from services.processing.api.lists import Asked, Row
from services.processing.api.states import States, StatesUnavailableError
from services.processing.domain.dossier import Dossier
from services.processing.domain.generation import GEN
from services.processing.domain.line import Position
from services.processing.domain.worklists import NO_DUE, Sought
from services.processing.errors import MisconfiguredError, TornError, UnavailableError
from services.processing.store import keys
from services.processing.store.store import Commit, Held, Identity, Store, connect
from tests.faults.kinds import Spoilt
from tests.faults.proxy import OwnLines
from tests.servers import Servers

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

IDENTITY = Identity("cluster", "topic", 0, b"digest")
OPEN = "receiver:U:running"
# Bytes that a locale would sort otherwise.
CODES = ["A", "B", "Z", "a", "b", "z", "A-1", "A.1", "A_1", "A1", "a-1", "0", "9", "00", "x.y"]
CLOCK = 1_751_335_200_000_001


class Bench:
    """An empty Redis, a store that owns partition 3 of it, and a reader."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = redis.Redis.from_url(url, decode_responses=True)
        self.client.flushdb()
        self.store = Store(connect(url, 5.0), "me", 5.0, lambda name: None)
        held = self.store.acquire(3)
        assert self.store.wipe(held)
        self.held: Held = held
        self.position = Position()

    def commit(self, moved: dict[str, dict[str, int | None]], offset: int, epoch: str = "", **of: Any) -> bool | TornError:
        """One commit that moves one dossier and these sets."""
        after = Position(offset=offset, log_clock=CLOCK, digest="d", **of)
        commit = Commit(
            partition=3, epoch=epoch or self.held.epoch, begin=self.position, position=after, identity=IDENTITY,
            dossiers={"X": Dossier("X", ())}, due={}, kept={}, parked={}, lists=moved,
        )  # fmt: skip
        [outcome] = self.store.commit([commit])
        if outcome is True:
            self.position = after
        return outcome

    def sets(self) -> dict[str, dict[str, int]]:
        """All sets of the partition, by name."""
        prefix, client = keys.worklist(3, ""), cast(Any, self.client)
        names: list[str] = list(client.scan_iter(match=f"{prefix}*"))
        return {
            name.removeprefix(prefix): {code: int(score) for code, score in client.zrange(name, 0, -1, withscores=True)}
            for name in names
        }

    def page(self, name: str, sought: Sought, after: tuple[int, str] | None, count: int) -> lists.Found:
        """A page of the sets of this name, in all partitions."""

        async def asked() -> lists.Found:
            states = States(self.url, lambda name: None)
            try:
                return await lists.find(states, Asked([[name]] * 12, sought, after, count))
            finally:
                await states.close()

        return asyncio.run(asked())


@pytest.fixture
def bench(servers: Servers) -> Iterator[Bench]:
    made = Bench(servers.redis)
    yield made
    made.client.flushdb()
    made.client.close()


def test_a_commit_moves_sets_with_dossiers_and_position_and_one_that_is_refused_moves_nothing(bench: Bench) -> None:
    assert bench.commit({OPEN: {"X": 5, "Y": 7}, "competent:V:running": {"X": 5}}, 1) is True
    assert bench.sets() == {OPEN: {"X": 5, "Y": 7}, "competent:V:running": {"X": 5}}
    assert bench.commit({OPEN: {"X": None, "Y": 8}}, 2, epoch="99") is False
    assert bench.sets() == {OPEN: {"X": 5, "Y": 7}, "competent:V:running": {"X": 5}}
    assert bench.commit({OPEN: {"X": None, "Y": 8}, "competent:V:running": {"X": None}}, 2) is True
    assert bench.sets() == {OPEN: {"Y": 8}}, "a set without members is none"


def test_a_set_that_is_none_tears_the_commit_before_anything_is_written(bench: Bench) -> None:
    assert bench.commit({OPEN: {"X": 5}}, 1) is True
    bench.client.set(keys.worklist(3, "competent:V:running"), "x")
    outcome = bench.commit({OPEN: {"Y": 6}, "competent:V:running": {"Y": 6}}, 2)
    assert isinstance(outcome, TornError)
    assert bench.client.hget(keys.position(3), "at") == "1.0"
    bench.client.delete(keys.worklist(3, "competent:V:running"))
    assert bench.sets() == {OPEN: {"X": 5}}


def test_more_than_a_thousand_members_move_in_one_commit(bench: Bench) -> None:
    members: dict[str, int | None] = {f"c{number}": number for number in range(3500)}
    assert bench.commit({OPEN: members}, 1) is True
    assert bench.sets() == {OPEN: members}
    assert bench.commit({OPEN: dict.fromkeys(members)}, 2) is True
    assert bench.sets() == {}


def test_wiping_takes_the_sets_along_and_those_of_other_partitions_stay(bench: Bench) -> None:
    bench.commit({OPEN: {"X": 5}}, 1)
    other = keys.worklist(4, OPEN)
    bench.client.zadd(other, {"O": 1})
    assert bench.store.wipe(bench.held)
    assert bench.sets() == {}
    assert bench.client.zcard(other) == 1
    assert bench.client.hget(keys.position(3), "lists") is None


def test_between_slices_it_is_read_as_it_stands_and_known_from_the_slice_before(bench: Bench, servers: Servers) -> None:
    """Two slices that leave no record differ in how far they have come; a code may hold what parts a place."""
    assert bench.commit({OPEN: {"X": 5}}, 6, scanned="A.1") is True
    before = bench.position
    assert bench.commit({}, 6, scanned="x.y") is True
    assert bench.store.stands_at(3, bench.held.epoch, bench.position)
    assert bench.store.moved({3: (bench.held.epoch, before)}) == [3]
    assert bench.page(OPEN, Sought(()), None, 9).positions[3] == bench.position
    folded = Standing(servers.kafka, bench.url, GEN).folded()[3]
    assert (folded.offset, folded.index) == (6, 0)
    assert bench.store.acquire(3).position == bench.position


@pytest.mark.parametrize("lists_at", [None, "1:0.0", "0:1.0", "2:1.0"])
def test_a_position_whose_worklists_are_of_another_place_or_layout_is_unclean(bench: Bench, lists_at: str | None) -> None:
    """As a version without worklists leaves it, be it before this one or after it."""
    bench.commit({OPEN: {"X": 5}}, 1)
    assert bench.store.acquire(3).position == bench.position, "as it was left, it goes on"
    if lists_at is None:
        bench.client.hdel(keys.position(3), "lists")
    else:
        bench.client.hset(keys.position(3), "lists", lists_at)
    with pytest.raises(StatesUnavailableError):
        bench.page(OPEN, Sought((OPEN,)), None, 10)
    assert bench.store.acquire(3).is_unclean


@pytest.mark.parametrize("count", [1, 2, 3, 7, 100])
def test_pages_of_any_size_hold_every_member_once_in_the_order_of_score_and_bytes(bench: Bench, count: int) -> None:
    """Many of one score, over all partitions, around the clock; the last ones without a due."""
    chance = random.Random(count)
    placed: dict[str, int | None] = {
        f"{code}{number}": chance.choice([CLOCK - 1, CLOCK, CLOCK + 1, CLOCK + 10, NO_DUE])
        for code in CODES for number in range(4)
    }  # fmt: skip
    assert bench.commit({OPEN: placed}, 1) is True
    rows = sorted((score, code.encode()) for code, score in placed.items() if score is not None)
    spans = {
        Sought((OPEN,)): rows,
        Sought((OPEN,), "before_clock"): [row for row in rows if row[0] < CLOCK],
        Sought((OPEN,), "from_clock", 10): [row for row in rows if CLOCK <= row[0] <= CLOCK + 10],
    }
    for sought, expected in spans.items():
        found: list[Row] = []
        while True:
            page = bench.page(OPEN, sought, (found[-1].score, found[-1].code) if found else None, count)
            assert page.total == len(expected)
            if not page.rows:
                break
            found += page.rows
        assert [(row.score, row.code.encode()) for row in found] == expected


def test_a_member_that_has_moved_since_it_was_found_is_left_out(bench: Bench) -> None:
    bench.commit({OPEN: {"X": 5, "Y": 5}}, 1)
    rows = bench.page(OPEN, Sought((OPEN,)), None, 10).rows
    bench.commit({OPEN: {"X": 6, "Y": 5}}, 2)

    async def read() -> lists.Shown:
        states = States(bench.url, lambda name: None)
        try:
            return await lists.read(states, rows)
        finally:
            await states.close()

    shown = asyncio.run(read())
    assert list(shown.dossiers) == [], "X stands elsewhere, of Y nothing is kept"
    bench.commit({OPEN: {"X": 5}}, 3)
    assert list(asyncio.run(read()).dossiers) == ["X"]


# --- the state itself ----------------------------------------------------------------------------------------------


def test_one_that_is_held_up_while_it_wipes_takes_nothing_away_from_the_next_owner(bench: Bench) -> None:
    """It has its list of names and is frozen; another takes the partition, wipes it and stores; then it goes on."""
    assert bench.commit({OPEN: {"X": 5}}, 1) is True
    late = Store(connect(bench.url, 5.0), "late", 5.0, lambda name: None)
    held = late.acquire(3)
    scan = late._client.scan_iter

    def frozen(**of: Any) -> list[bytes]:
        names = list(scan(**of))
        bench.held = bench.store.acquire(3)
        assert bench.store.wipe(bench.held)
        bench.position = Position()
        assert bench.commit({OPEN: {"X": 6}}, 1) is True
        return names

    late._client.scan_iter = frozen  # type: ignore[method-assign, assignment]
    assert not late.wipe(held)
    assert bench.sets() == {OPEN: {"X": 6}}
    assert bench.store.load({3: ["X"]})[3]["X"] is not None


def test_a_redis_that_evicts_keys_is_none_to_write_to(bench: Bench) -> None:
    """Whatever of a partition were evicted, its position would not tell."""
    assert bench.store.check() is None
    bench.client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert bench.store.check() == "redis_evicts: maxmemory-policy is allkeys-lru, it must be noeviction"
    finally:
        bench.client.config_set("maxmemory-policy", "noeviction")


def test_what_another_generation_has_written_is_refused_and_stays_as_it_is(bench: Bench) -> None:
    """Nobody's epoch is raised by the attempt: whose it is goes on."""
    assert bench.commit({OPEN: {"X": 5}}, 1) is True
    bench.client.hset(keys.position(3), "gen", keys.written_by(GEN + 1))
    fields = ["at", "epoch", "owner", "gen", "lists"]
    written = bench.client.hmget(keys.position(3), fields)
    with pytest.raises(MisconfiguredError, match=rf"was written by generation {keys.written_by(GEN + 1)}, this is {GEN}$"):
        Store(connect(bench.url, 5.0), "another", 5.0, lambda name: None).acquire(3)
    assert bench.client.hmget(keys.position(3), fields) == written
    assert bench.commit({OPEN: {"X": 6}}, 2) is True


@pytest.mark.parametrize(("how", "is_stored"), [("unanswered", True), ("cut", False), ("half_open", False)])
def test_after_a_lost_connection_taking_over_again_tells_what_was_stored(
    bench: Bench, port_base: int, how: Spoilt, is_stored: bool
) -> None:
    """The answer is lost, or the commit itself: told alike, and from the former epoch nothing more is stored."""
    lines, place, name = OwnLines(), urlsplit(bench.url), "line to redis"
    try:
        lines.open(name, port_base, place.port or 6379)
        told: list[str] = []
        bench.store = Store(connect(place._replace(netloc=f"127.0.0.1:{port_base}").geturl(), 0.5), "me", 5.0, told.append)
        bench.held = bench.store.acquire(3)
        assert bench.commit({OPEN: {"X": 5}}, 1) is True
        lines.spoil(name, how)
        assert bench.commit({OPEN: {"X": 6}}, 2) is False
        assert told in (["ConnectionError"], ["TimeoutError"])
        lines.heal(name)
        again = bench.store.acquire(3)
        assert (again.position.offset, again.epoch > bench.held.epoch) == (2 if is_stored else 1, True)
        assert bench.commit({OPEN: {"X": 7}}, 2) is False
        assert bench.sets() == {OPEN: {"X": 6 if is_stored else 5}}
    finally:
        lines.close()


NOT_NOW = [
    redis.ResponseError("BUSY Redis is busy running a script."),
    redis.ResponseError("NOREPLICAS Not enough good replicas to write."),
    redis.ResponseError("MISCONF Errors writing to the AOF file"),
    redis.exceptions.ClusterDownError("The cluster is down"),
    redis.exceptions.MasterDownError("Link with MASTER is down"),
    redis.exceptions.TryAgainError("Multiple keys request during rehashing of slot"),
    redis.exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
]


@pytest.mark.parametrize("reply", NOT_NOW, ids=lambda reply: type(reply).__name__ + str(reply)[:5])
def test_a_redis_that_says_not_now_has_torn_nothing(bench: Bench, reply: Exception) -> None:
    """It has not begun: the state is whole, the position stays, and the worker ends uncommitted or asks again."""
    assert bench.commit({OPEN: {"X": 5}}, 1) is True
    with pytest.raises(UnavailableError):
        bench.store._outcome(3, reply)
    evaluate, replies = bench.store._client.eval, iter([reply])

    def says(*of: Any) -> Any:
        if (said := next(replies, None)) is not None:
            raise said
        return evaluate(*of)

    bench.store._client.eval = says  # type: ignore[method-assign, assignment]
    assert bench.store.acquire(3).position == bench.position


@pytest.mark.parametrize("reply", NOT_NOW, ids=lambda reply: type(reply).__name__ + str(reply)[:5])
def test_a_redis_that_cannot_be_read_just_now_is_asked_again(bench: Bench, reply: Exception) -> None:
    """One answer of a pipeline is enough: it tells nothing of what is stored, so nothing is torn."""
    assert bench.commit({OPEN: {"X": 5}}, 1) is True
    begin, replies = bench.store._client.pipeline, iter([reply, None, reply, None])

    def says(**of: Any) -> Any:
        pipeline, said = begin(**of), next(replies)
        parse = pipeline.parse_response

        def parsed(*told: Any, **more: Any) -> Any:
            answer = parse(*told, **more)  # type: ignore[no-untyped-call]
            if said is not None:
                raise said
            return answer

        pipeline.parse_response = parsed  # type: ignore[method-assign]
        return pipeline

    bench.store._client.pipeline = says  # type: ignore[method-assign, assignment]
    assert bench.store.load({3: ["X"]})[3]["X"] is not None
    assert bench.store.due(3, -1, CLOCK, 10) == ([], None)
    assert next(replies, None) is None
