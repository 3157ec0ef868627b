"""What a request asks for: role, day or range of days; anything else is a problem with a stable code."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from starlette.requests import Request

from contracts.face.problems import ProblemError

ROLES: Final = ("receiver", "competent")
SUM_DAYS_MAX: Final = 20_000  # from 2000 to beyond 2050: every day that an event can have
ROWS_DAYS_MAX: Final = 1_100  # three years, a row for each day
DAYS_DEFAULT: Final = 31
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True)
class Query:
    """`days` is empty when everything since the log began is asked for."""

    role: str
    days: tuple[str, ...]


def parameters(request: Request, *known: str) -> dict[str, str]:
    """The query's parameters; each known one at most once, and no other."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            raise ProblemError(
                422, "unknown_parameter", f"there is no such parameter; there are {', '.join(known) or 'none'}"
            )
        if name in found:
            raise ProblemError(422, "repeated_parameter", f"`{name}` is given twice")
        found[name] = value
    return found


def role_of(given: dict[str, str]) -> str:
    """The role that is asked for, the receiver's without one."""
    role = given.get("role", ROLES[0])
    if role not in ROLES:
        raise ProblemError(422, "invalid_role", f"`role` is one of {', '.join(ROLES)}")
    return role


def totals(request: Request) -> Query:
    """`role`, and nothing, `day`, or `from` with `to`."""
    given = parameters(request, "role", "day", "from", "to")
    role = role_of(given)
    if "day" in given:
        if "from" in given or "to" in given:
            raise ProblemError(422, "invalid_range", "either `day`, or `from` and `to`")
        return Query(role, (_day("day", given["day"]).isoformat(),))
    if "from" in given or "to" in given:
        return Query(role, _range(given, SUM_DAYS_MAX))
    return Query(role, ())


def days(request: Request, latest: str) -> Query:
    """`role`, `from`, `to`; without them the month that ends on `latest`."""
    return _days(parameters(request, "role", "from", "to"), latest, DAYS_DEFAULT)


def course(request: Request, latest: str, length: int) -> tuple[str, Query]:
    """`counter`, and as for days; without `from` and `to` so many days that end on `latest`."""
    given = parameters(request, "counter", "role", "from", "to")
    return given.get("counter", "received"), _days(given, latest, length)


def _days(given: dict[str, str], latest: str, length: int) -> Query:
    role = role_of(given)
    if "from" not in given and "to" not in given:
        last = date.fromisoformat(latest)
        given |= {"from": (last - timedelta(days=length - 1)).isoformat(), "to": latest}
    return Query(role, _range(given, ROWS_DAYS_MAX))


def _range(given: dict[str, str], days_max: int) -> tuple[str, ...]:
    if "from" not in given or "to" not in given:
        raise ProblemError(422, "invalid_range", "`from` and `to` belong together")
    first, last = _day("from", given["from"]), _day("to", given["to"])
    length = (last - first).days + 1
    if length < 1:
        raise ProblemError(422, "invalid_range", "`from` is after `to`")
    if length > days_max:
        raise ProblemError(422, "invalid_range", f"a range has at most {days_max} days")
    return tuple((first + timedelta(days=number)).isoformat() for number in range(length))


def _day(name: str, text: str) -> date:
    try:
        if _DAY.fullmatch(text) is None:
            raise ValueError
        return date.fromisoformat(text)
    except ValueError as error:
        raise ProblemError(422, "invalid_day", f"`{name}` is a day as 2025-07-01") from error
