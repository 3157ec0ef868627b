"""The operators' tool against doors that say anything: it stops where order would be lost."""

import io
import json
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts import carried
from contracts.deadletters import DeadLetter
from deploy.container import ready
from deploy.operators import carried as loading
from deploy.operators.deadletters import doors as deadletters_doors
from deploy.operators.deadletters.doors import Doors
from deploy.operators.deadletters.journal import FILE, Journal
from deploy.operators.deadletters.letters import At, Row, Selection
from deploy.operators.deadletters.replay import Replay, plan
from deploy.operators.errors import DoorError, KeyFileError, NoLetterError
from deploy.operators.main import main
from deploy.operators.settings import OperatorSettings
from lab import replay as lab_replay
from lab.load import annotations
from lab.stack import DemoStack
from tests.unit.test_dead_letters import EVENT, letter_of, row

pytestmark = pytest.mark.slow

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))

NOTHING_KEPT: dict[str, Any] = {"history": [], "annulled": [], "annulments": [], "repeats": [], "misfits": []}


@dataclass
class Doorkeeper:
    """Answers as told, one after the other for each path, the last one again and again; keeps what it was sent."""

    url: str = ""
    answers: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    sent: list[tuple[str, str, Any]] = field(default_factory=list)

    def events(self) -> list[list[str]]:
        """The ids of each request at intake's door."""
        return [[event["id"] for event in body] for path, _, body in self.sent if path == "/v1/events"]


@pytest.fixture
def keeper() -> Iterator[Doorkeeper]:
    """A server of HTTP that a test tells what to say."""
    told = Doorkeeper()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: Any) -> None:
            path = self.path.split("?")[0]
            told.sent.append((path, self.headers["Authorization"], body))
            wanted = told.answers[path]
            status, says = wanted.pop(0) if len(wanted) > 1 else wanted[0]
            raw = says if isinstance(says, bytes) else json.dumps(says(body) if callable(says) else says).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield told
    server.shutdown()
    server.server_close()


def settings(keeper: Doorkeeper, directory: Path) -> OperatorSettings:
    """Both doors are the keeper's."""
    return OperatorSettings(processing_url=keeper.url, intake_url=keeper.url, state_dir=directory)


def each(*statuses: str) -> Any:
    """Results with these statuses; one alone is for all."""

    def says(body: Any) -> Any:
        told = statuses * len(body) if len(statuses) == 1 else statuses
        return {
            "results": [
                {"index": number, "id": event["id"], "status": status, "partition": 1, "offset": number}
                for number, (event, status) in enumerate(zip(body, told, strict=True))
            ]
        }

    return says


def lettered(name: str) -> tuple[Row, DeadLetter]:
    """A dead letter of an event with this id."""
    return row(id=name), letter_of({**EVENT, "id": name})


def journal_of(directory: Path) -> list[tuple[str, Any]]:
    """Steps, with what was answered."""
    lines = [json.loads(line) for line in (directory / FILE).read_text().splitlines()]
    return [(line["step"], line.get("status", line.get("standing", line.get("event")))) for line in lines]


def test_a_replay_ends_at_the_first_that_cannot_be_stored_now(keeper: Doorkeeper, tmp_path: Path) -> None:
    """None behind it overtakes it; each was written down before it was handed in; those before it have their standing."""
    keeper.answers = {
        "/v1/events": [(202, each("stored")), (503, {"code": "unavailable"})],
        "/v1/parked": [(200, {"as_of": {"partitions": {"1": -1}}}), (200, {"as_of": {"partitions": {"1": 0}}})],
        "/v1/dossiers/D": [(200, {**NOTHING_KEPT, "history": [{"source": "/units/19753", "id": "a"}]})],
    }  # fmt: skip
    with Journal(tmp_path) as journal:
        done = Replay(Doors(settings(keeper, tmp_path)), journal).run([lettered(name) for name in ("a", "b", "c")])
    assert keeper.events() == [["a"], ["b"]]
    assert [(one.row.id, one.answer, one.standing) for one in done] == [
        ("a", "stored", "applied"), ("b", "retry: unavailable", None)
    ]  # fmt: skip
    assert journal_of(tmp_path) == [
        ("handing_in", "a"), ("answered", "stored"), ("handing_in", "b"), ("answered", "retry"), ("stands", "applied")
    ]  # fmt: skip
    assert {key for path, key, _ in keeper.sent if path == "/v1/events"} == {"Bearer dev-19753"}


