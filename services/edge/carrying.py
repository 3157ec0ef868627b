"""What the centre carries by hand: `keygen` makes its signing key, `export` writes unsent events into one signed file."""

import os
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts import carried, instants
from services.edge.store import discarded, receipts, schema
from services.edge.store.views import Places

READ_ROWS: Final = 500
BUSY_SECONDS: Final = 10.0
KEY_BYTES: Final = 32


class CarryingError(Exception):
    """It cannot be done; the text is for whoever sits at the centre."""


def keygen(file: Path) -> str:
    """Makes the key, readable to its owner alone; the public key, which the city must be told. Never overwrites one."""
    key = Ed25519PrivateKey.generate()
    try:
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise CarryingError(f"{file} is there already, and a key is never overwritten") from error
    except OSError as error:
        raise CarryingError(f"{file}: {error.strerror}") from error
    with os.fdopen(opened, "wb") as written:
        written.write(b64encode(key.private_bytes_raw()) + b"\n")
        written.flush()
        os.fsync(written.fileno())
    return carried.public_text(key.public_key())


def export(places: Places, key_file: Path, file: Path, now: int) -> int:
    """Writes what waits for delivery; how many events. The edge may run meanwhile, and keeps what it does not deliver.

    The same events also go over the line as soon as it is back: by `source`, `id` and `subject` each of them counts once.
    """
    key = _key(key_file)

    def written(store: sqlite3.Connection, opened: BinaryIO) -> int:
        incarnation, last, *_ = store.execute(schema.STORE).fetchone()
        return carried.write(opened, key, incarnation, instants.show(now), _pages(store, schema.EXPORTED, last))

    return _into(file, places, written)


def export_receipts(places: Places, file: Path) -> int:
    """Writes the receipts that are kept, oldest first, one JSON line for each answer of intake; how many."""
    return _into(file, places, lambda store, opened: _lines(store, opened, "receipt", receipts.LAST, receipts.EXPORTED))


def export_discarded(places: Places, file: Path) -> int:
    """Writes the events that were thrown away in the quarantine and are kept, oldest first, one JSON line each; how many."""
    last, page = discarded.LAST, discarded.EXPORTED
    return _into(file, places, lambda store, opened: _lines(store, opened, "discarded_event", last, page))


def _lines(store: sqlite3.Connection, opened: BinaryIO, table: str, last: str, page: str) -> int:
    """A table's bodies, each a line; a store of a former release may not have it yet."""
    count = 0
    if store.execute(schema.HAS_TABLE, (table,)).fetchone() is not None:
        for body in _pages(store, page, store.execute(last).fetchone()[0]):
            opened.write(body + b"\n")
            count += 1
    return count


def _into(file: Path, places: Places, write: Callable[[sqlite3.Connection, BinaryIO], int]) -> int:
    """A file that is there whole or not at all."""
    part = file.with_name(file.name + ".part")
    try:
        with closing(_opened(places)) as store, open(part, "xb") as opened:
            count = write(store, opened)
            opened.flush()
            os.fsync(opened.fileno())
        os.rename(part, file)
    except FileExistsError as error:
        raise CarryingError(f"{part} is there already: another export is at it, or one was cut short") from error
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            part.unlink()
        raise CarryingError(f"nothing was exported: {error}") from error
    return count


def _key(file: Path) -> Ed25519PrivateKey:
    try:
        raw = b64decode(file.read_text("ascii").strip(), validate=True)
        if len(raw) != KEY_BYTES:
            raise ValueError
        return Ed25519PrivateKey.from_private_bytes(raw)
    except OSError as error:
        raise CarryingError(f"{file}: {error.strerror}; `keygen` makes one") from error
    except ValueError as error:
        raise CarryingError(f"{file} holds no signing key; `keygen` makes one") from error


def _opened(places: Places) -> sqlite3.Connection:
    if not places.file.exists():
        raise CarryingError(f"there is no outbox at {places.file}")
    # Not read-only: without a running edge somebody must carry over what lies in the log of changes.
    store = sqlite3.connect(
        f"{places.file.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_SECONDS
    )
    found = [store.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
    if found != [schema.APPLICATION_ID, schema.VERSION]:
        store.close()
        raise CarryingError(f"{places.file} is no outbox of this version")
    return store


def _pages(store: sqlite3.Connection, page: str, last: int) -> Iterator[bytes]:
    """Bodies up to `last`, each page by itself: what is delivered meanwhile may be missing, what comes in is not in it.

    One transaction for as long as a slow stick takes would keep the edge's log of changes from beginning anew, and that
    would outgrow the reserve.
    """
    after = 0
    while rows := store.execute(page, (after, last, READ_ROWS)).fetchall():
        after = rows[-1][0]
        yield from (body for _, body in rows)
