"""Events carried by hand: whole or refused, whatever was done to the file on its way."""

import io
import json
import sqlite3
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from contracts import carried
from contracts.carried import CarriedError, Trust, Trusted
from services.edge import carrying
from services.edge.domain.receipts import Receipt, Stored
from services.edge.store.outbox import Outbox
from services.edge.store.reserve import Reserve
from services.edge.store.views import Places
from tests.unit.edge_world import ROOMY, accept, entry, kept, now

pytestmark = pytest.mark.slow

KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))
MADE_AT = "2025-07-01T08:00:00+07:00"


def trust(*codes: str, key: Ed25519PrivateKey = KEY) -> Trust:
    """A city that knows one key."""
    return Trust((Trusted("ward", carried.public_text(key.public_key()), frozenset(codes)),))


def event(number: int, unit: str = "19753", **more: Any) -> bytes:
    """As bytes; what else it holds does not matter here."""
    return json.dumps({"id": f"e-{number}", "source": f"/units/{unit}/p", **more}, indent=1).encode()


def written(*events: bytes, key: Ed25519PrivateKey = KEY) -> bytes:
    """A file."""
    file = io.BytesIO()
    assert carried.write(file, key, "inc", MADE_AT, events) == len(events)
    return file.getvalue()


def read(raw: bytes, whom: Trust) -> list[Any]:
    """What is taken of it."""
    file = io.BytesIO(raw)
    _, closing = carried.verify(file, whom)
    file.seek(0)
    return [json.loads(each) for each in carried.events(file, closing)]


@given(st.lists(st.text(max_size=30), max_size=20))
def test_what_was_written_is_read_in_order(texts: list[str]) -> None:
    """Also line breaks between members and within texts."""
    events = [event(number, text=text) for number, text in enumerate(texts)]
    assert read(written(*events), trust("19753")) == [json.loads(each) for each in events]


WHOLE = written(event(1), event(2), event(3))


@given(at=st.integers(0, len(WHOLE) - 1), byte=st.integers(0, 255))
def test_one_byte_that_is_another_is_refused(at: int, byte: int) -> None:
    """Wherever it lies; never is anything else taken than what was signed."""
    changed = WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :]
    try:
        taken = read(changed, trust("19753"))
    except CarriedError:
        return
    # White space and the spelling of the closing line's base64 may differ: what was signed does not.
    assert taken == read(WHOLE, trust("19753"))


@given(at=st.integers(0, len(WHOLE) - 1))
def test_a_file_that_was_cut_short_is_refused(at: int) -> None:
    """At whatever byte."""
    with pytest.raises(CarriedError):
        read(WHOLE[:at], trust("19753"))


LINES = WHOLE.splitlines(keepends=True)
HARMED = [
    ("an event taken out", b"".join([*LINES[:2], *LINES[3:]])),
    ("two events changed about", b"".join([LINES[0], LINES[2], LINES[1], *LINES[3:]])),
    ("an event twice", b"".join([*LINES[:2], *LINES[1:]])),
    ("something behind it", WHOLE + b"{}\n"),
    ("another's closing line", b"".join([*LINES[:-1], written(event(1), key=OTHER).splitlines(keepends=True)[-1]])),
    ("no file of ours", b"hello\nworld\n"),
    ("a line without end", b"x" * (carried.LINE_BYTES_MAX + 2)),
    ("nothing", b""),
]


@pytest.mark.parametrize(("_what", "raw"), HARMED, ids=[what for what, _ in HARMED])
def test_whatever_was_done_to_it_it_is_refused(_what: str, raw: bytes) -> None:
    """As a whole."""
    with pytest.raises(CarriedError):
        read(raw, trust("19753"))


