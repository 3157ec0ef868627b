"""The edge's door: the same answers as intake's, on a real outbox, and nothing said to be stored that is not kept."""

import asyncio
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from contracts.keys import FixedKeys, KeyRing, development_keys
from services.edge import page
from services.edge.domain.fullness import Load
from services.edge.domain.pace import Bounds
from services.edge.domain.replies import CODES, Refused
from services.edge.link.line import LinkBook
from services.edge.store.views import LineStand, Stand
from services.edge.told import OutboxTold, SourceTold, told_of
from tests.intake_bad_inputs import BATCH, ONE, Case, cases, check, event, packed
from tests.unit.edge_world import KEYS, ROOMY, Answer, World, kept, outbox

CENTRE = {"Authorization": "Bearer dev-19753", "Content-Type": ONE}
CENTRE_BATCH = CENTRE | {"Content-Type": BATCH}
CASES = [case for _, rows in cases() for case in rows if case.path == "/v1/events"]
# What the table sends with these is refused here for another reason, since only the outbox may give them.
GIVEN_HERE = {"sequence": "7", "incarnation": "01980000-0000-7000-8000-000000000000"}


class Running:
    """An edge whose store stays open for many requests."""

    def __init__(self, world: World, runner: asyncio.Runner) -> None:
        self._world = world
        self._runner = runner

    def post(self, case: Case) -> Answer:
        return self._runner.run(self._world.call("POST", case.path, case.all_headers(), [case.body]))

    def events_kept(self) -> int:
        return self._runner.run(self._world.ports.writer.do(lambda outbox: outbox.stand())).unsent


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    world = World(tmp_path_factory.mktemp("edge"))
    world.ports.writer.open()
    with asyncio.Runner() as runner:
        yield Running(world, runner)
    world.ports.writer.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_every_bad_input_gets_the_answer_that_intake_gives(case: Case, running: Running) -> None:
    before = running.events_kept()
    answer = running.post(case)
    body = answer.told
    for item in body.get("results", ()):
        if item["status"] == "stored":  # only intake knows the place in Kafka that the table asks for
            item |= {"partition": 0, "offset": 0}
    if case.what.startswith(("`sequence`", "`incarnation`")):
        # Only the outbox may give these: that comes first here, whatever their form.
        case = dataclasses.replace(case, items=("unknown_attribute",))
    elif case.what.startswith("`recordedtime`"):
        # It writes its own, whatever was sent.
        case = dataclasses.replace(case, status=202, code=None, items=("stored",))
    check(case, answer.status, answer.headers, json.dumps(body).encode())
    good = sum(item == "stored" for item in case.items or ())
    assert running.events_kept() - before == good, "only what is answered `stored` is kept"


@pytest.mark.parametrize("name", GIVEN_HERE)
def test_numbers_that_the_outbox_gives_are_refused_when_sent(name: str, tmp_path: Path) -> None:
    answer = World(tmp_path).post("/v1/events", CENTRE, packed(event(**{name: GIVEN_HERE[name]})))
    assert answer.status == 422
    assert [item["code"] for item in answer.told["results"]] == ["unknown_attribute"]
    assert kept_in(tmp_path) == []


@pytest.mark.parametrize("clock", ["wall", "log"])
def test_the_time_of_entry_is_the_outboxs_own_unless_time_itself_comes_from_outside(clock: str, tmp_path: Path) -> None:
    sent = event(id="one", recordedtime="2025-07-01T08:00:01+07:00")
    assert World(tmp_path, clock=clock).post("/v1/events", CENTRE, packed(sent)).status == 202
    [found] = kept_in(tmp_path)
    assert (found["recordedtime"] == sent["recordedtime"]) == (clock == "log")
    assert {name: found[name] for name in sent if name != "recordedtime"} == {
        name: value for name, value in sent.items() if name != "recordedtime"
    }


