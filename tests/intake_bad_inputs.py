"""Bad inputs and the answers they get: one table, shown in docs/BAD_INPUTS.md and tried on a door with and without Kafka.

.venv/bin/python -m tests.intake_bad_inputs > docs/BAD_INPUTS.md
"""

import gzip
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
KEY = "dev-19753"
UNIT, OTHER_UNIT, NO_UNIT = "19753", "19774", "99999"
MIB = 1024 * 1024


@dataclass(frozen=True)
class Case:
    """A request and what must come back: the status, the problem's code, and the code (or status) of each item."""

    what: str
    status: int
    code: str | None = None
    items: tuple[str, ...] | None = None
    body: bytes = b""
    kind: str | None = ONE
    key: str | None = KEY
    path: str = "/v1/events"
    headers: Mapping[str, str] = field(default_factory=dict)

    def all_headers(self) -> dict[str, str]:
        """Headers as they go over the wire."""
        key = {} if self.key is None else {"Authorization": f"Bearer {self.key}"}
        kind = {} if self.kind is None else {"Content-Type": self.kind}
        return {**key, **kind, **self.headers}


def event(**changed: Any) -> dict[str, Any]:
    """A good event with some attributes changed; None takes one away."""
    good = {
        "specversion": "1.0",
        "id": f"bad-inputs-{time.time_ns()}",
        "source": f"/units/{UNIT}",
        "type": "vn.motcua.dossier.submitted.v1",
        "subject": "H57.19753-250701-0001",
        "time": "2025-07-01T08:00:00+07:00",
        "datacontenttype": "application/json",
        "data": data(),
    }
    return {name: value for name, value in (good | changed).items() if value is not None}


def data(**changed: Any) -> dict[str, Any]:
    """Good data of `submitted` with some members changed; None takes one away."""
    good = {"procedure": "2.000815", "channel": "online", "receiver": UNIT, "competent": UNIT}
    return {name: value for name, value in (good | changed).items() if value is not None}


def of_type(fact: str, told: object) -> dict[str, Any]:
    """A good envelope of another fact."""
    return event(type=f"vn.motcua.dossier.{fact}.v1", data=told)


def ahead(hours: float) -> str:
    """An instant so many hours from now."""
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat(timespec="seconds")


def packed(told: object) -> bytes:
    """JSON."""
    return json.dumps(told).encode()


def cases() -> Iterator[tuple[str, list[Case]]]:
    """The whole table, by chapter."""
    yield "Who asks", list(_keys())
    yield "The body as a whole", list(_bodies())
    yield "The envelope of an event", list(_envelopes())
    yield "The data of an event", list(_data())
    yield "Units", list(_units())
    yield "Batches", list(_batches())
    yield "Heartbeats and the clock", list(_others())


def _keys() -> Iterator[Case]:
    good = packed(event())
    yield Case("no `Authorization`", 401, "no_valid_key", key=None, body=good)
    yield Case("a key that nobody has", 401, "no_valid_key", key="nobody", body=good)
    yield Case(
        "another scheme than Bearer", 401, "no_valid_key", key=None, body=good, headers={"Authorization": "Basic eDp5"}
    )
    yield Case("no key, and a body that cannot be read", 401, "no_valid_key", key=None, body=b"{")


def _bodies() -> Iterator[Case]:
    good = packed(event())
    yield Case("no `Content-Type`", 415, "wrong_media_type", kind=None, body=good)
    yield Case("`application/json`", 415, "wrong_media_type", kind="application/json", body=good)
    yield Case("charset other than UTF-8", 415, "wrong_media_type", kind=f"{ONE}; charset=utf-16", body=good)
    yield Case("charset UTF-8 said aloud (good)", 202, None, ("stored",), kind=f'{ONE}; charset="UTF-8"', body=good)
    yield Case("packed with brotli", 415, "wrong_encoding", body=good, headers={"Content-Encoding": "br"})
    yield Case("packed with gzip twice", 415, "wrong_encoding", body=good, headers={"Content-Encoding": "gzip, gzip"})
    zipped = {"Content-Encoding": "gzip"}
    yield Case("packed with gzip (good)", 202, None, ("stored",), body=gzip.compress(good), headers=zipped)
    yield Case("said to be gzip, is not", 400, "broken_gzip", body=good, headers=zipped)
    yield Case("gzip that ends too early", 400, "broken_gzip", body=gzip.compress(good)[:-9], headers=zipped)
    yield Case("gzip with something behind it", 400, "broken_gzip", body=gzip.compress(good) + b"x", headers=zipped)
    yield Case(
        "gzip of two members (good)",
        202,
        None,
        ("stored",),
        body=gzip.compress(good[:20]) + gzip.compress(good[20:]),
        headers=zipped,
    )
    yield Case("gzip of hundreds of empty members", 400, "broken_gzip", body=gzip.compress(b"") * 500, headers=zipped)
    yield Case("a gzip bomb: 64 KiB that unpack to 64 MiB", 413, "body_too_large",
               body=gzip.compress(b" " * 64 * MIB), headers=zipped)  # fmt: skip
    yield Case("more than 4 MiB", 413, "body_too_large", kind=BATCH, body=b"[" + b" " * 4 * MIB + b"]")
    yield Case("nothing", 400, "unreadable", body=b"")
    yield Case("not JSON", 400, "unreadable", body=b"<event/>")
    yield Case("JSON cut short", 400, "unreadable", body=good[:-1])
    yield Case("two JSON values", 400, "unreadable", body=good + good)
    yield Case("not UTF-8", 400, "unreadable", body=good.replace(b"online", b"onl\xefne"))
    yield Case("UTF-8 with a byte order mark", 400, "unreadable", body=b"\xef\xbb\xbf" + good)
    yield Case("100,000 brackets", 400, "unreadable", body=b"[" * 100_000 + b"]" * 100_000)
    yield Case("a batch sent as one event", 422, "all_refused", ("invalid_envelope",), body=packed([event()]))
    yield Case("one event sent as a batch", 400, "invalid_body", kind=BATCH, body=good)