def test_only_a_trusted_key_is_taken_and_only_for_its_codes() -> None:
    """Signed rightly by somebody else; rightly by the ward for a unit that is not its own; a source that is none."""
    for raw, whom in (
        (WHOLE, trust("19753", key=OTHER)),
        (WHOLE, Trust(())),
        (written(event(1), event(2, "19774")), trust("19753")),
        (written(b'{"source":"19753"}'), trust("19753")),
        (written(b"[]"), trust("19753")),
    ):
        with pytest.raises(CarriedError):
            read(raw, whom)
    assert len(read(written(event(1), event(2, "19774")), trust("19753", "19774"))) == 2


def test_of_several_keys_each_speaks_for_its_own_codes() -> None:
    """Whichever stands first."""
    both = Trust((*trust("19753").keys, *trust("19774", key=OTHER).keys))
    for key, its_own, the_other in ((KEY, "19753", "19774"), (OTHER, "19774", "19753")):
        assert len(read(written(event(1, its_own), key=key), both)) == 1
        with pytest.raises(CarriedError, match="does not speak"):
            read(written(event(1, the_other), key=key), both)


def test_a_file_of_another_form_is_refused_and_one_of_too_many_events(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as later:
        later.setattr(carried, "FORMAT", "of tomorrow")
        other = written(event(1))
    with pytest.raises(CarriedError, match="another form"):
        read(other, trust("19753"))
    monkeypatch.setattr(carried, "EVENTS_MAX", 3)
    assert len(read(WHOLE, trust("19753"))) == 3
    with pytest.raises(CarriedError, match="more than 3 events"):
        read(written(*map(event, range(4))), trust("19753"))


def test_a_signature_of_the_same_digest_for_another_purpose_is_refused() -> None:
    """The key may sign other things: what it signs here begins with the name of the form."""
    closing = json.loads(LINES[-1])
    plain = KEY.sign(bytes.fromhex(closing["sha256"]))
    forged = json.dumps({**closing, "signature": b64encode(plain).decode()}).encode() + b"\n"
    with pytest.raises(CarriedError):
        read(b"".join(LINES[:-1]) + forged, trust("19753"))


def test_a_file_that_changes_while_it_is_read_is_noticed() -> None:
    """Between the check and the loading."""
    _, closing = carried.verify(io.BytesIO(WHOLE), trust("19753"))
    with pytest.raises(CarriedError):
        list(carried.events(io.BytesIO(written(event(1), event(2), event(4))), closing))


# --- the centre's side --------------------------------------------------------------------------------------------------


def store(directory: Path, receipts_events_max: int) -> tuple[Outbox, Places]:
    """An open outbox."""
    places = Places(directory / "edge", directory / "edge.high-water")
    box = Outbox(places, ROOMY, Reserve(places.directory / "reserve", 0), now, receipts_events_max)
    box.open()
    return box, places


def test_an_export_holds_what_waits_and_leaves_it_there(tmp_path: Path) -> None:
    """Beside a running edge, and of one that is stopped; never half a file; a key is made once."""
    box, places = store(tmp_path, 0)
    accept(box, *(entry(f"e-{number}", f"D-{number}") for number in range(5)))
    key, file = tmp_path / "key", tmp_path / "stick"
    with pytest.raises(carrying.CarryingError, match="keygen"):
        carrying.export(places, key, file, now())
    public = carrying.keygen(key)
    assert key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(carrying.CarryingError, match="never overwritten"):
        carrying.keygen(key)
    whom = Trust((Trusted("ward", public, frozenset({"19753"})),))
    assert carrying.export(places, key, file, now()) == 5
    taken = read(file.read_bytes(), whom)
    assert taken == kept(box)
    box.begin()
    box.settle([1, 2], [])
    box.commit()
    box.close()
    assert carrying.export(places, key, file, now()) == 3
    assert read(file.read_bytes(), whom) == taken[2:]
    (tmp_path / "stick.part").touch()
    with pytest.raises(carrying.CarryingError, match=r"stick\.part"):
        carrying.export(places, key, file, now())
    assert read(file.read_bytes(), whom) == taken[2:]
    with pytest.raises(carrying.CarryingError, match="no outbox"):
        carrying.export(Places(tmp_path / "none", tmp_path / "none.mark"), key, file, now())


def test_an_export_onto_a_slow_stick_does_not_keep_the_running_edge_from_beginning_its_log_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That would outgrow the room held back for a full disk. What comes in meanwhile goes by the line, or the next stick."""
    box, places = store(tmp_path, 100)
    accept(box, *(entry(f"e-{number}", f"D-{number}") for number in range(carrying.READ_ROWS + 100)))
    write, log = carried.write, places.file.with_name(places.file.name + "-wal")
    began_anew = []

    def meanwhile(events: Iterable[bytes]) -> Iterator[bytes]:
        for number, each in enumerate(events):
            if number == 1:
                for turn in range(20):
                    accept(box, *(entry(f"new-{turn}-{more}", f"N-{more}") for more in range(1000)))
                box.begin()
                box.settle([carrying.READ_ROWS + 1], [])
                box.commit()
                began_anew.append(box._db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0] == 0)
            yield each

    monkeypatch.setattr(carried, "write", lambda file, key, of, at, events: write(file, key, of, at, meanwhile(events)))
    key, file = tmp_path / "key", tmp_path / "stick"
    whom = Trust((Trusted("ward", carrying.keygen(key), frozenset({"19753"})),))
    assert carrying.export(places, key, file, now()) == carrying.READ_ROWS + 99, "one was delivered before it was read"
    assert began_anew == [True]
    assert log.stat().st_size < 8 * 1024 * 1024
    found = [each["id"] for each in read(file.read_bytes(), whom)]
    assert found == [f"e-{number}" for number in range(carrying.READ_ROWS + 100) if number != carrying.READ_ROWS]
    box.close()


def test_a_log_that_grew_because_somebody_read_for_long_gives_its_room_back(tmp_path: Path) -> None:
    """Somebody else's back-up, say."""
    box, places = store(tmp_path, 0)
    log = places.file.with_name(places.file.name + "-wal")
    accept(box, entry("a"))
    with closing(sqlite3.connect(places.file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM event").fetchone()
        for turn in range(40):
            accept(box, *(entry(f"{turn}-{more}") for more in range(1000)))
        assert log.stat().st_size > 16 * 1024 * 1024
    for turn in range(3):
        accept(box, *(entry(f"late-{turn}-{more}") for more in range(1000)))
    assert log.stat().st_size <= 16 * 1024 * 1024
    box.close()


def test_the_last_receipts_are_kept_within_their_bound(tmp_path: Path) -> None:
    """Whole receipts, oldest first out; over restarts; none when none are wanted."""
    box, places = store(tmp_path, 10)
    file = tmp_path / "receipts"
    assert carrying.export_receipts(places, file) == 0
    for number in range(6):
        box.begin()
        box.settle([], [], [one(number, 3)])
        box.commit()
    box.close()
    box, _ = store(tmp_path, 10)
    box.begin()
    box.settle([], [], [one(6, 4)])
    box.commit()
    assert carrying.export_receipts(places, file) == 3
    found = [json.loads(line) for line in file.read_text().splitlines()]
    assert [receipt["stored"][0]["id"] for receipt in found] == ["r4", "r5", "r6"]
    assert found[-1]["stored"][1] == {"dossier": "D", "id": "r6", "sha256": "00", "partition": 3, "offset": 1}
    box.close()
    box, _ = store(tmp_path, 0)
    box.begin()
    box.settle([], [], [one(7, 1)])
    box.commit()
    assert carrying.export_receipts(places, file) == 3


def one(number: int, events: int) -> Receipt:
    """A receipt of so many events."""
    return Receipt(MADE_AT, tuple(Stored("D", f"r{number}", "00", 3, offset) for offset in range(events)))
