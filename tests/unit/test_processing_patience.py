"""What processing says of a Redis that goes away in the middle of a call, and of a Kafka that never answers one."""

import socket
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from services.processing.domain.line import Position
from services.processing.domain.takeover import Tail
from services.processing.errors import UnavailableError
from services.processing.instruments import Instruments
from services.processing.log import sending
from services.processing.log.reading import Reader
from services.processing.log.sending import Sender
from services.processing.settings import Settings
from services.processing.store import store as stores
from services.processing.store.store import Store, connect
from services.processing.worker.lane import Bounds, Lane
from services.processing.worker.ownership import Ownership
from services.processing.worker.state import State
from services.processing.worker.turns import Turns
from tests.unit.processing_lanes import Kept, Shelf

pytestmark = pytest.mark.slow

DELIVERY_SECONDS = 1.0


@pytest.mark.parametrize(("said_after", "said"), [(0.2, {"redis_unreachable: ConnectionError"}), (60.0, set())])
def test_who_waits_for_redis_says_so_long_before_giving_up(
    monkeypatch: pytest.MonkeyPatch, said_after: float, said: set[str]
) -> None:
    """A call is tried again for a minute, and nobody should learn that only at its end; a hiccup is no trouble."""
    monkeypatch.setattr(stores, "SAID_AFTER_SECONDS", said_after)
    # Time passes while it rests, and only then: a busy machine takes nothing from it.
    rested: list[float] = []
    monkeypatch.setattr(stores, "time", SimpleNamespace(monotonic=lambda: sum(rested), sleep=rested.append))
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url, told = f"redis://127.0.0.1:{nobody.getsockname()[1]}/0", list[str]()
        store = Store(connect(url, 1.0), "me", 0.6, lambda name: None, on_away=told.append)
        with pytest.raises(UnavailableError):
            store.load({3: ["X"]})
    assert set(told) == said


@pytest.fixture
def silent() -> Iterator[str]:
    """A broker's address at which whoever connects is heard, and told nothing."""
    with socket.socket() as broker:
        broker.bind(("127.0.0.1", 0))
        broker.listen()
        yield f"127.0.0.1:{broker.getsockname()[1]}"


def test_what_kafka_never_acknowledges_is_given_up_at_the_bound_and_no_sooner(silent: str) -> None:
    """Until then the group is served; whoever calls stores nothing of what was sent."""
    sender, served, began = Sender(silent, 1, DELIVERY_SECONDS, lambda name: None), list[float](), time.monotonic()
    sender.tick(0, 1, "id")
    with pytest.raises(UnavailableError, match="Kafka acknowledged nothing for 1 s: leaving uncommitted"):
        sender.wait(lambda: served.append(time.monotonic() - began))
    assert time.monotonic() - began >= DELIVERY_SECONDS
    assert served
    assert (sender.outstanding, sender.waiting_seconds > DELIVERY_SECONDS) == (1, True)


def test_a_slice_that_sends_nothing_has_not_heard_from_kafka(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long tick is worked off slice by slice while Kafka is away: that stays told, and its patience goes on."""
    settings = Settings(kafka=silent, processing_watch_seconds=3600.0, processing_lag_commit_seconds=3600.0)
    state, sender = State(Instruments()), Sender(silent, 1, DELIVERY_SECONDS, lambda name: None)
    store = Store(connect("redis://127.0.0.1:1/0", 1.0), "me", 0.1, lambda name: None, on_away=lambda why: None)
    reader = Reader(silent, 0.1)
    ownership = Ownership(store, reader, 1, lambda *_: pytest.fail("nothing is owned"), lambda: None, state, 1)
    turns = Turns(settings, store, reader, sender, ownership, None, state, lambda: False)
    lane = Lane(3, Position(), Tail(), Shelf({}), Kept(), Bounds(1, 1), 1)
    # What a slice leaves to be stored, and to nobody to be sent.
    monkeypatch.setattr(turns, "_fold", lambda: {3: lane})
    monkeypatch.setattr(turns, "_commit", lambda moved: None)
    state.waits_for(None)
    turns._watch._note("Kafka", False)
    turns._turn()
    assert "kafka_unreachable" in state.reasons()
    reader.close()


def test_a_record_for_which_there_is_no_room_is_waited_with_until_the_bound(
    monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    monkeypatch.setattr(sending, "QUEUE_RECORDS_MAX", 1)
    sender = Sender(silent, 1, DELIVERY_SECONDS, lambda name: None)
    sender.tick(0, 1, "first")
    began = time.monotonic()
    with pytest.raises(UnavailableError, match="Kafka takes no records: leaving uncommitted"):
        sender.tick(0, 2, "second")
    assert time.monotonic() - began >= DELIVERY_SECONDS
    assert sender.outstanding == 1
