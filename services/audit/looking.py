"""One look: every stage held against the next, at the positions of each answer, as far as a scope asks."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from contracts import instants
from services.audit import answers, totals
from services.audit.answers import NotYetError
from services.audit.archive import CouldNotRunError
from services.audit.domain.books import Books
from services.audit.domain.comparison import (
    by_unit,
    compare,
    compare_answer,
    compare_days,
    compare_series,
    compare_split,
    compare_total,
    of_role,
)  # fmt: skip
from services.audit.domain.derivation import Answered, against_answer, against_lifecycle
from services.audit.domain.findings import Check, Difference
from services.audit.domain.notes import Listed, Numbers
from services.audit.domain.recount import ROLES, Figures, Tally
from services.audit.domain.sample import Place
from services.audit.domain.sequences import discarded, left_behind, left_unsent
from services.audit.door import Door
from services.audit.dossiers import Dossiers
from services.audit.reader import PARTITIONS, Reader
from services.audit.settings import Settings

ASKED_AT_ONCE = 500
# Of a unit, the parts of the newest day are always asked for, those of days before it within this time, newest first.
PARTS_SECONDS = 8.0
RANGE_DAYS_MAX = 400
BEHIND_PAUSE_SECONDS = 0.2
T = TypeVar("T")


@dataclass
class Scope:
    """How much a look asks for: everything, or the next few days, units and dossiers after those asked for last."""

    days_max: int | None = None
    units_max: int | None = None
    dossiers_max: int | None = None
    # Whether there is no other look after it: what may still come is waited for.
    is_only: bool = True
    turn: int = 0

    def some(self, all_of: list[T], most: int | None) -> list[T]:
        """Those whose turn it is."""
        if most is None or most >= len(all_of):
            return all_of
        start = self.turn * most
        return [all_of[(start + place) % len(all_of)] for place in range(most)]


@dataclass
class Attempt(Check):
    """An answer and all in which it differs; `ends` is where the lifecycle ended when it had come."""

    as_of: dict[int, int] = field(default_factory=dict)
    ends: tuple[int, ...] = (0,) * len(PARTITIONS)
    found: dict[Difference, Difference] = field(default_factory=dict)

    def differ(self, difference: Difference) -> None:
        """Kept by what it is about: its figures may move from one attempt to the next."""
        super().differ(difference)
        self.found[replace(difference, offset=None, expected=None, found=None)] = difference


class Looking:
    """Compares; reads on as far as answers ask for it."""

    def __init__(self, settings: Settings, reader: Reader, books: Books) -> None:
        self._settings, self._reader, self._books = settings, reader, books
        self._findings = books.findings
        self._metrics = Door("metrics", settings.api_url, settings.audit_answer_seconds)
        self._dossiers = Dossiers(settings)
        # What somebody has thrown away at edges, as the newest heartbeats say.
        self.discarded: list[Numbers] = []
        # What lay at edges that are retired: refused by intake, or unsent.
        self.left_behind: list[Numbers] = []
        self.left_unsent: dict[str, Listed] = {}
        self._figures: tuple[tuple[int, ...], Tally] | None = None
        # Of figures of the tally, by their id while it stands: `role|unit` -> its part of them.
        self._parts: dict[int, dict[str, Figures]] = {}

    def look(self, scope: Scope) -> None:
        """Every comparison; CouldNotRunError when one could not be reached, after all that could."""
        missing: CouldNotRunError | None = None
        for part in (self._against_redis, self._against_answers, self._ask_dossiers):
            try:
                part(scope)
            except CouldNotRunError as error:
                missing = missing or error
        # Whatever others say or leave unsaid, the logs are examined to their ends.
        self._reader.to_closed(self._settings.audit_attempts_max, self._settings.audit_attempt_pause_seconds)
        self._letters(scope)
        self._against_derivation()
        self._sequences()
        self._sums()
        if missing is not None:
            raise missing

    def close(self) -> None:
        """Ends the connections."""
        self._metrics.close()
        self._dossiers.close()

    @property
    def tally(self) -> Tally:
        """The recount at the position of the lines."""
        position = tuple(line.next for line in self._reader.lines)
        if self._figures is None or self._figures[0] != position:
            self._figures = position, self._books.recount.figures()
            self._parts = {}
        return self._figures[1]

    def _of_unit(self, figures: Figures | None, role: str, unit: str) -> Figures:
        """A unit's part of figures of the tally: taken apart once for all units, or a province would ask for hours."""
        if not figures:
            return {}
        parts = self._parts.get(id(figures))
        if parts is None:
            parts = self._parts[id(figures)] = by_unit(figures)
        return parts.get(f"{role}|{unit}", {})

    # --- Redis -----------------------------------------------------------------------------------------------

    def _against_redis(self, _: Scope) -> None:
        taken = self._settled_snapshot()
        ends = self._reader.ends().next
        check = self._findings["recount.positions"]
        for number in PARTITIONS:
            if (said := taken.next(number)) > ends[number]:
                check.differ(
                    Difference("metrics has counted beyond the end of the lifecycle log", number, ends[number],
                               expected=f"at most {ends[number]}", found=str(said))
                )  # fmt: skip
        self._reader.to(tuple(min(taken.next(number), ends[number]) for number in PARTITIONS))
        for number in PARTITIONS:
            self._position(check, number, taken)
        if any(self._reader.lines[number].next > taken.next(number) for number in PARTITIONS):
            return  # it has stopped behind what was read: that is said, and its figures are of another place
        tally, found, findings = self.tally, taken.figures, self._findings
        compare(findings["recount.total"], tally.total, found.total, "the total in Redis is not what was recounted")
        compare(findings["recount.split"], tally.split, found.split, "the split in Redis is not what was recounted")
        for name, want, have in (("day", tally.day, found.day), ("daysplit", tally.daysplit, found.daysplit)):
            for day in sorted(want.keys() | have.keys()):
                where = f"day {day} in Redis is not what was recounted"
                compare(findings[f"recount.{name}"], want.get(day, {}), have.get(day, {}), where)

    def _position(self, check: Check, number: int, taken: totals.Snapshot) -> None:
        check.examined += 1
        line, said = self._reader.lines[number], taken.positions[number]
        expected = {"stopped": ""}
        if line.next == taken.next(number):
            src = line.chain.src
            expected |= {"src": "" if src is None else f"{src[0]}.{src[1]}", "chain": line.chain.digest.hex()}
        for name, value in expected.items():
            if said.get(name, value) != value:
                detail = f"metrics' `{name}` is not that of the log"
                check.differ(Difference(detail, number, line.next, expected=value or "nothing", found=said[name]))

    def _settled_snapshot(self) -> totals.Snapshot:
        """Where metrics stands as soon as it is not rebuilding and not behind what has been read here."""
        until = time.monotonic() + self._settings.audit_rebuilding_seconds
        while True:
            taken = totals.snapshot(self._settings)
            if any(position.get("stopped") for position in taken.positions):
                return taken
            behind = taken.behind()
            trailing = [number for number in PARTITIONS if taken.next(number) < self._reader.lines[number].next]
            if not behind and not trailing:
                return taken
            if time.monotonic() >= until:
                why = "still rebuilding" if behind else "still behind in"
                raise CouldNotRunError(
                    f"metrics is {why} partitions {', '.join(map(str, behind or trailing))} after "
                    f"{self._settings.audit_rebuilding_seconds:g} s: audit again when it is ready"
                )
            time.sleep(self._settings.audit_attempt_pause_seconds if behind else BEHIND_PAUSE_SECONDS)

    # --- the metrics API -------------------------------------------------------------------------------------

    def _against_answers(self, scope: Scope) -> None:
        api, days = self._findings["recount.api"], sorted(self.tally.day)
        for role in ROLES:
            for day in (None, *scope.some(days, scope.days_max)):
                self._attempt(api, partial(self._units, role, day))
            for unit in scope.some(sorted(of_role(self.tally.total, role)), scope.units_max):
                for each in (None, *days[-1:]):
                    self._attempt(api, partial(self._unit, role, unit, each))
                if days:
                    self._attempt(api, partial(self._days, role, unit, days[-RANGE_DAYS_MAX:]))
        self._parts_of_days(scope, days[-2::-1])
        self._attempt(self._findings["recount.scrape"], self._scrape)

    def _parts_of_days(self, scope: Scope, days: list[str]) -> None:
        """Of the days before the newest, which all days of Redis have been compared with, as many as there is time for."""
        api, until = self._findings["recount.api"], time.monotonic() + PARTS_SECONDS
        units = [
            (role, unit) for role in ROLES for unit in scope.some(sorted(of_role(self.tally.total, role)), scope.units_max)
        ]
        for day in scope.some(days, scope.days_max):
            for role, unit in units:
                if time.monotonic() >= until:
                    return
                self._attempt(api, partial(self._unit, role, unit, day))

    def _attempt(self, into: Check, act: Callable[[Attempt], None]) -> None:
        """A moving system may answer between two batches: only what differs at every attempt is a difference."""
        differing = list[Attempt]()
        for attempt in range(1, self._settings.audit_attempts_max + 1):
            check = Attempt(into.name, into.promise)
            last = attempt == self._settings.audit_attempts_max
            try:
                act(check)
                if not check.passed:
                    differing.append(check)
                if check.passed or last:
                    into.add(check if check.passed else self._lasting(differing))
                    return
            except NotYetError as error:
                if last:
                    raise CouldNotRunError(f"{error}, after {attempt} attempts: audit again when it is ready") from error
            time.sleep(self._settings.audit_attempt_pause_seconds)

    def _lasting(self, attempts: list[Attempt]) -> Check:
        """What differs whatever is being counted: at the last attempt, or, where that may be amidst a tick or an activation,
        at each of them if one was not."""
        last = attempts[-1]
        self._reader.to(self._reader.ends().next)
        if not self._may_be_amidst(last):
            return last
        check = Check(last.name, last.promise, last.examined)
        if not all(self._may_be_amidst(each) for each in attempts):
            for about in last.found:
                if all(about in each.found for each in attempts):
                    check.differ(last.found[about])
        if check.passed:
            raise NotYetError("metrics was counting a tick or an activation")
        return check

    def _may_be_amidst(self, attempt: Attempt) -> bool:
        """Whether a tick or an activation came next in the log: an answer may hold a part of it, unknown to its `as_of`."""
        return any(
            offset > attempt.as_of.get(number, -1) and place < attempt.ends[number]
            for number in PARTITIONS for offset, place in self._reader.lines[number].parted
        )  # fmt: skip

    def _units(self, role: str, day: str | None, check: Attempt) -> None:
        answer = answers.units(self._metrics, role, day)
        if self._follow(check, answer.as_of):
            expected = self.tally.total if day is None else self.tally.day.get(day, {})
            where = f"/v1/units, {'in total' if day is None else day}"
            compare_answer(check, expected, role, answer.rows, where)
            if answer.total is not None:
                compare_total(check, expected, role, answer.total, where)

    def _unit(self, role: str, unit: str, day: str | None, check: Attempt) -> None:
        answer = answers.one_unit(self._metrics, role, unit, day)
        if self._follow(check, answer.as_of):
            expected = self._of_unit(self.tally.split if day is None else self.tally.daysplit.get(day), role, unit)
            compare_split(check, expected, role, unit, answer.rows, f"/v1/units/{unit}, by field and channel")

    def _days(self, role: str, unit: str, days: list[str], check: Attempt) -> None:
        last = instants.day_from_text(days[-1])
        first = max(instants.day_from_text(days[0]), last - RANGE_DAYS_MAX + 1)
        answer = answers.days(self._metrics, role, unit, instants.day_text(first), days[-1])
        if self._follow(check, answer.as_of):
            asked = map(instants.day_text, range(first, last + 1))
            expected = {day: self._of_unit(self.tally.day.get(day), role, unit) for day in asked}
            compare_days(check, expected, role, unit, answer.rows, f"/v1/units/{unit}/days")

    def _scrape(self, check: Attempt) -> None:
        scrape = answers.dossiers(self._metrics)
        if self._follow(check, scrape.as_of):
            clocks = [line.log_clock for line in self._reader.lines if line.log_clock is not None]
            compare_series(check, self.tally, scrape.series, instants.day_of(max(clocks)) if clocks else None)

    def _follow(self, check: Attempt, as_of: dict[int, int]) -> bool:
        """Recounts up to what an answer says it has counted; False (and a difference) where the log has no such record."""
        check.as_of, check.ends = as_of, self._reader.ends().next
        self._reader.to(check.ends, as_of)
        for number in PARTITIONS:
            if (closed := self._reader.lines[number].closed) != as_of.get(number, -1):
                detail = "`as_of` names a reported record to which the recount has not come, or which it has passed"
                found = str(as_of.get(number, -1))
                check.differ(Difference(detail, number, closed, expected=str(closed), found=found))
        return check.passed

    # --- the sample ------------------------------------------------------------------------------------------

    @property
    def may_ask_dossiers(self) -> bool:
        """Whether there is a key with which processing answers about dossiers."""
        return self._dossiers.is_open

    def _ask_dossiers(self, scope: Scope) -> None:
        if not self._dossiers.is_open:
            return
        places = sorted(self._books.sample.dossiers)
        chosen = scope.some(places, scope.dossiers_max)
        for start in range(0, len(chosen), ASKED_AT_ONCE):
            left = chosen[start : start + ASKED_AT_ONCE]
            for attempt in range(1, self._settings.audit_attempts_max + 1):
                left = self._compare_answers(left, is_last=attempt == self._settings.audit_attempts_max)
                if not left or not self._dossiers.is_open:
                    break
                time.sleep(self._settings.audit_attempt_pause_seconds)
            if not self._dossiers.is_open:
                return
            if left:
                raise CouldNotRunError(f"processing's API is not ready to answer about {len(left)} dossiers: audit again")

    def _compare_answers(self, places: list[Place], is_last: bool) -> list[Place]:
        """Asks about dossiers, reads on, compares; left over are those with no answer yet, or another before the last time.

        In the middle of a tick a dossier may have been retired that `as_of` still knows.
        """
        answered: dict[Place, Answered | None] = {}
        for place in places:
            answered[place] = self._dossiers.ask(*place)
            if not self._dossiers.is_open:
                return places
        self._reader.to_closed(self._settings.audit_attempts_max, self._settings.audit_attempt_pause_seconds)
        api, bodies, left = self._findings["sample.api"], self._reader.bodies(), []
        for place, said in answered.items():
            chosen, line = self._books.sample.dossiers.get(place), self._reader.lines[place[0]]
            if chosen is None or not chosen.is_derivable:
                continue
            if said is None or said.as_of > line.closed:
                left.append(place)
                continue
            check = Check(api.name, api.promise)
            against_answer(check, chosen, said, line, bodies)
            if check.passed or is_last:
                api.add(check)
            else:
                left.append(place)
        return left

    def _against_derivation(self) -> None:
        bodies = self._reader.bodies()
        for chosen in self._books.sample.dossiers.values():
            line = self._reader.lines[chosen.partition]
            if chosen.is_derivable and line.is_closed:
                against_lifecycle(self._findings, self._books.pieces, chosen, line, bodies)

    # --- what is left ----------------------------------------------------------------------------------------

    def _letters(self, scope: Scope) -> None:
        """A dead letter may come later than its lifecycle record: what the next look may still find is no difference."""
        until = time.monotonic() + (self._settings.audit_letters_seconds if scope.is_only else 0)
        while self._are_missing_letters() and time.monotonic() < until:
            time.sleep(self._settings.audit_attempt_pause_seconds)
        complete, known = self._findings["letters.complete"], self._findings["letters.known"]
        for line in self._reader.lines:
            line.letters.judge(complete, known, line.chain.src, at_once=scope.is_only)

    def _are_missing_letters(self) -> bool:
        """Whether some are missing that have not come by now, either."""
        lines = self._reader.lines
        if any(line.letters.missing for line in lines):
            self._reader.letters()
            for line in lines:
                line.letters.match_late(line.chain.src)
        return any(line.letters.missing for line in lines)

    def _sequences(self) -> None:
        """A gap may close a moment later: only what is missing at every attempt is missing."""
        into = self._findings["sequences.contiguous"]
        for attempt in range(self._settings.audit_attempts_max):
            if attempt:
                time.sleep(self._settings.audit_attempt_pause_seconds)
            check = Check(into.name, into.promise)
            beats = self._reader.numbers()
            self._books.sequences.judge(check, beats)
            self.discarded, _ = self._books.sequences.sort_out(discarded(beats.values()))
            self.left_behind, _ = self._books.sequences.sort_out(left_behind(beats.values()))
            self.left_unsent = left_unsent(beats.values())
            if check.passed:
                break
        into.examined, into.differences, into.first = check.examined, check.differences, check.first

    def _sums(self) -> None:
        sums = self._findings["accounting.sums"]
        for line in self._reader.lines:
            counts = line.counts()
            sums.examined += line.closed + 1
            without = counts.pop("none", 0)
            if without or counts.total() != line.closed + 1:
                detail = "not every reported record has a standing"
                first = line.standings.first_without(line.closed)
                expected, found = str(line.closed + 1), str(counts.total())
                sums.differ(Difference(detail, line.partition, first, expected=expected, found=found))
