"""Which number each event gets: contiguous from 1 for each source of an incarnation, in the order of acceptance."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from contracts.heartbeats import Span


class Book(Struct, frozen=True):
    """How far an incarnation has counted: `position` over all events ever accepted, `last` for each source."""

    incarnation: str
    position: int
    last: Mapping[str, int]


class Place(Struct, frozen=True):
    """The numbers of one accepted event."""

    position: int
    sequence: int


def number(book: Book, sources: Sequence[str]) -> tuple[Book, list[Place]]:
    """The book after one event of each of these sources, in order, and their places."""
    last = dict(book.last)
    places = []
    for position, source in enumerate(sources, start=book.position + 1):
        last[source] = sequence = last.get(source, 0) + 1
        places.append(Place(position, sequence))
    return Book(book.incarnation, book.position + len(places), last), places


def spans(numbers: Iterable[int], spans_max: int) -> tuple[Span, ...]:
    """First and last of each run of rising numbers, of the first runs."""
    found: list[Span] = []
    for each in numbers:
        if found and each == found[-1][1] + 1:
            found[-1] = found[-1][0], each
        elif len(found) == spans_max:
            break
        else:
            found.append((each, each))
    return tuple(found)