@pytest.mark.parametrize("entered", ["2025-07-01T08:00:00.1234567+07:00", "yesterday", 7, None])
def test_a_time_of_entry_that_is_written_anew_may_be_sent_in_any_form(entered: object, tmp_path: Path) -> None:
    """Seven fraction digits, as some libraries write them, cost no event where the outbox' own clock is what counts."""
    answer = World(tmp_path, clock="wall").post("/v1/events", CENTRE, packed(event(id="one", recordedtime=entered)))
    assert answer.status == 202, answer.told
    assert [found["id"] for found in kept_in(tmp_path)] == ["one"]


def test_a_name_that_stood_twice_or_as_null_is_sent_on_once_or_not_at_all(tmp_path: Path) -> None:
    sent = json.dumps(event(id="b"))[:-1] + ', "sequence": null, "tracestate": null, "id": "a"}'
    assert World(tmp_path).post("/v1/events", CENTRE, sent.encode()).status == 202
    box = outbox(tmp_path)
    box.open()
    box.begin()
    [waiting] = box.waiting(0, 10, 1 << 20)
    box.close()
    pairs: list[tuple[str, Any]] = json.loads(waiting.body, object_pairs_hook=list)
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names))
    assert dict(pairs)["id"] == waiting.id == "a"
    assert "tracestate" not in names


def test_a_full_outbox_keeps_nothing_of_a_request_and_all_that_it_had(tmp_path: Path) -> None:
    def world() -> World:
        return World(tmp_path, edge_outbox_events_max=5)

    assert world().post("/v1/events", CENTRE_BATCH, packed([event(id=f"a{n}") for n in range(4)])).status == 202
    answer = world().post("/v1/events", CENTRE_BATCH, packed([event(id="b1"), {}, event(id="b2")]))
    assert (answer.status, answer.told["code"]) == (503, "outbox_full")
    assert int(answer.headers["retry-after"]) >= 1
    assert [item["status"] for item in answer.told["results"]] == ["retry", "refused", "retry"]
    assert [found["id"] for found in kept_in(tmp_path)] == ["a0", "a1", "a2", "a3"]
    assert world().post("/v1/events", CENTRE, packed(event(id="c"))).status == 202, "one more still fits"


@pytest.mark.parametrize("turn", [1, -1])
def test_what_an_earlier_incarnation_left_shows_until_the_present_one_counts(turn: int) -> None:
    """In whichever order they lie; a reserve that is missing raises the alarm, and a disk that is full is told."""
    lines = (
        LineStand("present", "/units/1", 4, 0, None, None, ()), LineStand("former", "/units/1", 9, 1, 9, 1, ()),
        LineStand("former", "/units/2", 7, 1, 7, 1, ()),
    )[::turn]  # fmt: skip
    link = LinkBook(Bounds(events_max=1, target_seconds=1.0, most_seconds=1.0, in_flight_max=1))
    stand = Stand("present", 2, Load(), 0.0, {}, lines, reserve_in_place=False, has_room=True)
    told = told_of(stand, ROOMY, link)
    assert told.sources == {"/units/1": SourceTold("present", 4), "/units/2": SourceTold("former", 6)}
    assert (told.alarm, told.full) == (True, None)
    assert told_of(replace(stand, reserve_in_place=True), ROOMY, link).alarm is False
    assert told_of(replace(stand, has_room=False), ROOMY, link).full == "disk"


def test_the_outbox_tells_how_it_stands_and_raises_the_alarm_before_it_is_full(tmp_path: Path) -> None:
    world = World(tmp_path, edge_outbox_events_max=10)

    async def told() -> tuple[Any, Any, str]:
        await world.call("POST", "/v1/events", CENTRE_BATCH, [packed([event(id=f"a{n}") for n in range(7)])])
        calm = (await world.call("GET", "/v1/outbox", {})).told
        await world.call("POST", "/v1/events", CENTRE, [packed(event(id="b", source="/units/19753/post"))])
        alarmed = (await world.call("GET", "/v1/outbox", {})).told
        return calm, alarmed, (await world.call("GET", "/", {})).body.decode()

    calm, alarmed, page = world.do(told)
    assert (calm["depth"], calm["fill"], calm["alarm"]) == (7, 0.7, False)
    assert (alarmed["depth"], alarmed["fill"], alarmed["alarm"], alarmed["full"]) == (8, 0.8, True, None)
    assert set(alarmed["sources"]) == {"/units/19753", "/units/19753/post"}
    assert all(source["last_acknowledged_sequence"] == 0 for source in alarmed["sources"].values())
    assert alarmed["link"] == "unknown"
    assert 'lang="vi"' in page
    assert "80%" in page
    assert "http://" not in page.replace("http-equiv", ""), "the page needs nothing from elsewhere"


