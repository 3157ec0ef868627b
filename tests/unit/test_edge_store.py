"""The outbox on real files: killed, restored, full, read-only, damaged; what it acknowledged is there afterwards."""

import asyncio
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from contracts import instants
from services.edge import carrying
from services.edge.domain.fullness import Limits
from services.edge.domain.replies import Refused
from services.edge.instruments import Instruments
from services.edge.store import outbox as outbox_module
from services.edge.store import schema
from services.edge.store import writer as writer_module
from services.edge.store.discarded import Discarded
from services.edge.store.errors import DamagedError, InUseError, MovedError, ReadOnlyError, StoreError
from services.edge.store.highwater import MarkFile
from services.edge.store.outbox import Outbox
from services.edge.store.views import Places, Quarantined
from services.edge.store.writer import Writer
from tests.intake_bad_inputs import ONE, event, packed
from tests.unit.edge_world import ROOMY, World, accept, entry, kept, outbox

pytestmark = pytest.mark.slow

CENTRE = {"Authorization": "Bearer dev-19753", "Content-Type": ONE}
SMALL_DISK_BYTES = 24 * 1024 * 1024
RESERVE_BYTES = 10 * 1024 * 1024
NOBODY = 65534
LATER = "01990000-0000-7000-8000-0000000000aa"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Outbox]:
    found = outbox(tmp_path)
    found.open()
    yield found
    found.close()


def reopened(directory: Path, limits: Limits = ROOMY) -> tuple[Outbox, bool]:
    found = outbox(directory, limits)
    return found, found.open()


def numbers(found: list[dict[str, Any]], incarnation: str | None = None) -> list[int]:
    return [int(each["sequence"]) for each in found if incarnation in (None, each["incarnation"])]


# -- killed


def accepting_until_killed(directory: Path, acknowledged: int, chance: random.Random) -> None:
    """Accepts without end and says of each event that it was acknowledged, as soon as it was."""
    box = outbox(directory)
    box.open()
    count = 0
    while True:
        entries = [entry(f"{os.getpid()}-{count + n}", f"D{n}") for n in range(chance.randint(1, 5))]
        count += len(entries)
        assert accept(box, *entries) is None
        os.write(acknowledged, b"".join(each.id.encode() + b"\n" for each in entries))


