"""`verify` on a real Kafka and Redis: a true province is clean, an altered total or log is found by exit code and name."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from contracts import deadletters, instants, lifecycle, reference, topics
from contracts.deadletters import DeadLetter
from contracts.events import Ticked, control_record, read_structured, to_record
from services.audit.archive import Log
from services.audit.domain.reading import Stored
from services.audit.settings import Settings
from services.processing.domain.rules import Rules
from tests.province import Province
from tests.unit.memory_line import MemoryLine

# The first test of a process waits for its servers, too.
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

REPOSITORY = Path(__file__).parents[2]
UNIT, DAY, NEXT_DAY, PARTITION = "19753", "2026-01-05", "2026-01-06", 4
INCARNATION = "0197c000-0000-7000-8000-000000000001"
PREFIX = "motcua:metrics:g1:"
BIRTH = {"procedure": "none-such", "channel": "online", "receiver": UNIT, "competent": UNIT}
# One dossier received online and in processing, one withdrawn; the withdrawal was sent twice; one record is unreadable.
EVENTS: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("X-1", "submitted", "08:00", BIRTH),
    ("X-2", "submitted", "08:05", BIRTH),
    ("X-1", "received", "08:10", {}),
    ("X-2", "withdrawn", "08:20", {}),
    ("X-2", "withdrawn", "08:20", {}),
)
FLOWS = {"submitted": 2, "cases": 2, "received": 1, "received_online": 1, "withdrawn": 1}
STOCKS = {"open": 1, "open_in_processing": 1}
FLOWS_OF_SOURCE = {"duplicates": 1}
ALL = {**FLOWS, **STOCKS, **FLOWS_OF_SOURCE}


def of(counters: dict[str, int], *marks: str) -> dict[str, int]:
    """Figures written by hand: both roles alike, for the whole unit or under each mark."""
    names = [
        f"{role}|{UNIT}" + (f"|{mark}" if mark else "") for role in ("receiver", "competent") for mark in (marks or ("",))
    ]
    return {f"{name}|{counter}": number for name in names for counter, number in counters.items()}


def dossier(state: int, acceptance_due: str, *steps: tuple[int, str]) -> dict[str, Any]:
    """A dossier as processing tells it: no limit, so no due but the one for its acceptance."""
    flags = dict.fromkeys(("overdue", "due_in_24h", "due_in_72h", "acceptance_overdue"), False)
    history = [{"offset": offset, "fact": fact, "timeliness": None, "late": None} for offset, fact in steps]
    return {
        "state": state, "state_detail": None, "procedure": "none-such", "field": "other", "channel": "online",
        "receiver": UNIT, "competent": UNIT, "due_original": None, "due_current": None, "acceptance_due": acceptance_due,
        **flags, "history": history, "misfits": [], "annulled": [], "annulments": [], "repeats": [],
    }  # fmt: skip


@dataclass
class Figures:
    """What the hand-written twins of metrics and of processing's API answer."""

    as_of: dict[str, int]
    counters: dict[str, int] = field(default_factory=lambda: dict(ALL))
    today: int = 1
    dossiers: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            "X-1": dossier(2, f"{NEXT_DAY}T08:00:00+07:00", (2, "submitted"), (4, "received")),
            "X-2": dossier(7, f"{NEXT_DAY}T08:05:00+07:00", (3, "submitted"), (5, "withdrawn")),
        }
    )

    def body(self, path: str) -> bytes:
        if path.startswith("/metrics/dossiers"):
            return self._series().encode()
        answer: dict[str, Any] = {"as_of": {"time": None, "log_clock": None, "partitions": self.as_of}, "lag_seconds": 0}
        of_day = {**FLOWS, **FLOWS_OF_SOURCE}
        if path.startswith("/v1/units?"):
            counters = of_day if "day=" in path else self.counters
            answer["units"] = [{"unit": UNIT, "name": "Phú Xuân", "counters": {**counters, "legs": 0}, "rates": {}}]
            answer["total"] = {"counters": {**counters, "legs": 0}, "rates": {}}
        elif path.startswith("/v1/dossiers/"):
            answer |= self.dossiers[path.removeprefix("/v1/dossiers/")]
        elif "/days?" in path:
            answer["days"] = [{"day": DAY, "counters": of_day, "rates": {}, "restated_at": None}]
        else:
            split = FLOWS if "day=" in path else {**FLOWS, **STOCKS}
            answer |= {"by_field": {"other": {"counters": split}}, "by_channel": {"online": {"counters": split}}}
        return json.dumps(answer).encode()

    def _series(self) -> str:
        lines = ["motcua_metrics_rebuilding 0"]
        lines += [
            f'motcua_metrics_reported_offset{{partition="{number}"}} {offset}' for number, offset in self.as_of.items()
        ]
        for role in ("receiver", "competent"):
            labels = f'unit="{UNIT}",role="{role}"'
            lines += [
                f"motcua_dossiers_{counter}{{{labels}}} {FLOWS[counter]}" for counter in ("submitted", "cases", "withdrawn")
            ]
            lines.append(f'motcua_dossiers_received{{{labels},channel="online"}} 1')
            lines.append(f'motcua_dossiers_open{{{labels},state="2"}} 1')
            lines.append(f"motcua_dossiers_open_in_processing{{{labels}}} 1")
        lines.append(f'motcua_dossiers_duplicates{{unit="{UNIT}",role="receiver"}} 1')
        for counter, number in (("received", self.today), ("completed", 0), ("returned", 0), ("refused", 0)):
            lines.append(f'motcua_dossiers_today{{unit="{UNIT}",role="receiver",counter="{counter}"}} {number}')
        return "\n".join(lines) + "\n"


