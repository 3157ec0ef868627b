"""Whether a ledger adds up: its segments, without a gap, to the minutes of stretches and balance, its moves to the due."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from contracts import instants

# Of its verdicts those that blame somebody.
STANDS = {"late": "late", "overdue": "overdue"}
IN_TIME = "in time"
NOBODY_KNOWS = "the city does not know it"


def stands(told: dict[str, Any] | None, ends: int) -> str | None:
    """Late, overdue or in time, as the verdict that the city tells has it; None where it does not know the dossier. In a
    city whose clock has been further before, what is overdue since the period's end (µs) was in time then."""
    if told is None:
        return None
    found = STANDS.get(told["verdict"]["code"], IN_TIME)
    due = told["due_current"]
    return IN_TIME if found == "overdue" and due is not None and instants.parse(due) >= ends else found


def problem(told: dict[str, Any] | None) -> str | None:
    """What of `GET /v1/dossiers/{code}/deadline` does not add up, the first of it; None when all does."""
    if told is None:
        return NOBODY_KNOWS
    return next(_problems(told), None)


def _problems(told: dict[str, Any]) -> Iterator[str]:
    segments, stretches, balance = told["segments"], told["stretches"], told["balance"]
    if not segments:
        yield "no segment explains it"
        return
    if told["segments_left_out"]:
        yield f"{told['segments_left_out']} segments are left out"
    for what, pieces in (("segments", segments), ("stretches", stretches)):
        for one, following in pairwise(pieces):
            if one["to"] != following["from"]:
                yield f"{what}: from {one['to']} to {following['from']} nothing is told"
    if (segments[0]["from"], segments[-1]["to"]) != (stretches[0]["from"], stretches[-1]["to"]):
        yield "segments and stretches do not begin and end together"
    for each in segments:
        if not (each["why"] and each["rule"] in told["rules"]):
            yield f"nobody says why it {each['kind']} from {each['from']}"
        if each["kind"] == "closed" and each["working_minutes"]:
            yield f"{each['working_minutes']} working minutes while it was closed, from {each['from']}"
    for each in stretches:
        within = [piece for piece in segments if each["from"] <= piece["from"] < each["to"]]
        if (found := _minutes(within)) != each["working_minutes"]:
            yield f"{found} minutes of segments in a stretch of {each['working_minutes']} from {each['from']}"
    yield from _balance(segments, balance)
    yield from _dues(told)


def _balance(segments: list[dict[str, Any]], balance: dict[str, Any] | None) -> Iterator[str]:
    """The account of the clock that ran last, against its own segments; then against its limit."""
    if balance is None:
        yield "no balance"
        return
    mine = [each for each in segments if each["clock"] == balance["clock"]]
    for kind in ("running", "paused"):
        found = _minutes(each for each in mine if each["kind"] == kind)
        if found != balance[f"{kind}_minutes"]:
            yield f"{found} minutes {kind} in segments, {balance[f'{kind}_minutes']} in the balance"
    if (limit := balance["limit_minutes"]) is not None:
        within = balance["running_minutes"] - balance["beyond_limit_minutes"]
        # More than the limit where pauses overlapped, by clocks that differ: each moved the due by its own times.
        if within + balance["remaining_minutes"] < limit:
            yield f"{balance['running_minutes']} of {limit} minutes ran, and {balance['remaining_minutes']} remain"
        beyond = _minutes(each for each in mine if each["kind"] == "running" and each["beyond_limit"])
        if beyond != balance["beyond_limit_minutes"]:
            yield f"{beyond} minutes beyond the limit in segments, {balance['beyond_limit_minutes']} in the balance"


def _dues(told: dict[str, Any]) -> Iterator[str]:
    """The due that stands is the one that the last move has left."""
    moves = [each for each in told["moves"] if each["due_current"] is not None]
    if (told["due_current"] is None) != (not moves):
        yield "a due that no move explains" if not moves else "moves to a due that is not told"
    elif moves and moves[-1]["due_current"] != told["due_current"]:
        yield f"the last move ends at {moves[-1]['due_current']}, and the due is {told['due_current']}"


def _minutes(pieces: Iterable[dict[str, Any]]) -> int:
    return sum(each["working_minutes"] for each in pieces)
