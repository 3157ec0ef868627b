"""Heartbeats: how each source stands, told to intake at a steady rhythm, whether or not there is anything to deliver."""

import asyncio
import random
import time
from collections.abc import Sequence

import msgspec

from contracts import instants
from contracts.heartbeats import Heartbeat
from services.edge.instruments import Instruments
from services.edge.link.intake import JSON, Intake, UnansweredError
from services.edge.link.line import LinkBook
from services.edge.settings import Settings
from services.edge.store.errors import StoreError
from services.edge.store.views import LineStand, Stand
from services.edge.store.writer import Writer

# Thousands of centres must not beat together.
SPREAD = 0.2
QUARANTINED_MAX = 1000


class Heartbeats:
    """Runs until cancelled."""

    def __init__(self, settings: Settings, writer: Writer, intake: Intake, link: LinkBook, instruments: Instruments) -> None:
        self._settings = settings
        self._writer = writer
        self._intake = intake
        self._link = link
        self._instruments = instruments

    async def run(self) -> None:
        """Beats, rests, beats again."""
        while True:
            await self._beat()
            spread = 1 + SPREAD * (random.random() - 0.5)
            await asyncio.sleep(self._settings.edge_heartbeat_seconds * spread)

    async def _beat(self) -> None:
        try:
            stand = await self._writer.do(lambda outbox: outbox.stand())
            for beat in self._beats(stand):
                answer = await self._intake.post("/v1/heartbeats", JSON, msgspec.json.encode(beat))
                if answer.status == 401 or answer.status >= 500 or answer.reply is None:
                    self._link.missed("key_refused" if answer.status == 401 else f"answer_{answer.status}")
                    return
                # Also an intake that knows nothing of this source has answered: that says enough about the line.
                self._link.heard(answer.clock_offset_seconds)
                self._instruments.heartbeats.labels(str(answer.status)).inc()
        except UnansweredError as error:
            self._link.missed(error.kind)
        except StoreError:
            return

    def _beats(self, stand: Stand) -> list[Heartbeat]:
        now = time.time_ns() // 1000
        by_source: dict[str, list[LineStand]] = {}
        if self._settings.edge_unit is not None:
            by_source[f"/units/{self._settings.edge_unit}"] = []
        for line in stand.lines:
            by_source.setdefault(line.source, []).append(line)
        offset = self._link.clock_offset_seconds or 0.0
        return [
            _beat(source, stand.incarnation, lines, now, offset, self._link.state) for source, lines in by_source.items()
        ]


def _beat(source: str, incarnation: str, lines: Sequence[LineStand], now: int, offset: float, link: str) -> Heartbeat:
    oldest = min((line.oldest_entered_at for line in lines if line.oldest_entered_at is not None), default=None)
    aside = [number for line in lines if line.incarnation == incarnation for number in line.quarantined]
    return msgspec.convert(
        {
            "source": source,
            "incarnation": incarnation,
            "at": instants.show(now),
            "spool_depth": sum(line.unsent for line in lines),
            "oldest_unsent_age_seconds": 0.0 if oldest is None else max(0.0, (now - oldest) / instants.SECOND),
            "delivered_until": instants.show(now if oldest is None else oldest),
            "quarantined_sequences": aside[:QUARANTINED_MAX],
            "clock_offset_seconds": round(offset, 3),
            "link": link,
        },
        Heartbeat,
    )
