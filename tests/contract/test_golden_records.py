"""Golden records of Kafka: binary events, control records, lifecycle records, dead letters, heartbeats, reference bodies."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts import deadletters, events, instants, lifecycle, reference, topics
from contracts.events import RefusedError
from contracts.heartbeats import Heartbeat, Kept
from tests.contract.published import CONTRACTS, EXAMPLES, NOW, examples, is_valid, name_of, read, validator

VALID = examples("valid/records")
INVALID = examples("invalid/records")
KAFKA = examples("valid/kafka")
KAFKA_INVALID = examples("invalid/kafka")
CONTROLS = {"archive_opened": events.Opened, "rules_activated": events.Activated, "clock_ticked": events.Ticked}


@pytest.mark.parametrize("path", VALID, ids=name_of)
def test_a_valid_record_passes_its_schema_and_its_codec_gives_it_back(path: Path) -> None:
    """Decoded and encoded again it says the same, so nothing in it was overlooked."""
    kind, said = path.name.split(".")[0], read(path)
    assert [error.message for error in validator(f"records/{kind}").iter_errors(said)] == []
    assert json.loads(CODECS[kind](said)) == said


@pytest.mark.parametrize("path", INVALID, ids=name_of)
def test_an_invalid_record_fails_schema_and_codec(path: Path) -> None:
    """Closed on both sides."""
    kind, said = path.name.split(".")[0], read(path)["record"]
    assert not is_valid(f"records/{kind}", said)
    with pytest.raises((ValueError, KeyError, RefusedError)):
        CODECS[kind](said)


@pytest.mark.parametrize("path", [path for path in KAFKA if path.name.startswith("event.")], ids=name_of)
def test_a_binary_event_is_the_structured_one_it_names(path: Path) -> None:
    """Header for header and byte for byte, in both directions."""
    key, value, headers = kafka(read(path))
    event = events.read_structured((EXAMPLES.parent / "examples" / read(path)["reads_as"]).read_bytes(), NOW)
    stored = events.from_record(value, headers)
    assert isinstance(stored, events.Event)
    assert msgspec.structs.replace(stored, raw_data=event.raw_data) == event
    assert json.loads(stored.raw_data) == json.loads(event.raw_data)
    assert events.to_record(stored) == (key, value, headers)


def test_headers_that_the_contract_does_not_name_say_nothing() -> None:
    """Of another system, without a value, of a later contract; what nobody knows of them is UTF-8, too."""
    _, value, headers = kafka(next(read(path) for path in KAFKA if path.name.startswith("event.")))
    others: list[tuple[str, bytes | None]] = [("ce_subject", None), ("odd", b"\xff"), ("ce_other", b"1")]
    assert events.from_record(value, [*others, *headers]) == events.from_record(value, headers)
    with pytest.raises(RefusedError, match="invalid_envelope: a header is not UTF-8"):
        events.from_record(value, [*headers, ("ce_other", b"\xff")])


@pytest.mark.parametrize("path", [path for path in KAFKA if path.name.startswith("control.")], ids=name_of)
def test_a_control_record_is_the_structured_one_it_names(path: Path) -> None:
    """No key, four attributes, closed data."""
    key, value, headers = kafka(read(path))
    shown = read(EXAMPLES / read(path)["reads_as"])
    control = events.from_record(value, headers)
    assert not isinstance(control, events.Event)
    assert key is None
    assert events.control_record(control, shown["id"], shown["source"]) == (value, headers)
    assert structured(headers, value) == shown


@pytest.mark.parametrize("path", [path for path in KAFKA if path.name.startswith("lifecycle.")], ids=name_of)
def test_a_lifecycle_record_has_its_bytes_and_its_chain(path: Path) -> None:
    """The bytes are part of the contract: the chain goes over them."""
    _, value, headers = kafka(read(path))
    assert value is not None
    record = lifecycle.decode(value)
    assert record.prev is None
    assert lifecycle.encode(record) == value
    assert json.loads(value) == read(EXAMPLES / read(path)["reads_as"])
    named = {name: text.decode() for name, text in headers if text is not None}
    assert is_valid("records/lifecycle_headers", named)
    assert lifecycle.chain(lifecycle.CHAIN_START, value).hex() == named[lifecycle.CHAIN_HEADER]


@pytest.mark.parametrize("path", [path for path in KAFKA if path.name.startswith("dead_letter.")], ids=name_of)
def test_a_dead_letter_keeps_the_original_and_says_why(path: Path) -> None:
    """Our four headers come last; whatever stood there before is the original's, even headers of our own names."""
    key, value, headers = kafka(read(path))
    letter = deadletters.from_record(key, value, headers)
    assert (letter.key, letter.value, list(letter.headers)) == (key, value, headers[:-4])
    assert deadletters.to_headers(letter) == headers
    said = {name: None if text is None else text.decode() for name, text in headers}
    assert [error.message for error in validator("records/dead_letter").iter_errors(said)] == []
    assert said["src"] == ".".join(map(str, letter.src))
    assert said["prev"] == ("" if letter.prev is None else ".".join(map(str, letter.prev)))


