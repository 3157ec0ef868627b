"""The one codec of reported events: structured CloudEvents JSON at the door, binary mode in Kafka, `Event` in between."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, NoReturn

import msgspec
from msgspec import Raw, Struct

from contracts import instants
from contracts.data import BIRTHS, FACTS, Data, Rescheduled, SupplementRequested

TYPE_PREFIX = "vn.motcua.dossier."
TYPE_SUFFIX = ".v1"
TYPES: dict[str, str] = {f"{TYPE_PREFIX}{fact}{TYPE_SUFFIX}": fact for fact in FACTS}

ARCHIVE_OPENED = "vn.motcua.archive.opened.v1"
RULES_ACTIVATED = "vn.motcua.rules.activated.v1"
CLOCK_TICKED = "vn.motcua.clock.ticked.v1"
CONTROL_TYPES = frozenset({ARCHIVE_OPENED, RULES_ACTIVATED, CLOCK_TICKED})

# What a door may answer about one event; docs/EVENTS.md says what each means.
ItemCode = Literal[
    "invalid_envelope", "unknown_type", "control_type", "invalid_data", "unknown_attribute", "time_out_of_range",
    "receiver_not_source", "unknown_unit", "unit_not_allowed", "too_large", "unavailable",
]  # fmt: skip

REQUIRED = ("specversion", "id", "source", "type", "subject", "time", "data")
EXTENSIONS = ("sequence", "incarnation", "recordedtime", "traceparent", "tracestate")
ATTRIBUTES = frozenset((*REQUIRED, "datacontenttype", *EXTENSIONS))

# Headers recur from event to event; what was found of one text is remembered for so many of them.
SOURCES_REMEMBERED_MAX = 20_000

_SOURCE = re.compile(r"/units/([A-Za-z0-9._-]{1,32})(?:/[A-Za-z0-9._-]{1,64})?")
_SUBJECT = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ID = re.compile(r"[^\x00-\x1f\x7f]{1,64}")
_SEQUENCE = re.compile(r"[0-9]{1,19}", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TRACE = re.compile(r"[\x20-\x7e]{1,512}")
_QUOTES = re.compile(r"Invalid |Object contains unknown field ")
# Anchored at the end: what was sent may hold a path of its own.
_PATH = re.compile(r" - at `(\$[a-z_.\[\].]*)`\Z")
_NESTED = frozenset({"$.time_limit"})
_OPTIONAL_FORMS = (("sequence", _SEQUENCE), ("incarnation", _UUID), ("traceparent", _TRACE), ("tracestate", _TRACE))
_REQUIRED_TEXTS = frozenset(REQUIRED) - {"data"}
_ATTRIBUTE_OF = {f"ce_{name}": name for name in ATTRIBUTES}
_CODE_IN_DATA = ("receiver", "competent")
_DAY_LENGTH = len("2025-07-01")
_DUE_LATEST = instants.parse("2049-12-31T00:00:00+07:00")

_DATA_DECODERS: dict[str, msgspec.json.Decoder[Data]] = {
    fact: msgspec.json.Decoder(model, strict=True) for fact, model in FACTS.items()
}
_TEXT = msgspec.json.Decoder(str)
# Bytes that are no UTF-8 and brackets nested too deep are the sender's fault too, though msgspec raises them as others do.
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class RefusedError(Exception):
    """This event is at fault: sending it again unchanged cannot help. `detail` names members, never their values."""

    def __init__(self, code: ItemCode, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code: ItemCode = code
        self.detail = detail


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """One fact that a centre reported. `time` and `recordedtime` are microseconds since 1970; `raw_data` the bytes sent."""

    id: str
    source: str
    fact: str
    subject: str
    time: int
    time_text: str
    data: Data
    raw_data: bytes
    sequence: int | None = None
    incarnation: str | None = None
    recordedtime: int | None = None
    recordedtime_text: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None

    @property
    def code(self) -> str:
        """The unit or department code in `source`."""
        return code_of(self.source)


class Opened(Struct, frozen=True, forbid_unknown_fields=True):
    """Record 0 of a partition: which clock drives this archive, in which cluster it lies."""

    clock: Literal["wall", "log"]
    cluster: str


class Activated(Struct, frozen=True, forbid_unknown_fields=True):
    """From here on the reference data with this digest rules."""

    digest: str


class Ticked(Struct, frozen=True, forbid_unknown_fields=True):
    """Time passes: `at` in microseconds since 1970."""

    at: int


Control = Opened | Activated | Ticked
Headers = Sequence[tuple[str, bytes | None]]


@lru_cache(maxsize=SOURCES_REMEMBERED_MAX)
def is_source(text: str) -> bool:
    """Whether a text is a well-formed `source`."""
    return _SOURCE.fullmatch(text) is not None


@lru_cache(maxsize=SOURCES_REMEMBERED_MAX)
def code_of(source: str) -> str:
    """Unit code of a well-formed `source` (`/units/{code}` or `/units/{code}/{point}`)."""
    return source.split("/", 3)[2]


def read_structured(raw: bytes | Raw, now: int, replaced: frozenset[str] = frozenset()) -> Event:
    """One structured-mode CloudEvent, checked in full against the contract; `now` bounds `time` from above.

    Attributes that the reader writes anew are `replaced`: whatever was sent for them is passed over.
    """
    try:
        members: dict[str, Raw] = msgspec.json.decode(raw, type=dict[str, Raw])
    except _UNREADABLE:
        _refuse("invalid_envelope", "the event is not a JSON object")
    texts: dict[str, str] = {}
    for name, value in members.items():
        if name == "data":
            continue
        if name not in ATTRIBUTES:
            _refuse("unknown_attribute", "an attribute that the contract does not name")
        if name in replaced:
            continue
        if bytes(value) == b"null" and name not in REQUIRED:
            continue
        try:
            texts[name] = _TEXT.decode(value)
        except _UNREADABLE:
            _refuse("invalid_envelope", f"`{name}` is not a string")
    if texts.get("type") in CONTROL_TYPES:
        # Said before anything is missed: in its own form a control record has neither `subject` nor `time`.
        _refuse("control_type", "control records are not taken at this door")
    if "data" not in members:
        _refuse("invalid_envelope", "`data` is missing")
    return _read(texts, bytes(members["data"]), now)


def to_record(event: Event) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """Key, value and headers of an event in binary mode (CloudEvents Kafka binding)."""
    headers = [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", event.id.encode()),
        ("ce_source", event.source.encode()),
        ("ce_type", f"{TYPE_PREFIX}{event.fact}{TYPE_SUFFIX}".encode()),
        ("ce_subject", event.subject.encode()),
        ("ce_time", event.time_text.encode()),
    ]
    if event.sequence is not None:
        headers.append(("ce_sequence", b"%d" % event.sequence))
    for name in ("incarnation", "traceparent", "tracestate"):
        if (value := getattr(event, name)) is not None:
            headers.append((f"ce_{name}", value.encode()))
    if event.recordedtime_text is not None:
        headers.append(("ce_recordedtime", event.recordedtime_text.encode()))
    return event.subject.encode(), event.raw_data, headers


def from_record(value: bytes | None, headers: Headers | None) -> Event | Control:
    """The event or control record of a stored Kafka record; RefusedError when it breaks the contract.

    That `time` is at most 24 hours ahead was intake's to check: of a stored record it has a form and lies in the years that
    a date can tell.
    """
    texts: dict[str, str] = {}
    try:
        for name, text in headers or ():
            if text is None:
                continue
            if (attribute := _ATTRIBUTE_OF.get(name)) is not None:
                texts[attribute] = text.decode()
            elif name.startswith("ce_"):
                texts[name[3:]] = text.decode()
    except UnicodeDecodeError:
        _refuse("invalid_envelope", "a header is not UTF-8")
    if value is None:
        _refuse("invalid_envelope", "the record has no value")
    if texts.get("type") in CONTROL_TYPES:
        return _read_control(texts["type"], value)
    return _read(texts, value, None)


def control_record(control: Control, record_id: str, source: str) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Value and headers of a control record; it has no key, its partition is named by the writer."""
    body: dict[str, Any]
    match control:
        case Opened():
            kind, body = ARCHIVE_OPENED, {"clock": control.clock, "cluster": control.cluster}
        case Activated():
            kind, body = RULES_ACTIVATED, {"digest": control.digest}
        case Ticked():
            kind, body = CLOCK_TICKED, {"at": instants.show(control.at)}
    headers = {"specversion": "1.0", "id": record_id, "source": source, "type": kind}
    return msgspec.json.encode(body), [
        ("content-type", b"application/json"),
        *((f"ce_{name}", text.encode()) for name, text in headers.items()),
    ]


