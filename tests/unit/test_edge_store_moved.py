"""A store that goes away, or is another one, under a living edge: nothing is kept elsewhere, nothing deleted for it."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.edge.domain.incarnations import HighWater
from services.edge.domain.replies import Refused
from services.edge.store import writer as writer_module
from services.edge.store.errors import FailingError, MovedError
from services.edge.store.highwater import MarkFile
from tests.intake_bad_inputs import ONE, event, packed
from tests.unit.edge_city import City, hand_in, until, with_line
from tests.unit.edge_world import World, accept, entry, kept, outbox

CENTRE = {"Authorization": "Bearer dev-19753", "Content-Type": ONE}


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "REOPEN_SECONDS", 0.0)


async def stumble(world: World) -> None:
    """An error of any kind closes the store, and the next act opens it again."""
    with pytest.raises(FailingError):
        await world.ports.writer.do(lambda outbox: 1 // 0)


async def post(world: World, event_id: str) -> int:
    return (await world.call("POST", "/v1/events", CENTRE, [packed(event(id=event_id))])).status


def test_a_directory_that_went_away_is_not_made_anew_and_goes_on_where_it_was_when_it_is_back(tmp_path: Path) -> None:
    """A mount that was lost: what is beneath it is another disk."""
    world = World(tmp_path)
    directory, away = tmp_path / "edge", tmp_path / "away"

    async def act() -> list[int]:
        told = [await post(world, "a")]
        await stumble(world)
        directory.rename(away)
        told += [await post(world, "b"), await post(world, "b")]
        assert isinstance(world.ports.writer.fault, MovedError)
        assert not directory.exists()
        away.rename(directory)
        return [*told, await post(world, "c")]

    assert world.do(act) == [202, 503, 503, 202]
    box = outbox(tmp_path)
    assert box.open() is False, "it is still the same"
    found = kept(box)
    box.close()
    assert [(each["id"], each["sequence"]) for each in found] == [("a", "1"), ("c", "2")]
    assert len({each["incarnation"] for each in found}) == 1


def test_a_store_that_is_missing_at_the_start_is_not_begun_anew_while_its_mark_is_there(tmp_path: Path) -> None:
    """Its disk was not mounted at boot: what a new one took beneath the mount point would be hidden afterwards."""
    directory, away, mark = tmp_path / "edge", tmp_path / "away", tmp_path / "edge.high-water"
    before = World(tmp_path)
    assert before.do(lambda: post(before, "a")) == 202
    directory.rename(away)
    world = World(tmp_path)

    async def act() -> list[int]:
        told = [await post(world, "b")]
        assert isinstance(world.ports.writer.fault, MovedError)
        assert not directory.exists()
        assert "Tệp lưu trữ đã bị di chuyển" in (await world.call("GET", "/", {})).body.decode()
        away.rename(directory)
        return [*told, await post(world, "c")]

    assert world.do(act) == [503, 202]
    box = outbox(tmp_path)
    assert box.open() is False
    assert [(each["id"], each["sequence"]) for each in kept(box)] == [("a", "1"), ("c", "2")]
    box.close()
    # It is gone for good, and somebody says so.
    directory.rename(away)
    with pytest.raises(MovedError, match="where it is gone for good"):
        outbox(tmp_path).open()
    former = HighWater(incarnation="fffffff0-0000-7000-8000-000000000000", position=2)
    mark.rename(tmp_path / "edge.high-water.former").write_bytes(msgspec.json.encode(former))
    box = outbox(tmp_path)
    box.open()
    assert box.incarnation > former.incarnation, "whatever the clock shows"
    assert accept(box, entry("d")) is None
    assert [(each["id"], each["sequence"]) for each in kept(box)] == [("d", "1")]
    box.close()


def another(directory: Path, file: Path) -> None:
    box = outbox(directory / "other")
    box.open()
    accept(box, entry("x"), entry("y"))
    box.close()
    (directory / "other" / "edge" / "outbox.sqlite3").replace(file)


def an_older_copy_written_over_it(directory: Path, file: Path) -> None:
    shutil.copyfile(directory / "older", file)


def a_copy_from_before_deliveries_written_over_it(directory: Path, file: Path) -> None:
    shutil.copyfile(directory / "undelivered", file)


def a_copy_of_it_as_it_is(directory: Path, file: Path) -> None:
    shutil.copyfile(file, directory / "same")
    (directory / "same").replace(file)


def nothing_in_it(directory: Path, file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize(
    "harm",
    [
        another,
        an_older_copy_written_over_it,
        a_copy_from_before_deliveries_written_over_it,
        a_copy_of_it_as_it_is,
        nothing_in_it,
    ],
)
def test_what_was_put_in_its_place_is_not_used_before_the_edge_begins_anew(
    harm: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    world = World(tmp_path)
    file = tmp_path / "edge" / "outbox.sqlite3"

    async def act() -> list[int]:
        told = [await post(world, "a")]
        await stumble(world)
        shutil.copyfile(file, tmp_path / "older")
        told += [await post(world, "b"), await post(world, "c")]
        await stumble(world)
        shutil.copyfile(file, tmp_path / "undelivered")
        await world.ports.writer.do(lambda box: box.settle([1], [(2, Refused(0, "invalid_data", ""))]))
        await stumble(world)
        harm(tmp_path, file)
        harmed = file.read_bytes()
        told += [await post(world, "d"), await post(world, "d")]
        assert file.read_bytes() == harmed, "it is left as it is"
        return told

    assert world.do(act) == [202, 202, 202, 503, 503]


def test_what_intake_said_of_a_store_deletes_nothing_in_the_one_that_was_put_in_its_place(tmp_path: Path) -> None:
    """Three events are under way, the file is swapped, the answer comes: positions of the former name others in the new."""
    file = tmp_path / "edge" / "outbox.sqlite3"

    async def act(world: World, city: City) -> None:
        city.may_answer.clear()
        await hand_in(world, "A", "B", "C")
        await until(lambda: city.batches == [["e0", "e1", "e2"]])
        await stumble(world)
        another(tmp_path, file)
        city.may_answer.set()
        await until(lambda: world.ports.link.line.answered)
        await until(lambda: isinstance(world.ports.writer.fault, MovedError))
        with pytest.raises(MovedError):
            await world.ports.writer.do(lambda outbox: outbox.accept([entry("z")]))

    with_line(tmp_path, act)
    box = outbox(tmp_path)
    box.open()
    assert [each["id"] for each in kept(box)] == ["x", "y"]
    box.close()


def test_positions_that_were_read_from_another_incarnation_settle_nothing(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    box.open()
    accept(box, entry("a"), entry("b"))
    box.begin()
    box.settle([1], [(2, Refused(0, "invalid_data", ""))], (), "another")
    assert [each.id for each in box.waiting(0, 10, 1 << 20)] == ["a", "b"]
    box.settle([1], [], (), box.incarnation)
    assert [each.id for each in box.waiting(0, 10, 1 << 20)] == ["b"]
    box.close()


class Late:
    """A connection whose commit reaches the disk, and fails afterwards."""

    def __init__(self, real: sqlite3.Connection) -> None:
        self._real = real

    def execute(self, statement: str, *values: Any) -> Any:
        told = self._real.execute(statement, *values)
        if statement == "COMMIT":
            raise sqlite3.OperationalError("disk I/O error")
        return told

    def close(self) -> None:
        self._real.close()


@pytest.mark.parametrize("moment", ["before the commit", "in the commit", "behind the commit"])
def test_an_error_at_any_moment_of_a_commit_leaves_the_same_store(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = outbox(tmp_path)
    box.open()
    accept(box, entry("a"))
    before = box.incarnation
    box.begin()
    box.accept([entry("b")])
    if moment == "in the commit":
        box._connection = Late(box._db)  # type: ignore[assignment]
        with pytest.raises(sqlite3.OperationalError):
            box.commit()
    elif moment == "behind the commit":
        with monkeypatch.context() as patched:
            patched.setattr(MarkFile, "write", fails)
            with pytest.raises(OSError, match="no"):
                box.commit()
    box.close()
    assert box.open() is False
    accept(box, entry("c"))
    found = kept(box)
    assert [each["id"] for each in found] == (["a", "c"] if moment == "before the commit" else ["a", "b", "c"])
    assert [int(each["sequence"]) for each in found] == list(range(1, len(found) + 1))
    assert box.incarnation == before
    box.close()


def fails(*_: object) -> None:
    raise OSError("no")


def test_a_mark_that_was_lost_meanwhile_is_written_again_since_the_process_knows_the_store(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    box.open()
    accept(box, entry("a"))
    box.close()
    (tmp_path / "edge.high-water").unlink()
    assert box.open() is False
    box.close()
    again = outbox(tmp_path)
    assert again.open() is False
    again.close()
