"""The guarded scripts on a real Valkey: who may move a position, what is seen as torn, how several wipe together."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

import pytest
import redis

from services.metrics.domain.deltas import Deltas
from services.metrics.domain.position import Position
from services.metrics.store.errors import RefusedError, StoreError, TornError, UnavailableError, WipingError
from services.metrics.store.ledger import Identity, Lease, Ledger, Move
from services.metrics.worker.health import Seen, judge
from tests.servers import Servers

pytestmark = pytest.mark.kafka

GEN = 7
PREFIX = f"motcua:metrics:g{GEN}:"
HERE = Identity("cluster", "topic")
FIVE = Deltas({"total": {"receiver|A|received": 5}, "day:2025-07-01": {"receiver|A|received": 5}}, {"seen": {"A": 70}},
              ("2025-07-01",))  # fmt: skip
Play = Callable[[Ledger, Ledger], Awaitable[None]]


@pytest.fixture
def client(servers: Servers) -> Iterator["redis.Redis"]:
    """An empty Valkey."""
    with redis.Redis.from_url(servers.redis, decode_responses=True) as found:
        found.flushdb()
        yield found
        found.flushdb()


@pytest.fixture
def play(servers: Servers, client: "redis.Redis") -> Callable[[Play], None]:
    """Runs a scene of two owners."""

    async def run(scene: Play) -> None:
        one, two = (Ledger(servers.redis, GEN, 5.0) for _ in range(2))
        try:
            await scene(one, two)
        finally:
            await one.close()
            await two.close()

    return lambda scene: asyncio.run(run(scene))


def move(lease: Lease, since: int, to: int) -> Move:
    """From an offset to another."""
    return Move(lease, since, replace(lease.position, next=to, src=(to - 1, 0), closed=to - 1), HERE)


async def flush(ledger: Ledger, lease: Lease, since: int, to: int, deltas: Deltas = FIVE) -> StoreError | None:
    """Of one partition: None when it is stored, else what was in its way."""
    return (await ledger.flush([move(lease, since, to)], deltas)).get(lease.partition)


def total(client: "redis.Redis") -> object:
    return client.hgetall(f"{PREFIX}total")


def test_only_the_last_owner_moves_a_position_and_only_from_where_it_stands(
    play: Callable[[Play], None], client: "redis.Redis"
) -> None:
    """A former owner is fenced; its own second attempt, of which it heard no answer, is refused too."""

    async def scene(one: Ledger, two: Ledger) -> None:
        first = await one.acquire(3, 10)
        assert (first.epoch, first.position, first.identity) == (1, Position(), None)
        assert await flush(one, first, 0, 4) is None
        again = await flush(one, first, 0, 4)
        assert isinstance(again, RefusedError)
        assert not again.is_fenced
        second = await two.acquire(3, 20)
        assert (second.epoch, second.position.next, second.position.src, second.identity) == (2, 4, (3, 0), HERE)
        late = await flush(one, first, 4, 9)
        assert isinstance(late, RefusedError)
        assert late.is_fenced
        assert await flush(two, second, 4, 6) is None
        lost = await one.verify(first.build, [(3, 4, 1)])
        assert lost[3].is_fenced
        assert await two.verify(second.build, [(3, 6, 2)]) == {}
        assert not (await two.verify(second.build, [(3, 5, 2)]))[3].is_fenced

    play(scene)
    assert total(client) == {"receiver|A|received": "10"}
    assert client.hgetall(f"{PREFIX}day:2025-07-01") == {"receiver|A|received": "10"}
    assert client.smembers(f"{PREFIX}days") == {"2025-07-01"}
    assert client.hget(f"{PREFIX}p:3", "target") == "20"


def test_where_one_of_several_positions_cannot_be_moved_none_is_and_the_others_are_not_blamed(
    play: Callable[[Play], None], client: "redis.Redis"
) -> None:
    """Their figures are one sum: what of it belongs to whom, the script cannot know."""

    async def scene(one: Ledger, two: Ledger) -> None:
        leases = [await one.acquire(number, 10) for number in range(4)]
        moves = [move(lease, 0, 4) for lease in leases]
        await two.acquire(1, 10)
        assert await flush(one, leases[2], 0, 3) is None
        before = client.hgetall(f"{PREFIX}total"), [client.hgetall(f"{PREFIX}p:{number}") for number in range(4)]
        problems = await one.flush(moves, FIVE)
        assert {number: str(problem) for number, problem in problems.items()} == {
            1: str(RefusedError(is_fenced=True)), 2: str(RefusedError(is_fenced=False)),
        }  # fmt: skip
        assert (client.hgetall(f"{PREFIX}total"), [client.hgetall(f"{PREFIX}p:{number}") for number in range(4)]) == before
        assert await one.flush([moves[0], moves[3]], FIVE) == {}
        assert [client.hget(f"{PREFIX}p:{number}", "next") for number in range(4)] == ["4", "0", "3", "4"]
        assert [client.hget(f"{PREFIX}build", f"held:{number}") for number in range(4)] == ["4", "0", "3", "4"]
        other = replace(leases[0], build="another")
        with pytest.raises(ValueError, match="2 builds"):
            await one.flush([move(other, 4, 5), move(leases[3], 4, 5)], FIVE)

    play(scene)
    assert total(client) == {"receiver|A|received": "10"}


def test_what_rises_never_falls(play: Callable[[Play], None], client: "redis.Redis") -> None:
    """Instants of another partition may be older."""

    async def scene(one: Ledger, two: Ledger) -> None:
        leases = [await one.acquire(number, 1) for number in range(2)]
        highest = 9_007_199_254_740_991
        for lease, at in zip(leases, (highest, 5), strict=True):
            assert await flush(one, lease, 0, 1, Deltas({}, {"seen": {"A": at, f"B{at}": at}})) is None

    play(scene)
    assert client.hgetall(f"{PREFIX}seen") == {"A": "9007199254740991", "B9007199254740991": "9007199254740991", "B5": "5"}


def test_thousands_of_fields_and_offsets_beyond_a_double_are_exact(
    play: Callable[[Play], None], client: "redis.Redis"
) -> None:
    """Written in chunks; an offset never becomes a number on its way."""
    many, far = {f"receiver|A|f:{number}|received": number - 1500 for number in range(3500)}, 9_007_199_254_740_993

    async def scene(one: Ledger, two: Ledger) -> None:
        lease = await one.acquire(0, far)
        assert await flush(one, lease, 0, far, Deltas({"split": many})) is None
        assert await flush(one, lease, far, far + 2, Deltas({"split": many})) is None
        assert (await two.acquire(0, far)).position.next == far + 2

    play(scene)
    assert client.hgetall(f"{PREFIX}split") == {name: str(2 * number) for name, number in many.items()}


@pytest.mark.parametrize("damage", ["gone", "another type", "a field less", "a field more", "the days"])
def test_torn_figures_are_seen_before_anything_is_written(
    damage: str, play: Callable[[Play], None], client: "redis.Redis", servers: Servers
) -> None:
    """By a flush, by a look, by the next owner; the position stays where it was."""

    async def scene(one: Ledger, two: Ledger) -> None:
        lease = await one.acquire(0, 9)
        assert await flush(one, lease, 0, 1) is None
        if damage in ("gone", "another type"):
            client.delete(f"{PREFIX}total")
        if damage == "another type":
            client.set(f"{PREFIX}total", "5")
        elif damage == "a field less":
            client.hdel(f"{PREFIX}seen", "A")
        elif damage == "a field more":
            client.hset(f"{PREFIX}total", "receiver|B|received", "1")
        elif damage == "the days":
            client.delete(f"{PREFIX}days")
        before = _dumps(servers)
        seen = await flush(one, lease, 1, 2)
        assert isinstance(seen, TornError)
        assert seen.build == lease.build
        for look in (one.verify(lease.build, []), two.acquire(0, 9), two.acquire(1, 9)):
            with pytest.raises(TornError):
                await look
        assert _dumps(servers) == before

    play(scene)


def _dumps(servers: Servers) -> dict[object, object]:
    """Everything that lies there, as bytes."""
    with redis.Redis.from_url(servers.redis) as raw:
        return {key: raw.dump(key) for key in raw.scan_iter("*")}


def test_a_wipe_fences_everybody_and_a_late_helper_deletes_nothing_new(
    play: Callable[[Play], None], client: "redis.Redis"
) -> None:
    """Of two that see the damage one begins; who counts on the old build is refused; what is new stays."""

    async def scene(one: Ledger, two: Ledger) -> None:
        lease, other = await one.acquire(0, 9), await two.acquire(1, 9)
        assert await flush(one, lease, 0, 1) is None
        client.set(f"{PREFIX}board", "not of the figures")
        await one.wipe(lease.build)
        await two.wipe(other.build)
        stale = await flush(two, other, 0, 3)
        assert isinstance(stale, RefusedError)
        assert not stale.is_fenced
        fresh = await two.acquire(0, 9)
        assert (fresh.epoch, fresh.position.next) == (1, 0)
        assert fresh.build != lease.build
        assert await flush(two, fresh, 0, 2) is None
        # As if it had seen the first wipe's beginning, and slept since.
        await one.wipe(fresh.build, is_begun=True)

    play(scene)
    assert total(client) == {"receiver|A|received": "5"}
    assert client.get(f"{PREFIX}board") == "not of the figures"


def test_a_wipe_that_was_cut_short_is_gone_on_with(play: Callable[[Play], None], client: "redis.Redis") -> None:
    """The wiper died in the middle: nobody counts until somebody has finished its work."""

    async def scene(one: Ledger, two: Ledger) -> None:
        lease = await one.acquire(0, 9)
        assert await flush(one, lease, 0, 1) is None
        client.hset(f"{PREFIX}build", "wiping", "1")
        with pytest.raises(WipingError) as wiping:
            await two.acquire(0, 9)
        assert isinstance(await flush(one, lease, 1, 2), RefusedError)
        await two.wipe(wiping.value.build, is_begun=True)

    play(scene)
    assert total(client) == {}
    assert client.smembers(f"{PREFIX}days") == set()


def test_an_answer_that_says_later_is_not_taken_for_damage(play: Callable[[Play], None], client: "redis.Redis") -> None:
    """A Redis that is full has written nothing: wiping it would help nobody."""

    async def scene(one: Ledger, two: Ledger) -> None:
        lease = await one.acquire(0, 9)
        client.config_set("maxmemory", "1mb")
        try:
            full = await flush(one, lease, 0, 1)
            assert isinstance(full, UnavailableError)
            memory = await one.memory()
            assert memory is not None
            assert (memory.policy, memory.max_bytes) == ("noeviction", 1_048_576)
            assert memory.used_bytes > memory.max_bytes
            with pytest.raises(UnavailableError):
                await two.acquire(0, 9)
        finally:
            client.config_set("maxmemory", "0")
        assert await flush(one, lease, 0, 1) is None

    play(scene)
    assert total(client) == {"receiver|A|received": "5"}


def test_who_counts_in_a_redis_that_evicts_keys_is_not_ready(play: Callable[[Play], None], client: "redis.Redis") -> None:
    """Nobody could say which figures are still there."""

    async def scene(one: Ledger, two: Ledger) -> None:
        memory, ours = await one.memory(), frozenset({0})
        assert memory is not None
        seen = Seen(
            is_joined=True, assigned=ours, counted=ours, stopped={}, behind=frozenset(), kafka_away_seconds=0.0,
            redis_silent_seconds=0.0, redis_silent_max_seconds=1.0, policy=memory.policy, differs=None,
        )  # fmt: skip
        assert judge(seen).is_ready
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            memory = await one.memory()
        finally:
            client.config_set("maxmemory-policy", "noeviction")
        assert memory is not None
        reason = "Redis evicts keys (maxmemory-policy allkeys-lru): set it to noeviction"
        assert judge(replace(seen, policy=memory.policy)).reasons == (reason,)

    play(scene)


def test_a_redis_that_is_not_there_is_unavailable() -> None:
    """Nothing is known, nothing is torn."""

    async def scene() -> None:
        nowhere = Ledger("redis://127.0.0.1:1/0", GEN, 1.0)
        for call in (nowhere.acquire(0, 1), nowhere.verify("x", []), nowhere.memory(), nowhere.wipe("x")):
            with pytest.raises(UnavailableError):
                await call
        answer = await flush(nowhere, Lease(0, "x", 1, Position(), None), 0, 1)
        assert isinstance(answer, UnavailableError)
        await nowhere.close()

    asyncio.run(scene())