def _envelopes() -> Iterator[Case]:
    for name in ("specversion", "id", "source", "type", "subject", "time", "data"):
        yield _refused(f"no `{name}`", "invalid_envelope", event(**{name: None}))
    for name, value, what in (
        ("specversion", "0.3", "another version"),
        ("specversion", 1.0, "a number"),
        ("id", "", "empty"),
        ("id", "x" * 65, "65 characters"),
        ("id", "a\nb", "a line break"),
        ("id", 7, "a number"),
        ("source", "19753", "not a path"),
        ("source", "/units/", "no code"),
        ("source", "/units/19753/a/b", "two points"),
        ("source", "/units/19753\n", "a line break at its end"),
        ("subject", "", "empty"),
        ("subject", "H57 19753", "a blank"),
        ("subject", "hồ-sơ-1", "letters beyond A–Z"),
        ("subject", "x" * 65, "65 characters"),
        ("time", "2025-07-01", "a date alone"),
        ("time", "2025-07-01T08:00:00", "no offset"),
        ("time", "2025-02-30T08:00:00+07:00", "a day that never was"),
        ("datacontenttype", "text/plain", "not JSON"),
        ("sequence", "-1", "negative"),
        ("sequence", 1, "a number instead of a string"),
        ("incarnation", "first", "not a UUID"),
        ("recordedtime", "yesterday", "no instant"),
    ):
        yield _refused(f"`{name}`: {what}", "invalid_envelope", event(**{name: value}))
    yield _refused("`type` of nobody", "unknown_type", event(type="vn.motcua.dossier.lost.v1"))
    yield _refused("`type` of another version", "unknown_type", event(type="vn.motcua.dossier.submitted.v2"))
    for kind in ("archive.opened", "rules.activated", "clock.ticked"):
        yield _refused(f"control type `{kind}`", "control_type", event(type=f"vn.motcua.{kind}.v1"))
        own_form = event(type=f"vn.motcua.{kind}.v1", subject=None, time=None)
        yield _refused(f"`{kind}` in its own form, without `subject` and `time`", "control_type", own_form)
    yield _refused("an attribute that is not in the contract", "unknown_attribute", event(citizen="x"))
    yield _refused("`dataschema`", "unknown_attribute", event(dataschema="https://example.org/x"))
    yield _refused("`time` in 1999", "time_out_of_range", event(time="1999-12-31T23:59:59+07:00"))
    yield _refused("`time` 25 hours ahead", "time_out_of_range", event(time=ahead(25)))
    yield _refused("`time` with a leap second", "time_out_of_range", event(time="2016-12-31T23:59:60Z"))
    yield _refused("`time` in the year 0", "time_out_of_range", event(time="0000-02-29T08:00:00Z"))
    yield _refused("`time` on a day that no year has", "invalid_envelope", event(time="0001-02-30T08:00:00Z"))
    yield _refused("`time` with seven fraction digits", "time_out_of_range", event(time="2025-07-01T08:00:00.1234567Z"))
    yield Case("`time` 23 hours ahead (good: flagged later)", 202, None, ("stored",), body=packed(event(time=ahead(23))))
    yield Case("`time` in 2001 (good: paper entered late)", 202, None, ("stored",),
               body=packed(event(time="2001-01-01T00:00:00Z")))  # fmt: skip


