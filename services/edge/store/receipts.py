"""The last receipts, in the outbox's own file: written in the transaction that deletes what they are for."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from services.edge.domain import receipts
from services.edge.domain.receipts import Receipt

# Beside the tables of version 1: a store that was made before there were receipts gets it when it is opened.
TABLE: Final = """CREATE TABLE IF NOT EXISTS receipt
                  (number INTEGER PRIMARY KEY AUTOINCREMENT, events INTEGER NOT NULL, body BLOB NOT NULL)"""
TOTAL: Final = "SELECT total(events) FROM receipt"
KEEP: Final = "INSERT INTO receipt (events, body) VALUES (?, ?)"
OLDEST: Final = "SELECT number, events FROM receipt ORDER BY number LIMIT 1"
DROP: Final = "DELETE FROM receipt WHERE number = ?"
LAST: Final = "SELECT coalesce(max(number), 0) FROM receipt"
EXPORTED: Final = "SELECT number, body FROM receipt WHERE number > ? AND number <= ? ORDER BY number LIMIT ?"


class Receipts:
    """Used within the outbox's transactions; holds at most `events_max` events' worth, the oldest go first."""

    def __init__(self, db: sqlite3.Connection, events_max: int) -> None:
        self._db = db
        self._events_max = events_max
        db.execute(TABLE)
        self._events = int(db.execute(TOTAL).fetchone()[0])

    def keep(self, new: Sequence[Receipt]) -> None:
        """Adds receipts and drops what is too old."""
        if self._events_max == 0:
            return
        for one in new:
            self._db.execute(KEEP, (len(one.stored), receipts.encode(one)))
            self._events += len(one.stored)
        while self._events > self._events_max and (oldest := self._db.execute(OLDEST).fetchone()) is not None:
            self._db.execute(DROP, (oldest[0],))
            self._events -= oldest[1]
