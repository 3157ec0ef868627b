"""The verdict on a round: what centres handed in against the archive, every counter, every due, and the audit."""

import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

import requests
from msgspec import Struct

from deploy.local.settings import REPOSITORY
from tests.faults import oracle
from tests.faults.archive import Archive
from tests.faults.coming import Between, Identity, identity
from tests.faults.doors import Doors
from tests.faults.kept import without_settings
from tests.faults.oracle import Figures, Standing
from tests.faults.stand import Stand

AUDIT_WITHIN_SECONDS = 240.0
FORMER_DOSSIERS_ASKED = 40
SAID_MAX = 6
ROLES = ("receiver", "competent")


class Verdict(Struct, frozen=True):
    """`lost`: handed in and not in the archive, or missing in a counter; `double`: in the archive and never handed in, or
    too much in a counter. `unequal`: counters, `wrong`: dossiers with another state or due. `said`: the first of them."""

    events: int
    dossiers: int
    lost: int
    double: int
    counters: int
    unequal: int
    wrong: int
    audit: str
    said: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing differs."""
        return not (self.lost or self.double or self.unequal or self.wrong) and self.audit == "clean"


class Judge:
    """Keeps what was handed in over all rounds of a stand."""

    def __init__(self, stand: Stand, doors: Doors) -> None:
        self._stand = stand
        self._doors = doors
        self._handed_in: list[bytes] = []
        self._by_edges: dict[Identity, Between] = {}
        self._archive = Archive(stand.settings.bootstrap)

    def judge(self, handed_in: Sequence[bytes], by_edges: Mapping[Identity, Between], seed: str) -> Verdict:
        """After everything was stored and counted: all of it, and this round's dossiers one by one.

        `by_edges`: of events whose time of entry was left to an edge, between which instants its clock was then.
        """
        audit = _Audit(self._stand)
        self._handed_in += handed_in
        self._by_edges.update(by_edges)
        clock = datetime.fromtimestamp(self._doors.clock / 1_000_000, UTC)
        stands = oracle.standings(self._handed_in)
        self._archive.read_on()
        wanted = oracle.figures(stands, self._handed_in, clock, self._archive.found, self._by_edges)
        missing, foreign = against_archive(self._handed_in, self._archive.found)
        counters, lack, excess, said = against_figures(wanted, {role: self._doors.units(role)["units"] for role in ROLES})
        asked = self._asked(stands, handed_in, seed)
        wrong = self._wrong_dossiers(stands, asked)
        verdict, told = audit.verdict()
        return Verdict(
            events=len(handed_in), dossiers=len(asked), lost=missing + lack, double=foreign + excess, counters=counters,
            unequal=len(said), wrong=len(wrong), audit=verdict, said=tuple([*told, *said, *wrong][:SAID_MAX]),
        )  # fmt: skip

    def _asked(self, stands: Mapping[str, Standing], handed_in: Sequence[bytes], seed: str) -> list[str]:
        """The dossiers of this round, and some of those before."""
        own = {identity(raw)[2] for raw in handed_in}
        former = sorted(stands.keys() - own)
        return sorted(own) + Random(f"{seed} asked").sample(former, min(FORMER_DOSSIERS_ASKED, len(former)))

    def _wrong_dossiers(self, stands: Mapping[str, Standing], asked: Sequence[str]) -> list[str]:
        with requests.Session() as session:
            told = {code: self._doors.dossier(session, code) for code in asked}
        return [f"{code}: {why}" for code in asked if (why := unlike(stands[code], told[code])) is not None]


def against_archive(handed_in: Sequence[bytes], found: Mapping[Identity, Any]) -> tuple[int, int]:
    """How many events the archive lacks, and how many it holds that nobody handed in."""
    wanted = {identity(raw) for raw in handed_in}
    return len(wanted - found.keys()), len(found.keys() - wanted)


def against_figures(wanted: Figures, shown: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[int, int, int, list[str]]:
    """Counters compared, what is missing in them, what is too much, and each that differs in words."""
    compared = lack = excess = 0
    said: list[str] = []
    rows = {(role, row["unit"]): row["counters"] for role, units in shown.items() for row in units}
    for place in sorted(rows.keys() | wanted.keys()):
        have, want = rows.get(place, {}), wanted.get(place, Counter())
        for name in sorted(have.keys() | want.keys()):
            compared += 1
            more = have.get(name, 0) - want[name]
            lack, excess = lack + max(0, -more), excess + max(0, more)
            if more:
                said.append(f"{'/'.join(place)} {name}: {have.get(name, 0)}, handed in {want[name]}")
    return compared, lack, excess, said


def unlike(stand: Standing, told: Mapping[str, Any]) -> str | None:
    """How a dossier differs from what its events make of it; None when it does not."""
    if not told:
        return "unknown"
    if told["state"] != stand.shown_state:
        return f"state {told['state']}, must be {stand.shown_state}"
    for name, due in (("due_original", stand.original), ("due_current", stand.current)):
        shown = None if told[name] is None else datetime.fromisoformat(told[name])
        if shown != (None if due is None else due.at):
            return f"{name} {told[name]}, must be {due and due.at}"
    return None


def of_audit(status: int, told: str) -> tuple[str, list[str]]:
    """`clean`, `differences` with the first ones, or that it came to no verdict, with its last lines.

    With 1 ends also a program that broke off by itself: without a failed check there are no differences.
    """
    if status == 0:
        return "clean", []
    lines = told.splitlines()
    failed = [line for line in lines if line.startswith("FAIL") or "difference(s)" in line]
    is_told = status == 1 and bool(failed)
    return "differences" if is_told else "no verdict", [
        " ".join(line.split()) for line in (failed if is_told else lines[-3:])
    ]


class _Audit:
    """`services.audit verify` beside our own comparison."""

    def __init__(self, stand: Stand) -> None:
        doors = {
            "MOTCUA_METRICS_URL": stand.metrics_api.base_url, "MOTCUA_PROCESSING_URL": stand.processing_api.base_url,
        }  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-m", "services.audit.main", "verify", "--sample", "300"], cwd=REPOSITORY,
            env={**without_settings(), **stand.environment, **doors}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def verdict(self) -> tuple[str, list[str]]:
        """Its word and the first of its reasons."""
        try:
            told, _ = self._process.communicate(timeout=AUDIT_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return "no verdict", [f"audit: none within {AUDIT_WITHIN_SECONDS:.0f} s"]
        return of_audit(self._process.returncode, told)
