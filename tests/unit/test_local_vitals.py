"""Of a process that is not ready it is said for how long it has run, and whether it stands still."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from deploy.local import vitals


def test_a_process_that_stands_still_is_told_from_one_that_runs() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            assert vitals.words(child.pid) in {f"PID {child.pid} has run for {seconds} s" for seconds in range(6)}
            os.kill(child.pid, signal.SIGSTOP)
            os.waitpid(child.pid, os.WUNTRACED)
            assert vitals.words(child.pid).endswith(
                f"and stands still (state T): kill -KILL {child.pid}, supervisor starts it anew"
            )
        finally:
            child.kill()


def test_its_age_is_that_of_the_process_and_not_of_the_look() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            time.sleep(2.1)
            age = int(vitals.words(child.pid).split()[-2])
            assert 2 <= age <= 12
        finally:
            child.kill()


def test_of_a_process_that_is_gone_only_its_number_is_said() -> None:
    with subprocess.Popen(["true"]) as child:
        pass
    assert not Path(f"/proc/{child.pid}").exists()
    assert vitals.words(child.pid) == f"PID {child.pid}"


@pytest.mark.parametrize(("seconds", "spoken"), [
    (0.4, "0 s"), (59.4, "59 s"), (60.0, "1 min"), (3599.0, "59 min"), (3600.0, "1 h 0 min"), (86_399.0, "23 h 59 min"),
    (90_000.0, "1 d 1 h"),
])  # fmt: skip
def test_an_age_is_said_as_people_say_it(seconds: float, spoken: str) -> None:
    assert vitals._spoken(seconds) == spoken
