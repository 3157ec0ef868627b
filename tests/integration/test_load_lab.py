"""The load lab on a real province: a run that keeps everything, and saboteurs each of which one verdict gives away."""

import asyncio
from pathlib import Path

import pytest

from deploy.local.checks import free_port_base, give_back
from lab.links.captive import Portal
from lab.load import judging
from lab.load import scenario as scenarios
from lab.load.city import City
from lab.load.conductor import Lab
from lab.load.generator import Manner
from lab.load.outcome import Outcome
from lab.load.report import leaving
from lab.load.report.document import document
from lab.load.verdict import Verdict
from tests.conftest import NewProvince
from tests.integration.load_saboteur import Deed, Saboteur
from tests.province import Province

# Where nobody has done so before, the first of these builds Toxiproxy.
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(700)]

SMOKE = str(Path(__file__).resolve().parents[1] / "load_scenarios" / "smoke.toml")
COUNTS = ("lost", "double", "wrongly overdue", "refused wrongly", "deadlines")


@pytest.mark.long
@pytest.mark.timeout(240)
def test_ten_seconds_over_bad_links_keep_every_promise(new_province: NewProvince, tmp_path: Path) -> None:
    """A real edge, nine more outboxes, a congested and a cut link: nothing lost, double, wrongly overdue or refused."""
    province = new_province()
    city = _city(province)
    outcome = asyncio.run(_run(city, tmp_path))
    told = {each.name: each for each in judging.verdicts(outcome)}
    for name in COUNTS:
        assert told[name].word == "kept", told[name].measured
    assert outcome.counts["stored"] == outcome.planned > 400
    assert outcome.edges == 1
    assert outcome.book.whole["accepted edge"].count > 20
    assert {each.what for each in outcome.stretches} == {"congested", "cut"}
    assert province.run("services.audit.main", "verify").returncode == 0
    files = leaving.leave(tmp_path / "reports", [document(outcome, "2025-07-01T07:00:00+07:00", 1.0)])
    assert all(file.stat().st_size > 5_000 for file in files)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("deed", "broken"),
    [
        ("drop", "lost"),
        ("double", "double"),
        ("forget ids", "double"),
        ("blame", "wrongly overdue"),
        ("spoil", "refused wrongly"),
    ],
)
def test_a_saboteur_is_given_away(new_province: NewProvince, tmp_path: Path, deed: Deed, broken: str) -> None:
    """An event dropped behind a false `stored`, a batch once more, ids forgotten, the line's delay blamed, one spoilt."""
    city = _city(new_province())
    saboteur = Saboteur(city.intake, deed)
    outcome = asyncio.run(_sabotaged(city, tmp_path, saboteur))
    assert saboteur.done[deed] > 0
    told = _told(outcome)
    assert told[broken].word == "broken", told[broken].measured
    if deed in ("double", "forget ids", "blame"):
        assert told["lost"].word == "kept", told["lost"].measured
    assert outcome.left == 0


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_paper_era_loses_what_an_outbox_keeps(new_province: NewProvince, tmp_path: Path) -> None:
    """The same morning without an outbox: what happened while the line was cut is given up."""
    outcome = asyncio.run(_run(_city(new_province()), tmp_path, "paper"))
    told = _told(outcome)
    assert told["lost"].word == "broken"
    assert outcome.counts["given_up"] > 0


def _told(outcome: Outcome) -> dict[str, Verdict]:
    return {each.name: each for each in judging.verdicts(outcome)}


def _city(province: Province) -> City:
    """All its services, started."""
    names = ("intake", "processing", "processing-api", "metrics", "metrics-api")
    at = {name: province.start(name).base_url for name in names}
    return City.at(at["intake"], at["metrics-api"], at["processing-api"])


async def _run(city: City, directory: Path, manner: Manner = "outbox", door: str | None = None) -> Outcome:
    scenario = scenarios.read(SMOKE)
    async with Portal() as portal:
        base = free_port_base()
        lab = Lab(city, directory / "lab", base, print, door)
        try:
            await lab.open(scenario, portal)
            return await lab.run(scenario, 1, "a", manner)
        finally:
            lab.close()
            give_back(base)


async def _sabotaged(city: City, directory: Path, saboteur: Saboteur) -> Outcome:
    async with saboteur.listening() as door:
        return await _run(city, directory, door=door)
