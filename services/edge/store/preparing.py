"""How a connection to the outbox's file is set up, and whether that file is whole and ours."""

import sqlite3
from pathlib import Path

from services.edge.store import schema
from services.edge.store.errors import DamagedError, FailingError


def prepare(db: sqlite3.Connection, file: Path) -> bool:
    """True when there is nothing in it yet; StoreError when it cannot be an outbox of this version."""
    if db.execute(schema.JOURNAL).fetchone() != ("wal",):
        raise FailingError(f"{file} cannot have a write-ahead log: choose a local disk")
    for setting in schema.SETTINGS:
        db.execute(setting)
    [(found,)] = db.execute("PRAGMA quick_check(1)").fetchall()
    if found != "ok":
        raise DamagedError(f"{file} is damaged: keep it, put back a copy or move it away")
    [application], [version] = (db.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version"))
    [tables] = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables and (application, version) != (schema.APPLICATION_ID, schema.VERSION):
        raise DamagedError(f"{file} is no outbox of this version: move it away")
    return not tables
