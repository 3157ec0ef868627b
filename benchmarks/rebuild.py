"""How long processing and metrics take to rebuild all from the logs when Redis is emptied, and what they say meanwhile.

    python -m benchmarks.rebuild --fortnights 1

Starts a stack of its own with both workers, fills the archive with the Huế fortnight, waits until all is counted, then
FLUSHALL. At half of each way the estimate that `make status` gives is kept and compared with what it took.
"""

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import redis

from benchmarks import processing, table
from deploy.local.checks import free_port_base
from deploy.local.stack import Stack
from deploy.operators import progress
from deploy.operators.standing import Standing

WITHIN_SECONDS = 600.0
LOOK_EVERY_SECONDS = 0.25


@dataclass
class Way:
    """One service's way back: when it was half done and what was said then, when it was at its end."""

    records: int
    half_at: float | None = None
    said: float | None = None
    ended_at: float | None = None


def main() -> None:
    """Fill, let both come to the end, empty Redis, watch both come back."""
    reading = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reading.add_argument("--fortnights", type=int, default=1, help="copies of the fortnight, 1 to 10")
    given = reading.parse_args()
    if not 1 <= given.fortnights <= 10:
        reading.error("--fortnights: 1 to 10")
    began_with = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="motcua-bench-") as directory:
        stack = Stack(Path(directory) / "state", free_port_base(), "log", say=lambda line: None)
        try:
            stack.up(("kafka", "redis"))
            processing.fill(stack, given.fortnights)
            stack.up(("kafka", "redis", "processing", "metrics"))
            standing = Standing(stack.settings.bootstrap, stack.settings.redis_url, 1)
            _watch(standing, {})
            with redis.Redis.from_url(stack.settings.redis_url) as client:
                client.flushall(asynchronous=False)
            began = time.perf_counter()
            ways: dict[str, Way] = {}
            _watch(standing, ways)
        finally:
            stack.down()
    for service, way in ways.items():
        assert way.ended_at is not None
        seconds = way.ended_at - began
        told = "" if way.said is None or way.half_at is None else (
            f"; half way it said {way.said:.0f} s, it took {way.ended_at - way.half_at:.0f} s"
        )  # fmt: skip
        print(
            f"{service:<15} {way.records:>9,} records in {seconds:>6.1f} s, {way.records / seconds:>8,.0f} records/s{told}"
        )
        table.row(
            f"rebuild after FLUSHALL, {service} (`rebuild`)",
            f"{way.records / seconds:,.0f} records/s of {way.records:,}",
            told[2:],
        )
    print(f"load average (1 min)   {began_with:.2f} before, {os.getloadavg()[0]:.2f} after, {os.cpu_count()} cores")


def _watch(standing: Standing, ways: dict[str, Way]) -> None:
    """Looks until both services have been at the ends of their logs, processing first: what it sends is metrics' log."""
    deadline = time.perf_counter() + WITHIN_SECONDS
    while True:
        told = progress.measure(standing)
        now = time.perf_counter()
        for each in told:
            way = ways.setdefault(each.service, Way(each.end))
            way.records = each.end
            if each.left == 0 and each.end > 0:
                way.ended_at = way.ended_at or now
            elif way.said is None and 2 * each.done >= each.end and each.seconds_left is not None:
                way.half_at, way.said = now, each.seconds_left
        if all(each.left == 0 and each.end > 0 for each in told):
            return
        if now > deadline:
            raise SystemExit("; ".join(progress.line(each) for each in told))
        time.sleep(LOOK_EVERY_SECONDS)


if __name__ == "__main__":
    main()
