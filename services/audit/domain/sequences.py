"""Numbers that an edge gave to its events: none missing, none used for two events, per source and incarnation."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from contracts import instants
from contracts.events import code_of
from contracts.heartbeats import Heartbeat, Kept, Span, how_many, measured
from services.audit.domain.findings import Check, Difference, Findings
from services.audit.domain.notes import SHOWN_MAX, Listed, Numbers, Unsent
from services.audit.domain.reading import Reported

TRACKS_MAX = 100_000
# A number further ahead than this is kept apart, so that a wrong one takes no memory for all before it.
AHEAD_MAX = 100_000
APART_MAX = 1000
GAPS_MAX = 1000
# What numbers that never came may take of memory in all: 12 bytes each; one that is kept apart counts as this many.
PLACES_LEFT_OPEN_MAX = 4_000_000
PLACES_OF_ONE_APART = 16
_SECONDS_MAX = 2**32 - 1
# What a clock shows ahead of the archive's by more than this was entered while it was wrong.
_CLOCKS_APART_MAX = instants.MINUTE


class Gap(NamedTuple):
    """Numbers `first`..`last` that are missing, though a later one, `before`, (entered at that second) has come."""

    first: int
    last: int
    before: int
    entered_after: int


@dataclass
class Track:
    """The numbers of one source and incarnation: 12 bytes each."""

    ids: "array[int]" = field(default_factory=lambda: array("Q"))
    entered: "array[int]" = field(default_factory=lambda: array("I"))
    held: int = 0
    apart: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def left_open(self) -> int:
        """How many places it takes for numbers that have not come."""
        return len(self.ids) - self.held + PLACES_OF_ONE_APART * len(self.apart)

    def follows(self, number: int, places: int) -> bool:
        """Whether a number can be kept with so many more places left open."""
        if number <= len(self.ids) or number in self.apart:
            return True
        if number <= len(self.ids) + AHEAD_MAX:
            return number - len(self.ids) - 1 <= places
        return len(self.apart) < APART_MAX and places >= PLACES_OF_ONE_APART

    def put(self, number: int, identity: int, entered: int) -> bool:
        """Takes a number that `follows`; False when another event has it."""
        if number in self.apart:
            return self.apart[number][0] == identity
        if number > len(self.ids) + AHEAD_MAX:
            self.apart[number] = (identity, entered)
            return True
        if number <= len(self.ids) and (before := self.ids[number - 1]) != 0:
            return before == identity
        self._place(number, identity, entered)
        if self.apart:
            self._join()
        return True

    def _place(self, number: int, identity: int, entered: int) -> None:
        while len(self.ids) < number:
            self.ids.append(0)
            self.entered.append(0)
        self.ids[number - 1], self.entered[number - 1] = identity, entered
        self.held += 1

    def _join(self) -> None:
        # One by one, as each makes the next one near: none leaves more places open than it took when it lay apart.
        for number in sorted(self.apart):
            if number > len(self.ids) + 1 + PLACES_OF_ONE_APART:
                return
            self._place(number, *self.apart.pop(number))

    def absent(self, first: int, last: int) -> Iterator[Span]:
        """Of these numbers, those that have not come."""
        near = (number for number in range(first, min(last, len(self.ids)) + 1) if self.ids[number - 1])
        far = sorted(number for number in self.apart if first <= number <= last)
        for number in chain(near, far):
            if first < number:
                yield first, number - 1
            first = number + 1
        if first <= last:
            yield first, last

    def gaps(self, accounted: Sequence[Span]) -> Iterator[Gap]:
        """What is missing below the highest number, but for numbers that somebody accounts for."""
        if self.held < len(self.ids):
            first = None
            for place, identity in enumerate(self.ids):
                if identity == 0:
                    first = first or place + 1
                elif first is not None:
                    yield from _gaps(first, place + 1, self.entered[place], accounted)
                    first = None
        before = len(self.ids)
        for number in sorted(self.apart):
            yield from _gaps(before + 1, number, self.apart[number][1], accounted)
            before = number


class Sequences:
    """All tracks of the archive, whichever partition an event lies in."""

    def __init__(self, findings: Findings, given_up: Iterable[Numbers] = ()) -> None:
        self._given_up: dict[tuple[str, str], list[Span]] = {}
        for each in given_up:
            self._given_up.setdefault((each.source, each.incarnation), []).append((each.first, each.last))
        self._once = findings["sequences.once"]
        self._tracks: dict[tuple[bytes, bytes], Track] = {}
        self._left_open = 0
        self._not_followed = 0

    def take(self, partition: int, offset: int, reported: Reported, recorded_at: int) -> None:
        """A reported event; one without a sequence says nothing here. Taking it a second time changes nothing."""
        attributes = reported.attributes
        text = attributes.get("ce_sequence")
        if text is None or not text.isdigit() or (number := int(text)) < 1:
            return
        key = attributes.get("ce_source", b""), attributes.get("ce_incarnation", b"").lower()
        track = self._tracks.get(key)
        if track is None:
            if len(self._tracks) >= TRACKS_MAX:
                self._not_followed += 1
                return
            track = self._tracks[key] = Track()
        # Of one source and incarnation, an event is its id and subject.
        identity = hash((attributes.get("ce_id"), attributes.get("ce_subject"))) & 0xFFFFFFFFFFFFFFFF or 1
        entered = attributes.get("ce_recordedtime")
        seconds = _seconds(entered, recorded_at)
        self._once.examined += 1
        before = track.left_open
        if not track.follows(number, PLACES_LEFT_OPEN_MAX - self._left_open):
            self._not_followed += 1
            return
        is_free = track.put(number, identity, seconds)
        self._left_open += track.left_open - before
        if not is_free:
            detail = f"{reported.source} has used sequence {number} of one incarnation for two events"
            self._once.differ(Difference(detail, partition, offset, reported.dossier))

    def judge(self, check: Check, heartbeats: Mapping[str, Kept]) -> None:
        """Every gap is a difference, but for what the newest heartbeat of its source accounts for, and what was given up."""
        if self._not_followed:
            why = f"they lie too far from others of their outbox, or there are more than {TRACKS_MAX:,} outboxes"
            check.differ(Difference(f"{self._not_followed} numbers are not followed: {why}"))
        for (raw_source, raw_incarnation), track in self._tracks.items():
            source, incarnation = raw_source.decode("utf-8", "replace"), raw_incarnation.decode("utf-8", "replace")
            check.examined += track.held
            beat = heartbeats.get(source)
            spans = self._given_up.get((source, incarnation), [])
            accounted = _joined(spans if beat is None else [*spans, *_accounted(beat, incarnation)])
            delivers = beat is not None and _delivers(beat, incarnation)
            for count, gap in enumerate(track.gaps(accounted)):
                if count >= GAPS_MAX:
                    break
                if beat is not None and delivers and _is_under_way(gap, beat):
                    continue
                numbers = f"{gap.first}" if gap.first == gap.last else f"{gap.first} to {gap.last}"
                check.differ(
                    Difference(
                        f"{source}, incarnation {incarnation or 'none'}: sequence {numbers} is missing before "
                        f"{gap.before}, and no heartbeat accounts for it"
                    )
                )

    def sort_out(self, numbers: Iterable[Numbers]) -> tuple[list[Numbers], list[Numbers]]:
        """Of these numbers, those that have not come, and those that have: none of them twice."""
        absent, come = list[Numbers](), list[Numbers]()
        for place, spans in _by_place(numbers).items():
            track = self._tracks.get((place[0].encode(), place[1].encode()), Track())
            for first, last in spans:
                missing = list(track.absent(first, last))
                absent += [Numbers(*place, *span) for span in missing]
                come += [Numbers(*place, each.first, each.last) for each in _gaps(first, last + 1, 0, missing)]
        return absent, come

    def counts(self) -> tuple[int, int]:
        """How many tracks there are, and how many numbers in them."""
        return len(self._tracks), sum(track.held for track in self._tracks.values())


def given_up(text: str) -> list[Numbers]:
    """What operators have given up: `/units/19753@incarnation=7-9,/units/19774@incarnation=3`."""
    found = []
    for part in filter(None, text.split(",")):
        place, numbers = part.rsplit("=", 1)
        source, incarnation = place.rsplit("@", 1)
        first, _, last = numbers.partition("-")
        # As a difference names the numbers of an edge that gives none.
        known = "" if incarnation == "none" else incarnation.lower()
        found.append(Numbers(source, known, int(first), int(last or first)))
    return found


def as_given_up(numbers: Iterable[Numbers]) -> str:
    """What operators set to have given up these numbers, as `given_up` reads it."""
    return ",".join(
        f"{source}@{incarnation or 'none'}={first}" + (f"-{last}" if first < last else "")
        for (source, incarnation), spans in _by_place(numbers).items()
        for first, last in spans
    )


def discarded(heartbeats: Iterable[Heartbeat]) -> list[Numbers]:
    """The numbers of events that somebody has thrown away at edges, as their newest heartbeats say."""
    return [
        Numbers(beat.source, each.incarnation.lower(), *span)
        for beat in heartbeats
        for each in beat.refused
        for span in each.discarded
    ]


def left_behind(heartbeats: Iterable[Kept]) -> list[Numbers]:
    """The numbers of events that lay aside at edges that are retired: nobody sends them any more."""
    found = []
    for beat in heartbeats:
        if beat.retired:
            found += [Numbers(beat.source, beat.incarnation.lower(), each, each) for each in beat.quarantined_sequences]
            found += [
                Numbers(beat.source, each.incarnation.lower(), *span) for each in beat.refused for span in each.quarantined
            ]
    return found


def left_unsent(heartbeats: Iterable[Kept]) -> dict[str, Listed]:
    """How much lay unsent at edges that are retired, by unit; some of it may have been carried here since."""
    found: dict[str, list[Unsent]] = {}
    for beat in heartbeats:
        if beat.retired and beat.spool_depth:
            found.setdefault(code_of(beat.source), []).append(Unsent(beat.source, beat.incarnation, beat.spool_depth))
    return {unit: Listed(sum(each.events for each in edges), edges[:SHOWN_MAX]) for unit, edges in found.items()}


def by_unit(numbers: Iterable[Numbers], shown_max: int = SHOWN_MAX) -> dict[str, Listed]:
    """A list of numbers for each unit."""
    found: dict[str, list[Numbers]] = {}
    for each in sorted(numbers, key=lambda each: (each.incarnation, each.first), reverse=True):
        found.setdefault(code_of(each.source), []).append(each)
    return {
        unit: Listed(how_many((each.first, each.last) for each in of_unit), of_unit[:shown_max])
        for unit, of_unit in found.items()
    }


def _accounted(beat: Heartbeat, incarnation: str) -> list[Span]:
    """The numbers that a heartbeat accounts for."""
    is_of_it = beat.incarnation.lower() == incarnation
    spans = [(number, number) for number in beat.quarantined_sequences] if is_of_it else []
    for each in beat.refused:
        if each.incarnation.lower() == incarnation:
            spans += [*each.quarantined, *each.discarded]
    return spans


def _by_place(numbers: Iterable[Numbers]) -> dict[tuple[str, str], list[Span]]:
    """The numbers of each source and incarnation, in order, none of them twice."""
    places: dict[tuple[str, str], list[Span]] = {}
    for each in numbers:
        places.setdefault((each.source, each.incarnation), []).append((max(each.first, 1), each.last))
    return {place: _joined(spans) for place, spans in places.items()}


def _joined(spans: Iterable[Span]) -> list[Span]:
    """The same in order, of which none overlap or touch."""
    joined: list[Span] = []
    for first, last in sorted(span for span in spans if span[0] <= span[1]):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(joined[-1][1], last)
        else:
            joined.append((first, last))
    return joined


def _gaps(first: int, before: int, entered_after: int, accounted: Sequence[Span]) -> Iterator[Gap]:
    """What is missing from `first` on and below a number that has come, but for what is accounted for."""
    place = bisect_left(accounted, first, key=lambda span: span[1])
    while first < before and place < len(accounted) and accounted[place][0] < before:
        begin, end = accounted[place]
        if first < begin:
            yield Gap(first, begin - 1, before, entered_after)
        first, place = max(first, end + 1), place + 1
    if first < before:
        yield Gap(first, before - 1, before, entered_after)


def _delivers(beat: Kept, incarnation: str) -> bool:
    """Whether an edge may still hold numbers of an incarnation in its outbox: in that of a store that was put back lie
    some of the former one; an edge that is gone for good delivers nothing any more."""
    if beat.retired or not incarnation:
        return False
    present = beat.incarnation.lower()
    return incarnation == present or (incarnation < present and beat.spool_depth > 0)


def _is_under_way(gap: Gap, beat: Heartbeat) -> bool:
    """Whether the edge had not yet said that all entered up to then is delivered: the number may still be in its outbox."""
    until = _all_sent_until(beat) if beat.delivered_until is None else _said_sent_until(beat, beat.delivered_until)
    if beat.spool_depth and until > instants.parse(beat.at) + _CLOCKS_APART_MAX:
        # What waits was entered while the clock ran ahead: nobody knows before which others it was.
        return True
    return gap.entered_after >= until // instants.SECOND


def _said_sent_until(beat: Heartbeat, said: str) -> int:
    """What an edge calls delivered, by its own clock or by the archive's: the earlier of the two excuses more."""
    until = instants.parse(said)
    return min(until, until - measured(beat.clock_offset_seconds))


def _all_sent_until(beat: Heartbeat) -> int:
    """What an edge has delivered that does not say so itself: all that is older than the oldest in its outbox."""
    waiting_since = instants.parse(beat.at)
    if beat.spool_depth:
        waiting_since -= measured(beat.oldest_unsent_age_seconds)
    # `at` may be by intake's clock; what was entered is by the edge's own. The earlier of the two excuses more.
    return waiting_since + min(0, measured(beat.clock_offset_seconds))


def _seconds(entered: bytes | None, recorded_at: int) -> int:
    at = recorded_at
    if entered is not None:
        with suppress(ValueError):
            # By the clock of whoever entered it, which may show any year; nothing is entered after it has arrived.
            at = min(instants.parse(entered.decode()), recorded_at + _CLOCKS_APART_MAX)
    return min(max(0, at // instants.SECOND), _SECONDS_MAX)
