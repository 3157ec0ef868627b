"""`make demo` from nothing to its table: the published figures come out of the system, whatever is killed."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.stack import REPOSITORY
from tests.demo import WITHIN_SECONDS, Demo

# After so many midnights have been sent, these die: alone, both at once, and again.
DEATHS = {2: ("processing",), 4: ("metrics",), 6: ("processing", "metrics"), 9: ("metrics",), 13: ("processing",)}
FIGURES = ("17,710", "75.78 %", "1,758", "309 of 338", "491 of 493", "3,425", "203 of 203")

THREE_DAYS = """
title = "three days of August"
first = 2025-08-04
last = 2025-08-06
facts = [
    {what = "received", count = 500},
    {what = "received", unit = "19774", count = 40},
    {what = "received", unit = "19753", count = 120, rank = "most"},
    {what = "on_time", unit = "19804", count = 5, of = 6},
]
[assumed]
completed_share = 0.6
on_time_share = [0.7, 0.95]
agency_id = "H57.{code}"
"""
ONE_MORE = {
    "specversion": "1.0",
    "id": "one-more",
    "source": "/units/19753",
    "type": "vn.motcua.dossier.received.v1",
    "subject": "H57.19753-250804-9999",
    "time": "2025-08-04T08:00:00+07:00",
    "data": {"procedure": "2.000815", "channel": "direct", "receiver": "19753", "competent": "19753"},
}


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """Whatever a test leaves running is stopped and removed."""
    told = Demo(tmp_path)
    yield told
    told.remove()


@pytest.mark.kafka
@pytest.mark.faults
# It takes two minutes; on a machine that is busy with other things, many.
@pytest.mark.timeout(900)
def test_every_published_figure_is_the_system_s_own_whoever_is_killed_in_the_middle(demo: Demo) -> None:
    """Exit status 0, eight rows, each equal, after six kills; the audit finds every stage equal to the next; it runs on."""
    running = demo.start()
    assert running.stderr is not None
    said: list[str] = []
    midnights = 0
    for line in running.stderr:
        said.append(line)
        if line.startswith("  sent "):
            midnights += 1
            for name in DEATHS.get(midnights, ()):
                demo.kill(name)
    told = running.communicate(timeout=WITHIN_SECONDS)[0]
    assert running.returncode == 0, told + "".join(said)
    assert midnights > max(DEATHS)
    _check_table(told)
    verified = demo.run("services.audit.main", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "verify" in told
    assert "wipe" in told


@pytest.mark.long
@pytest.mark.kafka
@pytest.mark.timeout(WITHIN_SECONDS + 20)
def test_a_figure_that_differs_is_shown_and_decides_the_exit_status(demo: Demo, tmp_path: Path) -> None:
    """Somebody reports one dossier more than was published: its rows say NO, the status is 1; `--down` leaves nothing."""
    facts = tmp_path / "facts.toml"
    facts.write_text(THREE_DAYS)
    running = demo.start("--facts", str(facts), "--down")
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("Up after"):
            demo.report(ONE_MORE)
    told = running.communicate(timeout=WITHIN_SECONDS)[0]
    assert running.returncode == 1
    rows = [line for line in told.splitlines() if line.endswith((" yes", " NO"))]
    assert [line.split()[-1] for line in rows] == ["NO", "yes", "NO", "yes"], told
    assert "501" in rows[0]
    assert "2 of 4 rows equal" in told
    assert not demo.state.exists()


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ("count = 500", "these facts contradict each other: received, all units: 100; received, unit 19753: 500"),
        ('percent = "3"', "what was received is a count, not a share"),
    ],
)
def test_what_cannot_be_played_is_said_before_anything_is_started(
    demo: Demo, tmp_path: Path, facts: str, sentence: str
) -> None:
    """Facts at odds, a slip in the file: one sentence, exit status 1, no stack, no directory."""
    path = tmp_path / "facts.toml"
    path.write_text(THREE_DAYS.replace("count = 500", "count = 100").replace("count = 120", facts))
    running = demo.start("--facts", str(path))
    told, said = running.communicate(timeout=60)
    assert (running.returncode, told) == (1, "")
    assert sentence in said.splitlines()[-1]
    assert not demo.state.exists()


def test_a_directory_that_no_demo_has_made_is_left_alone(demo: Demo) -> None:
    """A demo wipes its state first, so it takes no directory that holds somebody's own archive."""
    demo.state.mkdir()
    (demo.state / "archive").write_text("mine")
    running = demo.start()
    _, said = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "name another directory" in said.splitlines()[-1]
    assert (demo.state / "archive").read_text() == "mine"
    (demo.state / "archive").unlink()


def test_help_names_every_choice(demo: Demo) -> None:
    told = demo.run("lab.demo", "--help")
    assert told.returncode == 0
    for choice in ("--seed", "--facts", "--port-base", "--state-dir", "--keep", "--down"):
        assert choice in told.stdout


def test_make_hands_its_arguments_on() -> None:
    told = subprocess.run(
        ["make", "-n", "demo", "ARGS=--facts other.toml"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert "lab.demo --facts other.toml\n" in told.stdout


def _check_table(told: str) -> None:
    rows = [line for line in told.splitlines() if line.endswith((" yes", " NO"))]
    assert len(rows) == 8
    assert all(line.endswith(" yes") for line in rows), told
    for figure in FIGURES:
        assert any(line.count(figure) >= 2 for line in rows), f"{figure} does not stand on both sides"
