"""A page of the manual as its reader has it: the blocks of commands, typed into one shell."""

import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
STEP_WITHIN_SECONDS = 150.0
END = "end-of-step"


class Shell:
    """One shell in the repository; the ports of the page are those of another base in it."""

    def __init__(self, directory: Path, base: int, environment: Mapping[str, str]) -> None:
        self.base = base
        self._printed = directory / "printed"
        self._read = 0
        with self._printed.open("wb") as out:
            self._process = subprocess.Popen(
                ["bash"], cwd=REPOSITORY, env=environment, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT,
                text=True,
            )  # fmt: skip

    def here(self, text: str) -> str:
        """The text with this shell's ports in the place of the reader's."""
        text = re.sub(r"127\.0\.0\.1:80(\d\d)\b", lambda found: f"127.0.0.1:{self.base + int(found[1])}", text)
        text = re.sub(r"^(report) 80(\d\d)\b", lambda found: f"report {self.base + int(found[2])}", text, flags=re.MULTILINE)
        text = re.sub(r"(MOTCUA_EDGE_PORT=)80(\d\d)\b", lambda found: f"{found[1]}{self.base + int(found[2])}", text)
        return text.replace("MOTCUA_PORT_BASE=8000", f"MOTCUA_PORT_BASE={self.base}")

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
        """Ends it, and what it has begun."""
        assert self._process.stdin is not None
        if self._process.poll() is None:
            self._process.stdin.write("kill $(jobs -p) 2> /dev/null\n")
        self._process.stdin.close()
        self._process.wait(30)
