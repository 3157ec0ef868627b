"""Kafka's classes as Java reads them fastest: written once per user beside the jars, and read at every start.

Starting Kafka costs ten seconds of a processor, most of them spent on loading and linking the same classes each time;
with Java's ahead-of-time cache (JEP 483, JEP 514) it costs three.
"""

import fcntl
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from deploy.local import kafka
from deploy.local.checks import free_port_base, give_back
from deploy.local.readiness import kafka_reason
from deploy.local.settings import StackSettings

READY_WITHIN_SECONDS = 120.0
WRITTEN_WITHIN_SECONDS = 120.0
POLL_SECONDS = 0.2

Say = Callable[[str], None]


def ensure_classes(jars: Path, say: Say) -> None:
    """Writes the cache when there is none: a broker is started once for this, on a directory that is thrown away.

    A cache is a comfort: when it cannot be written, that is said, and Kafka starts slowly as before. It lies among the
    jars it was made from and goes when they go; Java itself leaves one aside that does not fit.
    """
    cache = kafka.classes(jars)
    if cache.exists():
        return
    with (jars.parent / "classes.lock").open("w") as lock:
        # Of two stacks that start at once on a fresh machine the second goes on without, rather than wait.
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if cache.exists():
            return
        say("Preparing Kafka's classes, once per user: every later start is some seconds shorter")
        try:
            _write(jars, cache)
        except (OSError, subprocess.SubprocessError, TimeoutError) as error:
            say(f"Kafka's classes could not be prepared ({error}): it starts as well without, some seconds later")


def _write(jars: Path, cache: Path) -> None:
    base = free_port_base()
    try:
        with tempfile.TemporaryDirectory(prefix="motcua-classes-") as directory:
            home = Path(directory)
            settings = StackSettings(port_base=base, state_dir=home, clock="log", host="127.0.0.1")
            kafka.prepare(settings, jars, kafka.new_cluster_id())
            written = cache.with_name(f"{cache.name}.part-{os.getpid()}")
            with (home / "log").open("wb") as log:
                command = kafka.command(settings, jars, write_classes=written)
                told = {**os.environ, **kafka.ENVIRONMENT}
                broker = subprocess.Popen(command, env=told, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            try:
                _wait_ready(broker, settings.bootstrap)
                broker.send_signal(signal.SIGTERM)
                broker.wait(WRITTEN_WITHIN_SECONDS)
                written.replace(cache)
            finally:
                broker.kill()
                broker.wait()
                written.unlink(missing_ok=True)
    finally:
        give_back(base)


def _wait_ready(broker: "subprocess.Popen[bytes]", bootstrap: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while kafka_reason(bootstrap) is not None:
        if broker.poll() is not None:
            raise OSError(f"the broker ended with {broker.returncode}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"no broker after {READY_WITHIN_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