def _read_control(kind: str, value: bytes) -> Control:
    try:
        if kind == ARCHIVE_OPENED:
            return _OPENED.decode(value)
        if kind == RULES_ACTIVATED:
            return _ACTIVATED.decode(value)
        return Ticked(instants.parse(_TICKED.decode(value).at))
    except (ValueError, RecursionError):
        _refuse("invalid_data", f"the data of a control record {kind} is not as its schema says")


def _read(texts: Mapping[str, str], raw_data: bytes, now: int | None) -> Event:
    if not texts.keys() >= _REQUIRED_TEXTS:
        missing = next(name for name in REQUIRED if name in _REQUIRED_TEXTS and name not in texts)
        _refuse("invalid_envelope", f"`{missing}` is missing")
    if texts["specversion"] != "1.0":
        _refuse("invalid_envelope", "`specversion` is not 1.0")
    if texts.get("datacontenttype", "application/json") != "application/json":
        _refuse("invalid_envelope", "`datacontenttype` is not application/json")
    kind = texts["type"]
    if (fact := TYPES.get(kind)) is None:
        _refuse("unknown_type", "`type` is none of this contract's")
    source = texts["source"]
    if _ID.fullmatch(texts["id"]) is None:
        _refuse("invalid_envelope", "`id` is not of its form")
    if not is_source(source):
        _refuse("invalid_envelope", "`source` is not of its form")
    if _SUBJECT.fullmatch(texts["subject"]) is None:
        _refuse("invalid_envelope", "`subject` is not of its form")
    for name, pattern in _OPTIONAL_FORMS:
        if (text := texts.get(name)) is not None and pattern.fullmatch(text) is None:
            _refuse("invalid_envelope", f"`{name}` is not of its form")
    recordedtime_text = texts.get("recordedtime")
    sequence = texts.get("sequence")
    return Event(
        id=texts["id"],
        source=source,
        fact=fact,
        subject=texts["subject"],
        time=_instant("time", texts["time"], now),
        time_text=texts["time"],
        data=_read_data(fact, raw_data, code_of(source)),
        raw_data=raw_data,
        sequence=None if sequence is None else int(sequence),
        incarnation=texts.get("incarnation"),
        recordedtime=None if recordedtime_text is None else _parsed("recordedtime", recordedtime_text),
        recordedtime_text=recordedtime_text,
        traceparent=texts.get("traceparent"),
        tracestate=texts.get("tracestate"),
    )


