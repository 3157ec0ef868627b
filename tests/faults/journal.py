"""What was played, one line of JSON for each round, so that a run resumes where it stopped and a table can be made."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.faults.kinds import KINDS
from tests.faults.plan import promised
from tests.faults.rounds import Outcome

FEW_SAID_MAX = 6


class Journal:
    """The file of one seed."""

    def __init__(self, directory: Path, seed: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.file = directory / f"rounds-{seed}.jsonl"
        self.outcomes: list[Outcome] = []
        if self.file.exists():
            # The last line may have been cut off by a kill: that round is played again.
            for line in self.file.read_bytes().split(b"\n"):
                try:
                    self.outcomes.append(msgspec.json.decode(line, type=Outcome))
                except msgspec.MsgspecError:
                    continue

    @property
    def played(self) -> set[int]:
        """Rounds that came to a verdict."""
        return {each.number for each in self.outcomes if each.verdict is not None}

    @property
    def commits(self) -> set[str]:
        """Of which code its rounds are."""
        return {each.commit for each in self.outcomes}

    def add(self, outcome: Outcome) -> None:
        """Writes it down."""
        self.outcomes.append(outcome)
        with self.file.open("ab") as opened:
            # A line of its own, also behind one that was cut off.
            opened.write(b"\n" + msgspec.json.encode(outcome) + b"\n")


def injected(outcomes: Sequence[Outcome]) -> Counter[str]:
    """How many faults of each kind were injected in rounds that came to a verdict."""
    return Counter(each.kind for outcome in outcomes if outcome.verdict is not None for each in outcome.suffered)


def complaints(outcomes: Sequence[Outcome], rounds: int, faults_min: int, per_kind_min: int) -> list[str]:
    """Why a run has failed; none when it has not."""
    told = [f"round {each.number}: {_why(each)}" for each in outcomes if not each.clean]
    counts = injected(outcomes)
    least = min(per_kind_min, min(promised(rounds).values()))
    if counts.total() < faults_min:
        told.append(f"{counts.total()} faults were injected, {faults_min} were promised")
    few = [f"{kind.name} {counts[kind.name]}" for kind in KINDS if counts[kind.name] < least]
    if few:
        more = f" and of {len(few) - FEW_SAID_MAX} more" if len(few) > FEW_SAID_MAX else ""
        told.append(f"of each kind at least {least} were promised: {', '.join(few[:FEW_SAID_MAX])}{more}")
    return told


def _why(outcome: Outcome) -> str:
    verdict = outcome.verdict
    if verdict is None:
        return f"no verdict, {outcome.failed}"
    figures = f"lost {verdict.lost}, double {verdict.double}, unequal {verdict.unequal}, wrong {verdict.wrong}"
    return "; ".join([f"{figures}, audit {verdict.audit}", *verdict.said])
