"""The load lab on a real province that audit recounts: a run that keeps everything, and what the paper era does not keep."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lab.load import conductor, judging
from lab.load import scenario as scenarios
from lab.load.outcome import Outcome
from lab.load.processes import Generators
from lab.load.report import leaving
from lab.load.report.document import document
from lab.load.scenario import Promises
from lab.load.timing import timed
from lab.load.verdict import GENERATOR, Verdict, broken, spoiled
from tests.conftest import NewProvince
from tests.integration.load_city import city_of, run

# Where nobody has done so before, the first of these builds Toxiproxy.
pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(700)]

SMOKE = scenarios.read(str(Path(__file__).resolve().parents[1] / "load_scenarios" / "smoke.toml"))
# Of the ten that the smoke takes.
STOPPED_AFTER_SECONDS, STOPPED_SECONDS = 2.0, 3.0
COUNTS = ("lost", "double", "wrongly overdue", "refused wrongly", "deadlines", "audit")


def test_ten_seconds_over_bad_links_keep_every_promise(new_province: NewProvince, tmp_path: Path) -> None:
    """A real edge, nine more outboxes, a congested and a cut link: nothing lost, double, wrongly overdue or refused."""
    outcome = asyncio.run(run(city_of(new_province()), SMOKE, tmp_path))
    told = _told(outcome)
    for name in COUNTS:
        assert told[name].word == "kept", told[name].measured
    assert outcome.counts["stored"] == outcome.planned > 400
    assert outcome.edges == 1
    assert outcome.book.whole["accepted edge"].count > 20
    assert {each.what for each in outcome.stretches} == {"congested", "cut"}
    assert outcome.late_by["clock"] >= outcome.late_by["law"] > 0
    assert "Toxiproxy " in outcome.links_by
    files = leaving.leave(tmp_path / "reports", [document(outcome, "2025-07-01T07:00:00+07:00", 1.0)])
    assert all(file.stat().st_size > 5_000 for file in files)
    impossible = replace(SMOKE, promises=Promises(acceptance_p99_ms=0.01))
    [accepted] = [each for each in timed(replace(outcome, scenario=impossible)) if each.name.startswith("acceptance")]
    assert accepted.word == "broken"


def test_the_paper_era_loses_what_an_outbox_keeps(new_province: NewProvince, tmp_path: Path) -> None:
    """The same morning without an outbox: what happened while the line was cut is given up."""
    outcome = asyncio.run(run(city_of(new_province()), SMOKE, tmp_path, "paper"))
    told = _told(outcome)
    assert told["lost"].word == "broken"
    assert told["double"].word in ("kept", "broken"), told["double"].measured
    assert outcome.counts["given_up"] > 0


class _Stopped(Generators):
    """A process of it stands still for a while in the middle of the run."""

    def tell(self, what: dict[str, Any]) -> None:
        """One line to all of them."""
        super().tell(what)
        if "began" in what:
            self.stopping = asyncio.create_task(self._stop())

    async def _stop(self) -> None:
        pid = self.pids["generator 0"]
        await asyncio.sleep(STOPPED_AFTER_SECONDS)
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(STOPPED_SECONDS)
        finally:
            os.kill(pid, signal.SIGCONT)


def test_a_generator_that_stands_still_spoils_times_and_no_count(
    new_province: NewProvince, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so itself: what it reports too late is not the city's slowness, and all of it arrives."""
    monkeypatch.setattr(conductor, "Generators", _Stopped)
    promising = replace(SMOKE, promises=Promises(freshness_p99_ms={"all": 600_000}, drain_seconds=600))
    outcome = asyncio.run(run(city_of(new_province()), promising, tmp_path))
    told = _told(outcome)
    assert told[GENERATOR].word == "broken"
    assert outcome.loop.at(100) > 2_000
    assert outcome.counts["stored"] == outcome.planned
    for name in COUNTS:
        assert told[name].word == "kept", told[name].measured
    times = [each.name for each in timed(outcome)]
    assert len(times) > 3
    assert {told[name].word for name in times} == {"invalid"}
    assert broken(told.values()) == []
    assert spoiled(told.values())


def _told(outcome: Outcome) -> dict[str, Verdict]:
    return {each.name: each for each in judging.verdicts(outcome)}
