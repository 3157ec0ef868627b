"""One audit, offset 0 to verdict, or look after look on a system that goes on: what was read is never read again."""

from collections import Counter

from services.audit.domain import sequences
from services.audit.domain.books import Books
from services.audit.domain.findings import Findings
from services.audit.domain.notes import SHOWN_MAX, Listed
from services.audit.domain.sample import Sample
from services.audit.looking import Looking, Scope
from services.audit.reader import Reader, Tell
from services.audit.settings import Settings


class Verification:
    """The state of an audit; `size` None takes every dossier into the sample, `shown_max` goes for each unit and list."""

    def __init__(
        self, settings: Settings, size: int | None, seed: int, tell: Tell = lambda reader: None, shown_max: int = SHOWN_MAX
    ) -> None:
        self.findings = Findings()
        self.seed = seed
        self._given_up = sequences.given_up(settings.audit_given_up)
        self._books = Books(self.findings, Sample(size, seed), self._given_up, shown_max)
        self._shown_max = shown_max
        self.reader = Reader(settings, self._books, tell)
        self._looking = Looking(settings, self.reader, self._books)

    def run(self, scope: Scope) -> None:
        """Every check; CouldNotRunError when one could not be reached."""
        self.findings.look_again()
        self.reader.begin_look()
        self._looking.look(scope)

    def counts(self) -> dict[str, int]:
        """What was read and how the reported records stand."""
        lines = self.reader.lines
        standings: Counter[str] = sum((line.counts() for line in lines), Counter())
        below = sum(line.closed + 1 for line in lines)
        sources, numbers = self._books.sequences.counts()
        return {
            "reported_records": below,
            "lifecycle_records": sum(line.next for line in lines),
            "dead_letters": sum(line.letters.count for line in lines),
            "waiting_to_be_folded": max(0, self.reader.reported_end - below),
            "sequence_tracks": sources,
            "sequence_numbers": numbers,
            "sample_dossiers": len(self._books.sample.dossiers),
            "sample_seed": self.seed,
            **{f"standing_{name}": number for name, number in sorted(standings.items())},
        }

    def lists(self) -> dict[str, dict[str, Listed]]:
        """Back-dated events, late completions, events that were thrown away, left behind or given up, unit by unit."""
        given_up, come_since = self._books.sequences.sort_out(self._given_up)
        return {
            **self._books.notes.lists(self._looking.tally),
            "discarded": sequences.by_unit(self._looking.discarded, self._shown_max),
            "left_behind": sequences.by_unit(self._looking.left_behind, self._shown_max),
            "left_unsent": self._looking.left_unsent,
            "given_up": sequences.by_unit(given_up, self._shown_max),
            # Entered anew from paper as well, perhaps.
            "given_up_come_since": sequences.by_unit(come_since, self._shown_max),
        }

    def as_of(self) -> dict[str, int]:
        """The last reported record of each partition that everything here has counted in."""
        return {str(line.partition): line.closed for line in self.reader.lines}

    @property
    def log_clock(self) -> int | None:
        """The smallest log clock of the partitions, None if one has none."""
        clocks = [line.log_clock for line in self.reader.lines]
        known = [clock for clock in clocks if clock is not None]
        return min(known) if len(known) == len(clocks) else None

    @property
    def asks_dossiers(self) -> bool:
        """Whether processing's answers about dossiers are compared: somebody must have given a key for them."""
        return self._looking.may_ask_dossiers

    def close(self) -> None:
        """Ends the clients."""
        self._looking.close()
        self.reader.close()
