"""The last events that somebody has thrown away in the quarantine, in the outbox's own file: whole, with who did it."""

import sqlite3
from base64 import b64encode
from typing import Any, Final

import msgspec

from contracts import carried, instants
from services.edge.store.views import Quarantined

BYTES_MAX: Final = 64 * 1024 * 1024
# Beside the tables of version 1: a store that was made before gets it when it is opened.
TABLE: Final = """CREATE TABLE IF NOT EXISTS discarded_event
                  (number INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL)"""
TOTAL: Final = "SELECT total(length(body)) FROM discarded_event"
KEEP: Final = "INSERT INTO discarded_event (body) VALUES (?)"
OLDEST: Final = "SELECT number, length(body) FROM discarded_event ORDER BY number LIMIT 1"
DROP: Final = "DELETE FROM discarded_event WHERE number = ?"
LAST: Final = "SELECT coalesce(max(number), 0) FROM discarded_event"
EXPORTED: Final = "SELECT number, body FROM discarded_event WHERE number > ? AND number <= ? ORDER BY number LIMIT ?"


class Discarded:
    """Used within the outbox's transactions; holds at most `bytes_max`, the oldest go first."""

    def __init__(self, db: sqlite3.Connection, bytes_max: int = BYTES_MAX) -> None:
        self._db = db
        self._bytes_max = bytes_max
        db.execute(TABLE)
        self._bytes = int(db.execute(TOTAL).fetchone()[0])

    def keep(self, row: Quarantined, by: str, at: int) -> None:
        """Adds one, with who threw it away and when, and drops the oldest beyond the bound."""
        # One line each: the counter's software may have broken its event into several.
        body = carried.one_line(msgspec.json.encode({"discarded_at": instants.show(at), "discarded_by": by, **shown(row)}))
        self._db.execute(KEEP, (body,))
        self._bytes += len(body)
        while self._bytes > self._bytes_max and (oldest := self._db.execute(OLDEST).fetchone()) is not None:
            self._db.execute(DROP, (oldest[0],))
            self._bytes -= oldest[1]


def shown(row: Quarantined) -> dict[str, Any]:
    """A refused event for whoever may see it."""
    return {
        "source": row.source,
        "incarnation": row.incarnation,
        "sequence": row.sequence,
        "entered_at": instants.show(row.entered_at),
        "refused_at": instants.show(row.refused_at),
        "code": row.code,
        "detail": row.detail,
        **_event(row.body),
    }


def _event(body: bytes) -> dict[str, Any]:
    """As it is; what a disk has spoilt is no JSON, and told all the same."""
    try:
        msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return {"event_base64": b64encode(body).decode()}
    return {"event": msgspec.Raw(body)}
