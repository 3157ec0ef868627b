"""What may be written down of a text or a field, in a log line or on a span: nothing that could be a key or a citizen's."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

WITHHELD: Final = "[withheld]"
TEXT_CHARS_MAX: Final = 4_000

# Each with what stays of it.
_WORDS: Final = (
    # user and password of an address
    (re.compile(r"(?<=://)[^/\s@]+@"), WITHHELD + "@"),
    (re.compile(r"\b(bearer|basic)\s+[^\s\"',;]+", re.IGNORECASE), r"\1 " + WITHHELD),
    (re.compile(r"\bdev-[A-Za-z0-9._-]+"), WITHHELD),
    # the SHA-256 of a key
    (re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])"), WITHHELD),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), WITHHELD),
)
# Rather a harmless number too many than one of an identity card: what is worth knowing of an offset has a field of its own.
_NUMBERS: Final = (
    # telephone, as it is dialled here and from abroad
    re.compile(r"(?:(?<![\w+])0|\+84|(?<!\d)0084)(?:[ .-]?\d){9,10}(?!\d)"),
    # identity card (12 digits, of old 9), also in groups of three
    re.compile(r"(?<!\d)(?:\d{12}|\d{9})(?!\d)"),
    re.compile(r"(?<![\d.])\d{3}(?:[ .-]\d{3}){2,3}(?![\d.])"),
)
# What machines make holds such digits by chance: UUIDs and digests within a sentence, ULIDs as ids.
_UUID: Final = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_MADE: Final = re.compile(_UUID + "|[0-7][0-9A-HJKMNP-TV-Z]{25}")
_MADE_WITHIN: Final = re.compile(rf"(?<![0-9A-Za-z-])({_UUID}|[0-9a-f]{{32}})(?![0-9A-Za-z-])")
_ID: Final = re.compile(r"[!-~]{1,64}")
_HEX: Final = re.compile(r"[0-9a-f]{16}|[0-9a-f]{32}")
_WORD: Final = re.compile(r"[A-Za-z0-9_./{}:+-]{1,64}")
_SOURCE: Final = re.compile(r"/[A-Za-z0-9._/-]{1,120}")


def text(said: str) -> str:
    """A sentence without what looks like a key, an identity number, a telephone or an address, and not without end."""
    if len(said) > TEXT_CHARS_MAX:
        said = said[:TEXT_CHARS_MAX] + "…"
    for form, stays in _WORDS:
        said = form.sub(stays, said)
    # Every other piece is what a machine has made.
    pieces = _MADE_WITHIN.split(said)
    pieces[::2] = map(_without_numbers, pieces[::2])
    return "".join(pieces)


def fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that may be written; `withheld` counts those whose names nobody has allowed, or whose values are of no
    form that the name has."""
    told: dict[str, Any] = {}
    refused = 0
    for name, value in given.items():
        if value is None:
            continue
        form = FIELDS.get(name)
        said = None if form is None else form(value)
        if said is None:
            refused += 1
        else:
            told[name] = said
    if refused:
        told["withheld"] = refused
    return told


def _without_numbers(piece: str) -> str:
    for form in _NUMBERS:
        piece = form.sub(WITHHELD, piece)
    return piece


def _number(value: Any) -> int | float | None:
    return value if isinstance(value, int | float) else None


def _numbers(value: Any) -> list[int] | None:
    return list(value) if isinstance(value, list | tuple) and all(isinstance(each, int) for each in value) else None


def _word(value: Any) -> str | None:
    return text(value) if isinstance(value, str) and _WORD.fullmatch(value) else None


def _hex(value: Any) -> str | None:
    return value if isinstance(value, str) and _HEX.fullmatch(value) else None


def _source(value: Any) -> str | None:
    return text(value) if isinstance(value, str) and _SOURCE.fullmatch(value) else None


def _id(value: Any) -> str | None:
    """An event's id is the sender's to choose: as it is where a machine has made it, else as a word, never as a sentence."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        return None
    return value if _MADE.fullmatch(value) else text(value)


# The closed list: whoever wants to log something else adds its name here, with the form that its value has.
FIELDS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "event_id": _id,
    "event_source": _source,
    "partition": _number,
    "partitions": _numbers,
    "offset": _number,
    "sequence": _number,
    "sequences": _numbers,
    "index": _number,
    "code": _word,
    "check": _word,
    "counter": _word,
    "fact": _word,
    "key": _word,
    "outcome": _word,
    "status": _number,
    "events": _number,
    "records": _number,
    "seconds": _number,
    "left_out": _number,
    "trace_id": _hex,
    "span_id": _hex,
}
