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

REPOSITORY = Path(__file__).resolve().parents[2]
TOUR = REPOSITORY / "docs" / "TOUR.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STEP_WITHIN_SECONDS = 150.0
SHOWN_WITHIN_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.5
END = "end-of-step"


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


class Shell:
    """One shell for the whole tour, as its reader has it; at ports and in a directory that nobody else uses."""

    def __init__(self, directory: Path) -> None:
        self.base = free_port_base()
        self.state = directory / "tour"
        outside = {name: value for name, value in os.environ.items() if not name.startswith("MOTCUA_")}
        self._printed = directory / "printed"
        self._read = 0
        with self._printed.open("wb") as out:
            self._process = subprocess.Popen(
                ["bash"], cwd=REPOSITORY, env=outside, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT, text=True
            )

    def here(self, text: str) -> str:
        """The text with this test's ports and directory in the place of the reader's."""
        text = re.sub(r"127\.0\.0\.1:80(\d\d)\b", lambda found: f"127.0.0.1:{self.base + int(found[1])}", text)
        text = re.sub(r"^(report) 80(\d\d)\b", lambda found: f"report {self.base + int(found[2])}", text, flags=re.MULTILINE)
        text = re.sub(r"(MOTCUA_EDGE_PORT=)80(\d\d)\b", lambda found: f"{found[1]}{self.base + int(found[2])}", text)
        return text.replace("MOTCUA_PORT_BASE=8000", f"MOTCUA_PORT_BASE={self.base}").replace(".local-tour", str(self.state))

    def run(self, commands: str) -> str:
        """What the commands print."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{self.here(commands)}\necho; echo {END}\n")
        self._process.stdin.flush()
        deadline = time.monotonic() + STEP_WITHIN_SECONDS
        while True:
            printed = self._printed.read_text(errors="replace")[self._read :]
            if printed.endswith(f"\n{END}\n"):
                self._read += len(printed)
                return printed.removesuffix(f"\n{END}\n")
            assert self._process.poll() is None, f"the shell ended:\n{printed}"
            assert time.monotonic() < deadline, f"not done after {STEP_WITHIN_SECONDS:.0f} s:\n{commands}\n{printed}"
            time.sleep(0.05)

    def end(self) -> None:
        """Whatever still runs is ended; a tour that came to its end has left nothing."""
        assert self._process.stdin is not None
        if self._process.poll() is None:
            self._process.stdin.write("kill $(jobs -p) 2> /dev/null\n")
        self._process.stdin.close()
        self._process.wait(30)
        own = {"MOTCUA_STATE_DIR": str(self.state), "MOTCUA_PORT_BASE": str(self.base)}
        done = subprocess.run(["make", "wipe"], cwd=REPOSITORY, env={**os.environ, **own}, capture_output=True, check=False)
        if done.returncode == 0:
            give_back(self.base)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    told = Shell(tmp_path)
    yield told
    told.end()


@pytest.mark.long
@pytest.mark.kafka
@pytest.mark.timeout(280)
def test_the_tour_can_be_walked_from_its_first_line_to_its_last(shell: Shell) -> None:
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
