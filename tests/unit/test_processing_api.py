"""The API's own decisions, without servers: cursors, figures beside answers, who may read, what a request must be like."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from contracts import instants
from contracts.keys import FixedKeys, Key, development_keys
from contracts.topics import PARTITIONS
from services.processing.api import cursors, figures
from services.processing.api.app import route_of
from services.processing.api.cursors import NoCursorError, ParkedCursor, RejectedCursor, WorklistCursor
from services.processing.api.doors import partition_of
from services.processing.api.permission import may_read_dossier, may_read_list
from services.processing.api.serving import compose, serve
from services.processing.domain.line import Position
from services.processing.domain.worklists import NO_DUE
from services.processing.settings import Settings
from tests.integration.test_intake import MURMUR2

NOON = instants.parse("2025-07-01T12:00:00+07:00")
PLACES = st.integers(0, (1 << 62) - 1)


# --- cursors ----------------------------------------------------------------------------------------------------------


@given(
    st.integers(0, PARTITIONS - 1), PLACES, st.none() | st.tuples(PLACES, PLACES, PLACES),
    st.none() | st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True),
)  # fmt: skip
def test_a_cursor_comes_back_as_it_was_written_and_is_taken_by_its_own_list_alone(
    partition: int, offset: int, last: tuple[int, int, int] | None, after: str | None
) -> None:
    rejected, parked = RejectedCursor(partition, offset, last), ParkedCursor(partition, after)
    worklist = WorklistCursor("waiting_supplement", "competent", "u" * 32, min(offset, NO_DUE), after or "c" * 64)
    assert cursors.read_rejected(cursors.write(rejected)) == rejected
    assert cursors.read_parked(cursors.write(parked)) == parked
    assert cursors.read_worklist(cursors.write(worklist)) == worklist
    with pytest.raises(NoCursorError):
        cursors.read_worklist(cursors.write(parked))
    with pytest.raises(NoCursorError):
        cursors.read_parked(cursors.write(rejected))
    with pytest.raises(NoCursorError):
        cursors.read_rejected(cursors.write(parked))


@given(st.text(max_size=300) | st.from_regex(r"[A-Za-z0-9_-]{1,256}", fullmatch=True))
def test_whatever_text_is_sent_as_a_cursor_is_either_one_of_ours_or_refused(text: str) -> None:
    for read in (cursors.read_rejected, cursors.read_parked, cursors.read_worklist):
        try:
            assert cursors.write(read(text)) == text
        except NoCursorError:
            continue


@pytest.mark.parametrize("cursor", [RejectedCursor(12), RejectedCursor(0, -1), RejectedCursor(0, 0, (0, 0, -1))])
def test_a_cursor_to_a_place_that_cannot_be_is_refused(cursor: RejectedCursor) -> None:
    with pytest.raises(NoCursorError):
        cursors.read_rejected(cursors.write(cursor))


# --- figures ----------------------------------------------------------------------------------------------------------


def positions(**changed: Position | None) -> list[Position | None]:
    """All at offset 10, one minute ago, their clock at noon; `p3=…` changes a partition."""
    usual = Position(offset=10, log_clock=NOON, recorded_at=NOON - instants.MINUTE)
    return [changed.get(f"p{number}", usual) for number in range(PARTITIONS)]


def test_as_of_names_the_last_offset_counted_in_with_its_last_and_the_smallest_clock() -> None:
    behind = Position(offset=7, index=500, log_clock=NOON - instants.HOUR)
    told = figures.as_of(positions(p3=behind), NOON)
    assert told["time"] == "2025-07-01T12:00:00+07:00"
    assert told["log_clock"] == "2025-07-01T11:00:00+07:00"
    assert told["partitions"] == {**{str(number): 9 for number in range(12)}, "3": 6}, "a slice of 7 is not 7"


@pytest.mark.parametrize("lacking", [None, Position(), Position(offset=2)])
def test_without_a_clock_in_every_partition_there_is_none(lacking: Position | None) -> None:
    told = figures.as_of(positions(p0=lacking), NOON)
    assert told["log_clock"] is None
    assert told["partitions"]["0"] == (-1 if lacking is None else lacking.offset - 1)


ENDS = dict.fromkeys(range(PARTITIONS), 10)
AN_HOUR_AGO = dict.fromkeys(range(PARTITIONS), NOON - instants.HOUR)


@pytest.mark.parametrize(
    ("held", "ends", "seconds"),
    [
        (positions(), ENDS, 0.0),
        (positions(), ENDS | {4: 11}, 60.0),
        (positions(p4=Position(offset=9, recorded_at=NOON - 2_500_000)), ENDS, 2.5),
        (positions(p4=Position(offset=10, index=1, recorded_at=NOON - 2_500_000)), ENDS | {4: 11}, 2.5),
        (positions(p4=Position(offset=9, recorded_at=NOON + instants.HOUR)), ENDS, 0.0),
        (positions(p4=None), ENDS, 3600.0),
        (positions(p4=Position()), ENDS, 3600.0),
        (positions(p4=None), ENDS | {4: 0}, 0.0),
        (positions(), None, 60.0),
    ],
    ids=["at the end", "one behind", "half a batch", "within slices", "clocks differ", "no position", "nothing counted",
         "empty partition", "ends unknown"],
)  # fmt: skip
def test_lag_is_0_at_the_end_and_else_the_age_of_the_last_record_counted_in(
    held: list[Position | None], ends: dict[int, int] | None, seconds: float
) -> None:
    assert figures.lag_seconds(held, ends, AN_HOUR_AGO, NOON) == seconds


def test_lag_is_not_made_up_when_neither_redis_nor_kafka_has_said_anything() -> None:
    with pytest.raises(figures.NothingKnownError):
        figures.lag_seconds(positions(p4=None), None, {}, NOON)


# --- who and where ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "concerned", "verdict"),
    [
        (Key("op", operator=True), {"A", "B"}, "allowed"),
        (Key("op", operator=True), set(), "allowed"),
        (Key("a", frozenset("A")), {"A", "B"}, "allowed"),
        (Key("many", frozenset("XYB")), {"A", "B"}, "allowed"),
        (Key("c", frozenset("C")), {"A", "B"}, "unit_not_allowed"),
        (Key("nobody"), {"A"}, "unit_not_allowed"),
        (Key("a", frozenset("A")), set(), "unknown_dossier"),
    ],
)
def test_a_dossier_is_read_by_its_bodies_and_the_operator_and_an_unborn_one_by_the_operator(
    key: Key, concerned: set[str], verdict: str
) -> None:
    assert may_read_dossier(key, concerned) == verdict


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        (Key("op", operator=True), True),
        (Key("own", frozenset("UX")), True),
        (Key("successor", frozenset("V")), True),
        (Key("other", frozenset("W")), False),
        (Key("nobody"), False),
    ],
)
def test_a_worklist_is_read_by_its_unit_by_what_it_gave_way_to_and_by_the_operator(key: Key, allowed: bool) -> None:
    assert may_read_list(key, "U", {"V"}) is allowed


@pytest.mark.parametrize(("code", "murmur2"), MURMUR2)
def test_a_dossier_is_looked_for_where_kafkas_own_partitioner_puts_it(code: str, murmur2: int) -> None:
    assert partition_of(code) == (murmur2 & 0x7FFFFFFF) % PARTITIONS


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/dossiers/H57.19753-250701-0001", "/v1/dossiers/{code}"),
        ("/v1/dossiers/X/deadline", "/v1/dossiers/{code}/deadline"),
        ("/v1/dossiers/X/history", "other"),
        ("/v1/dossiers//deadline", "other"),
        ("/v1/dossiers/", "other"),
        ("/v1/units/19753/worklist", "/v1/units/{code}/worklist"),
        ("/v1/units//worklist", "other"),
        ("/v1/units/19753", "other"),
        ("/v1/rejected", "/v1/rejected"),
        ("/v1/rejected/groups", "/v1/rejected/groups"),
        ("/v1/rejected/3:17", "/v1/rejected/{place}"),
        ("/v1/rejected/H57.19753-250701-0001", "/v1/rejected/{place}"),
        ("/v1/rejected/", "other"),
        ("/v1/rejected/groups/3", "other"),
        ("/v1/parked", "/v1/parked"),
        ("/anything", "other"),
    ],
)
def test_no_dossier_becomes_a_label(path: str, route: str) -> None:
    assert route_of(path) == route


# --- requests that no server is needed to refuse ----------------------------------------------------------------------

CENTRE, OPERATOR = "Bearer dev-19753", "Bearer dev-operator"
DOSSIER = "/v1/dossiers/H57.19753-250701-0001"
WORKLIST = "/v1/units/19753/worklist"
OF_OVERDUE = cursors.write(WorklistCursor("overdue", "receiver", "19753", NOON, "H57.19753-250701-0001"))


@pytest.mark.parametrize(
    ("key", "path", "status", "code"),
    [
        (None, DOSSIER, 401, "no_valid_key"),
        ("Bearer dev-00000", DOSSIER, 401, "no_valid_key"),
        ("dev-19753", DOSSIER, 401, "no_valid_key"),
        (None, "/v1/dossiers/" + "X" * 65, 401, "no_valid_key"),
        (None, "/v1/rejected?cursor=nonsense", 401, "no_valid_key"),
        (CENTRE, "/v1/dossiers/" + "X" * 65, 422, "invalid_code"),
        (CENTRE, "/v1/dossiers/a b", 422, "invalid_code"),
        (CENTRE, "/v1/dossiers/hồ-sơ/deadline", 422, "invalid_code"),
        (CENTRE, DOSSIER + "?unit=19753", 422, "unknown_parameter"),
        (CENTRE, "/v1/rejected", 403, "operator_only"),
        (CENTRE, "/v1/parked?cursor=nonsense", 403, "operator_only"),
        (OPERATOR, "/v1/rejected?cursor=nonsense", 422, "invalid_cursor"),
        (OPERATOR, "/v1/parked?cursor=" + cursors.write(RejectedCursor()), 422, "invalid_cursor"),
        (OPERATOR, "/v1/rejected?code=No+Arrow", 422, "invalid_parameter"),
        (OPERATOR, "/v1/parked?unit=a/b", 422, "invalid_parameter"),
        (OPERATOR, "/v1/rejected?units=19753", 422, "unknown_parameter"),
        (OPERATOR, "/v1/parked?code=no_arrow", 422, "unknown_parameter"),
        (OPERATOR, "/v1/rejected?unit=19753&unit=19774", 422, "invalid_parameter"),
        (None, "/v1/rejected/groups?cursor=nonsense", 401, "no_valid_key"),
        (CENTRE, "/v1/rejected/groups", 403, "operator_only"),
        (OPERATOR, "/v1/rejected/groups?cursor=nonsense", 422, "invalid_cursor"),
        (OPERATOR, "/v1/rejected/groups?week=2025-27", 422, "invalid_parameter"),
        (OPERATOR, "/v1/rejected/groups?week=2025-W60", 422, "invalid_parameter"),
        (OPERATOR, "/v1/rejected/groups?unit=a/b", 422, "invalid_parameter"),
        (OPERATOR, "/v1/rejected/groups?each=1", 422, "unknown_parameter"),
        (OPERATOR, "/v1/rejected?week=2025-W27", 422, "unknown_parameter"),
        (None, "/v1/rejected/nonsense", 401, "no_valid_key"),
        (CENTRE, "/v1/rejected/nonsense", 403, "operator_only"),
        (OPERATOR, "/v1/rejected/nonsense", 422, "invalid_place"),
        (OPERATOR, "/v1/rejected/3:", 422, "invalid_place"),
        (OPERATOR, "/v1/rejected/-1:2", 422, "invalid_place"),
        (OPERATOR, "/v1/rejected/3:1234567890123456789", 422, "invalid_place"),
        (OPERATOR, "/v1/rejected/3:17?code=no_arrow", 422, "unknown_parameter"),
        (OPERATOR, "/v1/rejected/3:17/bytes", 404, "not_found"),
        (None, WORKLIST, 401, "no_valid_key"),
        (CENTRE, "/v1/units/" + "X" * 33 + "/worklist?list=open", 422, "invalid_code"),
        (CENTRE, WORKLIST, 422, "invalid_list"),
        (CENTRE, WORKLIST + "?list=", 422, "invalid_list"),
        (CENTRE, WORKLIST + "?list=late", 422, "invalid_list"),
        (CENTRE, WORKLIST + "?list=open&role=city", 422, "invalid_role"),
        (CENTRE, WORKLIST + "?list=open&limit=5", 422, "unknown_parameter"),
        (CENTRE, WORKLIST + "?list=open&list=overdue", 422, "invalid_parameter"),
        (CENTRE, WORKLIST + "?list=open&cursor=nonsense", 422, "invalid_cursor"),
        (CENTRE, WORKLIST + "?list=open&cursor=" + cursors.write(ParkedCursor()), 422, "invalid_cursor"),
        (CENTRE, WORKLIST + "?list=open&cursor=" + OF_OVERDUE, 422, "invalid_cursor"),
        (CENTRE, WORKLIST + "?list=overdue&role=competent&cursor=" + OF_OVERDUE, 422, "invalid_cursor"),
        (CENTRE, WORKLIST + "?list=overdue&role=&cursor=" + OF_OVERDUE, 503, "unavailable"),
        (CENTRE, DOSSIER, 503, "unavailable"),
        (OPERATOR, "/v1/parked?unit=&cursor=", 503, "unavailable"),
        (OPERATOR, "/v1/rejected?code=&unit=&cursor=", 503, "unavailable"),
        (OPERATOR, "/v1/rejected/groups?code=&unit=&week=&cursor=", 503, "unavailable"),
        (OPERATOR, "/v1/rejected/3:17", 503, "unavailable"),
        (OPERATOR, "/v1/nothing", 404, "not_found"),
        (OPERATOR, "/v1/parked/", 404, "not_found"),
        (OPERATOR, "/v1/dossiers/X/history", 404, "not_found"),
    ],
)
def test_a_request_is_refused_with_a_stable_code(key: str | None, path: str, status: int, code: str) -> None:
    answered, headers, body = ask("GET", path, key)
    assert (answered, body["code"], body["status"]) == (status, code, status)
    assert headers["content-type"] == "application/problem+json"
    assert ("www-authenticate" in headers) == (status == 401)
    assert ("retry-after" in headers) == (status == 503)


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("path", [DOSSIER, WORKLIST, "/v1/rejected", "/readyz"])
def test_nothing_but_get_is_answered(method: str, path: str) -> None:
    answered, headers, _ = ask(method, path, OPERATOR)
    assert (answered, headers["allow"]) == (405, "GET")


@pytest.mark.parametrize("path", [DOSSIER, WORKLIST, "/v1/rejected", "/readyz"])
def test_head_is_get_without_its_content(path: str) -> None:
    assert ask("HEAD", path, OPERATOR)[0] == ask("GET", path, OPERATOR)[0]


def test_without_its_servers_it_lives_and_is_not_ready_and_says_why() -> None:
    assert ask("GET", "/healthz", None)[0] == 200
    answered, _, body = ask("GET", "/readyz", None)
    assert (answered, body["code"]) == (503, "not_ready")
    assert [reason.split(":")[0] for reason in body["reasons"]] == ["redis"]
    assert [note.split(":")[0] for note in body["notes"]] == ["kafka"]


def test_a_scrape_finds_out_whether_it_is_ready_and_faults_are_counted_from_0() -> None:
    """Nobody has asked /readyz: the alert must not wait for somebody who does."""
    asked, _, text = ask("GET", "/metrics", None)
    assert asked == 200
    told = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert told["motcua_processing_api_ready",] == 0
    assert told["motcua_processing_api_redis_errors_total", "ConnectionError"] > 0
    for route in ("/v1/dossiers/{code}", "/v1/units/{code}/worklist", "/v1/rejected"):
        assert told["motcua_processing_api_requests_total", *sorted((route, "GET", "503"))] == 0


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"dev_keys": True, "host": "0.0.0.0"}, "MOTCUA_DEV_KEYS=1 is for 127.0.0.1 alone"),
        ({"redis": "127.0.0.1:6379"}, "Redis URL must specify"),
        ({"reference_dir": Path("/nowhere")}, "units.csv: cannot be read"),
    ],
)
def test_wrong_settings_end_it_with_one_sentence(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SystemExit) as ended:
        serve(Settings(**wrong))
    assert str(ended.value).startswith("processing's API cannot start: ")
    assert sentence in str(ended.value)
    assert "\n" not in str(ended.value).strip()


def ask(method: str, path: str, key: str | None) -> tuple[int, dict[str, str], Any]:
    """One request to an API whose Redis and Kafka nobody serves."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        settings = Settings(redis=f"redis://127.0.0.1:{port}/0", kafka=f"127.0.0.1:{port}")
        return asyncio.run(_ask(settings, method, path, key))


async def _ask(settings: Settings, method: str, path: str, key: str | None) -> tuple[int, dict[str, str], Any]:
    app = compose(settings, FixedKeys(development_keys(["19753", "19774"])))
    name, _, query = path.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": name,
        "raw_path": name.encode(), "query_string": query.encode(), "scheme": "http", "root_path": "",
        "headers": [] if key is None else [(b"authorization", key.encode())],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8002),
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(told: Any) -> None:
        sent.append(told)

    await app(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    body = b"".join(part.get("body", b"") for part in sent[1:])
    if not body:
        return sent[0]["status"], headers, None
    return sent[0]["status"], headers, json.loads(body) if "json" in headers["content-type"] else body.decode()
