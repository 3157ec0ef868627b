"""Heartbeats: how each source stands, told to intake at a steady rhythm, whether or not there is anything to deliver."""

import asyncio
import logging
import random
import re
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from contracts import instants
from contracts.face import logs
from contracts.heartbeats import INCARNATIONS_MAX, Heartbeat, Refused, how_many
from services.edge.domain.clocks import Clocks
from services.edge.instruments import Instruments
from services.edge.link.intake import JSON, Answer, Intake, UnansweredError
from services.edge.link.line import LinkBook
from services.edge.settings import Settings
from services.edge.store.errors import StoreError
from services.edge.store.views import LineStand, Stand
from services.edge.store.writer import Writer

# Thousands of centres must not beat together.
SPREAD = 0.2
QUARANTINED_MAX = 1000
STORED, UNAUTHORISED = 202, 401
_CODE: Final = re.compile(r"[a-z_]{1,32}")
_log = logging.getLogger(__name__)


class Heartbeats:
    """Runs until cancelled."""

    def __init__(self, settings: Settings, writer: Writer, intake: Intake, link: LinkBook, instruments: Instruments) -> None:
        self._settings = settings
        self._writer = writer
        self._intake = intake
        self._link = link
        self._instruments = instruments
        instruments.heartbeats_refused.set_function(lambda: len(link.unheard))

    async def run(self) -> None:
        """Beats, rests, beats again."""
        while True:
            await self._beat()
            spread = 1 + SPREAD * (random.random() - 0.5)
            await asyncio.sleep(self._settings.edge_heartbeat_seconds * spread)

    async def _beat(self) -> None:
        try:
            # The instant first, and in the outbox's own thread: what is entered later is not in the stand, also where it
            # shares its commit.
            here, stand = await self._writer.do(lambda outbox: (self._clocks(), outbox.stand()))
            trouble: str | None = None
            for beat in self._beats(here, stand):
                answer = await self._intake.post("/v1/heartbeats", JSON, msgspec.json.encode(beat))
                self._instruments.heartbeats.labels(str(answer.status)).inc()
                if (found := _trouble(answer)) is not None:
                    trouble = found
                    if answer.reply is None or answer.status == UNAUTHORISED:
                        break
                    # One that intake cannot store just now must not silence the sources behind it.
                    continue
                # Also an intake that will not hear of this source has answered, which says enough about the line. But the
                # city then knows nothing of it, which is a trouble of its own; and the answer tells what its clock shows.
                self._link.heard(answer.clock_offset_seconds)
                self._tell(beat.source, answer)
            if trouble is not None:
                self._link.missed(trouble)
        except UnansweredError as error:
            self._link.missed(error.kind)
        except StoreError:
            return

    def _tell(self, source: str, answer: Answer) -> None:
        unheard = self._link.unheard
        if answer.status == STORED or answer.reply is None or answer.reply.code is None:
            unheard.pop(source, None)
            return
        code = answer.reply.code if _CODE.fullmatch(answer.reply.code) else "refused"
        if unheard.get(source) != code:
            _log.warning("intake will not hear how a source stands: %s", code, extra=logs.about(source, None, code=code))
        unheard[source] = code

    def _clocks(self) -> Clocks:
        city = self._link.city_seconds
        return Clocks(time.time_ns() // 1000, None if city is None else int(city * instants.SECOND))

    def _beats(self, here: Clocks, stand: Stand) -> list[Heartbeat]:
        by_source: dict[str, list[LineStand]] = {}
        if self._settings.edge_unit is not None:
            by_source[f"/units/{self._settings.edge_unit}"] = []
        for line in stand.lines:
            by_source.setdefault(line.source, []).append(line)
        return [_beat(source, stand.incarnation, lines, here, self._link.state) for source, lines in by_source.items()]


def _trouble(answer: Answer) -> str | None:
    """Why this says nothing good of the line; None when it is intake's answer to a heartbeat."""
    if answer.status == UNAUTHORISED:
        return "key_refused"
    if answer.reply is None or answer.status >= 500:
        return f"answer_{answer.status}"
    return None if answer.status == STORED or answer.reply.code is not None else "not_intake"


def _beat(source: str, incarnation: str, lines: Sequence[LineStand], here: Clocks, link: str) -> Heartbeat:
    oldest = min((line.oldest_entered_at for line in lines if line.oldest_entered_at is not None), default=None)
    until = here.told(here.now if oldest is None else oldest)
    named, refused = _refused(lines, incarnation)
    return msgspec.convert(
        {
            "source": source,
            "incarnation": incarnation,
            "at": instants.show(here.at),
            "spool_depth": sum(line.unsent for line in lines),
            "oldest_unsent_age_seconds": 0.0 if oldest is None else max(0.0, (here.now - oldest) / instants.SECOND),
            "delivered_until": None if until is None else instants.show(until),
            "quarantined_sequences": named,
            "clock_offset_seconds": round(here.offset / instants.SECOND, 3),
            "link": link,
            "refused": refused,
        },
        Heartbeat,
    )


def _refused(lines: Sequence[LineStand], incarnation: str) -> tuple[list[int], list[Refused]]:
    """What intake refused: of this incarnation one by one, where they are few; all else by incarnation, the newest first."""
    named: list[int] = []
    refused: list[Refused] = []
    for line in sorted(lines, key=lambda line: line.incarnation, reverse=True):
        aside = line.quarantined
        if line.incarnation == incarnation and how_many(aside) <= QUARANTINED_MAX:
            named, aside = [number for first, last in aside for number in range(first, last + 1)], ()
        if aside or line.discarded:
            refused.append(Refused(incarnation=line.incarnation, quarantined=list(aside), discarded=list(line.discarded)))
    return named, refused[:INCARNATIONS_MAX]
