"""A broker that comes back soon: compiled lightly, its classes read from a cache that is made once for each user.

A run of faults starts the broker again and again, and starting it costs ten seconds of a processor; so it costs three.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from deploy.local import jars, kafka
from deploy.local.checks import free_port_base
from deploy.local.readiness import kafka_reason
from deploy.local.settings import StackSettings
from tests.faults.waiting import wait_until

LIGHTLY = "-XX:TieredStopAtLevel=1"
READY_WITHIN_SECONDS = 240.0
WRITTEN_WITHIN_SECONDS = 240.0


def java_options() -> str:
    """What Java is told beside its command line; a cache that does not fit it leaves aside by itself."""
    cache = _cache()
    return f"{LIGHTLY} -XX:AOTCache={cache}" if cache.exists() else LIGHTLY


def ensure_cache() -> None:
    """Makes the cache when there is none: a broker is started once, and writes it as it ends."""
    cache = _cache()
    if cache.exists():
        return
    home = Path(tempfile.mkdtemp(prefix="motcua-broker-"))
    try:
        settings = StackSettings(port_base=free_port_base(), state_dir=home, clock="log")
        present = jars.ensure_jars(lambda line: None)
        kafka.prepare(settings, present, kafka.new_cluster_id())
        written = home / "classes.aot"
        environment = {**os.environ, "JDK_JAVA_OPTIONS": f"{LIGHTLY} -XX:AOTCacheOutput={written}"}
        with (home / "log").open("wb") as log:
            broker = subprocess.Popen(kafka.command(settings, present), env=environment, stdout=log, stderr=log)
        try:
            wait_until(lambda: kafka_reason(settings.bootstrap), "a broker is ready", READY_WITHIN_SECONDS)
            broker.send_signal(signal.SIGTERM)
            broker.wait(WRITTEN_WITHIN_SECONDS)
        finally:
            broker.kill()
            broker.wait()
        if written.exists():
            shutil.move(written, cache.with_suffix(".new"))
            cache.with_suffix(".new").replace(cache)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _cache() -> Path:
    return jars.cache_directory() / f"kafka-{jars.KAFKA_VERSION}.aot"