def _data() -> Iterator[Case]:
    yield _refused("`data` is null", "invalid_data", packed(event()).replace(packed(data()), b"null"))
    yield _refused("`data` is a list", "invalid_data", event(data=[]))
    yield _refused("a member that is not in the schema", "invalid_data", event(data=data(citizen="x")))
    yield _refused("no `procedure`", "invalid_data", event(data=data(procedure=None)))
    yield _refused("`channel` by fax", "invalid_data", event(data=data(channel="fax")))
    yield _refused("`competent` with a line break at its end", "invalid_data", event(data=data(competent="19753\n")))
    yield _refused(
        "a limit of minus one day", "invalid_data", event(data=data(time_limit={"amount": -1, "unit": "working_days"}))
    )
    yield _refused("a limit of 0 hours", "invalid_data", event(data=data(time_limit={"amount": 0, "unit": "working_hours"})))
    yield _refused("a limit in weeks", "invalid_data", event(data=data(time_limit={"amount": 1, "unit": "weeks"})))
    yield _refused("a reason that is a sentence", "invalid_data", of_type("refused", {"reason": "Thiếu giấy tờ"}))
    yield _refused("a reason that is missing", "invalid_data", of_type("halted", {}))
    yield _refused("data where there is none", "invalid_data", of_type("withdrawn", {"reason": "x"}))
    yield _refused("a payment in fractions of a đồng", "invalid_data", of_type("payment_requested", {"amount_vnd": 1.5}))
    yield _refused(
        "an appointment that is no instant", "invalid_data", of_type("rescheduled", {"due": "2025-13-01T08:00:00Z"})
    )
    yield _refused("an appointment in 2050", "invalid_data", of_type("rescheduled", {"due": "2050-01-01T08:00:00+07:00"}))
    yield _refused("a receiver that is not the sender", "receiver_not_source", event(data=data(receiver=OTHER_UNIT)))
    yield _refused("an event of more than 64 KiB", "too_large", event(tracestate="x" * 65_536))


def _units() -> Iterator[Case]:
    yield _refused("a `source` that no reference data knows", "unknown_unit",
                   event(source=f"/units/{NO_UNIT}", data=data(receiver=NO_UNIT)))  # fmt: skip
    yield _refused("a `competent` that no reference data knows", "unknown_unit", event(data=data(competent=NO_UNIT)))
    yield _refused("a hand-over to nobody", "unknown_unit", of_type("handed_over", {"competent": NO_UNIT}))
    foreign = event(source=f"/units/{OTHER_UNIT}", data=data(receiver=OTHER_UNIT))
    yield Case("a `source` of somebody else", 403, "unit_not_allowed", ("unit_not_allowed",), body=packed(foreign))
    both = event(source=f"/units/{OTHER_UNIT}", data=data(receiver=OTHER_UNIT, competent=NO_UNIT))
    yield Case("a `source` of somebody else, and a `competent` that nobody knows", 403, "unit_not_allowed",
               ("unit_not_allowed",), body=packed(both))  # fmt: skip
    yield Case("the operator's key, which speaks for no unit", 403, "unit_not_allowed", ("unit_not_allowed",),
               key="dev-operator", body=packed(event()))  # fmt: skip


def _batches() -> Iterator[Case]:
    good, bad = event(), event(type="vn.motcua.dossier.lost.v1")
    foreign = event(source=f"/units/{OTHER_UNIT}", data=data(receiver=OTHER_UNIT))
    yield _batch("empty (good)", 202, None, ())
    yield _batch("one good, one bad", 207, None, ("stored", "unknown_type"), good, bad)
    yield _batch("bad ones around a good one", 207, None, ("unknown_type", "stored", "invalid_envelope"), bad, good, 7)
    yield _batch("all bad", 422, "all_refused", ("unknown_type", "invalid_envelope"), bad, None)
    yield _batch("all of somebody else", 403, "unit_not_allowed", ("unit_not_allowed",) * 2, foreign, foreign)
    yield _batch("somebody else's and a bad one", 422, "all_refused", ("unit_not_allowed", "unknown_type"), foreign, bad)
    yield _batch("somebody else's and a good one", 207, None, ("unit_not_allowed", "stored"), foreign, good)
    yield _batch("the same event twice (good: a dossier's history is a set)", 202, None, ("stored", "stored"), good, good)
    yield Case("1,001 events", 413, "batch_too_large", kind=BATCH, body=packed([good] * 1001))
    yield Case(
        "a batch of which one event is cut short", 400, "unreadable", kind=BATCH, body=packed([good, bad])[:-2] + b"]"
    )


