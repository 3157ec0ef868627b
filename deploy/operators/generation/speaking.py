"""A fold that says by its own code, in a process of its own, how dossiers stand; every wait for it is bounded."""

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import msgspec
from msgspec import Struct

from deploy.operators.errors import NotAnsweredError

# The first answer takes in that the process starts, and finds the rules in Kafka.
ANSWER_WITHIN_SECONDS: Final = 180.0
END_WITHIN_SECONDS: Final = 10.0
# Of what it writes beside its answers only the end is of interest: why it went no further.
WORDS_BYTES_MAX: Final = 8192
READ_BYTES: Final = 65_536
_MODULE: Final = "services.processing.answers"


@dataclass(frozen=True)
class Fold:
    """A generation and the code that works it out: an interpreter and the directory of its modules."""

    gen: int
    directory: Path
    interpreter: str = field(default=sys.executable)


class Told(Struct, frozen=True):
    """What a fold says of some codes, as of one position."""

    at: str | None
    log_clock: int | None
    digest: str | None
    answers: dict[str, Any]

    @property
    def place(self) -> tuple[str | None, int | None, str | None]:
        """Where that fold stands."""
        return self.at, self.log_clock, self.digest


class Speaker:
    """The process that speaks for a fold. To be closed; for one thread, one question after the other."""

    def __init__(self, fold: Fold, environment: Mapping[str, str], within_seconds: float = ANSWER_WITHIN_SECONDS) -> None:
        self._gen = fold.gen
        self._within_seconds = within_seconds
        self._unsent, self._heard, self._words = b"", b"", b""
        self._process = subprocess.Popen(
            [fold.interpreter, "-m", _MODULE],
            cwd=fold.directory,
            env={**os.environ, **environment, "MOTCUA_GEN": str(fold.gen)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._in, self._out, self._err = (
            each.fileno() for each in (self._process.stdin, self._process.stdout, self._process.stderr)
        )
        # It may be busy with writing while it is written to: whoever waited for one of the two would wait for ever.
        os.set_blocking(self._in, False)
        self._open = selectors.DefaultSelector()
        self._open.register(self._out, selectors.EVENT_READ)
        self._open.register(self._err, selectors.EVENT_READ)

    def __enter__(self) -> "Speaker":
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None) -> None:
        self._end()
        self._open.close()
        for each in (self._process.stdin, self._process.stdout, self._process.stderr):
            if each is not None:
                each.close()

    def ask(self, partition: int, codes: Sequence[str], full: bool = False) -> None:
        """Puts a question; `told` waits for its answer."""
        self._unsent += msgspec.json.encode({"partition": partition, "codes": codes, "full": full}) + b"\n"
        self._send()

    def told(self) -> Told:
        """The answer. NotAnsweredError with the last words of the process when it has ended, or says nothing for long."""
        deadline = time.monotonic() + self._within_seconds
        while b"\n" not in self._heard:
            if (left_seconds := deadline - time.monotonic()) <= 0:
                raise self._failed(f"it has not answered for {self._within_seconds:.0f} s")
            self._exchange(left_seconds)
        line, _, self._heard = self._heard.partition(b"\n")
        try:
            return msgspec.json.decode(line, type=Told)
        except msgspec.MsgspecError as error:
            raise self._failed(f"its answer is none ({error})") from error

    def _exchange(self, within_seconds: float) -> None:
        """Takes what there is of both pipes, and gives what is left of the question."""
        if self._unsent and self._in not in self._open.get_map():
            self._open.register(self._in, selectors.EVENT_WRITE)
        for key, _ in self._open.select(within_seconds):
            if key.fd == self._in:
                self._send()
                if not self._unsent:
                    self._open.unregister(self._in)
                continue
            piece = os.read(key.fd, READ_BYTES)
            if key.fd == self._err:
                self._words = (self._words + piece)[-WORDS_BYTES_MAX:]
                if not piece:
                    self._open.unregister(self._err)
            elif piece:
                self._heard += piece
            else:
                raise self._failed("it ended")

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._in, self._unsent) :]
        except BlockingIOError:
            pass  # its pipe is full: the rest follows while the answer is awaited
        except OSError as error:
            raise self._failed("it ended") from error

    def _failed(self, reason: str) -> NotAnsweredError:
        self._end()
        lines = self._words.decode(errors="replace").strip().splitlines()
        words = f"its last words: {lines[-1][:300]}" if lines else "without a word"
        return NotAnsweredError(self._gen, f"{reason}, {words}")

    def _end(self) -> None:
        """Ends it, and keeps what it wrote last."""
        self._process.kill()
        self._process.wait(END_WITHIN_SECONDS)
        os.set_blocking(self._err, False)
        try:
            while piece := os.read(self._err, READ_BYTES):
                self._words = (self._words + piece)[-WORDS_BYTES_MAX:]
        except BlockingIOError:
            pass  # somebody whom it has started holds it open still
