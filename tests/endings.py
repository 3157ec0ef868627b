"""A test run that is asked to end from outside ends what its fixtures have started, as after Ctrl-C; hooks of pytest."""

import os
import signal
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest

from lab.endings import ASKED_TO_END

ENDED_WITHIN_SECONDS = 90.0
_processes: list[Any] = []


def pytest_configure(config: pytest.Config) -> None:
    """From here on SIGTERM and SIGHUP raise KeyboardInterrupt, once; one that is ignored (`nohup`) stays ignored."""
    # A test process is also interrupted by xdist, some seconds after it was asked: that would end the ending.
    heeded = (*ASKED_TO_END, signal.SIGINT) if hasattr(config, "workerinput") else ASKED_TO_END
    asked = [each for each in heeded if signal.getsignal(each) is not signal.SIG_IGN]

    def end(_: int, __: FrameType | None) -> None:
        for each in asked:
            signal.signal(each, lambda *_: None)
        raise KeyboardInterrupt

    for each in asked:
        signal.signal(each, end)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """One of xdist's test processes has been started."""
    _processes.append(node)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(exitstatus: int) -> None:
    """Test processes are asked to end, and waited for: xdist itself ends them by force after ten seconds."""
    if exitstatus != pytest.ExitCode.INTERRUPTED:
        return
    left = [node for node in _processes if not node.channel.isclosed()]
    for node in left:
        with suppress(ProcessLookupError):
            os.kill(node.gateway._rinfo().pid, signal.SIGTERM)
    for node in left:
        with suppress(Exception):  # however it ended
            node.channel.waitclose(ENDED_WITHIN_SECONDS)