@dataclass
class World:
    """A province whose logs were folded in memory, with Redis filled and answers written by hand."""

    province: Province
    url: str
    figures: Figures
    sent: dict[int, list[Stored]]

    def verify(self, directory: Path, **more: str) -> tuple[int, dict[str, Any], str]:
        """Exit code, verdict for machines, and what was said."""
        told = directory / "verdict.json"
        environment = {
            **os.environ, **self.province.environment, "MOTCUA_METRICS_URL": self.url,
            "MOTCUA_PROCESSING_URL": self.url, "MOTCUA_AUDIT_KEY": "operators",
            "MOTCUA_AUDIT_ATTEMPTS_MAX": "2", "MOTCUA_AUDIT_ATTEMPT_PAUSE_SECONDS": "0.1", **more,
        }  # fmt: skip
        command = [sys.executable, "-m", "services.audit.main", "verify", "--json", str(told)]
        done = subprocess.run(
            command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=100, check=False
        )
        checks = {check["name"]: check for check in json.loads(told.read_text())["checks"]} if told.exists() else {}
        return done.returncode, checks, done.stdout + done.stderr


@pytest.fixture(scope="module")
def world(module_province: Province) -> Iterator[World]:
    report(module_province)
    sent, as_of = fold(module_province)
    fill_redis(module_province, sent)
    figures = Figures(as_of)
    with serving(figures) as url:
        yield World(module_province, url, figures, sent)


def report(province: Province) -> None:
    producer = Producer({"bootstrap.servers": province.kafka, "acks": "all"})
    for dossier, fact, clock, body in EVENTS:
        time = f"{DAY}T{clock}:00+07:00"
        structured = {
            "specversion": "1.0", "id": f"{dossier}-{fact}", "source": f"/units/{UNIT}", "subject": dossier, "time": time,
            "type": f"vn.motcua.dossier.{fact}.v1", "recordedtime": time, "data": body,
            "sequence": str(EVENTS.index((dossier, fact, clock, body)) + 1), "incarnation": INCARNATION,
        }  # fmt: skip
        key, value, headers = to_record(read_structured(json.dumps(structured).encode(), instants.parse(time)))
        producer.produce(topics.REPORTED.name, value, key, PARTITION, headers=list(headers))
    producer.produce(topics.REPORTED.name, b"{}", None, PARTITION, headers=[("ce_type", b"strange")])
    value, tick = control_record(Ticked(instants.parse(f"{DAY}T09:00:00+07:00")), "tick", "/operators")
    producer.produce(topics.REPORTED.name, value, None, PARTITION, headers=list(tick))
    assert producer.flush(20) == 0


def report_number(province: Province, number: int) -> None:
    """One more event of the source, in a partition that nobody has folded this far."""
    structured = {
        "specversion": "1.0", "id": f"n{number}", "source": f"/units/{UNIT}", "subject": "X-9",
        "time": f"{DAY}T08:30:00+07:00", "type": "vn.motcua.dossier.submitted.v1", "data": BIRTH,
        "sequence": str(number), "incarnation": INCARNATION, "recordedtime": f"{DAY}T08:30:00+07:00",
    }  # fmt: skip
    event = read_structured(json.dumps(structured).encode(), instants.parse(f"{DAY}T09:00:00+07:00"))
    key, value, headers = to_record(event)
    producer = Producer({"bootstrap.servers": province.kafka, "acks": "all"})
    producer.produce(topics.REPORTED.name, value, key, PARTITION + 1, headers=list(headers))
    assert producer.flush(20) == 0


