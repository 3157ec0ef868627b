"""The reader of metrics over HTTP, as any user reads it: the API's answers and the exact series of Prometheus."""

from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families

from services.audit.archive import CouldNotRunError
from services.audit.domain.comparison import Series
from services.audit.door import Door

Rows = dict[str, dict[str, int]]


class NotYetError(Exception):
    """Metrics cannot answer now (rebuilding, or in between); another attempt may succeed."""


@dataclass(frozen=True)
class Answer:
    """Rows of counters (by unit, or by `f:<field>` and `c:<channel>` of one unit) as of reported offsets."""

    as_of: dict[int, int]
    rows: Rows
    total: dict[str, int] | None = None


@dataclass(frozen=True)
class Scrape:
    """The exact series as of reported offsets."""

    as_of: dict[int, int]
    series: list[Series]


class _AsOf(Struct):
    partitions: dict[int, int]


class _Counted(Struct):
    counters: dict[str, int]


class _OfUnit(_Counted):
    unit: str


class _OfDay(_Counted):
    day: str


class _Units(Struct):
    as_of: _AsOf
    units: list[_OfUnit]
    total: _Counted


class _Unit(Struct):
    as_of: _AsOf
    by_field: dict[str, _Counted]
    by_channel: dict[str, _Counted]


class _Days(Struct):
    as_of: _AsOf
    days: list[_OfDay]


T = TypeVar("T", bound=Struct)


def units(door: Door, role: str, day: str | None) -> Answer:
    """`/v1/units` for a role, in total or for a day."""
    told = _read(door, f"/v1/units?role={role}" + ("" if day is None else f"&day={day}"), _Units)
    return Answer(told.as_of.partitions, {row.unit: row.counters for row in told.units}, told.total.counters)


def one_unit(door: Door, role: str, unit: str, day: str | None) -> Answer:
    """`by_field` and `by_channel` of `/v1/units/{code}`, in total or for a day."""
    told = _read(door, f"/v1/units/{quote(unit)}?role={role}" + ("" if day is None else f"&day={day}"), _Unit)
    parts = {
        f"{mark}{value}": row.counters
        for mark, of in (("f:", told.by_field), ("c:", told.by_channel))
        for value, row in of.items()
    }
    return Answer(told.as_of.partitions, parts)


def days(door: Door, role: str, unit: str, first: str, last: str) -> Answer:
    """`/v1/units/{code}/days`: a row of counters for each day."""
    told = _read(door, f"/v1/units/{quote(unit)}/days?role={role}&from={first}&to={last}", _Days)
    return Answer(told.as_of.partitions, {row.day: row.counters for row in told.days})


def dossiers(door: Door) -> Scrape:
    """`/metrics/dossiers`; NotYetError while its figures are absent."""
    path = "/metrics/dossiers"
    page = _get(door, path)
    try:
        return _scrape(page.decode())
    except (ValueError, LookupError, TypeError) as error:
        raise _other_form(door, path, error) from error


def _scrape(page: str) -> Scrape:
    as_of: dict[int, int] = {}
    series: list[Series] = []
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == "motcua_metrics_rebuilding" and sample.value:
                raise NotYetError("metrics is rebuilding its figures")
            if sample.name == "motcua_metrics_reported_offset":
                as_of[int(sample.labels["partition"])] = int(sample.value)
            elif sample.name.startswith("motcua_dossiers_"):
                series.append(Series(sample.name, sample.labels, sample.value))
    if not as_of:
        raise ValueError("no reported offset")
    return Scrape(as_of, series)


def _read(door: Door, path: str, form: type[T]) -> T:
    try:
        return msgspec.json.decode(_get(door, path), type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _other_form(door, path, error) from error


def _other_form(door: Door, path: str, error: Exception) -> CouldNotRunError:
    return CouldNotRunError(f"{door.name} at {door.base_url} answered {path} in another form than is agreed: {error}")


def _get(door: Door, path: str) -> bytes:
    status, body = door.get(path, {"Accept": "application/json, text/plain;q=0.9"})
    if status == 503:
        raise NotYetError(f"{door.name} at {door.base_url} is not ready to answer")
    if status != 200:
        raise CouldNotRunError(f"{door.name} at {door.base_url} answered {path} with {status}")
    return body
