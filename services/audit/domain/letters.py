"""Dead letters of one partition: in order, complete, and each the very record that was reported."""

from dataclasses import dataclass

from contracts.deadletters import DeadLetter, Src, from_record
from services.audit.domain.findings import Check, Difference, Findings
from services.audit.domain.reading import Stored, fingerprint


@dataclass
class Missing:
    """A reported record that stands rejected and whose dead letter had not come when its lifecycle record did."""

    offset: int
    dossier: str | None
    judged: int = 0


class Letters:
    """Reads dead letters ahead of the lifecycle, then hands each to the lifecycle record it belongs to.

    The two lie in two topics, so a letter may also come later: until a second judgement misses it, it is waited for.
    Memory: one small entry for each dead letter and each record that still owes one; rejections are rare.
    """

    def __init__(self, partition: int, findings: Findings) -> None:
        self.partition = partition
        self.next = 0
        self.count = 0
        self._order = findings["letters.order"]
        # What stays found, whenever it is judged; a letter that is missing may still come.
        self._complete = Check("letters.complete", findings["letters.complete"].promise)
        self._originals = findings["letters.originals"]
        self._highest: Src | None = None
        # Reported records that the fold could not take: an alarm each, so there are few.
        self.failed: set[int] = set()
        self._waiting: dict[tuple[int, int], list[tuple[int, str, int]]] = {}
        self._lettered: set[int] = set()
        self._owed: dict[int, int] = {}
        self._owed_by_mark: dict[int, int] = {}
        # By the reported record at which the letter was due, and the fingerprint that it must carry.
        self._missing: dict[tuple[int, int], Missing] = {}
        # Of changes that the fold could not make at a tick or an activation: the fingerprint of that record.
        self._failed_changes: dict[tuple[int, int], int] = {}

    @property
    def missing(self) -> int:
        """How many have not come that were due."""
        return len(self._missing)

    def read(self, stored: Stored) -> None:
        """A record of the rejected topic; one that was sent again is dropped."""
        self.next = stored.offset + 1
        self._order.examined += 1
        try:
            letter = from_record(stored.key, stored.value, stored.headers)
        except (ValueError, KeyError):
            self._order.differ(Difference("a record that is no dead letter", self.partition, stored.offset))
            return
        if self._highest is not None and letter.src <= self._highest:
            return
        if letter.prev != self._highest:
            self._order.differ(
                Difference(
                    "`prev` of the dead letter is not the src before it",
                    self.partition,
                    stored.offset,
                    expected=str(self._highest),
                    found=str(letter.prev),
                )
            )
        self._highest = letter.src
        self.count += 1
        self._wait(stored.offset, letter)

    def _wait(self, offset: int, letter: DeadLetter) -> None:
        mark = fingerprint(letter.key, letter.value, letter.headers)
        self._waiting.setdefault(letter.src[:2], []).append((offset, letter.code, mark))

    def rejected(self, offset: int, mark: int) -> None:
        """The record at `offset`, whose fingerprint is `mark`, stands rejected from here on."""
        if offset not in self._lettered:
            self._owed[offset] = mark
            self._owed_by_mark[mark] = offset

    def freed(self, offset: int) -> None:
        """It does no longer, so nothing is owed for it."""
        mark = self._owed.pop(offset, None)
        if mark is not None and self._owed_by_mark.get(mark) == offset:
            del self._owed_by_mark[mark]

    def settle(self, src: tuple[int, int], is_control: bool, own_mark: int) -> None:
        """Matches the letters of one lifecycle record with the reported records that they must carry.

        `own_mark` is the fingerprint of the record at `src`; a tick's letters carry others, of misfits that expired.
        """
        for at, code, mark in self._waiting.pop(src, ()):
            self._originals.examined += 1
            if is_control and code != "internal_error":
                offset = self._owed_by_mark.get(mark)
            else:
                offset = src[0] if own_mark == mark else None
            if offset is None:
                self._originals.differ(
                    Difference(
                        f"the dead letter of {src[0]}.{src[1]} is not the record that was rejected", self.partition, at
                    )
                )
            elif not is_control and offset not in self._owed:
                self._complete.differ(
                    Difference(f"a dead letter for reported record {offset}, which owes none", self.partition, at)
                )
            elif not (is_control and code == "internal_error"):
                self._mark_lettered(offset)
                if code == "internal_error":
                    self.failed.add(offset)

    def must_have(self, offset: int, dossier: str | None) -> None:
        """A rejected record that is not kept must have its letter by now."""
        self._complete.examined += 1
        if offset in self._owed:
            self._miss(offset, offset, dossier)

    def tick_passed(self, tick: int) -> None:
        """After a tick nothing may be owed."""
        self._complete.examined += 1
        for offset in list(self._owed):
            self._miss(tick, offset, None)

    def change_failed(self, src: tuple[int, int], own_mark: int) -> None:
        """A tick or an activation could not change a dossier, which leaves a letter of its own."""
        self._failed_changes[src] = own_mark

    def match_late(self, upto: tuple[int, int] | None) -> None:
        """Hands letters of lifecycle records that were taken without them, up to that src, to what they were missed for."""
        for src in [src for src in self._waiting if upto is not None and src <= upto]:
            strange = [letter for letter in self._waiting.pop(src) if not self._comes_late(src, letter[1], letter[2])]
            if strange:
                self._waiting[src] = strange

    def judge(self, complete: Check, known: Check, upto: tuple[int, int] | None, at_once: bool) -> None:
        """What is missing for a second time, or `at_once`, is a difference; so is a letter that belongs to nothing."""
        self.match_late(upto)
        known.examined += self.count
        for src, letters in self._waiting.items():
            if upto is not None and src <= upto:
                detail = f"a dead letter of lifecycle record {src[0]}.{src[1]}, which is not there"
                known.differ(Difference(detail, self.partition, letters[0][0]))
        complete.add(self._complete)
        for each in self._missing.values():
            each.judged += 1
            if at_once or each.judged > 1:
                detail = "the reported record stands rejected and has no dead letter"
                complete.differ(Difference(detail, self.partition, each.offset, each.dossier))

    def _comes_late(self, src: tuple[int, int], code: str, mark: int) -> bool:
        """Whether something was missed at `src` that a letter makes good."""
        missed = self._missing.pop((src[0], mark), None)
        if missed is None and (code != "internal_error" or self._failed_changes.get(src) != mark):
            return False
        self._originals.examined += 1
        if missed is not None and code == "internal_error":
            self.failed.add(missed.offset)
        return True

    def _mark_lettered(self, offset: int) -> None:
        self.freed(offset)
        self._lettered.add(offset)

    def _miss(self, due_at: int, offset: int, dossier: str | None) -> None:
        self._missing[due_at, self._owed[offset]] = Missing(offset, dossier)
        self._mark_lettered(offset)