LISTS = [("annulled", "annulled"), ("annulments", "applied"), ("repeats", "duplicate"), ("misfits", "parked")]


@pytest.mark.parametrize(("where", "standing"), LISTS)
def test_what_is_kept_by_now_is_not_handed_in(where: str, standing: str, keeper: Doorkeeper, tmp_path: Path) -> None:
    """Wherever the dossier lists it; a second dead letter of the same event has nothing of its own."""
    lists = {**NOTHING_KEPT, where: [{"source": "/units/19753", "id": "e", "standing": "parked"}]}
    keeper.answers = {"/v1/dossiers/D": [(200, lists)], "/v1/dossiers/N": [(404, {"code": "unknown_dossier"})]}
    rows = [row(), row(), row(dossier="N"), row(dossier="N"), row(code="id_reused")]
    planned = plan(rows, Doors(settings(keeper, tmp_path)), 10)
    assert [one.is_replayed for one in planned] == [False, False, True, False, False]
    assert planned[0].remedy == f"nothing: it has healed, and stands {standing}"
    assert len(plan(rows, Doors(settings(keeper, tmp_path)), 1)) == 3, "as far as the first that is to be handed in"


def test_what_is_in_order_by_now_never_stands_in_the_way_of_what_is_behind_it(keeper: Doorkeeper, tmp_path: Path) -> None:
    """So many replays as it takes hand in every one, each at most as many as it may."""
    names = [f"D{number}" for number in range(25)]
    keeper.answers = {f"/v1/dossiers/{name}": [(404, {"code": "unknown_dossier"})] for name in names}
    rows, seen = [row(dossier=name) for name in names], list[str]()
    for _ in range(4):
        wanted = [one.row.dossier or "" for one in plan(rows, Doors(settings(keeper, tmp_path)), 10) if one.is_replayed]
        assert len(wanted) <= 10
        seen += wanted
        kept = {**NOTHING_KEPT, "history": [{"source": "/units/19753", "id": "e"}]}
        keeper.answers |= {f"/v1/dossiers/{name}": [(200, kept)] for name in wanted}
    assert sorted(seen) == sorted(names)


def test_what_a_retired_dossier_refuses_is_not_handed_in_and_stands_in_no_way(keeper: Doorkeeper, tmp_path: Path) -> None:
    """It would be refused for ever; what is behind it goes in with the same run."""
    keeper.answers = {"/v1/dossiers/R": [(410, {"code": "retired"})], "/v1/dossiers/N": [(404, {"code": "unknown_dossier"})]}
    rows = [*(row(dossier="R", id=f"r{number}") for number in range(3)), row(dossier="N")]
    planned = plan(rows, Doors(settings(keeper, tmp_path)), 1)
    assert [one.is_replayed for one in planned] == [False, False, False, True]
    assert planned[0].remedy == "nothing: the dossier's history has been retired, its counts stand"


def test_what_came_back_waits_behind_what_was_never_tried(keeper: Doorkeeper, tmp_path: Path) -> None:
    """Whichever partition it lies in; a dossier's events keep their order, and the first letter of each is the one sent."""
    keeper.answers = {f"/v1/dossiers/{name}": [(404, {"code": "unknown_dossier"})] for name in "AB"}
    rows = [row(dossier="A", id=f"a{number}", reported=At(0, number)) for number in range(5)]
    rows.append(row(dossier="B", id="b", reported=At(5, 0)))
    runs = []
    for run in range(1, 4):
        wanted = [one.row for one in plan(rows, Doors(settings(keeper, tmp_path)), 3) if one.is_replayed]
        runs.append([one.id for one in wanted])
        assert all((one.reported.offset or 0) < 10 for one in wanted)
        rows += [
            msgspec.structs.replace(one, reported=At(one.reported.partition, 10 * run + number))
            for number, one in enumerate(wanted)
        ]
    assert runs == [["a0", "a1", "a2"], ["b", "a0", "a1"], ["b", "a0", "a1"]]


