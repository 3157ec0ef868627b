"""A command's output, when whoever reads it has seen enough."""

import os
import sys
from collections.abc import Callable


def while_read(act: Callable[[], int]) -> int:
    """The act's exit status; 0 where its output is not read to the end, as behind `| head`."""
    try:
        status = act()
        sys.stdout.flush()
    except BrokenPipeError:
        # What the interpreter would still write at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status
