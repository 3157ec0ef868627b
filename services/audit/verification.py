"""One audit, offset 0 to verdict: reads the logs once, stopping at the positions of each figure that it compares."""

import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from contracts import topics
from services.audit import answers, totals
from services.audit.answers import NotYetError
from services.audit.archive import CouldNotRunError, Ends, Log
from services.audit.domain.comparison import compare, compare_answer, compare_series, compare_split, of_role
from services.audit.domain.findings import Check, Difference, Findings
from services.audit.domain.line import Line
from services.audit.domain.pieces import Pieces
from services.audit.domain.recount import ROLES, Recount, Tally
from services.audit.settings import Settings

PARTITIONS = range(topics.PARTITIONS)
PROGRESS_EVERY_SECONDS = 5.0
PROGRESS_EVERY_RECORDS = 5000
# A dead letter may reach its topic a moment after its lifecycle record reached the other.
SETTLE_SECONDS = 1.0


class Verification:
    """The state of one audit."""

    def __init__(self, settings: Settings) -> None:
        self.findings = Findings()
        self._settings = settings
        self._pieces = Pieces()
        self._recount = Recount(self._pieces)
        self._lines = [Line(number, self._pieces, self._recount, self.findings) for number in PARTITIONS]
        self._reported = Log(settings, topics.REPORTED.name)
        self._lifecycle = Log(settings, topics.lifecycle(settings.live_gen).name)
        self._rejected = Log(settings, topics.rejected(settings.live_gen).name)
        self._figures: tuple[tuple[int, ...], Tally] | None = None
        self._begun = self._said = time.monotonic()
        self._total = self._reported_end = 0

    def run(self) -> None:
        """Every check; CouldNotRunError when one could not be reached."""
        first = self._reported.ends()
        lifecycle = self._lifecycle.ends()
        self._total = sum(first.next) + sum(lifecycle.next)
        self._whole(first, self._reported.topic)
        self._whole(lifecycle, self._lifecycle.topic)
        missing: CouldNotRunError | None = None
        try:
            self._against_redis()
            self._against_answers()
        except CouldNotRunError as error:
            missing = error
        # Whatever metrics says or leaves unsaid, the logs are examined to their ends.
        self._to(self._lifecycle.ends().next)
        self._finish()
        if missing is not None:
            raise missing

    def counts(self) -> dict[str, int]:
        """What was read and how the reported records stand."""
        standings: Counter[str] = sum((line.standings() for line in self._lines), Counter())
        below = sum(line.closed + 1 for line in self._lines)
        return {
            "reported_records": below,
            "lifecycle_records": sum(line.next for line in self._lines),
            "dead_letters": sum(line.letters.count for line in self._lines),
            "waiting_to_be_folded": max(0, self._reported_end - below),
            **{f"standing_{name}": number for name, number in sorted(standings.items())},
        }

    def close(self) -> None:
        """Ends the clients."""
        for log in (self._reported, self._lifecycle, self._rejected):
            log.close()

    # --- reading -----------------------------------------------------------------------------------------

    def _whole(self, ends: Ends, topic: str) -> None:
        for number, first in enumerate(ends.first):
            if first:
                self.findings["accounting.records"].differ(
                    Difference(f"{topic} does not begin at offset 0 any more", number, 0)
                )

    def _to(self, targets: tuple[int, ...], as_of: dict[int, int] | None = None) -> None:
        """Reads each lifecycle partition up to an offset (or up to the end of what a reported record left)."""
        wanted = [n for n in PARTITIONS if self._lines[n].next < targets[n] and not self._has(n, as_of)]
        if not wanted:
            return
        time.sleep(SETTLE_SECONDS)
        letters, reported = self._rejected.ends(), self._reported.ends()
        self._reported_end = sum(reported.next)
        for number in wanted:
            line = self._lines[number]
            for letter in self._rejected.read(number, line.letters.next, letters.next[number]):
                line.letters.read(letter)
            line.feed = self._reported.read(number, line.reported_next, reported.next[number])
            for record in self._lifecycle.read(number, line.next, targets[number]):
                line.take(record)
                if self._lifecycle.read_records % PROGRESS_EVERY_RECORDS == 0:
                    self._say(number)
                if self._has(number, as_of):
                    break

    def _has(self, number: int, as_of: dict[int, int] | None) -> bool:
        return as_of is not None and self._lines[number].closed >= as_of.get(number, -1)

    def _say(self, partition: int) -> None:
        now = time.monotonic()
        if now - self._said >= PROGRESS_EVERY_SECONDS:
            self._said = now
            records = self._lifecycle.read_records + self._reported.read_records
            rate = records / (now - self._begun)
            share = min(100.0, 100 * records / max(1, self._total))
            print(f"audit: partition {partition}, {records:,} records, {rate:,.0f}/s, {share:.0f} %", file=sys.stderr)

    def _tally(self) -> Tally:
        position = tuple(line.next for line in self._lines)
        if self._figures is None or self._figures[0] != position:
            self._figures = position, self._recount.figures()
        return self._figures[1]

    # --- comparing ---------------------------------------------------------------------------------------

    def _against_redis(self) -> None:
        taken = self._settled_snapshot()
        ends = self._lifecycle.ends().next
        check = self.findings["recount.positions"]
        for number in PARTITIONS:
            if (said := taken.next(number)) > ends[number]:
                check.differ(
                    Difference("metrics has counted beyond the end of the lifecycle log", number, ends[number],
                               expected=f"at most {ends[number]}", found=str(said))
                )  # fmt: skip
        self._to(tuple(min(taken.next(number), ends[number]) for number in PARTITIONS))
        for number in PARTITIONS:
            self._position(check, number, taken.positions[number])
        tally, found = self._tally(), taken.figures
        compare(self.findings["recount.total"], tally.total, found.total, "the total in Redis is not what was recounted")
        compare(self.findings["recount.split"], tally.split, found.split, "the split in Redis is not what was recounted")
        for name, want, have in (("day", tally.day, found.day), ("daysplit", tally.daysplit, found.daysplit)):
            for day in sorted(want.keys() | have.keys()):
                where = f"day {day} in Redis is not what was recounted"
                compare(self.findings[f"recount.{name}"], want.get(day, {}), have.get(day, {}), where)

    def _position(self, check: Check, number: int, said: dict[str, str]) -> None:
        check.examined += 1
        line = self._lines[number]
        src = line.chain.src
        expected = {"src": "" if src is None else f"{src[0]}.{src[1]}", "chain": line.chain.digest.hex(), "stopped": ""}
        for name, value in expected.items():
            if said.get(name, value) != value:
                detail = f"metrics' `{name}` is not that of the log"
                check.differ(Difference(detail, number, line.next, expected=value or "nothing", found=said[name]))

    def _settled_snapshot(self) -> totals.Snapshot:
        until = time.monotonic() + self._settings.audit_rebuilding_seconds
        while behind := (taken := totals.snapshot(self._settings)).behind():
            if any(position.get("stopped") for position in taken.positions):
                return taken
            if time.monotonic() >= until:
                raise CouldNotRunError(
                    f"metrics is still rebuilding partitions {', '.join(map(str, behind))} after "
                    f"{self._settings.audit_rebuilding_seconds:g} s: audit again when it is ready"
                )
            time.sleep(self._settings.audit_attempt_pause_seconds)
        return taken

    def _against_answers(self) -> None:
        api, settings = self.findings["recount.api"], self._settings
        days = sorted(self._tally().day)[-settings.audit_days_max :] if settings.audit_days_max else []
        for role in ROLES:
            for day in (None, *days):
                self._attempt(api, partial(self._units, role, day))
            busy = of_role(self._tally().total, role)
            most = sorted(busy, key=lambda unit: (-busy[unit].get("received", 0), unit))[: settings.audit_units_max]
            for unit in most:
                self._attempt(api, partial(self._unit, role, unit))
        self._attempt(self.findings["recount.scrape"], self._scrape)

    def _attempt(self, into: Check, act: Callable[[Check], None]) -> None:
        """A moving system may answer between two batches: only what differs at every attempt is a difference."""
        for attempt in range(1, self._settings.audit_attempts_max + 1):
            check = Check(into.name, into.promise)
            last = attempt == self._settings.audit_attempts_max
            try:
                act(check)
            except NotYetError as error:
                if last:
                    raise CouldNotRunError(f"{error}, after {attempt} attempts: audit again when it is ready") from error
            else:
                if check.passed or last:
                    into.examined += check.examined
                    into.differences += check.differences
                    into.first = into.first or check.first
                    return
            time.sleep(self._settings.audit_attempt_pause_seconds)

    def _units(self, role: str, day: str | None, check: Check) -> None:
        answer = answers.units(self._settings, role, day)
        if self._follow(check, answer.as_of):
            tally = self._tally()
            expected = tally.total if day is None else tally.day.get(day, {})
            compare_answer(check, expected, role, answer.rows, f"/v1/units, {'in total' if day is None else day}")

    def _unit(self, role: str, unit: str, check: Check) -> None:
        answer = answers.one_unit(self._settings, role, unit)
        if self._follow(check, answer.as_of):
            compare_split(check, self._tally().split, role, unit, answer.rows, f"/v1/units/{unit}, by field and channel")

    def _scrape(self, check: Check) -> None:
        scrape = answers.dossiers(self._settings)
        if self._follow(check, scrape.as_of):
            compare_series(check, self._tally(), scrape.series)

    def _follow(self, check: Check, as_of: dict[int, int]) -> bool:
        """Recounts up to what an answer says it has counted; False (and a difference) where the log has no such record."""
        self._to(self._lifecycle.ends().next, as_of)
        for number in PARTITIONS:
            if (closed := self._lines[number].closed) != as_of.get(number, -1):
                detail = "`as_of` names a reported record to which the recount has not come, or which it has passed"
                found = str(as_of.get(number, -1))
                check.differ(Difference(detail, number, closed, expected=str(closed), found=found))
        return check.passed

    def _finish(self) -> None:
        sums = self.findings["accounting.sums"]
        for line in self._lines:
            line.letters.finish(line.chain.src)
            standings = line.standings()
            sums.examined += line.closed + 1
            without = standings.pop("none", 0)
            if without or standings.total() != line.closed + 1:
                detail = "not every reported record has a standing"
                expected, found = str(line.closed + 1), str(standings.total())
                sums.differ(Difference(detail, line.partition, expected=expected, found=found))