ODD = [
    (200, b"<html>sign in</html>"),
    (200, {"rejected": [{"code": 1}], "groups": [{"code": 1}], "code": 1, "next": None}),
    (200, {"something": "else"}),
    (401, {"code": "no_valid_key", "detail": "send one"}),
    (503, {"code": "unavailable", "detail": "later"}),
    (404, {"code": "not_found", "detail": "Not Found"}),
]


@pytest.mark.parametrize(("status", "body"), ODD)
def test_an_answer_that_is_none_of_processings_is_one_sentence(
    status: int, body: Any, keeper: Doorkeeper, tmp_path: Path
) -> None:
    """Never a trace, never an empty list."""
    keeper.answers = {path: [(status, body)] for path in ("/v1/rejected", "/v1/rejected/groups", "/v1/rejected/3:17")}
    doors = Doors(settings(keeper, tmp_path))
    for asked in (
        lambda: list(doors.rejected(Selection())), lambda: list(doors.groups("", "", "")), lambda: doors.letter((3, 17))
    ):  # fmt: skip
        with pytest.raises(DoorError):
            asked()


def test_who_shows_no_valid_key_is_told_where_to_say_one(keeper: Doorkeeper, tmp_path: Path) -> None:
    """The operator's at processing's door, one that speaks for the unit at intake's."""
    answer = [(401, {"code": "no_valid_key", "detail": "send one"})]
    keeper.answers = {"/v1/rejected/groups": answer, "/v1/events": answer}
    doors = Doors(settings(keeper, tmp_path))
    with pytest.raises(DoorError, match=r"send one\. MOTCUA_OPERATOR_KEY_FILE names the file"):
        list(doors.groups("", "", ""))
    with pytest.raises(DoorError, match=r"send one\. MOTCUA_EVENTS_KEY_FILE names the file"):
        doors.hand_in("19753", {})


def test_a_page_that_takes_too_long_does_not_throw_away_those_before(
    keeper: Doorkeeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadletters_doors, "TRY_AGAIN_SECONDS", 0.0)
    group = {"code": "too_many", "unit": None, "week": None, "letters": 1, "rejected_now": 1}
    first, last = ({"groups": [group], "next": cursor} for cursor in ("on", None))
    keeper.answers = {"/v1/rejected/groups": [(200, first), (503, {}), (503, {}), (200, last)]}
    assert [len(piece) for piece in Doors(settings(keeper, tmp_path)).groups("", "", "")] == [1, 1]


def test_where_no_letter_lies_the_place_is_named(keeper: Doorkeeper, tmp_path: Path) -> None:
    """Another 404 would say that nobody knows the door."""
    keeper.answers = {"/v1/rejected/3:17": [(404, {"code": "unknown_letter", "as_of": {}})]}
    with pytest.raises(NoLetterError, match="no dead letter at 3:17"):
        Doors(settings(keeper, tmp_path)).letter((3, 17))


def _is_ready(keeper: Doorkeeper, _: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["ready", keeper.url.rpartition(":")[2]])
        assert ready.main() == 0


def _is_running(keeper: Doorkeeper, directory: Path) -> None:
    (directory / DemoStack.mark).touch()
    DemoStack(directory, int(keeper.url.rpartition(":")[2]) - 3).check_running()


MARKED = {
    "run": {"started_at": 0.0, "real_seconds": 1.0, "seed": 1}, "title": "…", "scenario": "…", "samples": [], "stretches": []
}  # fmt: skip
ASKING: list[Callable[[Doorkeeper, Path], object]] = [
    lambda keeper, directory: Doors(settings(keeper, directory)).standing("D", "/units/19753", "e"),
    _is_ready,
    _is_running,
    lambda keeper, _: lab_replay._check_ready(keeper.url),
    lambda keeper, _: annotations.mark(MARKED, keeper.url, "token"),
]


