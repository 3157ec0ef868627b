"""What all partitions of an audit write into: pieces, the recount, lists, sequences, the sample, the findings."""

from collections.abc import Iterable

from services.audit.domain.findings import Findings
from services.audit.domain.notes import SHOWN_MAX, Notes, Numbers
from services.audit.domain.pieces import Pieces
from services.audit.domain.recount import Recount
from services.audit.domain.sample import Sample
from services.audit.domain.sequences import Sequences


class Books:
    """The books of one audit; `shown_max`: so many events of each unit its lists name."""

    def __init__(
        self, findings: Findings, sample: Sample, given_up: Iterable[Numbers] = (), shown_max: int = SHOWN_MAX
    ) -> None:
        self.findings = findings
        self.pieces = Pieces()
        self.recount = Recount(self.pieces)
        self.notes = Notes(self.pieces, shown_max)
        self.sequences = Sequences(findings, given_up)
        self.sample = sample
