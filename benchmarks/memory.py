"""How many bytes a dossier takes in Redis: open, closed and kept, retired; with all of its indexes and worklists.

    python -m benchmarks.memory --dossiers 20000

Starts a Redis of its own. The fold and the store are the worker's; the lives are those of the Huế fortnight, as many times
over as are needed. What is told is the difference of INFO's `used_memory`, divided by the dossiers.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import redis

from benchmarks import table
from contracts import instants, reference, reference_files
from contracts.events import Activated, Control, Headers, Opened, Ticked, control_record, read_structured, to_record
from contracts.topics import PARTITIONS
from deploy.local.checks import free_port_base
from deploy.local.stack import Stack
from lab.fortnight import facts as published
from lab.fortnight import writing
from services.processing.domain.rules import Rules
from services.processing.domain.takeover import Tail
from services.processing.log.records import Record
from services.processing.store import keys
from services.processing.store.store import Commit, Identity, Store, connect
from services.processing.worker.lane import Bounds, Lane

REPOSITORY = Path(__file__).resolve().parents[1]
REFERENCE = REPOSITORY / "deploy" / "reference"
OPEN_LIMIT, RETIRED_LIMIT = 2048, 300
ENDED = frozenset({"refused", "withdrawn", "halted", "supplement_lapsed", "completed", "returned"})
AFTER = instants.parse("2025-07-14T17:00:00+07:00")
RETIRED_AT = instants.parse("2026-09-30T00:00:00+07:00")
CHUNK = 2000
CALL_SECONDS = 30.0


@dataclass(frozen=True)
class Filled:
    """What so many dossiers take, and where."""

    dossiers: int
    bytes: int
    events: int
    parts: dict[str, int]

    @property
    def each(self) -> float:
        """Bytes a dossier."""
        return self.bytes / self.dossiers


def main() -> int:
    """Exit status 0 when both are within their limits."""
    reading = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reading.add_argument("--dossiers", type=int, default=20_000, help="at least so many of each kind, 1 to 200,000")
    wanted = reading.parse_args().dossiers
    if not 1 <= wanted <= 200_000:
        reading.error("--dossiers: 1 to 200,000")
    open_lives, ended_lives = _lives()
    with tempfile.TemporaryDirectory(prefix="motcua-bench-") as directory:
        stack = Stack(Path(directory) / "state", free_port_base(), "log", say=lambda line: None)
        try:
            stack.up(("redis",))
            client = connect(stack.settings.redis_url, CALL_SECONDS)
            [is_open] = _fill(client, _enough(open_lives, wanted), AFTER)
            [busy] = _fill(client, _enough(_longest(open_lives), wanted // 4 or 1), AFTER)
            closed, retired = _fill(client, _enough(ended_lives, wanted), AFTER, RETIRED_AT)
            version = client.info("server")["redis_version"]
        finally:
            stack.down()
    print(f"Redis {version}'s used_memory, real store, all indexes and worklists")
    _print("open", is_open, OPEN_LIMIT)
    _print("open, the longest", busy, None)
    _print("closed, kept", closed, None)
    _print("retired", retired, RETIRED_LIMIT)
    return 0 if is_open.each <= OPEN_LIMIT and retired.each <= RETIRED_LIMIT else 1


def _print(name: str, of: Filled, limit: int | None) -> None:
    verdict = "" if limit is None else f" (limit {limit:,}: {'within' if of.each <= limit else 'OVER'})"
    parts = ", ".join(f"{part} {size / of.dossiers:.0f}" for part, size in of.parts.items())
    per = of.events / of.dossiers
    print(f"{name:<18} {of.each:>8,.0f} bytes a dossier{verdict}; {of.dossiers:,} of {per:.1f} events; {parts}")
    if limit is not None:
        table.row(
            f"Redis, {name} (`memory`)", f"{of.each:,.0f} bytes a dossier", f"limit {limit:,}", f"{of.each / limit:.2f}"
        )


def _lives() -> tuple[list[list[bytes]], list[list[bytes]]]:
    """The events of each dossier of the fortnight that is open at its end, and of each that is not."""
    by_subject: dict[str, list[bytes]] = {}
    for each in writing.fortnight(published.read(published.HUE_2025_07), REFERENCE, 1):
        by_subject.setdefault(each.subject, []).append(each.event)
    marks = [f'.dossier.{fact}.v1"'.encode() for fact in ENDED]
    ended = {subject for subject, told in by_subject.items() if any(mark in event for event in told for mark in marks)}
    return (
        [told for subject, told in by_subject.items() if subject not in ended],
        [told for subject, told in by_subject.items() if subject in ended],
    )


def _enough(lives: Sequence[list[bytes]], wanted: int) -> Iterator[tuple[bytes, bytes, Headers]]:
    """Whole lives as reported records, again and again under other numbers until there are enough."""
    now = instants.parse("2025-07-20T00:00:00+07:00")
    for number in range(wanted):
        copy, life = divmod(number, len(lives))
        for event in lives[life]:
            key, value, headers = to_record(read_structured(event, now))
            name = key if not copy else key + b".%d" % copy
            yield name, value, [(each, name if each == "ce_subject" else text) for each, text in headers]


def _longest(lives: Sequence[list[bytes]]) -> list[list[bytes]]:
    """The tenth of them with the most events."""
    return sorted(lives, key=len, reverse=True)[: len(lives) // 10]


def _fill(client: "redis.Redis", records: Iterable[tuple[bytes, bytes, Headers]], *clocks: int) -> list[Filled]:
    """Every record folded and stored by the real lane and store, then each clock; `used_memory` after each of these."""
    client.flushall(asynchronous=False)
    before = _used(client)
    body = reference_files.read(REFERENCE)
    digest = reference.digest(reference.encode(body))
    store = Store(client, "benchmark", CALL_SECONDS, lambda name: None)
    rules = {digest: Rules.compile(digest, body)}
    lanes = [_Filling(number, store, rules) for number in range(PARTITIONS)]
    for lane in lanes:
        lane.control(Opened(clock="log", cluster="benchmark"), Activated(digest))
    events, codes = 0, set()
    for key, value, headers in records:
        lanes[crc32(key) % PARTITIONS].add(key, value, headers)
        events += 1
        codes.add(key)
    told = []
    for clock in clocks:
        for lane in lanes:
            lane.control(Ticked(clock))
        used = _used(client) - before
        told.append(Filled(len(codes), used, events, _parts(client, used)))
    return told


class _Filling:
    """One partition that is folded and stored as the worker does it, with nobody to send to."""

    def __init__(self, number: int, store: Store, rules: dict[str, Rules]) -> None:
        self._number = number
        self._store = store
        self._held = store.acquire(number)
        if self._held.is_unclean:
            store.wipe(self._held)
        self._lane = Lane(number, self._held.position, Tail(), rules, store, Bounds(CHUNK, CHUNK), 0)  # type: ignore[arg-type]
        self._offset = 0
        self._waiting: list[Record] = []

    def control(self, *controls: Control) -> None:
        for control in controls:
            value, headers = control_record(control, f"{self._number}-{self._offset}", "/benchmark")
            self.add(None, value, headers)
        self._work()

    def add(self, key: bytes | None, value: bytes, headers: Headers) -> None:
        self._waiting.append(Record(self._offset, AFTER + self._offset, key, value, headers))
        self._offset += 1
        if len(self._waiting) >= CHUNK:
            self._work()

    def _work(self) -> None:
        lane = self._lane
        lane.add(self._waiting)
        self._waiting = []
        while lane.has_work:
            lane.loaded(self._store.load({self._number: lane.missing()})[self._number] if lane.missing() else {})
            lane.fold()
            pending = lane.pending
            [stored] = self._store.commit([
                Commit(
                    partition=self._number, epoch=self._held.epoch, begin=pending.begin, position=lane.position,
                    identity=Identity("benchmark", "benchmark", self._offset, b""), dossiers=pending.dossiers,
                    due=pending.due, kept=pending.kept, parked=pending.parked, lists=lane.lists(),
                )
            ])  # fmt: skip
            if stored is not True:
                raise SystemExit(f"partition {self._number} was not stored: {stored}")
            lane.committed()


def _used(client: "redis.Redis") -> int:
    """Bytes that Redis holds for its data, as soon as what was removed is freed."""
    deadline = time.monotonic() + CALL_SECONDS
    while int(client.info("memory").get("lazyfree_pending_objects", 0)):
        if time.monotonic() > deadline:
            raise SystemExit(f"Redis has not freed what was removed within {CALL_SECONDS:.0f} s")
        time.sleep(0.05)
    return int(client.info("memory")["used_memory"])


def _parts(client: "redis.Redis", used: int) -> dict[str, int]:
    """Where the bytes are: each index and the worklists as Redis measures them, the dossiers with their keys as the rest."""
    found = dict.fromkeys((*keys.INDEXES, "worklists"), 0)
    for name in client.scan_iter(match="motcua:processing:*", count=5000):
        kind = name.split(b"}:", 1)[1].decode()
        if kind.startswith("wl:"):
            kind = "worklists"
        if kind in found:
            found[kind] += int(client.memory_usage(name, samples=0) or 0)
    return {"dossiers with their keys": used - sum(found.values()), **found}


if __name__ == "__main__":
    sys.exit(main())
