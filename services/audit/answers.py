"""The reader of metrics over HTTP, as any user reads it: the API's answers and the exact series of Prometheus."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

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


def units(door: Door, role: str, day: str | None) -> Answer:
    """`/v1/units` for a role, in total or for a day."""
    body = _json(door, f"/v1/units?role={role}" + ("" if day is None else f"&day={day}"))
    return Answer(_as_of(body), {row["unit"]: row["counters"] for row in body["units"]}, body["total"]["counters"])


def one_unit(door: Door, role: str, unit: str, day: str | None) -> Answer:
    """`by_field` and `by_channel` of `/v1/units/{code}`, in total or for a day."""
    body = _json(door, f"/v1/units/{quote(unit)}?role={role}" + ("" if day is None else f"&day={day}"))
    return Answer(_as_of(body), {**_split(body, "by_field", "f:"), **_split(body, "by_channel", "c:")})


def days(door: Door, role: str, unit: str, first: str, last: str) -> Answer:
    """`/v1/units/{code}/days`: a row of counters for each day."""
    body = _json(door, f"/v1/units/{quote(unit)}/days?role={role}&from={first}&to={last}")
    return Answer(_as_of(body), {row["day"]: row["counters"] for row in body["days"]})


def dossiers(door: Door) -> Scrape:
    """`/metrics/dossiers`; NotYetError while its figures are absent."""
    as_of: dict[int, int] = {}
    series: list[Series] = []
    for family in text_string_to_metric_families(_get(door, "/metrics/dossiers").decode()):
        for sample in family.samples:
            if sample.name == "motcua_metrics_rebuilding" and sample.value:
                raise NotYetError("metrics is rebuilding its figures")
            if sample.name == "motcua_metrics_reported_offset":
                as_of[int(sample.labels["partition"])] = int(sample.value)
            elif sample.name.startswith("motcua_dossiers_"):
                series.append(Series(sample.name, sample.labels, sample.value))
    return Scrape(as_of, series)


def _split(body: Mapping[str, Any], name: str, mark: str) -> Rows:
    part = body.get(name) or {}
    if isinstance(part, list):
        key = name.removeprefix("by_")
        part = {row[key]: row for row in part}
    return {f"{mark}{value}": row.get("counters", row) for value, row in part.items()}


def _as_of(body: Mapping[str, Any]) -> dict[int, int]:
    return {int(number): offset for number, offset in body["as_of"]["partitions"].items()}


def _json(door: Door, path: str) -> dict[str, Any]:
    try:
        body: dict[str, Any] = json.loads(_get(door, path))
    except ValueError as error:
        raise CouldNotRunError(f"{door.name} at {door.base_url} answered {path} with no JSON") from error
    return body


def _get(door: Door, path: str) -> bytes:
    status, body = door.get(path, {"Accept": "application/json, text/plain;q=0.9"})
    if status == 503:
        raise NotYetError(f"{door.name} at {door.base_url} is not ready to answer")
    if status != 200:
        raise CouldNotRunError(f"{door.name} at {door.base_url} answered {path} with {status}")
    return body
