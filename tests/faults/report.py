"""The table of faults and their outcomes, from a real run, put between its markers in docs/RELIABILITY.md."""

import os
import platform
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from statistics import median

from tests.faults.injecting import Suffered
from tests.faults.journal import injected
from tests.faults.kinds import KINDS
from tests.faults.rounds import Outcome

BEGIN, END = "<!-- faults: made by `make faults`, not by hand -->", "<!-- end of faults -->"


def put(page: Path, table: str) -> None:
    """Replaces what stands between the markers."""
    text = page.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", "utf-8")


def table(outcomes: Sequence[Outcome], rounds: int, lines: str, at: datetime, complaints: Sequence[str]) -> str:
    """The whole generated part."""
    judged = [each for each in outcomes if each.verdict is not None]
    counts = injected(outcomes)
    minutes = sum(each.seconds for each in outcomes) / 60
    commits = sorted({each.commit or "not known" for each in outcomes})
    seeds = sorted({each.seed for each in outcomes})
    events = sum(each.verdict.events for each in judged if each.verdict is not None)
    compared = sum(each.verdict.counters for each in judged if each.verdict is not None)
    dues = sum(each.verdict.dossiers for each in judged if each.verdict is not None)
    sums = {what: sum(_of(each, what) for each in judged) for what in ("lost", "double", "unequal", "wrong")}
    said = [
        f"{at:%Y-%m-%d %H:%M} UTC, seed {', '.join(map(str, seeds))}, {len(judged)} of {rounds} rounds, "
        f"{minutes:.0f} minutes, {_machine()}, {_loads(outcomes)}, lines by {lines}, commit {', '.join(commits)}.",
        "",
        f"**{counts.total():,} faults of {len([kind for kind in KINDS if counts[kind.name]])} kinds; {events:,} events "
        f"handed in: lost {sums['lost']}, double {sums['double']}; {compared:,} counters compared, "
        f"{sums['unequal']} unequal; {dues:,} dossiers compared, {sums['wrong']} with another state or due; "
        f"audit clean in {sum(_is_audited(each) for each in judged)} of {len(judged)} rounds.**",
    ]
    if complaints:
        said += ["", "This run has not done what it promised:", "", *(f"- {each}" for each in complaints[:20])]
    head = "| fault | count | lost | double | alone: median s | p95 s | max s | overlapping: median s | max s |"
    said += ["", head, "|---|---:|---:|---:|---:|---:|---:|---:|---:|"]
    said += [_row(kind.name, kind.says, judged) for kind in KINDS]
    return "\n".join(said)


def _row(name: str, says: str, outcomes: Sequence[Outcome]) -> str:
    mine = [(each, outcome) for outcome in outcomes for each in outcome.suffered if each.kind == name]
    rounds = {outcome.number: outcome for _, outcome in mine}.values()
    lost, double = (sum(_of(each, what) for each in rounds) for what in ("lost", "double"))
    alone = _seconds([each for each, _ in mine if each.alone])
    others = _seconds([each for each, _ in mine if not each.alone])
    figures = [str(len(mine)), str(lost), str(double), *_shown(alone, with_p95=True), *_shown(others, with_p95=False)]
    return f"| {says} | {' | '.join(figures)} |"


def _seconds(suffered: Sequence[Suffered]) -> list[float]:
    return sorted(each.recovered_seconds for each in suffered if each.recovered_seconds is not None)


def _shown(seconds: Sequence[float], with_p95: bool) -> list[str]:
    """Nearest rank; of few measurements p95 is the largest."""
    if not seconds:
        return ["–"] * (3 if with_p95 else 2)
    p95 = [seconds[max(0, -(-95 * len(seconds) // 100) - 1)]] if with_p95 else []
    return [f"{each:.1f}" for each in (median(seconds), *p95, seconds[-1])]


def _of(outcome: Outcome, what: str) -> int:
    return int(getattr(outcome.verdict, what))


def _is_audited(outcome: Outcome) -> bool:
    return outcome.verdict is not None and outcome.verdict.audit == "clean"


def _machine() -> str:
    model = next(
        (line.split(":", 1)[1].strip() for line in _lines_of("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )  # fmt: skip
    total = next((line.split()[1] for line in _lines_of("/proc/meminfo") if line.startswith("MemTotal")), None)
    memory = "" if total is None else f", {int(total) / 1024**2:.0f} GiB"
    return f"{os.cpu_count()} cores ({model}{memory})"


def _loads(outcomes: Sequence[Outcome]) -> str:
    """The machine's while the rounds were played."""
    loads = [each.load for each in outcomes]
    return f"load over 15 minutes {min(loads):.1f} to {max(loads):.1f}"


def _lines_of(file: str) -> list[str]:
    try:
        return Path(file).read_text().splitlines()
    except OSError:
        return []
