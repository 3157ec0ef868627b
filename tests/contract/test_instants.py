"""Instants: the parser against the standard library's, the bounds of RFC 3339 one by one."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts import instants

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
OFFSETS = (st.sampled_from((7 * 60, 0)) | st.integers(-23 * 60 - 59, 23 * 60 + 59)).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)
MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=OFFSETS)


@given(MOMENTS)
def test_what_the_standard_library_writes_is_read_as_the_same_instant(moment: datetime) -> None:
    """The oracle is datetime's own arithmetic."""
    assert instants.parse(moment.isoformat()) == (moment - EPOCH) // MICROSECOND


@given(
    st.from_regex(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})",
        fullmatch=True,
    )
)
@example("2025-07-01T00:00:00-00:00")
@example("2025-02-30T00:00:00Z")
@example("2025-07-01T24:00:00Z")
@example("2025-07-01T00:00:00.1+23:60")
@example("0000-07-01T00:00:00Z")
@example("2025-07-01t00:00:00.12345z")
def test_texts_of_the_form_are_taken_just_when_the_standard_library_takes_them(text: str) -> None:
    """Days, hours and offsets that do not exist are none; fraction digits count from the left."""
    head, _, tail = text.upper().partition("T")
    clock = tail[:8]
    try:
        if clock.startswith("24") or clock.endswith(":60") or int(text[-2:] if text[-1] not in "Zz" else 0) > 59:
            raise ValueError("later Pythons than this take hour 24, none takes second 60")
        fraction = tail[8:].rstrip("Z").partition("+")[0].partition("-")[0].lstrip(".").ljust(6, "0")
        zone = "+00:00" if tail.endswith("Z") else tail[-6:]
        moment = datetime.fromisoformat(f"{head}T{clock}.{fraction}+00:00")
        shift = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6])) * (-1 if zone[0] == "-" else 1)
        timezone(shift)
        expected = (moment - EPOCH - shift) // MICROSECOND
    except ValueError:
        with pytest.raises(ValueError, match=r"^$"):
            instants.parse(text)
    else:
        assert instants.parse(text) == expected


@given(st.text(max_size=40))
@example("2025-07-01T00:00:00Z\n")
@example("２０２５-07-01T00:00:00Z")
@example(" 2025-07-01T00:00:00Z")
def test_any_other_text_is_refused_and_never_crashes(text: str) -> None:
    """Two errors, both ValueErrors, whatever comes."""
    with pytest.raises((instants.NotAnInstantError, instants.NotRepresentableError)):
        instants.parse(text)


@pytest.mark.parametrize(
    "text",
    ["2016-12-31T23:59:60Z", "2025-07-01T00:00:00.1234567Z", "2025-07-01T00:00:00.0000000Z", "0000-02-29T00:00:00Z"],
)
def test_what_the_archive_cannot_hold_is_told_apart(text: str) -> None:
    """RFC 3339 it is, but a leap second, a seventh digit or the year 0."""
    with pytest.raises(instants.NotRepresentableError):
        instants.parse(text)


@pytest.mark.parametrize("text", ["0000-02-30T00:00:00Z", "0000-13-01T00:00:00Z"])
def test_a_day_that_even_the_year_0_has_not_is_no_instant(text: str) -> None:
    """That year leaps, but has no other days than every year that does."""
    with pytest.raises(instants.NotAnInstantError):
        instants.parse(text)


@given(st.integers(instants.EARLIEST, instants.parse("9999-12-31T00:00:00Z")))
def test_an_instant_shown_is_read_back_and_its_day_is_the_one_shown(instant: int) -> None:
    """Vietnam's calendar day is the date in what is shown."""
    shown = instants.show(instant)
    assert shown.endswith("+07:00")
    assert instants.parse(shown) == instant
    assert instants.day_of(instant) == shown[:10]
    number = instants.day_number(instant)
    assert instants.midnight(number) <= instant < instants.midnight(number + 1)


@given(st.dates(date(1, 1, 2), date(9999, 12, 31)))
def test_days_and_their_texts_are_the_calendars(day: date) -> None:
    """The oracle is datetime's calendar."""
    number = (day - date(1970, 1, 1)).days
    assert instants.day_from_text(day.isoformat()) == number
    assert instants.day_text(number) == day.isoformat()


def test_the_earliest_is_the_year_2000_in_vietnam() -> None:
    """The last instants of 1999 in UTC already belong to 2000 there."""
    assert instants.parse("1999-12-31T17:00:00Z") == instants.EARLIEST
    assert instants.day_of(instants.EARLIEST) == "2000-01-01"
    assert instants.day_of(instants.EARLIEST - 1) == "1999-12-31"