def _others() -> Iterator[Case]:
    beat = {"source": f"/units/{UNIT}", "incarnation": "01980000-0000-7000-8000-000000000000", "at": ahead(0),
            "spool_depth": 0, "oldest_unsent_age_seconds": 0}  # fmt: skip
    for what, status, code, told in (
        ("a heartbeat (good)", 202, None, beat),
        ("a heartbeat of somebody else", 403, "unit_not_allowed", beat | {"source": f"/units/{OTHER_UNIT}"}),
        ("a heartbeat of nobody", 422, "unknown_unit", beat | {"source": f"/units/{NO_UNIT}"}),
        ("a heartbeat from the day after tomorrow", 422, "time_out_of_range", beat | {"at": ahead(48)}),
        ("a heartbeat of a month that never was", 422, "invalid_instant", beat | {"at": "2025-13-01T00:00:00Z"}),
        ("a heartbeat with more than the schema", 422, "invalid_body", beat | {"citizen": "x"}),
        ("a heartbeat with a spool below zero", 422, "invalid_body", beat | {"spool_depth": -1}),
    ):
        yield Case(what, status, code, path="/v1/heartbeats", kind="application/json", body=packed(told))
    noon = {"at": "2025-07-01T12:00:00+07:00"}
    for what, status, code, key, body in (
        ("the clock, by the operator (good)", 202, None, "dev-operator", packed(noon)),
        ("the clock, by a centre", 403, "operator_only", KEY, packed(noon)),
        ("the clock, without a key", 401, "no_valid_key", None, packed(noon)),
        ("the clock, without an instant", 422, "invalid_body", "dev-operator", b"{}"),
        ("the clock, without an offset", 422, "invalid_instant", "dev-operator", packed({"at": "2025-07-01T12:00:00"})),
        ("the clock, in 1999", 422, "time_out_of_range", "dev-operator", packed({"at": "1999-07-01T12:00:00Z"})),
        ("the clock, not JSON", 400, "unreadable", "dev-operator", b"noon"),
    ):
        yield Case(what, status, code, key=key, path="/v1/clock", kind="application/json", body=body)


def _refused(what: str, code: str, told: dict[str, Any] | bytes) -> Case:
    return Case(what, 422, "all_refused", (code,), body=told if isinstance(told, bytes) else packed(told))


def _batch(what: str, status: int, code: str | None, items: tuple[str, ...], *events: object) -> Case:
    return Case(what, status, code, items, kind=BATCH, body=packed(list(events)))


def check(case: Case, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """AssertionError unless an answer is the one of the table."""
    told = json.loads(body)
    assert status == case.status, (case.what, status, told)
    kind = headers["content-type"]
    if status < 400:
        assert kind == "application/json", case.what
    else:
        assert kind == "application/problem+json", case.what
        assert (told["status"], told["code"]) == (status, case.code), (case.what, told)
        assert told["detail"], case.what
    if case.items is not None:
        found = tuple(item.get("code", item["status"]) for item in told["results"])
        assert found == case.items, (case.what, told)
        assert [item["index"] for item in told["results"]] == list(range(len(found))), case.what
        assert all({"partition", "offset"} <= item.keys() for item in told["results"] if item["status"] == "stored"), (
            case.what
        )
    assert ("retry-after" in headers) == (status in (429, 503)), case.what


PREFACE = """# Bad inputs, and what intake answers

Every row is tried by `tests/unit/test_intake_doors.py` on the door alone and by `tests/integration/test_intake.py` before a
real Kafka; this page is made from the same table (`.venv/bin/python -m tests.intake_bad_inputs > docs/BAD_INPUTS.md`), and
a test fails when they differ. [Events](EVENTS.md) says what a good one looks like.

- A status sums up a body: **202** all stored (also of an empty batch), **207** some stored, **503** none stored but some
  may be sent again, **403** every one `unit_not_allowed`, **422** all refused otherwise. Whatever parses is answered item by
  item in `results`, in the order sent, also beside a problem.
- An item is judged in this order: its size; its envelope, type, `time` and data; is the code in `source` known
  (`unknown_unit`: unit codes are public, so this gives nothing away); may this key speak for it (`unit_not_allowed`); are
  the other codes known (`unknown_unit`). Only who may speak for a unit learns the last.
- `retry` is the world's fault (send it again, unchanged), `refused` the event's (sending it again cannot help). `detail`
  names members, never what was sent. `id` is null where it could not be read.
- A body that does not arrive within its time is a **503** `body_too_slow`: on a slow line, send smaller ones.
- A request line with headers above 32 KiB is a **431** `head_too_long`; a connection on which they are not whole within 30
  seconds is closed.
- More than a key's quota is a **429** `over_quota`; too many requests at once are a **503** `too_busy`; nothing is stored.
"""


def page() -> str:
    """docs/BAD_INPUTS.md."""
    lines = [PREFACE]
    for chapter, rows in cases():
        lines += [f"## {chapter}", "", "| sent | status | problem | items |", "|---|---|---|---|"]
        for row in rows:
            items = ", ".join(f"`{item}`" for item in row.items or ())
            lines.append(f"| {row.what} | {row.status} | {f'`{row.code}`' if row.code else ''} | {items} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")
