"""Whatever is sent: schema and codec judge alike, binary mode loses nothing, and no refusal quotes what was sent."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts import events
from contracts.events import RefusedError, without_values
from tests.contract.generated import right_events, spoilt_events
from tests.contract.published import NOW, event_is_valid
from tests.effort import examples
from tests.intake_bad_inputs import of_type, packed

pytestmark = pytest.mark.slow

# What a schema cannot see: bounds of time, and that two members are the same code.
BEYOND_SCHEMAS = {"time_out_of_range", "receiver_not_source"}
SECRET = "nguyen_van_a_079185001234"


@settings(max_examples=examples(100, 1000), deadline=None)
@given(right_events())
def test_an_event_by_the_contract_passes_both(sent: dict[str, Any]) -> None:
    """And comes back from Kafka as it went in."""
    assert event_is_valid(sent)
    event = events.read_structured(json.dumps(sent).encode(), NOW)
    _, value, headers = events.to_record(event)
    assert events.from_record(value, headers) == event
    assert json.loads(value) == sent["data"]


@settings(max_examples=examples(200, 2000), deadline=None)
@given(spoilt_events())
def test_a_spoilt_event_is_judged_alike_by_schema_and_codec(sent: Any) -> None:
    """Both take it or both refuse it; bounds of time and the receiver aside."""
    code = verdict(json.dumps(sent).encode())
    if code in BEYOND_SCHEMAS:
        return
    if code == "invalid_data" and "2000 to 2049" in refusal(json.dumps(sent).encode()):
        return
    assert event_is_valid(sent) == (code is None), code


@pytest.mark.parametrize(
    ("due", "code"),
    [
        ("1999-12-31T23:59:59+07:00", "invalid_data"),
        ("2000-01-01T00:00:00+07:00", None),
        ("2049-12-31T00:00:00+07:00", None),
        ("2049-12-31T00:00:01+07:00", "invalid_data"),
    ],
)
def test_an_appointment_lies_between_2000_and_the_last_day_of_2049(due: str, code: str | None) -> None:
    assert verdict(packed(of_type("rescheduled", {"due": due}))) == code


@settings(max_examples=examples(100, 1000), deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@example(b"[" * 100_000)
@example(b'{"data":' * 50_000)
def test_any_bytes_are_refused_and_nothing_else_is_raised(raw: bytes) -> None:
    """A door can rely on RefusedError alone."""
    assert verdict(raw) == "invalid_envelope"
    with pytest.raises(RefusedError):
        events.from_record(raw, [])


@settings(max_examples=examples(200, 2000), deadline=None)
@given(spoilt_events(), st.sampled_from(["{}", "{}\n", "{}` - at `$.{}", "' - at `$.{}", "{}'", "`{}"]), st.data())
def test_no_detail_quotes_what_was_sent(sent: dict[str, Any], form: str, data: st.DataObject) -> None:
    """A citizen's name in the wrong place, as a value or as a member's name, is in no answer, dead letter or log."""
    secret = form.replace("{}", SECRET)
    place: dict[str, Any] = sent
    for name in data.draw(st.sampled_from([(), ("data",), ("data", "time_limit")])):
        if not isinstance(place.get(name), dict):
            place[name] = {}
        place = place[name]
    if data.draw(st.booleans()):
        place[secret] = data.draw(st.sampled_from([1, None, secret]))
    else:
        place[data.draw(st.sampled_from([*sorted(place), "channel", "unit"]))] = secret
    assert SECRET not in refusal(json.dumps(sent).encode())


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("Invalid enum value 'An' - at `$.channel`", "not one of the values allowed - at `$.channel`"),
        ("Invalid enum value 'An' - at `$.b' - at `$.channel`", "not one of the values allowed - at `$.channel`"),
        ('Invalid value "An"', "not one of the values allowed"),
        ("Object contains unknown field `An`", "a member that the schema does not name"),
        ("Object contains unknown field `An` - at `$.an`", "a member that the schema does not name"),
        (
            "Object contains unknown field `An` - at `$.time_limit`",
            "a member that the schema does not name - at `$.time_limit`",
        ),
        ("Expected `str`, got `int` - at `$.reason`", "Expected `str`, got `int` - at `$.reason`"),
    ],
)
def test_a_sentence_of_the_decoder_keeps_its_place_and_loses_what_was_sent(sentence: str, shown: str) -> None:
    """The place of a fault is the contract's own word, so it may be told."""
    assert without_values(sentence) == shown


def refusal(raw: bytes) -> str:
    """Code and detail of the refusal, empty when the event is taken."""
    try:
        events.read_structured(raw, NOW)
    except RefusedError as refused:
        return str(refused)
    return ""


def verdict(raw: bytes) -> str | None:
    """The code of the refusal, None when the event is taken."""
    return refusal(raw).partition(":")[0] or None
