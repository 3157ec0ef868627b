"""One dead letter for an operator: its row, what would heal it, and the bytes and headers that were reported."""

from base64 import b64encode
from typing import Any

from services.processing.api import letters
from services.processing.api.letters import Row, Stand
from services.processing.domain import remedies


def show(row: Row, stand: Stand, since: str | None) -> dict[str, Any]:
    """The answer without its figures; `since` is how the same event stands that has come again (`letters.since`)."""
    letter = row.letter
    return {
        **letters.show(row, stand),
        "heals": remedies.heals(letter.code, stand.standing, row.reported.fact) if since is None else _healed(since),
        "headers": [_header(name, value) for name, value in letter.headers],
        "key": _in_base64(letter.key),
        "value": _in_base64(letter.value),
        "value_text": _text(letter.value),
    }


def _healed(since: str) -> str:
    return remedies.RETIRED if since == "retired" else remedies.HEALED.format(since)


def _header(name: str, raw: bytes | None) -> dict[str, str | None]:
    text = _text(raw)
    return {"name": name, "value": text, "bytes": None if text is not None else _in_base64(raw)}


def _in_base64(raw: bytes | None) -> str | None:
    return None if raw is None else b64encode(raw).decode()


def _text(raw: bytes | None) -> str | None:
    try:
        return None if raw is None else raw.decode()
    except UnicodeDecodeError:
        return None