def beat(province: Province, quarantined: list[int]) -> None:
    told = {
        "source": f"/units/{UNIT}", "incarnation": INCARNATION, "at": f"{DAY}T09:00:00+07:00", "spool_depth": 0,
        "oldest_unsent_age_seconds": 0.0, "delivered_until": f"{DAY}T09:00:00+07:00", "quarantined_sequences": quarantined,
    }  # fmt: skip
    producer = Producer({"bootstrap.servers": province.kafka, "acks": "all"})
    producer.produce(topics.CENTRE_STATUS.name, json.dumps(told).encode(), f"/units/{UNIT}".encode())
    assert producer.flush(20) == 0


def fold(province: Province) -> tuple[dict[int, list[Stored]], dict[str, int]]:
    """What processing would have written, by its own fold; the last offsets of the reported partitions."""
    body = reference.encode(province.reference)
    digest = reference.digest(body)
    rules = {digest: Rules.compile(digest, reference.decode(body))}
    reported = Log(Settings(kafka=province.kafka), topics.REPORTED.name)
    producer = Producer({"bootstrap.servers": province.kafka, "acks": "all"})
    sent: dict[int, list[Stored]] = {}
    ends = reported.ends().next
    for number, end in enumerate(ends):
        line, originals, sent[number] = MemoryLine(rules), [], []
        for record in reported.read(number, 0, end):
            originals.append(record)
            for each in line.take(record.value or b"", record.headers, record.recorded_at):
                headers = [(lifecycle.CHAIN_HEADER, each.chain.hex().encode())]
                sent[number].append(Stored(len(sent[number]), 0, (each.dossier or "").encode(), each.value, headers))
                for owed in each.letters:
                    original = originals[owed.offset]
                    letter = DeadLetter(
                        code=owed.code, detail=owed.detail, src=owed.src, prev=owed.prev,
                        key=original.key, value=original.value, headers=tuple(original.headers),
                    )  # fmt: skip
                    producer.produce(
                        topics.rejected(1).name,
                        original.value,
                        original.key,
                        number,
                        headers=dict[str, str | bytes | None](deadletters.to_headers(letter)),
                    )
        write_lifecycle(producer, number, sent[number])
    reported.close()
    assert producer.flush(20) == 0
    return sent, {str(number): end - 1 for number, end in enumerate(ends)}


def write_lifecycle(producer: Producer, partition: int, records: list[Stored]) -> None:
    for record in records:
        chain = dict(record.headers)[lifecycle.CHAIN_HEADER]
        producer.produce(
            topics.lifecycle(1).name, record.value, record.key, partition, headers={lifecycle.CHAIN_HEADER: chain}
        )


def fill_redis(province: Province, sent: dict[int, list[Stored]]) -> None:
    with province.redis() as client:
        for number, records in sent.items():
            last = lifecycle.decode(records[-1].value or b"")
            chain = dict(records[-1].headers)[lifecycle.CHAIN_HEADER] or b""
            place = {
                "next": len(records),
                "target": 0,
                "src": f"{last.src[0]}.{last.src[1]}",
                "chain": chain.decode(),
                "stopped": "",
            }
            client.hset(f"{PREFIX}p:{number}", mapping=place)
        marks = ("f:other", "c:online")
        client.hset(f"{PREFIX}total", mapping=of(ALL))
        client.hset(f"{PREFIX}split", mapping=of({**FLOWS, **STOCKS}, *marks))
        client.sadd(f"{PREFIX}days", DAY)
        client.hset(f"{PREFIX}day:{DAY}", mapping=of({**FLOWS, **FLOWS_OF_SOURCE}))
        client.hset(f"{PREFIX}daysplit:{DAY}", mapping=of(FLOWS, *marks))


class serving:  # noqa: N801 - reads as the sentence it stands in
    """A hand-written metrics API on a free port."""

    def __init__(self, figures: Figures) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = figures.body(self.path)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_a_true_province_is_clean(world: World, tmp_path: Path) -> None:
    code, checks, said = world.verify(tmp_path)
    assert code == 0, said
    assert all(check["passed"] for check in checks.values())
    idle = {"chain.resent"}
    assert {name for name, check in checks.items() if not check["examined"]} == idle, said


def test_an_altered_total_is_named(world: World, tmp_path: Path) -> None:
    with world.province.redis() as client:
        for key, check in (("total", "recount.total"), (f"day:{DAY}", "recount.day")):
            client.hincrby(PREFIX + key, f"receiver|{UNIT}|received", 1)
            code, checks, said = world.verify(tmp_path)
            client.hincrby(PREFIX + key, f"receiver|{UNIT}|received", -1)
            assert code == 1, said
            assert f"receiver|{UNIT}|received" in said
            assert [name for name, each in checks.items() if not each["passed"]] == [check]


