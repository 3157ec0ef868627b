"""The tour (docs/TOUR.md) promises that its commands work, in their order, and print what it shows."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from deploy.local.checks import free_port_base, give_back
from tests.shell import REPOSITORY, Shell

TOUR = REPOSITORY / "docs" / "TOUR.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHOWN_WITHIN_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.5


class Step(NamedTuple):
    """A block of commands, and the lines that the document shows beneath it."""

    commands: str
    shown: tuple[str, ...]

    @property
    def only_asks(self) -> bool:
        """Whether it may be run again: what was reported a moment ago is counted a moment later."""
        return all(line.startswith("curl -s ") and "-d " not in line for line in self.commands.splitlines())


def steps(text: str) -> list[Step]:
    """The document's blocks, each `text` with the `sh` right before it."""
    found: list[Step] = []
    for kind, inside in BLOCK.findall(text):
        if kind == "sh":
            found.append(Step(inside, ()))
        else:
            assert found, "a shown output without a command"
            assert not found[-1].shown, "two shown outputs beneath one command"
            found[-1] = found[-1]._replace(shown=tuple(line.strip() for line in inside.splitlines() if line.strip()))
    return found


def missing(shown: tuple[str, ...], printed: str) -> list[str]:
    """Shown lines that were not printed, in their order; `…` stands for anything within a line."""
    at, lacking = 0, []
    for line in shown:
        form = re.compile(".*".join(re.escape(part) for part in line.split("…")))
        if (match := form.search(printed, at)) is None:
            lacking.append(line)
        else:
            at = match.end()
    return lacking


class Tour(Shell):
    """The whole tour's; at ports and in a directory that nobody else uses."""

    def __init__(self, directory: Path) -> None:
        outside = {name: value for name, value in os.environ.items() if not name.startswith("MOTCUA_")}
        super().__init__(directory, free_port_base(), outside)
        self.state = directory / "tour"

    def here(self, text: str) -> str:
        """Its own directory in the place of the reader's, too."""
        return super().here(text).replace(".local-tour", str(self.state))

    def end(self) -> None:
        """Whatever still runs is ended; a tour that came to its end has left nothing."""
        super().end()
        own = {"MOTCUA_STATE_DIR": str(self.state), "MOTCUA_PORT_BASE": str(self.base)}
        done = subprocess.run(["make", "wipe"], cwd=REPOSITORY, env={**os.environ, **own}, capture_output=True, check=False)
        if done.returncode == 0:
            give_back(self.base)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Tour]:
    told = Tour(tmp_path)
    yield told
    told.end()


@pytest.mark.long
@pytest.mark.kafka
@pytest.mark.timeout(280)
def test_the_tour_can_be_walked_from_its_first_line_to_its_last(shell: Tour) -> None:
    """Every block of commands in one shell; every line that is shown beneath one appears, in order."""
    told = steps(TOUR.read_text(encoding="utf-8"))
    assert len(told) >= 10
    assert any("make verify" in each.commands for each in told)
    for step in told:
        shown = tuple(shell.here(line) for line in step.shown)
        deadline = time.monotonic() + SHOWN_WITHIN_SECONDS
        while missing(shown, printed := shell.run(step.commands)):
            again = step.only_asks and time.monotonic() < deadline
            assert again, f"{step.commands}\nprinted\n{printed}\nwithout\n{missing(shown, printed)}"
            time.sleep(LOOK_EVERY_SECONDS)
    assert not shell.state.exists()


def test_a_line_that_is_shown_and_not_printed_is_found() -> None:
    """In another order, or with its parts on two lines, it is not what the document shows."""
    assert missing(("a…c", "d"), "x abc y\nd") == []
    assert missing(("a…c",), "a\nc") == ["a…c"]
    assert missing(("d", "a"), "a\nd") == ["a"]