def killed(child: Callable[[int], None], after_seconds: float | None) -> list[str]:
    """Runs `child` in a process of its own until it is killed (by us, or by itself); what it acknowledged."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            child(writing)
        finally:
            os._exit(1)
    os.close(writing)
    if after_seconds is not None:
        time.sleep(after_seconds)
        os.kill(pid, signal.SIGKILL)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), "it was killed and did not fail"
    return [line.decode() for line in told.split(b"\n")[:-1]]


@pytest.mark.slow
def test_whatever_moment_it_is_killed_at_nothing_acknowledged_is_lost_and_numbers_stay_contiguous(tmp_path: Path) -> None:
    chance = random.Random(5)
    acknowledged: list[str] = []
    incarnations = set()
    rounds = 0
    # On a slow disk little is acknowledged before a kill: then there are more kills.
    while (rounds := rounds + 1) <= 12 or len(acknowledged) <= 50:
        assert rounds < 200, "it was killed at work"
        acknowledged += killed(
            lambda pipe: accepting_until_killed(tmp_path, pipe, chance), after_seconds=0.05 + chance.random() / 10
        )
        box, began_anew = reopened(tmp_path)
        found = kept(box)
        box.close()
        # One that was killed as it was made has given no number yet, and may begin once more.
        assert not (began_anew and acknowledged), "a killed store goes on"
        incarnations |= {each["incarnation"] for each in found}
        assert numbers(found) == list(range(1, len(found) + 1))
        assert not set(acknowledged) - {each["id"] for each in found}
    assert len(incarnations) == 1


def delivering_until_killed(directory: Path, told: int, chance: random.Random) -> None:
    """Accepts and deletes without end: `+` when an event was acknowledged, `-` just before it is deleted."""
    box = outbox(directory)
    box.open()
    count = 0
    while True:
        entries = [entry(f"{os.getpid()}-{count + n}") for n in range(5)]
        count += len(entries)
        assert accept(box, *entries) is None
        os.write(told, b"".join(b"+%b\n" % each.id.encode() for each in entries))
        box.begin()
        gone = chance.sample(box.waiting(0, 50, 1 << 20), 4)
        os.write(told, b"".join(b"-%b\n" % each.id.encode() for each in gone))
        box.settle([each.position for each in gone[:3]], [(gone[3].position, Refused(0, "invalid_data", ""))])
        box.commit()


def test_killed_while_it_deletes_it_has_all_that_was_not_delivered_and_counts_it_right(tmp_path: Path) -> None:
    chance = random.Random(11)
    here: set[str] = set()
    for _ in range(6):
        told = killed(
            lambda pipe: delivering_until_killed(tmp_path, pipe, chance), after_seconds=0.05 + chance.random() / 10
        )
        here |= {line[1:] for line in told if line[0] == "+"}
        here -= {line[1:] for line in told if line[0] == "-"}
        box, _ = reopened(tmp_path)
        found = {each["id"] for each in kept(box)}
        assert not here - found
        stand = box.stand()
        assert stand.unsent == len(found) == sum(line.unsent for line in stand.lines)
        box.close()


@pytest.mark.parametrize("moment", ["before the commit", "before the mark", "after the mark"])
def test_killed_around_a_commit_it_goes_on_in_the_same_incarnation(moment: str, tmp_path: Path) -> None:
    def child(pipe: int) -> None:
        box = outbox(tmp_path)
        box.open()
        assert accept(box, entry("first")) is None
        os.write(pipe, b"first\n")
        write = MarkFile.write
        if moment == "before the commit":
            box._db.set_trace_callback(lambda sql: die() if sql == "COMMIT" else None)
        elif moment == "before the mark":
            MarkFile.write = lambda *_: die()  # type: ignore[method-assign]
        else:
            MarkFile.write = lambda *those: die(write(*those))  # type: ignore[method-assign]
        accept(box, entry("second"))

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    assert killed(child, after_seconds=None) == ["first"]
    box, began_anew = reopened(tmp_path)
    assert not began_anew
    found = [each["id"] for each in kept(box)]
    assert found == (["first"] if moment == "before the commit" else ["first", "second"])
    assert accept(box, entry("third")) is None
    assert numbers(kept(box)) == list(range(1, len(found) + 2))
    box.close()


# -- restored


def test_a_restored_copy_of_the_store_begins_a_new_incarnation_and_keeps_what_it_holds(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    box.open()
    accept(box, entry("a"), entry("b"))
    box.close()
    shutil.copytree(tmp_path / "edge", tmp_path / "copy")
    box.open()
    accept(box, entry("c"))
    former = kept(box)[0]["incarnation"]
    box.close()
    shutil.rmtree(tmp_path / "edge")
    shutil.copytree(tmp_path / "copy", tmp_path / "edge")

    box, began_anew = reopened(tmp_path)
    assert began_anew
    accept(box, entry("d"), entry("e"))
    found = kept(box)
    assert [each["id"] for each in found] == ["a", "b", "d", "e"]
    assert [(each["incarnation"] == former, each["sequence"]) for each in found] == [
        (True, "1"), (True, "2"), (False, "1"), (False, "2"),
    ]  # fmt: skip
    assert found[2]["incarnation"] > former, "the newest sorts last"
    box.close()
    assert reopened(tmp_path)[1] is False, "and then it goes on"


def test_a_copy_from_before_deliveries_only_goes_on_since_no_number_was_given_after_it(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    box.open()
    accept(box, entry("a"), entry("b"))
    box.close()
    shutil.copytree(tmp_path / "edge", tmp_path / "copy")
    box.open()
    box.begin()
    box.settle([1, 2], [])
    box.commit()
    box.close()
    shutil.rmtree(tmp_path / "edge")
    shutil.copytree(tmp_path / "copy", tmp_path / "edge")
    box, began_anew = reopened(tmp_path)
    assert not began_anew
    accept(box, entry("c"))
    assert numbers(kept(box)) == [1, 2, 3]
    box.close()


@pytest.mark.parametrize("mark", [None, b"", b"\xff" * 128, b'{"incarnation":"x","position":1}'])
def test_without_its_mark_a_store_begins_a_new_incarnation(mark: bytes | None, tmp_path: Path) -> None:
    box = outbox(tmp_path)
    box.open()
    accept(box, entry("a"))
    box.close()
    file = tmp_path / "edge.high-water"
    file.unlink() if mark is None else file.write_bytes(mark)
    box, began_anew = reopened(tmp_path)
    assert began_anew
    accept(box, entry("b"))
    assert numbers(kept(box)) == [1, 1]
    box.close()


# -- used by one alone, and moved


def test_a_second_edge_on_the_same_store_is_refused(box: Outbox, tmp_path: Path) -> None:
    with pytest.raises(InUseError):
        outbox(tmp_path).open()


def test_a_store_whose_file_was_taken_away_takes_nothing_and_is_not_silently_made_anew(tmp_path: Path) -> None:
    world = World(tmp_path)
    file = tmp_path / "edge" / "outbox.sqlite3"

    async def act() -> list[int]:
        first = await world.call("POST", "/v1/events", CENTRE, [packed(event(id="a"))])
        file.rename(tmp_path / "elsewhere")
        later = [await world.call("POST", "/v1/events", CENTRE, [packed(event(id="b"))]) for _ in range(2)]
        return [first.status, *(answer.status for answer in later)]

    assert world.do(act) == [202, 503, 503]
    assert isinstance(world.ports.writer.fault, MovedError)
    assert not file.exists()


# -- what intake said


def test_refused_events_stand_aside_with_their_numbers_and_can_be_sent_again(box: Outbox) -> None:
    accept(box, *(entry(f"e{n}") for n in range(4)))
    box.begin()
    box.settle([1, 3], [(2, Refused(0, "unknown_unit", "why"))])
    box.commit()
    stand = box.stand()
    [line] = stand.lines
    assert (stand.unsent, line.unsent, stand.quarantine) == (1, 1, {"unknown_unit": 1})
    assert (line.last_acknowledged, line.last_sequence, line.quarantined) == (3, 4, ((2, 2),))
    assert [row.sequence for row in box.quarantined(0, 10)] == [2]

    box.begin()
    assert box.release(["invalid_data"], 1 << 60) == 0
    assert box.release(["unknown_unit"], 0) == 0, "not before its time"
    assert box.release(["unknown_unit"], 1 << 60) == 1
    box.commit()
    found = kept(box)
    assert [(each["id"], each["sequence"]) for each in found] == [("e3", "4"), ("e1", "2")]
    [line] = box.stand().lines
    assert (line.unsent, line.last_acknowledged, line.quarantined) == (2, 1, ())


def test_of_what_was_thrown_away_the_numbers_stay_also_in_a_copy_that_was_put_back(tmp_path: Path) -> None:
    """As runs, like those of what lies aside; also of an incarnation of which nothing else is left."""
    box, _ = reopened(tmp_path)
    accept(box, *(entry(f"e{n}") for n in range(1500)))
    box.begin()
    box.settle([3], [(position, Refused(0, "invalid_data", "")) for position in range(1, 1501) if position != 3])
    assert box.discard([1, 2, 7]) == 3
    box.commit()
    [line] = box.stand().lines
    assert (line.quarantined, line.discarded) == (((4, 6), (8, 1500)), ((1, 2), (7, 7)))
    box.begin()
    assert box.discard([*range(1, 1501)]) == 1496
    box.commit()
    box.close()
    (tmp_path / "edge.high-water").unlink()
    box, began_anew = reopened(tmp_path)
    [line] = box.stand().lines
    assert began_anew
    assert line.incarnation < box.incarnation
    assert (line.quarantined, line.discarded) == ((), ((1, 2), (4, 1500)))
    box.close()


def discarded(tmp_path: Path) -> list[dict[str, Any]]:
    file = tmp_path / "discarded.jsonl"
    file.unlink(missing_ok=True)
    count = carrying.export_discarded(Places(tmp_path / "edge", tmp_path / "edge.high-water"), file)
    told = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(told) == count
    return told


def test_what_was_thrown_away_is_kept_whole_with_who_did_it(tmp_path: Path) -> None:
    """Also after a restart, and while the edge has the store open; what lies aside is not among it."""
    box, _ = reopened(tmp_path)
    assert discarded(tmp_path) == []
    accept(box, *(entry(f"e{n}") for n in range(4)))
    box.begin()
    bodies = {each.position: json.loads(each.body) for each in box.waiting(0, 9, 1 << 20)}
    box.settle([], [(position, Refused(0, "invalid_data", "why")) for position in (1, 2, 3, 4)])
    assert box.discard([3, 1, 99], "counter") == 2
    box.commit()
    for _ in range(2):
        told = discarded(tmp_path)
        assert [(each["sequence"], each["event"], each["discarded_by"]) for each in told] == [
            (1, bodies[1], "counter"), (3, bodies[3], "counter"),
        ]  # fmt: skip
        assert {(each["source"], each["code"], each["detail"]) for each in told} == {("/units/19753", "invalid_data", "why")}
        assert all(each["incarnation"] == box.incarnation for each in told)
        box.close()
        box, _ = reopened(tmp_path)
    assert [row.sequence for row in box.quarantined(0, 9)] == [2, 4]
    box.close()


@pytest.mark.parametrize("broken", ["\n", "\r\n"])
def test_what_was_thrown_away_is_a_line_each_however_it_was_handed_in(broken: str) -> None:
    """Members on lines of their own, as some software writes them; bytes that the disk has spoilt, in another form."""
    kept = Discarded(sqlite3.connect(":memory:"))
    plain = {"id": "e1", "data": {"reason": "a\nb"}}
    bodies = (json.dumps(plain, indent=2).replace("\n", broken).encode(), b"\x00garbage\nx", b"[" * 100_000)
    for number, body in enumerate(bodies):
        kept.keep(Quarantined(number, "/units/1", "i", number, 0, 0, "refused", "", body), "counter", 0)
    told = [bytes(body) for (body,) in kept._db.execute("SELECT body FROM discarded_event ORDER BY number")]
    assert not any(b"\n" in line or b"\r" in line for line in told)
    assert json.loads(told[0])["event"] == plain
    assert [b64decode(json.loads(line)["event_base64"]) for line in told[1:]] == [*bodies[1:]]


def test_of_what_was_thrown_away_the_oldest_goes_first_beyond_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no more is thrown away at once than a commit may hold, but one."""
    box, _ = reopened(tmp_path)
    accept(box, *(entry(f"e{n}") for n in range(9)))
    box.begin()
    box.settle([], [(position, Refused(0, "invalid_data", "")) for position in range(1, 10)])
    size = len(box.quarantined(0, 1)[0].body)
    for bound, gone in ((3 * size + 2, 3), (1, 1), (1 << 20, 5)):
        if gone == 5:
            # Two of them, with what is said beside.
            monkeypatch.setattr(box._discarded, "_bytes_max", box._discarded._bytes // 2)
        monkeypatch.setattr(outbox_module, "DISCARDED_BYTES_MAX", bound)
        assert box.discard([*range(1, 10)]) == gone
    box.commit()
    assert [each["sequence"] for each in discarded(tmp_path)] == [8, 9]
    [line] = box.stand().lines
    assert line.discarded == ((1, 9),), "the numbers stay"
    box.close()


def test_on_a_full_disk_nothing_is_thrown_away(tmp_path: Path) -> None:
    box, _ = reopened(tmp_path)
    accept(box, entry("e1"))
    box.begin()
    box.settle([], [(1, Refused(0, "invalid_data", ""))])
    box.give_up_reserve()
    assert box.discard([1]) == 0
    box.commit()
    assert [row.sequence for row in box.quarantined(0, 9)] == [1]
    assert box.stand().lines[0].discarded == ()
    box.close()


def test_what_was_thrown_away_is_of_its_store_also_once_a_former_release_has_forgotten_the_line(tmp_path: Path) -> None:
    """It forgets lines of which nothing waits, and the next line gets the number of the one that is gone."""
    box, _ = reopened(tmp_path)
    accept(box, *(entry(f"e{n}") for n in range(7)))
    box.begin()
    box.settle([1, 2, 3, 4, 5, 6], [(7, Refused(0, "invalid_data", ""))])
    assert box.discard([7]) == 1
    box.commit()
    former = box.incarnation
    box.close()
    with closing(sqlite3.connect(tmp_path / "edge" / "outbox.sqlite3")) as db:
        db.execute("DELETE FROM line")
        db.execute(schema.NEW_INCARNATION, (LATER,))
        assert db.execute(schema.NEW_LINE, (LATER, "/units/19753")).lastrowid == 1
        db.commit()
    box, _ = reopened(tmp_path)
    accept(box, entry("e8"))
    assert {line.incarnation: line.discarded for line in box.stand().lines} == {former: ((7, 7),), box.incarnation: ()}
    box.close()


def test_of_what_was_refused_allowed_sources_alone_are_released(box: Outbox) -> None:
    """Whoever stands before them in the quarantine."""
    accept(box, *(entry(f"e{n}", point=f"/p{n % 2}") for n in range(4)))
    box.begin()
    box.settle((), [(position, Refused(0, "unknown_unit", "why")) for position in range(1, 5)])
    assert box.release(["unknown_unit"], 1 << 60, lambda source: source.endswith("/p1")) == 2
    box.commit()
    assert [each["id"] for each in kept(box)] == ["e1", "e3"]


def test_what_is_released_is_as_old_as_it_was_and_shuts_no_door_by_that(tmp_path: Path) -> None:
    """It stands behind what was entered a day later, and an age limit goes by how long it has waited since."""
    now = 1_000
    hour = 3_600.0
    limits = replace(ROOMY, age_max_seconds=48 * hour)

    def opened() -> Outbox:
        box = outbox(tmp_path, limits, clock=lambda: now)
        box.open()
        return box

    box = opened()
    accept(box, entry("monday"))
    box.begin()
    box.settle((), [(1, Refused(0, "unknown_unit", "why"))])
    box.commit()
    now += int(72 * hour) * instants.SECOND
    for n in (1, 2):
        assert accept(box, entry(f"thursday {n}")) is None
    box.begin()
    assert box.release(["unknown_unit"], now) == 1
    box.settle([2], ())
    box.commit()
    now += int(hour) * instants.SECOND
    stand = box.stand()
    assert (stand.oldest_age_seconds, stand.load.first_waits_seconds) == (73 * hour, hour)
    box.begin()
    box.settle([3], ())
    box.commit()
    box.close()
    box = opened()
    assert accept(box, entry("it is the first")) is None
    now += int(47 * hour) * instants.SECOND
    assert accept(box, entry("it has waited for two days")) == "age"
    box.close()


def test_a_clock_that_jumps_ahead_makes_nothing_too_old_to_take_more(tmp_path: Path) -> None:
    """What has waited for a minute has, whatever the clock shows then; from before this process its own age counts on."""
    jump, running, hour = 0, 0, 3_600 * instants.SECOND
    limits = replace(ROOMY, age_max_seconds=30 * 24 * 3_600.0)

    def opened() -> Outbox:
        box = outbox(tmp_path, limits, clock=lambda: (1 << 50) + running + jump, steady=lambda: running)
        box.open()
        return box

    box = opened()
    assert accept(box, entry("a minute ago")) is None
    running, jump = 60 * instants.SECOND, 31 * 24 * hour
    assert accept(box, entry("the clock is a month ahead")) is None
    assert box.stand().load.first_waits_seconds == 60
    jump = -hour
    assert accept(box, entry("it is behind")) is None
    box.close()
    jump, running = 0, 29 * 24 * hour
    box = opened()
    running += 23 * hour
    assert accept(box, entry("nearly")) is None
    running += hour
    assert accept(box, entry("it has waited for thirty days, one of them here")) == "age"
    box.close()


def test_what_was_refused_while_the_clock_was_ahead_is_released_when_it_is_right(tmp_path: Path) -> None:
    """By the time that the refusal bears it would have to wait until the clock comes there once more."""
    now = 1_000
    box = outbox(tmp_path, clock=lambda: now)
    box.open()
    accept(box, entry("e"))
    now += 3 * 86_400 * instants.SECOND
    box.begin()
    box.settle((), [(1, Refused(0, "unknown_unit", "why"))])
    assert box.release(["unknown_unit"], now - 1) == 0, "its own clock"
    now = 2_000
    assert box.release(["unknown_unit"], 0) == 1
    box.commit()
    assert box.stand().unsent == 1


def test_what_is_counted_is_what_is_there_whatever_came_and_went(tmp_path: Path) -> None:
    chance = random.Random(7)
    box = outbox(tmp_path)
    box.open()
    here: set[int] = set()
    position = aside = 0
    for _ in range(60):
        entries = [entry(f"{position + n}", point=chance.choice(("", "/p", "/q"))) for n in range(chance.randint(0, 130))]
        if entries:
            accept(box, *entries)
        here |= set(range(position + 1, position + len(entries) + 1))
        position += len(entries)
        gone = chance.sample(sorted(here), chance.randint(0, len(here)))
        refused, stored = gone[: len(gone) // 8], gone[len(gone) // 8 :]
        box.begin()
        box.settle(stored, [(each, Refused(0, "invalid_data", "")) for each in refused])
        box.settle(stored[:3], [])
        box.commit()
        here -= set(gone)
        aside += len(refused)
        if chance.random() < 0.2:
            box.close()
            assert box.open() is False
        stand = box.stand()
        assert (stand.unsent, stand.load.events) == (len(here), len(here) + aside)
        assert sum(line.unsent for line in stand.lines) == len(here)
    [bodies] = box._db.execute(
        "SELECT (SELECT total(length(body)) FROM event) + (SELECT total(length(body)) FROM quarantine)"
    ).fetchone()
    assert box.stand().load.bytes == bodies + outbox_module.ROW_BYTES * (len(here) + aside)
    box.close()


# -- a disk that is full, read-only, damaged


@pytest.fixture(params=["a small file system", "a limit on the length of files"])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A directory in which little fits: a small file system where one may be mounted, else short files.

    The reserve makes room in the one; in the other only lifting the limit does.
    """
    directory = tmp_path / "disk"
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES},mode=0755", "tmpfs", str(directory)]
    if request.param == "a small file system" and os.geteuid() == 0 and subprocess.run(command, check=False).returncode == 0:
        try:
            yield directory, lambda: None
        finally:
            subprocess.run(["umount", "-l", str(directory)], check=True)
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    lift = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (soft, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (RESERVE_BYTES, hard))
    try:
        yield directory, lift
    finally:
        lift()


@pytest.mark.slow
@pytest.mark.parametrize("pause_seconds", [0.02, 0.4], ids=["at once", "whenever room was held back again"])
def test_on_a_full_disk_nothing_acknowledged_is_lost_and_deliveries_make_room_again(
    pause_seconds: float, small_disk: tuple[Path, Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the outbox itself has filled the disk up to the last: its file does not shrink, but much in it is free."""
    monkeypatch.setattr(writer_module, "RESERVE_SECONDS", 0.3)
    monkeypatch.setattr(writer_module, "REOPEN_SECONDS", 0.01)
    directory, make_room = small_disk
    box = outbox(directory, reserve_bytes=RESERVE_BYTES)
    writer = Writer(box, box._places, 1 << 20, 1 << 26, Instruments())
    acknowledged: list[str] = []

    async def offer(name: str) -> str | None:
        entries = [entry(f"{name}-{n}", f"D{n}") for n in range(400)]
        try:
            why_not = await writer.do(lambda found: found.accept(entries))
        except StoreError as error:
            return error.code
        if why_not is None:
            acknowledged.extend(each.id for each in entries)
        return why_not

    async def settle(positions: list[int]) -> None:
        for start in range(0, len(positions), 1000):
            await persistently(partial(Outbox.settle, stored=positions[start : start + 1000], refused=()))

    async def everything() -> list[int]:
        found: list[int] = await persistently(lambda box: [each.position for each in box.waiting(0, 1_000_000, 1 << 30)])
        return found

    async def persistently(act: Callable[[Outbox], Any]) -> Any:
        for _ in range(200):
            with suppress(StoreError):
                return await writer.do(act)
            await asyncio.sleep(0.02)
        raise AssertionError("what is in the outbox could never be read, or never be deleted")

    async def act() -> None:
        writer.open()
        refusals = []
        for n in range(400):
            if (why_not := await offer(f"a{n}")) is not None:
                refusals.append(why_not)
                await asyncio.sleep(pause_seconds)
                if len(refusals) > 3:
                    break
        assert set(refusals) <= {"disk_full", "disk", "store_failing"}, refusals
        assert len(refusals) > 3, "the disk is full"
        make_room()
        positions = await everything()
        assert len(positions) >= len(acknowledged)
        await settle(positions[: len(positions) * 9 // 10])
        for n in range(100):
            if await offer(f"b{n}") is None:
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError("room was made, and nothing was taken")
        await asyncio.to_thread(writer.close)

    asyncio.run(act())
    again = outbox(directory)
    assert again.open() is False
    found = kept(again)
    again.close()
    by_sequence = numbers(found)
    assert by_sequence == list(range(by_sequence[0], by_sequence[-1] + 1)), "contiguous up to the last"
    left = {each["id"] for each in found}
    first_left = found[0]["id"]
    position = acknowledged.index(first_left) if first_left in acknowledged else len(acknowledged)
    assert not set(acknowledged[position:]) - left


def test_a_store_that_may_not_be_written_says_so_and_goes_on_when_it_may() -> None:
    directory = Path(tempfile.mkdtemp())
    try:
        world = World(directory)
        assert world.post("/v1/events", CENTRE, packed(event(id="a"))).status == 202
        directory.chmod(0o755)
        (directory / "edge").chmod(0o555)
        before = os.geteuid()
        if before == 0:
            os.seteuid(NOBODY)  # permissions do not bind root
        try:
            answer = World(directory).post("/v1/events", CENTRE, packed(event(id="b")))
            with pytest.raises(ReadOnlyError, match="rights"):
                outbox(directory).open()
        finally:
            os.seteuid(before)
        assert (answer.status, answer.told["code"]) == (503, "unavailable")
        assert "read_only" in answer.told["detail"]
        assert [item["status"] for item in answer.told["results"]] == ["retry"]
        (directory / "edge").chmod(0o755)
        box, began_anew = reopened(directory)
        assert not began_anew
        assert [each["id"] for each in kept(box)] == ["a"]
        box.close()
    finally:
        shutil.rmtree(directory)


@pytest.mark.parametrize("harm", ["its head", "its middle", "cut to nothing", "cut in half", "another program's"])
def test_a_damaged_store_is_named_left_as_it_is_and_nothing_is_said_to_be_kept(harm: str, tmp_path: Path) -> None:
    box = outbox(tmp_path)
    box.open()
    for n in range(20):
        accept(box, *(entry(f"{n}-{m}") for m in range(20)))
    box.close()
    file = tmp_path / "edge" / "outbox.sqlite3"
    whole = file.read_bytes()
    half = len(whole) // 2 // 4096 * 4096
    harmed = {
        "its head": b"\0" * 100 + whole[100:],
        "its middle": whole[:half] + b"\xa5" * 8192 + whole[half + 8192 :],
        "cut to nothing": b"",
        "cut in half": whole[:half],
        "another program's": whole[:60] + b"\0" * 4 + whole[64:68] + b"\0" * 4 + whole[72:],
    }[harm]
    file.write_bytes(harmed)
    with pytest.raises(DamagedError):
        outbox(tmp_path).open()
    world = World(tmp_path)

    async def act() -> tuple[Any, Any, str]:
        posted = await world.call("POST", "/v1/events", CENTRE, [packed(event(id="b"))])
        asked = await world.call("GET", "/readyz", {})
        return posted, asked, (await world.call("GET", "/", {})).body.decode()

    posted, asked, page = world.do(act)
    assert (posted.status, posted.told["code"]) == (503, "unavailable")
    assert (asked.status, asked.told["code"]) == (503, "not_ready")
    assert "damaged" in json.dumps(asked.told["reasons"])
    assert "bị hỏng" in page
    assert file.read_bytes() == harmed, "somebody may still be able to read it"
