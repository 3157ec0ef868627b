"""How a command of the lab is ended from outside: asked to end, it cleans up as if somebody had pressed Ctrl-C."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ASKED_TO_END = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM and SIGHUP raise KeyboardInterrupt within; one that is ignored (`nohup`) stays ignored."""
    before = {each: signal.getsignal(each) for each in ASKED_TO_END}
    heeded = [each for each, handler in before.items() if handler is not signal.SIG_IGN]
    for each in heeded:
        signal.signal(each, _interrupt)
    try:
        yield
    finally:
        for each in heeded:
            signal.signal(each, before[each])


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt
