"""What metrics' API sheds so that others are answered is counted apart from what it cannot do."""

import asyncio

import pytest

from contracts.reference import Calendar, Reference
from services.metrics.api import snapshots, stream
from services.metrics.api.problems import ShedError
from services.metrics.api.serving import compose
from services.metrics.api.snapshots import Snapshots, Sum
from services.metrics.api.units import Units
from services.metrics.settings import Settings
from tests.unit.in_process import get

# Nobody listens there, so that each read fails at once.
NOWHERE = "127.0.0.1:1"
UNITS = Units(
    Reference(units=[], departments=[], procedures=[], calendar=Calendar(profiles={}, days_off={}, make_up_days={}))
)
SHED = 'motcua_metrics_api_shed_total{code="%s"} %s'


def test_who_is_turned_away_is_counted_apart_and_who_cannot_be_answered_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are 503; the counter begins at 0 for each code, so that its first rise is seen."""
    monkeypatch.setattr(stream, "CLIENTS_MAX", 0)

    async def asked() -> None:
        app = compose(Settings(kafka=NOWHERE, redis=f"redis://{NOWHERE}/0"), UNITS)
        _, told = await get(app, "/metrics")
        assert SHED % ("busy", "0.0") in told
        assert SHED % ("too_many_clients", "0.0") in told
        status, told = await get(app, "/v1/stream", "role=receiver")
        assert (status, '"too_many_clients"' in told) == (503, True)
        status, told = await get(app, "/metrics/dossiers", "role=receiver")
        assert status != 200
        _, told = await get(app, "/metrics")
        assert SHED % ("too_many_clients", "1.0") in told
        assert SHED % ("busy", "0.0") in told

    asyncio.run(asked())


def test_a_long_read_that_finds_others_reading_is_shed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before Redis is asked at all: the second of two that nobody answers yet."""
    monkeypatch.setattr(snapshots, "LONG_WAIT_SECONDS", 0.01)
    long = Sum(tuple(f"day:{number}" for number in range(snapshots.LONG_HASHES + 1)), "receiver|")

    async def follow(_digest: str | None) -> None:
        pass

    async def asked() -> None:
        # A door behind which nobody answers.
        server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        reads = Snapshots(f"redis://127.0.0.1:{port}/0", 1, 5.0, lambda _kind: None, follow)
        first = asyncio.create_task(reads.read(long))
        await asyncio.sleep(0)
        with pytest.raises(ShedError) as refused:
            await reads.read(long)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await reads.close()
        server.close()
        assert (refused.value.status, refused.value.code) == (503, "busy")

    asyncio.run(asked())
