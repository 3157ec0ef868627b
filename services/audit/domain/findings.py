"""What an audit found: named checks, how much each examined, and the first difference of each with its place."""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Difference:
    """One difference and where it is; `was` is what the audit expected, `found` what stands there."""

    detail: str
    partition: int | None = None
    offset: int | None = None
    dossier: str | None = None
    counter: str | None = None
    expected: str | None = None
    found: str | None = None
    # What was expected and found are codes of dossiers.
    of_dossiers: bool = False

    def without_dossiers(self) -> "Difference":
        """The same for those who may not see codes of dossiers."""
        seen = replace(self, expected=None, found=None) if self.of_dossiers else self
        return replace(seen, dossier=None if seen.dossier is None else "not shown")

    def __str__(self) -> str:
        places = [
            f"{name} {place}"
            for name, place in (
                ("partition", self.partition),
                ("offset", self.offset),
                ("dossier", self.dossier),
                ("counter", self.counter),
            )
            if place is not None
        ]
        text = f"{', '.join(places)}: {self.detail}" if places else self.detail
        if self.expected is not None:
            text += f" (expected {self.expected}, found {self.found})"
        return text


@dataclass
class Check:
    """One promise that was examined."""

    name: str
    promise: str
    examined: int = 0
    differences: int = 0
    first: Difference | None = None

    @property
    def passed(self) -> bool:
        """Whether no difference was found."""
        return self.differences == 0

    def differ(self, difference: Difference) -> None:
        """Counts a difference; the first one is kept."""
        self.differences += 1
        if self.first is None:
            self.first = difference

    def add(self, other: "Check") -> None:
        """Takes in what another examination of the same promise found."""
        self.examined += other.examined
        self.differences += other.differences
        self.first = self.first or other.first


PROMISES = {
    "accounting.records": "every reported record has its lifecycle records, exactly once, closed by a last one",
    "accounting.attributes": "source, dossier, fact, instants, log clock and rules are those of the reported record",
    "accounting.standings": "each reported record has exactly one standing; what is undone was done before",
    "accounting.sums": "reported = applied + parked + duplicate + rejected + annulled + tick + control",
    "sequences.once": "no source has used a number of one incarnation for two events",
    "sequences.contiguous": "no number of a source and incarnation is missing that nobody accounts for",
    "chain.unbroken": "`prev` and `chain` tie each lifecycle record to the one before it",
    "chain.resent": "a re-sent lifecycle record equals the first of its src",
    "chain.stands": "a dossier `was` what its record before said it `is`",
    "letters.order": "dead letters follow one another by `src` and `prev`",
    "letters.complete": "what stands rejected has its dead letter, at most one for each reported record",
    "letters.originals": "a dead letter carries the bytes and headers that were reported",
    "letters.known": "a dead letter belongs to a lifecycle record that is there",
    "sample.stands": "a dossier derived anew from what was reported stands as its last lifecycle record says",
    "sample.standings": "each of its records counts as the derivation says",
    "sample.api": "processing answers the state, dues, steps and misfits that were derived",
    "recount.positions": "metrics reads the log that was recounted, and has not stopped",
    "recount.total": "totals in Redis equal the recount",
    "recount.split": "totals by field and channel in Redis equal the recount",
    "recount.day": "days in Redis equal the recount",
    "recount.daysplit": "days by field and channel in Redis equal the recount",
    "recount.api": "the metrics API answers what was recounted, at its `as_of`",
    "recount.scrape": "the exact series of Prometheus equal the recount",
}


# Worked out anew by every look at a log that goes on; what the others found stays found.
OF_ONE_LOOK = (
    "accounting.sums", "sequences.contiguous", "letters.complete", "letters.known", "sample.stands", "sample.standings",
    "sample.api", "recount.positions", "recount.total", "recount.split", "recount.day", "recount.daysplit", "recount.api",
    "recount.scrape",
)  # fmt: skip


@dataclass
class Findings:
    """All checks of one audit, in the order of their promises."""

    checks: dict[str, Check] = field(
        default_factory=lambda: {name: Check(name, promise) for name, promise in PROMISES.items()}
    )

    def __getitem__(self, name: str) -> Check:
        return self.checks[name]

    def look_again(self) -> None:
        """Forgets what is worked out by each look."""
        for name in OF_ONE_LOOK:
            check = self.checks[name]
            check.examined, check.differences, check.first = 0, 0, None

    @property
    def clean(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks.values())