def _instant(name: str, text: str, now: int | None) -> int:
    instant = _parsed(name, text)
    if not instants.EARLIEST <= instant < instants.LATEST or (now is not None and instant > now + instants.AHEAD):
        _refuse("time_out_of_range", f"`{name}` is before the year 2000 or more than 24 hours ahead")
    return instant


def _parsed(name: str, text: str) -> int:
    # Without bounds this is what an outbox says of itself: a clock there that is wrong must not cost the event.
    try:
        return instants.parse(text)
    except instants.NotRepresentableError:
        _refuse("time_out_of_range", f"`{name}` has a leap second, more than six fraction digits, or the year 0")
    except instants.NotAnInstantError:
        _refuse("invalid_envelope", f"`{name}` is not an RFC 3339 date-time with an offset")


def _read_data(fact: str, raw: bytes, source_code: str) -> Data:
    try:
        data = _DATA_DECODERS[fact].decode(raw)
    except msgspec.ValidationError as error:
        _refuse("invalid_data", without_values(str(error)))
    except _UNREADABLE:
        _refuse("invalid_data", "`data` is not JSON")
    if isinstance(data, BIRTHS):
        limit = data.time_limit
        if limit is not None and limit.amount == 0 and limit.unit != "working_days":
            _refuse("invalid_data", "a limit of 0 is known for working_days alone - at `$.time_limit.amount`")
        if data.receiver is not None and data.receiver != source_code:
            _refuse("receiver_not_source", "`receiver` is not the code in `source`")
    elif isinstance(data, Rescheduled):
        try:
            due = instants.parse(data.due)
        except ValueError:
            _refuse("invalid_data", "not an RFC 3339 date-time with an offset - at `$.due`")
        if not instants.EARLIEST <= due <= _DUE_LATEST:
            _refuse("invalid_data", "outside the years 2000 to 2049 - at `$.due`")
    elif isinstance(data, SupplementRequested) and data.respond_by is not None and not _is_day_or_instant(data.respond_by):
        _refuse("invalid_data", "neither a date nor an RFC 3339 date-time with an offset - at `$.respond_by`")
    return data


def _is_day_or_instant(text: str) -> bool:
    """Whether the calendar and the clock know it; its form was checked before."""
    try:
        instants.day_from_text(text) if len(text) == _DAY_LENGTH else instants.parse(text)
    except ValueError:
        return False
    return True


def codes_named(event: Event) -> tuple[str, ...]:
    """Every unit or department code that an event names: in `source`, `receiver`, `competent`."""
    named = [event.code]
    for name in _CODE_IN_DATA:
        if (code := getattr(event.data, name, None)) is not None:
            named.append(code)
    return tuple(named)


def without_values(sentence: str) -> str:
    """msgspec's sentence about a misfit, without what was sent: it quotes enum values and the names of unknown members."""
    if _QUOTES.match(sentence) is None:
        return sentence
    path = _PATH.search(sentence)
    if sentence.startswith("Invalid"):
        return "not one of the values allowed" if path is None else f"not one of the values allowed - at `{path[1]}`"
    # msgspec names no path at the root, so what looks like one may be the end of the sender's own member name.
    place = f" - at `{path[1]}`" if path is not None and path[1] in _NESTED else ""
    return f"a member that the schema does not name{place}"


def _refuse(code: ItemCode, detail: str) -> NoReturn:
    raise RefusedError(code, detail)


class _TickedText(Struct, forbid_unknown_fields=True):
    at: str


_OPENED = msgspec.json.Decoder(Opened)
_ACTIVATED = msgspec.json.Decoder(Activated)
_TICKED = msgspec.json.Decoder(_TickedText)
