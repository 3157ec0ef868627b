"""Logs as Kafka would keep them, folded in memory from the golden records, for audits that damage them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from msgspec.structs import replace

from contracts import deadletters, reference
from contracts.deadletters import DeadLetter
from contracts.lifecycle import CHAIN_START, Lifecycle, chain, decode, encode
from contracts.reference import Reference
from services.audit.domain.books import Books
from services.audit.domain.derivation import against_lifecycle
from services.audit.domain.findings import Findings
from services.audit.domain.line import Line
from services.audit.domain.plain_rules import PlainRules
from services.audit.domain.reading import Stored
from services.audit.domain.recount import Tally
from services.audit.domain.sample import Sample
from services.processing.domain.rules import Rules
from tests.unit.golden import make
from tests.unit.golden.fold import Reported
from tests.unit.memory_line import MemoryLine


@dataclass(frozen=True)
class Logs:
    """One partition of the three topics."""

    reported: tuple[Stored, ...]
    lifecycle: tuple[Stored, ...]
    letters: tuple[Stored, ...]


@dataclass
class Audit:
    """A finished audit of one partition."""

    books: Books
    line: Line

    @property
    def findings(self) -> Findings:
        """What the checks found."""
        return self.books.findings

    @property
    def tally(self) -> Tally:
        """What was counted."""
        return self.books.recount.figures()

    def failed(self) -> dict[str, str]:
        """Names of the checks that found something, with the first difference as it is told."""
        return {check.name: str(check.first) for check in self.findings.checks.values() if not check.passed}


@cache
def golden_logs() -> Logs:
    """The golden partition: births, misfits, expiries, annulments, ticks, two activations, something unreadable."""
    return folded(make.bodies())


def digests() -> list[str]:
    """What the bodies of the golden log are called in its activations."""
    return [reference.digest(reference.encode(body)) for body in make.bodies()]


def folded(bodies: list[Reference], records: Sequence[Reported] = ()) -> Logs:
    """The golden reported records, or others, as processing folds them when it takes these bodies for the ones that were
    activated."""
    memory = folding(bodies)
    reported: list[Stored] = []
    lifecycle: list[Stored] = []
    letters: list[Stored] = []
    for offset, record in enumerate(records or make.records()):
        value, headers = record.value.encode(), tuple((name, text.encode()) for name, text in record.headers)
        at_ms = record.recorded_at // 1000
        reported.append(Stored(offset, at_ms, None, value, headers))
        for sent in memory.take(value, headers, at_ms * 1000):
            lifecycle.append(Stored(len(lifecycle), at_ms, None, sent.value, (("chain", sent.chain.hex().encode()),)))
            for owed in sent.letters:
                original = reported[owed.offset]
                letter = DeadLetter(
                    code=owed.code, detail=owed.detail, src=owed.src, prev=owed.prev,
                    key=original.key, value=original.value, headers=tuple(original.headers),
                )  # fmt: skip
                letters.append(Stored(len(letters), at_ms, None, original.value, tuple(deadletters.to_headers(letter))))
    return Logs(tuple(reported), tuple(lifecycle), tuple(letters))


@cache
def plain_bodies() -> dict[str, PlainRules]:
    """The golden log's bodies as audit reads them."""
    return {name: PlainRules(body) for name, body in zip(digests(), make.bodies(), strict=True)}


def folding(bodies: list[Reference]) -> MemoryLine:
    """Processing's fold in memory, by these bodies."""
    return MemoryLine({name: Rules.compile(name, body) for name, body in zip(digests(), bodies, strict=True)})


def audit(logs: Logs) -> Audit:
    """Audits one partition to its end."""
    findings = Findings()
    books = Books(findings, Sample(None, 1))
    line = Line(0, books)
    for letter in logs.letters:
        line.letters.read(letter)
    line.feed(iter(logs.reported))
    for record in logs.lifecycle:
        line.take(record)
    line.letters.judge(findings["letters.complete"], findings["letters.known"], line.chain.src, at_once=True)
    for chosen in books.sample.dossiers.values():
        against_lifecycle(findings, books.pieces, chosen, line, plain_bodies())
    books.sequences.judge(findings["sequences.contiguous"], {})
    return Audit(books, line)


def without(log: tuple[Stored, ...], place: int) -> tuple[Stored, ...]:
    """A log that lost one record, the later ones with new offsets: as it looks when it was written again."""
    return renumbered((*log[:place], *log[place + 1 :]))


def renumbered(log: Iterable[Stored]) -> tuple[Stored, ...]:
    """Offsets from 0."""
    return tuple(replace(record, offset=offset) for offset, record in enumerate(log))


def rewritten(log: tuple[Stored, ...], place: int, record: Lifecycle) -> tuple[Stored, ...]:
    """A log in which somebody changed one record and forged every chain after it, so that only contents can tell."""
    before, forged = CHAIN_START, []
    for at, stored in enumerate(log):
        value = encode(record) if at == place else stored.value or b""
        before = chain(before, value)
        forged.append(replace(stored, value=value, headers=(("chain", before.hex().encode()),)))
    return tuple(forged)


def read(stored: Stored) -> Lifecycle:
    """A lifecycle record of its bytes."""
    return decode(stored.value or b"")
