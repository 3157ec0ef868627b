"""What processing says of a Redis that goes away in the middle of a call."""

import socket
from types import SimpleNamespace

import pytest

from services.processing.errors import UnavailableError
from services.processing.store import store as stores
from services.processing.store.store import Store, connect

pytestmark = pytest.mark.slow


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