@pytest.mark.parametrize("path", KAFKA_INVALID, ids=name_of)
def test_an_invalid_stored_record_is_refused_with_its_code(path: Path) -> None:
    """What once lies in the archive must be judged the same for ever, never crash a reader."""
    example = read(path)
    assert path.name.split(".")[0] == example["expect"]
    _, value, headers = kafka(example)
    with pytest.raises(RefusedError) as refused:
        events.from_record(value, headers)
    assert refused.value.code == example["expect"]


def test_no_example_is_unused_and_no_schema_without_examples() -> None:
    """Each file lies where a test reads it, each record's schema has a valid and, if it is closed, an invalid example."""
    read_here = {*VALID, *INVALID, *KAFKA, *KAFKA_INVALID, *examples("valid/events"), *examples("invalid/events")}
    assert {path for path in EXAMPLES.rglob("*") if path.is_file()} == read_here
    files = {path.name.removesuffix(".schema.json") for path in CONTRACTS.glob("records/*.schema.json")}
    # Headers are shown, and checked, on the golden records of Kafka.
    kinds = {name for name in files if not name.endswith("_headers")}
    assert {path.name.split(".")[0] for path in (*VALID, *KAFKA)} >= kinds
    assert {path.name.split(".")[0] for path in INVALID} == kinds
    assert {path.name.split(".")[0] for path in KAFKA} == {"event", "control", "lifecycle", "dead_letter"}
    names = {topic.name for topic in topics.all_topics(1)}
    assert {read(path)["topic"] for path in KAFKA} <= names


def kafka(example: dict[str, Any]) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]:
    """Key, value and headers of a golden record; text, or `{"hex"}` where the bytes are no text."""
    headers = [(name, bytes_of(text)) for name, text in example["headers"]]
    return bytes_of(example["key"]), bytes_of(example["value"]), headers


def bytes_of(shown: Any) -> bytes | None:
    if shown is None:
        return None
    return bytes.fromhex(shown["hex"]) if isinstance(shown, dict) else str(shown).encode()


def structured(headers: list[tuple[str, bytes | None]], value: bytes | None) -> dict[str, Any]:
    """A binary-mode record in structured form."""
    attributes = {name[3:]: text.decode() for name, text in headers if name.startswith("ce_") and text is not None}
    return {**attributes, "data": json.loads(value or b"null")}


def lifecycle_again(said: Any) -> bytes:
    return lifecycle.encode(lifecycle.decode(json.dumps(said).encode()))


def heartbeat_again(said: Any) -> bytes:
    """By the door of intake, which is closed, to readers, who pass over what they do not know."""
    msgspec.convert({name: value for name, value in said.items() if name != "retired"}, Heartbeat)
    return msgspec.json.encode(msgspec.json.decode(json.dumps(said), type=Kept))


def reference_again(said: Any) -> bytes:
    return reference.encode(reference.decode(json.dumps(said).encode()))


def control_again(said: Any) -> bytes:
    """A structured control record through binary mode and back."""
    texts = {name: said[name] for name in ("specversion", "id", "source", "type")}
    control = events.from_record(
        json.dumps(said["data"]).encode(), [(f"ce_{name}", text.encode()) for name, text in texts.items()]
    )
    assert isinstance(control, (events.Opened, events.Activated, events.Ticked))
    if isinstance(control, events.Ticked):
        assert control.at == instants.parse(said["data"]["at"])
    value, headers = events.control_record(control, said["id"], said["source"])
    return json.dumps(structured(list(headers), value)).encode()


def dead_letter_again(said: Any) -> bytes:
    letter = deadletters.from_record(None, None, [(name, text.encode()) for name, text in said.items()])
    return json.dumps({name: text.decode() for name, text in deadletters.to_headers(letter) if text is not None}).encode()


CODECS: dict[str, Callable[[Any], bytes]] = {
    "lifecycle": lifecycle_again,
    "heartbeat": heartbeat_again,
    "reference": reference_again,
    "dead_letter": dead_letter_again,
    **dict.fromkeys(CONTROLS, control_again),
}