def test_a_key_whose_bodies_do_not_come_takes_away_its_own_turns_alone(tmp_path: Path) -> None:
    world = World(tmp_path, edge_requests_in_flight_max=3, edge_requests_waiting_max=4, edge_turn_seconds=0.05)
    other = {**CENTRE, "Authorization": "Bearer dev-edge"}

    async def crowd() -> tuple[list[Answer], list[int]]:
        silent = [asyncio.create_task(world.call("POST", "/v1/events", CENTRE, [b"{", None])) for _ in range(8)]
        beside = [(await world.call("POST", "/v1/events", other, [packed(event(id=f"{n}"))])).status for n in range(3)]
        turned_away: list[Answer] = []
        while len(turned_away) < 6:
            await asyncio.sleep(0.01)
            turned_away = [each.result() for each in silent if each.done()]
        for each in silent:
            each.cancel()
        await asyncio.wait(silent)
        return turned_away, beside

    turned_away, beside = world.do(crowd)
    assert beside == [202] * 3
    assert {(answer.status, answer.told["code"]) for answer in turned_away} == {(503, "too_busy")}


def test_concurrent_requests_share_commits_and_each_source_is_numbered_without_a_gap(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def many() -> list[int]:
        calls = [
            world.call(
                "POST", "/v1/events", CENTRE, [packed(event(id=f"{n}", source=f"/units/19753{'/p' if n % 3 else ''}"))]
            )
            for n in range(60)
        ]
        return [answer.status for answer in await asyncio.gather(*calls)]

    assert world.do(many) == [202] * 60
    commits = world.ports.instruments.registry.get_sample_value("motcua_edge_commit_seconds_count")
    assert commits is not None
    assert commits < 60, "one commit for several requests"
    found = kept_in(tmp_path)
    for source in ("/units/19753", "/units/19753/p"):
        numbers = [int(each["sequence"]) for each in found if each["source"] == source]
        assert numbers == list(range(1, len(numbers) + 1))


def test_a_line_that_is_down_is_no_reason_not_to_be_ready_but_a_full_outbox_is(tmp_path: Path) -> None:
    world = World(tmp_path, edge_outbox_events_max=1)
    world.ports.link.missed("no_connection")

    async def told() -> tuple[int, int, Any]:
        before = await world.call("GET", "/readyz", {})
        await world.call("POST", "/v1/events", CENTRE, [packed(event())])
        after = await world.call("GET", "/readyz", {})
        return before.status, after.status, after.told["reasons"]

    assert world.do(told) == (200, 503, ["outbox_full: events"])


def test_the_quarantine_is_shown_to_who_speaks_for_it_alone(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def told() -> tuple[int, int, Any]:
        nobody = await world.call("GET", "/v1/quarantine", {})
        wrong = await world.call("GET", "/v1/quarantine?after=x", CENTRE)
        centre = await world.call("GET", "/v1/quarantine", CENTRE)
        return nobody.status, wrong.status, centre.told

    assert world.do(told) == (401, 422, {"events": [], "next_after": None})


@pytest.mark.parametrize(("name", "requeued"), [("19774", 0), ("19753", 1), ("operator", 1)])
def test_what_was_refused_is_sent_again_by_who_speaks_for_it_or_operates(name: str, requeued: int, tmp_path: Path) -> None:
    """Another centre's key, which an edge may know, too, sends nothing of it."""
    ring = KeyRing({**KEYS.by_digest, **development_keys(["19774"]).by_digest})
    world = World(tmp_path, FixedKeys(ring))

    async def told() -> Any:
        await world.call("POST", "/v1/events", CENTRE, [packed(event(id="e"))])
        await world.ports.writer.do(lambda outbox: outbox.settle((), [(1, Refused(0, "unknown_unit", "why"))]))
        return (await world.call("POST", "/v1/quarantine/requeue", {"Authorization": f"Bearer dev-{name}"})).told

    assert world.do(told) == {"requeued": requeued}


def kept_in(directory: Path) -> list[dict[str, Any]]:
    """What an outbox holds, read when nobody else uses it."""
    if not (directory / "edge").exists():
        return []
    box = outbox(directory)
    box.open()
    try:
        return kept(box)
    finally:
        box.close()


def test_a_number_that_is_no_position_is_refused_before_it_reaches_the_store(tmp_path: Path) -> None:
    """SQLite knows no number beyond 64 bits; that somebody asks for one is no trouble of the disk."""
    world = World(tmp_path)
    beyond = str(2**63)

    async def asked() -> list[int]:
        paged, discarded, kept_beside = await asyncio.gather(
            world.call("GET", f"/v1/quarantine?after={beyond}", CENTRE),
            world.call("POST", "/v1/quarantine/discard", CENTRE, [packed({"positions": [int(beyond)]})]),
            world.call("POST", "/v1/events", CENTRE, [packed(event(id="beside"))]),
        )
        return [paged.status, discarded.status, kept_beside.status]

    assert world.do(asked) == [422, 422, 202]
    assert world.ports.writer.fault is None


@pytest.mark.parametrize("given", [{"sequence": 1}, {"sequence": "abc"}, {"incarnation": "zz"}, {"sequence": "7"}])
def test_what_only_the_outbox_may_give_is_refused_as_that_in_any_form(given: dict[str, Any], tmp_path: Path) -> None:
    answer = World(tmp_path).post("/v1/events", CENTRE, packed(event(**given)))
    assert answer.told["results"][0]["code"] == "unknown_attribute"


@pytest.mark.parametrize(
    ("ring", "fault", "says", "box"),
    [
        (KeyRing({}), "no key is known", "Không nhận được hồ sơ: chưa có khóa", "hong"),
        (KEYS, "the file is broken", "các khóa cũ vẫn được dùng", "cham"),
        (KEYS, None, "", ""),
    ],
)
def test_the_clerk_s_page_says_when_nothing_can_be_handed_in_for_want_of_a_key(
    tmp_path: Path, ring: KeyRing, fault: str | None, says: str, box: str
) -> None:
    world = World(tmp_path, FixedKeys(ring, fault))
    page = world.do(lambda: world.call("GET", "/", {})).body.decode()
    if says:
        assert f'<div class="o {box}">{says}' in page.replace("Tệp khóa bị lỗi; ", "")
    else:
        assert "khóa" not in page


def test_the_clerk_s_page_has_words_for_whatever_may_be_refused_and_counts_as_it_is_written_here() -> None:
    """`unavailable` is never a reason to refuse."""
    codes = sorted(CODES - {"unavailable"})
    told = OutboxTold(
        depth=1234, bytes=0, oldest_age_seconds=90_000.0, link="up", fill=0.034, sources={}, alarm=True, full=None,
        quarantined=dict.fromkeys(codes, 5678), clock_offset_seconds=None, heartbeats_refused={},
    )  # fmt: skip
    shown = page.page(told, None, None, 0)
    assert not [code for code in codes if f">{code}<" in shown]
    assert "<td>Bản tin chờ gửi</td><td>1.234</td>" in shown
    assert "<td>1 ngày</td>" in shown
    assert shown.count("<td>5.678</td>") == len(codes)
    # A disk that is nearly full raises the alarm of an outbox that holds next to nothing.
    assert "Hộp gửi hoặc ổ đĩa sắp đầy (hộp gửi đã dùng 3%)." in shown
