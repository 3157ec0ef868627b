"""The processing worker beside plain confluent-kafka, Quix Streams and Bytewax, on the same records in one run.

    python -m benchmarks.against --fortnights 1

The jobs are not the same, and the table says how they differ: ours is the whole legal fold with deadlines, its records sent
and acknowledged and its state stored exactly once; the others keep three members a dossier and promise less. Each reader is
a process of its own, alone on the machine with Kafka; Quix Streams and Bytewax live in environments of their own.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis

from benchmarks import processing, table
from benchmarks.environments import NoEnvironmentError, python_of
from benchmarks.processing import Took
from contracts.topics import PARTITIONS
from deploy.local.checks import free_port_base
from deploy.local.stack import Stack
from services.processing.store import keys

ALTERNATIVES = Path(__file__).resolve().parent / "alternatives"
REPOSITORY = Path(__file__).resolve().parents[1]
WITHIN_SECONDS = 300
HEADING = (
    f"{'':<20} {'records/s':>9} {'CPU µs':>8} {'ours/it':>7} {'ours/it':>7}\n"
    f"{'':<20} {'':>9} {'a record':>8} {'rate':>7} {'CPU':>7}   what is kept, and what a crash does to it"
)


@dataclass(frozen=True)
class Alternative:
    """A program to compare with, by which interpreter, and what it promises."""

    name: str
    program: str
    python: Callable[[], Path]
    promises: str


OTHERS = (
    Alternative("confluent-kafka 2", "plain.py", lambda: Path(sys.executable),
                "a count a dossier in memory; a crash loses it: nothing is promised"),
    Alternative("Quix Streams 3.28.1", "quix.py", lambda: python_of("quix", "quixstreams==3.28.1"),
                "a count a dossier in RocksDB and a changelog topic, every 5 s; at least once: a crash may count twice"),
    Alternative("Bytewax 0.21.1", "wax.py", lambda: python_of("bytewax", "bytewax[kafka]==0.21.1"),
                "a count a dossier, snapshots in SQLite every 5 s; state exact, output at least once; 1 worker"),
)  # fmt: skip


def main() -> int:
    """Exit status 0 when every alternative was measured, 1 when one could not be."""
    reading = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reading.add_argument("--fortnights", type=int, default=1, help="copies of the fortnight, 1 to 10")
    given = reading.parse_args()
    if not 1 <= given.fortnights <= 10:
        reading.error("--fortnights: 1 to 10")
    began_with, missed = os.getloadavg()[0], 0
    with tempfile.TemporaryDirectory(prefix="motcua-bench-") as directory:
        stack = Stack(Path(directory) / "state", free_port_base(), "log", say=lambda line: None)
        try:
            stack.up(("kafka", "redis"))
            events = processing.fill(stack, given.fortnights)
            records = sum(processing.ends_of(stack).values())
            print(f"{records:,} reported records, {events:,} of them events; from the first record to the last")
            print(HEADING)
            ours = _ours(stack, records, Path(directory))
            _print("Một Cửa processing", ours, ours,
                   "states, deadlines, worklists; lifecycle sent and acknowledged; stored exactly once")  # fmt: skip
            dossiers = _dossiers(stack)
            for each in OTHERS:
                try:
                    took = _run(each, stack, records, dossiers, Path(directory))
                except NoEnvironmentError as error:
                    missed += 1
                    print(f"{each.name:<20} NOT MEASURED: {error}", flush=True)
                    _row(each.name, None, ours)
                else:
                    _print(each.name, took, ours, each.promises)
                    _row(each.name, took, ours)
        finally:
            stack.down()
    print(f"load average (1 min)   {began_with:.2f} before, {os.getloadavg()[0]:.2f} after, {os.cpu_count()} cores")
    return 1 if missed else 0


def _print(name: str, took: Took, ours: Took, promises: str) -> None:
    against = f"{ours.rate / took.rate:>7.2f} {_cpu(ours) / _cpu(took):>7.2f}"
    print(f"{name:<20} {took.rate:>9,.0f} {_cpu(took):>8.0f} {against}   {promises}", flush=True)


def _row(name: str, took: Took | None, ours: Took) -> None:
    """One of the closing table; None: it could not be measured."""
    beside = "not measured" if took is None else f"{took.rate:,.0f}/s; {_cpu(took):.0f} µs"
    ratio = "" if took is None else f"{ours.rate / took.rate:.2f}; {_cpu(ours) / _cpu(took):.2f} by CPU"
    table.row(
        f"processing beside {name} (`against`)",
        f"{ours.rate:,.0f} records/s; {_cpu(ours):.0f} µs of CPU each",
        beside,
        ratio,
    )


def _cpu(took: Took) -> float:
    """Microseconds of processor a record."""
    return 1e6 * took.cpu_seconds / took.records


def _ours(stack: Stack, records: int, directory: Path) -> Took:
    """The worker as it comes. As for the others, the time of the processor includes the start, so it belongs to all of the
    records."""
    took = processing.workers(stack, directory, 1)
    return Took(records, records / took.rate, took.cpu_seconds)


def _dossiers(stack: Stack) -> int:
    """How many dossiers the worker has stored."""
    with redis.Redis.from_url(stack.settings.redis_url) as client:
        return sum(int(client.zcard(keys.index(number, keys.KEPT))) for number in range(PARTITIONS))


def _run(alternative: Alternative, stack: Stack, records: int, dossiers: int, directory: Path) -> Took:
    """What it needed; NoEnvironmentError with the cause when it cannot run here or did not do the job."""
    python = alternative.python()
    command = [
        str(python), str(ALTERNATIVES / alternative.program), "--kafka", stack.settings.bootstrap,
        "--records", str(records), "--state", str(directory / alternative.program),
    ]  # fmt: skip
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        ended = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=WITHIN_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise NoEnvironmentError(f"it did not end within {WITHIN_SECONDS} s") from None
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = [line for line in ended.stdout.splitlines() if line.startswith("{")]
    if ended.returncode != 0 or not said:
        wrong = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
        raise NoEnvironmentError(wrong[-1] if wrong else f"it ended with {ended.returncode}")
    told = json.loads(said[-1])
    if (told["records"], told["dossiers"]) != (records, dossiers):
        raise NoEnvironmentError(
            f"it read {told['records']:,} of {records:,} records and found {told['dossiers']:,} of {dossiers:,} dossiers"
        )
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return Took(records, float(told["seconds"]), cpu)


if __name__ == "__main__":
    sys.exit(main())
