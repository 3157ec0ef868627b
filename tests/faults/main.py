"""`make faults`: round after round of faults on a stand of its own, from where it stopped, until all are played."""

import argparse
import os
import shutil
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.settings import REPOSITORY
from tests.faults import report, toxiproxy
from tests.faults.journal import Journal, complaints, injected
from tests.faults.load import load, working_weeks
from tests.faults.plan import ROUNDS, plan
from tests.faults.proxy import OwnLines
from tests.faults.rounds import Life, Outcome, code
from tests.faults.stand import Lines, Stand

FAULTS_MIN, PER_KIND_MIN = 1_000, 25
INTERRUPTED, OTHER_CODE = 130, 2
MINUTES_MAX = 90.0
# Beyond it a stand is made anew: what a round costs must not grow with all that came before.
ROUNDS_PER_LIFE = 13
PAGE = REPOSITORY / "docs" / "RELIABILITY.md"


def main() -> int:
    """0: every round clean and as many faults as promised. 1: not. 2: rounds of other code were played before. 130:
    interrupted. In any case no process is left."""
    chosen = _arguments()
    signal.signal(signal.SIGTERM, _interrupted)
    directory = chosen.state_dir.resolve()
    journal = Journal(directory, chosen.seed)
    program = toxiproxy.built() if chosen.lines != "own" else None
    if chosen.round is not None:
        numbers = [chosen.round]
    else:
        numbers = [number for number in range(chosen.rounds) if number not in journal.played]
    if chosen.round is None and numbers and (others := journal.commits - {code()}):
        known = ", ".join(sorted(each or "not known which" for each in others))
        _say(f"{journal.file} has rounds of other code ({known}), and this is {code()}: go on with that one, or begin anew "
             "without the file")  # fmt: skip
        return OTHER_CODE
    _say(f"seed {chosen.seed}: {len(numbers)} of {chosen.rounds} rounds to play, in {directory}; "
         f"lines by {toxiproxy.Toxiproxy.name if program else OwnLines.name}")  # fmt: skip
    run = _Run(directory, chosen.seed, program)
    deadline = time.monotonic() + chosen.minutes * 60
    try:
        for done, number in enumerate(numbers):
            if time.monotonic() + run.longest_seconds > deadline:
                _say(f"time is up after {done} rounds; the same command goes on")
                break
            outcome = run.round(number)
            if chosen.round is None:
                journal.add(outcome)
            _say(_line(outcome, run.mean_seconds * (len(numbers) - done - 1)))
    except KeyboardInterrupt:
        _say(f"interrupted; the same command goes on, and without {directory} it begins anew")
        return INTERRUPTED
    finally:
        run.close()
    if chosen.round is not None:
        return 0 if run.is_clean else 1
    return _concluded(journal, chosen.rounds, run.lines_name, chosen.report)


def _concluded(journal: Journal, rounds: int, lines: str, is_reported: bool) -> int:
    told = complaints(journal.outcomes, rounds, min(FAULTS_MIN, rounds * FAULTS_MIN // ROUNDS), PER_KIND_MIN)
    if is_reported and journal.outcomes:
        report.put(PAGE, report.table(journal.outcomes, rounds, lines, datetime.now(UTC), told))
    _say(f"{injected(journal.outcomes).total()} faults in {len(journal.played)} rounds: {journal.file}")
    for each in told:
        _say(f"FAIL  {each}")
    return 1 if told else 0


class _Run:
    """Stands one after the other; a round that failed takes its stand with it, whose logs are kept."""

    def __init__(self, directory: Path, seed: int, program: Path | None) -> None:
        self.is_clean = True
        self.lines_name = toxiproxy.Toxiproxy.name if program else OwnLines.name
        self._directory = directory
        self._seed = seed
        self._program = program
        self._stand: Stand | None = None
        self._life: Life | None = None
        self._weeks: list[int] = []
        self._seconds: list[float] = []

    @property
    def mean_seconds(self) -> float:
        return sum(self._seconds) / len(self._seconds)

    @property
    def longest_seconds(self) -> float:
        """What the next round may take, going by those before."""
        return max(self._seconds, default=0.0)

    def round(self, number: int) -> Outcome:
        """One round, on the stand that is there or a new one."""
        began = time.monotonic()
        week = number % len(working_weeks())
        # A week lies behind all those before it, or its ticks would say nothing.
        if self._life is None or len(self._weeks) >= ROUNDS_PER_LIFE or week <= self._weeks[-1]:
            self._begin()
        assert self._life is not None
        self._weeks.append(week)
        outcome = self._life.round(plan(self._seed, number), load(self._seed, number))
        if not outcome.clean:
            self.is_clean = False
            self._keep(number)
        self._seconds.append(time.monotonic() - began)
        return outcome

    def close(self) -> None:
        """Ends everything."""
        if self._stand is not None:
            self._stand.close()
            self._stand.lines.close()
        self._stand = self._life = None
        self._weeks = []

    def _begin(self) -> None:
        self.close()
        home = self._directory / "stand"
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        self._stand = Stand(home, lambda base: self._lines(home, base))
        self._stand.open()
        self._life = Life(self._stand)

    def _lines(self, home: Path, port_base: int) -> Lines:
        if self._program is None:
            return OwnLines()
        return toxiproxy.Toxiproxy(self._program, port_base + toxiproxy.PORT, home / "toxiproxy.log")

    def _keep(self, number: int) -> None:
        self.close()
        kept = self._directory / f"failed-{self._seed}-{number}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.move(self._directory / "stand", kept)


def _line(outcome: Outcome, left_seconds: float) -> str:
    verdict = outcome.verdict
    alone = [each.recovered_seconds for each in outcome.suffered if each.alone and each.recovered_seconds is not None]
    told = f"round {outcome.number:>3}  {len(outcome.suffered):>3} faults  {outcome.seconds:>5.0f} s"
    if verdict is None:
        return f"{told}  FAILED: {outcome.failed}"
    word = "clean" if verdict.clean else "NOT CLEAN"
    told += f"  {verdict.events:,} events  lost {verdict.lost}  double {verdict.double}  unequal {verdict.unequal}"
    told += f"  wrong {verdict.wrong}  audit {verdict.audit}  {word}  slowest alone {max(alone, default=0):.1f} s"
    if outcome.gave_up:
        told += f"  ended by themselves: {', '.join(outcome.gave_up)}"
    return "\n".join([f"{told}  (about {left_seconds / 60:.0f} min left)", *(f"    {each}" for each in verdict.said)])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="decides loads, faults and their order (default 1)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of a full run (default {ROUNDS})")
    parser.add_argument("--round", type=int, help="only this one, on a stand of its own; writes nothing down")
    parser.add_argument(
        "--minutes", type=float, default=MINUTES_MAX, help=f"begins no round beyond (default {MINUTES_MAX:.0f})"
    )
    parser.add_argument("--state-dir", type=Path, default=Path(os.environ.get("MOTCUA_STATE_DIR", REPOSITORY / ".faults")),
                        help="journal, stand and logs of failed rounds (default .faults)")  # fmt: skip
    parser.add_argument("--lines", choices=("toxiproxy", "own"), default="toxiproxy",
                        help="whose proxy; without Go it is our own (default toxiproxy)")  # fmt: skip
    parser.add_argument("--report", action="store_true", help="put the table into docs/RELIABILITY.md")
    return parser.parse_args()


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def _say(line: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S}  {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
