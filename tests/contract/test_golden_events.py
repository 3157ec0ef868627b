"""Golden events: each valid one passes schema and codec, each invalid one fails in both with its code."""

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from contracts import events, instants
from contracts.data import FACTS
from contracts.events import RefusedError
from tests.contract.published import NOW, event_is_valid, examples, name_of, read, schema_of_event, validator

VALID = examples("valid/events")
INVALID = examples("invalid/events")
# These are answered by a door from its keys, its reference data or its limits, never by the codec.
CODES_OF_DOORS = {"unknown_unit", "unit_not_allowed", "too_large", "unavailable"}


@pytest.mark.parametrize("path", VALID, ids=name_of)
def test_a_valid_event_passes_its_schema_and_the_codec_reads_what_it_says(path: Path) -> None:
    """The example's name says its fact; every attribute arrives as it was sent."""
    sent = read(path)
    fact = path.name.split(".")[0]
    assert schema_of_event(sent) == f"events/{fact}"
    assert [error.message for error in validator(f"events/{fact}").iter_errors(sent)] == []
    event = events.read_structured(path.read_bytes(), NOW)
    assert event.fact == fact
    assert (event.id, event.source, event.subject, event.time_text) == tuple(
        sent[name] for name in ("id", "source", "subject", "time")
    )
    assert (event.incarnation, event.recordedtime_text, event.traceparent, event.tracestate) == tuple(
        sent.get(name) for name in ("incarnation", "recordedtime", "traceparent", "tracestate")
    )
    assert event.sequence == (None if sent.get("sequence") is None else int(sent["sequence"]))
    assert json.loads(event.raw_data) == sent["data"]
    said = {name: value for name, value in sent["data"].items() if value is not None}
    assert {name: value for name, value in msgspec.to_builtins(event.data).items() if value is not None} == said


@pytest.mark.parametrize("path", VALID, ids=name_of)
def test_binary_mode_loses_nothing(path: Path) -> None:
    """What intake writes to Kafka is what processing reads back."""
    event = events.read_structured(path.read_bytes(), NOW)
    key, value, headers = events.to_record(event)
    assert key == event.subject.encode()
    assert events.from_record(value, headers) == event


@pytest.mark.parametrize("path", INVALID, ids=name_of)
def test_an_invalid_event_is_refused_with_its_code(path: Path) -> None:
    """The code is part of the contract; the schema refuses it too unless it cannot see why."""
    example = read(path)
    assert path.name.split(".")[0] == example["expect"], "the file's name begins with its code"
    with pytest.raises(RefusedError) as refused:
        events.read_structured(raw_of(example), NOW)
    assert refused.value.code == example["expect"]
    try:
        sent = json.loads(raw_of(example))
    except ValueError:
        assert not example["seen_by_schema"]
        return
    assert event_is_valid(sent) is not example["seen_by_schema"]


def test_every_fact_has_a_valid_and_every_kind_of_data_an_invalid_example() -> None:
    """No fact without examples."""
    assert {path.name.split(".")[0] for path in VALID} == set(FACTS)
    refused = {schema_of_event(read(path).get("event")) for path in INVALID if path.name.startswith("invalid_data")}
    assert refused >= {f"events/{fact}" for fact in FACTS if fact != "received"} - {"events/resumed"}


@pytest.mark.parametrize("fact", FACTS)
def test_every_member_of_data_is_shown_in_a_valid_example(fact: str) -> None:
    """An option without an example would be a promise nobody checks."""
    shown = {name for path in VALID if path.name.split(".")[0] == fact for name in read(path)["data"]}
    assert shown == set(FACTS[fact].__struct_fields__)


def test_every_code_of_the_codec_has_an_invalid_example() -> None:
    """No refusal without an example."""
    assert {read(path)["expect"] for path in INVALID} == set(get_args(events.ItemCode)) - CODES_OF_DOORS


def test_the_bound_ahead_is_24_hours_to_the_microsecond() -> None:
    """At 24 hours exactly it is taken, one microsecond later not; so for every clock reading."""
    event = read(VALID[0])
    for now in (NOW, NOW + 1, instants.parse("2028-02-28T23:59:59.999999Z")):
        for ahead in (instants.DAY - 1, instants.DAY):
            raw = msgspec.json.encode({**event, "time": instants.show(now + ahead)})
            assert events.read_structured(raw, now).time == now + ahead
        late = msgspec.json.encode({**event, "time": instants.show(now + instants.DAY + 1)})
        with pytest.raises(RefusedError, match="time_out_of_range"):
            events.read_structured(late, now)


def raw_of(example: dict[str, Any]) -> bytes:
    """The bytes that an invalid example sends."""
    raw = example["raw"] if "raw" in example else json.dumps(example["event"], ensure_ascii=False)
    return str(raw).encode()
