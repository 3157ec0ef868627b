"""A command's output, when whoever reads it has seen enough, as behind `| head`: the command goes on to its end.

A command that were ended by it would leave half a stack, and the status of one that was not read to the end would be lost.
"""

import os
import sys
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import Any


class _Pipe(FileIO):
    """Takes what nobody reads any more, too."""

    is_read = True

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            self.is_read = False
            return len(data)


def unread_is_no_error() -> None:
    """From here on what is printed after its reader has gone is thrown away."""
    sys.stdout.flush()
    into = BufferedWriter(_Pipe(os.dup(sys.stdout.fileno()), "w"))
    sys.stdout = TextIOWrapper(into, sys.stdout.encoding, line_buffering=sys.stdout.isatty())


def is_read() -> bool:
    """Whether there is anybody to print for; as far as is known."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return not isinstance(raw, _Pipe) or raw.is_read