@pytest.mark.parametrize("ask", ASKING)
def test_a_proxy_for_the_world_outside_is_not_asked_for_a_door_of_our_own(
    ask: Callable[[Doorkeeper, Path], object], keeper: Doorkeeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer comes whatever `http_proxy` says."""
    keeper.answers = {"/v1/dossiers/D": [(200, NOTHING_KEPT)], "/readyz": [(200, {})], "/api/annotations": [(200, {})]}
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    # What the process has asked before is no reason to ask without one.
    monkeypatch.setattr(urllib.request, "_opener", None)
    ask(keeper, tmp_path)
    assert len(keeper.sent) == 1


def test_keys_come_from_files_that_hold_one_alone(keeper: Doorkeeper, tmp_path: Path) -> None:
    """As the services' own do; what holds none is one sentence."""
    keeper.answers = {"/v1/dossiers/D": [(404, {"code": "unknown_dossier"})], "/v1/events": [(202, each("stored"))]}
    files = {"operator_key_file": tmp_path / "operator.key", "events_key_file": tmp_path / "every-centre.key"}
    doors = Doors(settings(keeper, tmp_path).model_copy(update=files))
    for file in files.values():
        file.write_text(f"the-{file.stem}\n")
    doors.standing("D", "/units/19753", "e")
    doors.hand_in("19753", EVENT)
    assert [key for _, key, _ in keeper.sent] == ["Bearer the-operator", "Bearer the-every-centre"]
    for text in ("", "one\ntwo\n", None):
        for file in files.values():
            file.unlink()
            if text is not None:
                file.write_text(text)
        for ask in (lambda: doors.standing("D", "/units/19753", "e"), lambda: doors.hand_in("19753", EVENT)):
            with pytest.raises(KeyFileError, match="_KEY_FILE"):
                ask()
    assert len(keeper.sent) == 2


def test_a_key_that_is_set_goes_before_a_file(keeper: Doorkeeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also before one that is missing; an empty one is none, and then the file's fault names both ways."""
    keeper.answers = {"/v1/dossiers/D": [(404, {"code": "unknown_dossier"})], "/v1/events": [(202, each("stored"))]}
    for name in ("OPERATOR", "EVENTS"):
        monkeypatch.setenv(f"MOTCUA_{name}_KEY_FILE", str(tmp_path / "missing"))
        monkeypatch.setenv(f"MOTCUA_{name}_KEY", f"{name}-said")
    told = OperatorSettings(processing_url=keeper.url, intake_url=keeper.url)
    Doors(told).standing("D", "/units/19753", "e")
    Doors(told).hand_in("19753", EVENT)
    assert [key for _, key, _ in keeper.sent] == ["Bearer OPERATOR-said", "Bearer EVENTS-said"]
    for name in ("OPERATOR", "EVENTS"):
        monkeypatch.setenv(f"MOTCUA_{name}_KEY", "")
        with pytest.raises(KeyFileError, match=f"missing .*or set MOTCUA_{name}_KEY instead: docs/DEAD_LETTERS.md"):
            OperatorSettings().processing_key if name == "OPERATOR" else OperatorSettings().intake_key("19753")


# --- carried files ------------------------------------------------------------------------------------------------------


@pytest.fixture
def stick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Seven events of two units in a signed file, and who is trusted; tries follow each other at once."""
    monkeypatch.setattr(loading, "REST_SECONDS", 0.0)
    monkeypatch.setattr(loading, "BATCH_EVENTS", 3)
    events = [
        {**EVENT, "id": f"e{number}", "source": "/units/19774" if number == 4 else "/units/19753"} for number in range(7)
    ]
    file = io.BytesIO()
    carried.write(file, KEY, "inc", "2025-07-01T08:00:00+07:00", [json.dumps(event).encode() for event in events])
    (tmp_path / "stick").write_bytes(file.getvalue())
    codes = ["19753", "19774"]
    trusted = {"name": "ward", "public_key": carried.public_text(KEY.public_key()), "codes": codes}
    (tmp_path / "city").mkdir()
    (tmp_path / "city" / "trust").write_text(json.dumps({"keys": [trusted]}))
    return tmp_path / "stick"


def load(keeper: Doorkeeper, stick: Path, trust: str = "city/trust") -> int:
    """The command."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PROCESSING_URL", "INTAKE_URL"):
            patch.setenv(f"MOTCUA_{name}", keeper.url)
        patch.setenv("MOTCUA_STATE_DIR", str(stick.parent / "state"))
        return main(["import", str(stick), "--trust", str(stick.parent / trust)])


def test_a_file_goes_in_whole_and_in_order_whatever_has_to_be_sent_again(keeper: Doorkeeper, stick: Path) -> None:
    """Runs of one unit; from the first that could not be stored everything of the request again, before what is behind."""
    keeper.answers = {
        "/v1/events": [
            (503, {"code": "unavailable"}), (207, each("stored", "retry", "stored")), (202, each("stored"))
        ]
    }  # fmt: skip
    assert load(keeper, stick) == 0
    assert keeper.events() == [["e0", "e1", "e2"], ["e0", "e1", "e2"], ["e1", "e2"], ["e3"], ["e4"], ["e5", "e6"]]
    keys = [key for _, key, _ in keeper.sent]
    assert keys == ["Bearer dev-19753"] * 4 + ["Bearer dev-19774", "Bearer dev-19753"]
    assert [step for step, _ in journal_of(stick.parent / "state")] == ["begun", "ended"]


def test_a_refused_event_is_named_and_blocks_nothing(
    keeper: Doorkeeper, stick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is in the journal, and the command says that not all went in."""
    keeper.answers = {"/v1/events": [(207, each("stored", "refused", "stored")), (202, each("stored"))]}
    assert load(keeper, stick) == 1
    assert "6 stored, 1 refused" in capsys.readouterr().out
    assert ("refused", "e1") in journal_of(stick.parent / "state")


def test_an_intake_that_takes_nothing_ends_it_with_what_to_do(
    keeper: Doorkeeper, stick: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a bounded number of tries."""
    monkeypatch.setattr(loading, "TRIES_MAX", 3)
    keeper.answers = {"/v1/events": [(503, {"code": "unavailable"})]}
    assert load(keeper, stick) == 1
    assert len(keeper.events()) == 3
    assert "import the file again later" in capsys.readouterr().err


def test_what_is_handed_in_is_what_was_checked_whatever_the_stick_says_afterwards(
    keeper: Doorkeeper, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its controller decides what is read; nothing of the copy stays."""
    keeper.answers = {"/v1/events": [(202, each("stored"))]}
    files, verify = {}, carried.verify
    for unit in ("19753", "20101"):
        events = [{**EVENT, "id": f"{unit}-{n}", "source": f"/units/{unit}", "data": {"x": "y" * 20_000}} for n in range(3)]
        file = io.BytesIO()
        carried.write(file, KEY, "inc", "2025-07-01T08:00:00+07:00", [json.dumps(event).encode() for event in events])
        files[unit] = file.getvalue()
    stick.write_bytes(files["19753"])

    def checked(file: BinaryIO, trust: carried.Trust) -> tuple[carried.Header, carried.Closing]:
        told = verify(file, trust)
        stick.write_bytes(files["20101"])
        return told

    monkeypatch.setattr(carried, "verify", checked)
    assert load(keeper, stick) == 0
    assert keeper.events() == [["19753-0", "19753-1", "19753-2"]]
    assert [path.name for path in (stick.parent / "state").iterdir()] == [FILE]


def test_a_carried_file_may_be_copied_beside_the_citys_own_of_who_is_trusted(keeper: Doorkeeper, stick: Path) -> None:
    """Where a file lies does not say who wrote it: that is the operator's to know."""
    keeper.answers = {"/v1/events": [(202, each("stored"))]}
    copied = stick.parent / "city" / "19753.motcua"
    copied.write_bytes(stick.read_bytes())
    assert load(keeper, copied, "trust") == 0


@pytest.mark.parametrize("what", ["stick", "city/trust"])
def test_a_file_that_is_missing_or_none_is_one_sentence(
    what: str, keeper: Doorkeeper, stick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is sent."""
    for text in ("{", None):
        (stick.parent / what).unlink()
        if text is not None:
            (stick.parent / what).write_text(text)
        assert load(keeper, stick) == 1
        assert capsys.readouterr().err.count("\n") == 1
    assert keeper.sent == []


def test_large_events_are_sent_in_requests_that_intake_reads(keeper: Doorkeeper, stick: Path) -> None:
    """By bytes, too."""
    big = [json.dumps({**EVENT, "id": f"e{number}", "data": {"x": "y" * 60_000}}).encode() for number in range(3)]
    assert [len(batch) for _, batch in loading._batches(iter(big * 20))] == [3] * 20
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "BATCH_BYTES_MAX", 100_000)
        assert [len(batch) for _, batch in loading._batches(iter(big))] == [1, 1, 1]
