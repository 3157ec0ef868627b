"""The query of a request: the parameters that a door knows, each of its form; an empty one is as good as none."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from starlette.requests import Request

from contracts.face.problems import ProblemError
from services.processing.api.cursors import NoCursorError

REASON_FORM: Final = "[a-z0-9_]{1,32}"
UNIT_FORM: Final = "[A-Za-z0-9._-]{1,32}"
DOSSIER_FORM: Final = "[A-Za-z0-9._-]{1,64}"
WEEK_FORM: Final = "[0-9]{4}-W[0-5][0-9]"
PLACE_FORM: Final = "[0-9]{1,4}:[0-9]{1,18}"

_C = TypeVar("_C")
_N = TypeVar("_N", bound=str)


def dossier_code(request: Request) -> str:
    """The code in the path."""
    code: str = request.path_params["code"]
    if re.fullmatch(DOSSIER_FORM, code, re.ASCII) is None:
        raise ProblemError(422, "invalid_code", "a dossier code is 1 to 64 characters of A-Z a-z 0-9 . _ -")
    return code


def unit_code(request: Request) -> str:
    """The unit or department code in the path."""
    code: str = request.path_params["code"]
    if re.fullmatch(UNIT_FORM, code, re.ASCII) is None:
        raise ProblemError(422, "invalid_code", "a unit code is 1 to 32 characters of A-Z a-z 0-9 . _ -")
    return code


def letter_place(request: Request) -> tuple[int, int]:
    """Partition and offset in the path."""
    place: str = request.path_params["place"]
    if re.fullmatch(PLACE_FORM, place, re.ASCII) is None:
        raise ProblemError(422, "invalid_place", "a place in dossier.rejected is written 3:17, partition and offset")
    partition, offset = place.split(":")
    return int(partition), int(offset)


def parameters(request: Request, names: Sequence[str]) -> dict[str, str]:
    """The parameters of the query; one that nobody knows may be a filter misspelt, and would show too much."""
    pairs = request.query_params.multi_items()
    if len({name for name, _ in pairs}) != len(pairs):
        raise ProblemError(422, "invalid_parameter", "a parameter of the query is there twice")
    if any(name not in names for name, _ in pairs):
        known = f"the query takes {', '.join(names)}" if names else "the query takes nothing"
        raise ProblemError(422, "unknown_parameter", known)
    return {name: text for name, text in pairs if text}


def filter_of(query: Mapping[str, str], name: str, form: str) -> str | None:
    """A filter of the list, None when it is not there."""
    text = query.get(name)
    if text is not None and re.fullmatch(form, text, re.ASCII) is None:
        raise ProblemError(422, "invalid_parameter", f"`{name}` is not of its form")
    return text


def choice_of(query: Mapping[str, str], name: str, choices: Iterable[_N], usual: _N | None = None) -> _N:
    """One of some names; the usual one, if there is one, when it is not there."""
    text = query.get(name, usual)
    for choice in choices:
        if text == choice:
            return choice
    raise ProblemError(422, f"invalid_{name}", f"`{name}` is one of {', '.join(choices)}")


def cursor_of(query: Mapping[str, str], read: Callable[[str], _C], begin: _C) -> _C:
    """Where the list goes on; at its beginning without a cursor."""
    if (text := query.get("cursor")) is None:
        return begin
    try:
        return read(text)
    except NoCursorError as error:
        raise ProblemError(422, "invalid_cursor", "`cursor` is no `next` of this list: begin without one") from error