def test_an_answer_that_is_not_what_was_counted_is_named(world: World, tmp_path: Path) -> None:
    world.figures.counters["withdrawn"] = 7
    code, checks, said = world.verify(tmp_path)
    world.figures.counters["withdrawn"] = 1
    assert code == 1, said
    assert checks["recount.api"]["first"]["counter"] == f"receiver|{UNIT}|withdrawn"


def test_today_s_series_that_is_not_the_day_s_is_named(world: World, tmp_path: Path) -> None:
    world.figures.today = 2
    code, checks, said = world.verify(tmp_path)
    world.figures.today = 1
    assert code == 1, said
    assert "today's series" in checks["recount.scrape"]["first"]["sentence"]


def test_a_dossier_that_processing_tells_otherwise_than_it_was_reported_is_named(world: World, tmp_path: Path) -> None:
    true = world.figures.dossiers["X-1"]
    for member, told in (("state", 4), ("acceptance_due", f"{DAY}T17:00:00+07:00"), ("history", [])):
        world.figures.dossiers["X-1"] = {**true, member: told}
        code, checks, said = world.verify(tmp_path)
        world.figures.dossiers["X-1"] = true
        assert code == 1, said
        assert [name for name, each in checks.items() if not each["passed"]] == ["sample.api"]
        assert checks["sample.api"]["first"]["dossier"] == "X-1"
        assert f"`{member}`" in checks["sample.api"]["first"]["sentence"]


def test_a_sequence_that_was_skipped_is_named_and_a_heartbeat_accounts_for_it(world: World, tmp_path: Path) -> None:
    """A further event comes with number 6 after 4; then the centre says that 5 lies in its quarantine."""
    report_number(world.province, 6)
    code, checks, said = world.verify(tmp_path)
    assert code == 1, said
    assert [name for name, each in checks.items() if not each["passed"]] == ["sequences.contiguous"]
    first = checks["sequences.contiguous"]["first"]["sentence"]
    assert f"/units/{UNIT}, incarnation {INCARNATION}: sequence 5 is missing before 6" in first
    beat(world.province, quarantined=[5])
    code, checks, said = world.verify(tmp_path)
    assert code == 0, said


def test_metrics_that_cannot_be_reached_are_said_and_are_no_difference(world: World, tmp_path: Path) -> None:
    code, checks, said = world.verify(tmp_path, MOTCUA_METRICS_URL="http://127.0.0.1:9")
    assert code == 2, said
    assert "is it up?" in said
    assert checks["recount.total"]["passed"]
    assert checks["recount.total"]["examined"]


def test_servers_that_cannot_be_reached_end_in_exit_code_two(world: World, tmp_path: Path) -> None:
    for name, address in (("MOTCUA_KAFKA", "127.0.0.1:9"), ("MOTCUA_REDIS", "redis://:secret@127.0.0.1:9/0")):
        code, _, said = world.verify(tmp_path, **{name: address, "MOTCUA_AUDIT_ANSWER_SECONDS": "2"})
        assert code == 2, said
        assert "is it up?" in said
        assert "secret" not in said


def test_metrics_that_are_still_rebuilding_are_waited_for_and_said(world: World, tmp_path: Path) -> None:
    with world.province.redis() as client:
        client.hset(f"{PREFIX}p:{PARTITION}", "target", 1000)
        code, _, said = world.verify(tmp_path, MOTCUA_AUDIT_REBUILDING_SECONDS="1")
        client.hset(f"{PREFIX}p:{PARTITION}", "target", 0)
    assert code == 2, said
    assert f"still rebuilding partitions {PARTITION}" in said


def test_a_lifecycle_log_that_lost_a_record_is_named_by_partition_and_offset(world: World, tmp_path: Path) -> None:
    """The last test of this module: it makes the lifecycle topic anew without what reported record 3 did."""
    from deploy.operators import acts
    from tests.integration.audit_topics import delete_topic

    lost = 3
    delete_topic(world.province.kafka, topics.lifecycle(1).name)
    acts.make_topics(world.province.operators)
    producer = Producer({"bootstrap.servers": world.province.kafka, "acks": "all"})
    for number, records in world.sent.items():
        kept = [each for each in records if number != PARTITION or lifecycle.decode(each.value or b"").src[0] != lost]
        write_lifecycle(producer, number, kept)
    assert producer.flush(20) == 0
    code, checks, said = world.verify(tmp_path)
    assert code == 1, said
    first = checks["accounting.records"]["first"]
    assert (first["partition"], first["offset"], first["dossier"]) == (PARTITION, lost, "X-2")
    assert not checks["chain.unbroken"]["passed"]
    assert not checks["recount.positions"]["passed"]
