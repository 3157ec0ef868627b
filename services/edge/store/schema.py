"""The tables of the outbox, and the SQL that works on them."""

VERSION = 1
APPLICATION_ID = 0x4D634564

# `event` is what waits for delivery, in the order of `position`; `line` counts for one source of one incarnation.
TABLES = f"""
CREATE TABLE store (one INTEGER PRIMARY KEY CHECK (one = 1), incarnation TEXT NOT NULL, position INTEGER NOT NULL,
                    events INTEGER NOT NULL, bytes INTEGER NOT NULL);
CREATE TABLE line (number INTEGER PRIMARY KEY, incarnation TEXT NOT NULL, source TEXT NOT NULL,
                   last_sequence INTEGER NOT NULL, unsent INTEGER NOT NULL, UNIQUE (incarnation, source));
CREATE TABLE event (position INTEGER PRIMARY KEY, line INTEGER NOT NULL, sequence INTEGER NOT NULL,
                    entered_at INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX event_of_line ON event (line, sequence);
CREATE TABLE quarantine (position INTEGER PRIMARY KEY, line INTEGER NOT NULL, sequence INTEGER NOT NULL,
                         entered_at INTEGER NOT NULL, body BLOB NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL,
                         refused_at INTEGER NOT NULL);
CREATE INDEX quarantine_of_line ON quarantine (line, sequence);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
"""

# FULL: a commit returns only when its bytes are on the disk. The write-ahead log keeps its length, so that
# deliveries can be written down on a disk that has no room left; what it grew beyond that, because somebody read for a
# long time, it gives back: it is at most what the reserve can take in twice.
JOURNAL = "PRAGMA journal_mode = WAL"
SETTINGS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -4096",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA journal_size_limit = 16777216",
)

# Rows in one statement: each step of SQLite lets go of the interpreter's lock, and a busy one gives it back late.
INSERT_CHUNKS = (100, 10, 1)
ROW_COLUMNS = 5


def insert_events(rows: int) -> str:
    """Inserts so many events by one statement."""
    values = ",".join(["(?,?,?,?,?)"] * rows)
    return f"INSERT INTO event (position, line, sequence, entered_at, body) VALUES {values}"


STORE = "SELECT incarnation, position, events, bytes FROM store"
NEW_STORE = "INSERT INTO store VALUES (1, ?, 0, 0, 0)"
NEW_INCARNATION = "UPDATE store SET incarnation = ?"
KEEP_STORE = "UPDATE store SET position = ?, events = ?, bytes = ?"
FORGET_LINES = """DELETE FROM line WHERE incarnation <> ? AND unsent = 0
                  AND number NOT IN (SELECT line FROM quarantine)
                  AND (incarnation, source) NOT IN (SELECT incarnation, source FROM discarded_number)"""
# Of which a former release has forgotten the lines.
RECALL_LINES = """INSERT OR IGNORE INTO line (incarnation, source, last_sequence, unsent)
                  SELECT incarnation, source, max(sequence), 0 FROM discarded_number GROUP BY incarnation, source"""
LINES = "SELECT number, incarnation, source, last_sequence, unsent FROM line ORDER BY number"
NEW_LINE = "INSERT INTO line (incarnation, source, last_sequence, unsent) VALUES (?, ?, 0, 0)"
KEEP_LINE = "UPDATE line SET last_sequence = ?, unsent = ? WHERE number = ?"
# Not the lowest position: what was released from the quarantine stands behind those that were entered after it.
OLDEST = """SELECT min((SELECT entered_at FROM event WHERE line = line.number ORDER BY sequence LIMIT 1)) FROM line"""
# Since when intake has not spoken of the first: what was released has waited since then, however old it is.
FIRST_WAITS_SINCE = """SELECT coalesce(released_at, entered_at) FROM event LEFT JOIN released USING (position)
                       ORDER BY position LIMIT 1"""
FIRST_OF_LINE = "SELECT sequence, entered_at FROM event WHERE line = ? ORDER BY sequence LIMIT 1"
FREE_BYTES = "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size"
WAITING = "SELECT position, body FROM event WHERE position > ? ORDER BY position LIMIT ?"
HAS_TABLE = "SELECT 1 FROM sqlite_schema WHERE name = ?"
EXPORTED = "SELECT position, body FROM event WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
_CHOSEN = "position IN (SELECT value FROM json_each(?))"
WEIGH = f"SELECT line, count(*), sum(length(body)) FROM event WHERE {_CHOSEN} GROUP BY line"
DELETE = f"DELETE FROM event WHERE {_CHOSEN}"
SET_ASIDE = """INSERT INTO quarantine (position, line, sequence, entered_at, body, code, detail, refused_at)
               SELECT position, line, sequence, entered_at, body, ?, ?, ? FROM event WHERE position = ?"""
SET_ASIDE_DELETE = "DELETE FROM event WHERE position = ?"
LINE_OF = "SELECT line FROM event WHERE position = ?"
QUARANTINE_BY_CODE = "SELECT code, count(*) FROM quarantine GROUP BY code ORDER BY code"
QUARANTINE_OF_LINE = "SELECT sequence FROM quarantine WHERE line = ? ORDER BY sequence"
DISCARDED_OF_LINE = "SELECT sequence FROM discarded_number WHERE incarnation = ? AND source = ? ORDER BY sequence"
QUARANTINE_PAGE = """SELECT q.position, l.source, l.incarnation, q.sequence, q.entered_at, q.refused_at, q.code, q.detail,
                     q.body FROM quarantine q JOIN line l ON l.number = q.line WHERE q.position > ?
                     ORDER BY q.position LIMIT ?"""
QUARANTINE_CHOSEN = f"""SELECT position, source, incarnation, sequence, entered_at, refused_at, code, detail, body
                        FROM quarantine JOIN line ON number = line WHERE {_CHOSEN} ORDER BY position"""
HEALABLE = """SELECT position, line, sequence, entered_at, body FROM quarantine
              WHERE code IN (SELECT value FROM json_each(?)) AND (refused_at <= ? OR refused_at > ?)
              AND line IN (SELECT value FROM json_each(?))
              ORDER BY position LIMIT ?"""
# Beside the tables of version 1: a store that was made before gets it when it is opened.
RELEASED = "CREATE TABLE IF NOT EXISTS released (position INTEGER PRIMARY KEY, released_at INTEGER NOT NULL)"
# Beside them as well, and small enough to be kept for ever: without it, nobody could tell a number from one that was lost.
# Not by the line's number: a former release, which knows nothing of this, forgets lines and gives their numbers anew.
DISCARDED = """CREATE TABLE IF NOT EXISTS discarded_number (incarnation TEXT NOT NULL, source TEXT NOT NULL,
               sequence INTEGER NOT NULL, PRIMARY KEY (incarnation, source, sequence)) WITHOUT ROWID"""
KEEP_DISCARDED = f"""INSERT OR IGNORE INTO discarded_number SELECT incarnation, source, sequence
                     FROM quarantine JOIN line ON number = line WHERE {_CHOSEN}"""
KEEP_RELEASED = "INSERT INTO released SELECT position, ? FROM event WHERE position > ?"
FORGET_RELEASED = "DELETE FROM released WHERE position NOT IN (SELECT position FROM event)"
RELEASE = f"DELETE FROM quarantine WHERE {_CHOSEN}"
WEIGH_ASIDE = f"SELECT count(*), total(length(body)) FROM quarantine WHERE {_CHOSEN}"
