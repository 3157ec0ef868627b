"""`make generation`, `make rebuild-counters`, `make recover` on a whole stack: what users see before, between and after."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import redis
from msgspec import structs

from contracts import lifecycle, topics
from deploy.local import beside, dumps, generations
from deploy.local.opening import up_and_open
from deploy.local.programs import SERVERS
from deploy.local.settings import REPOSITORY
from deploy.local.stack import Stack
from deploy.operators import acts, progress
from deploy.operators.generation import removal
from deploy.operators.settings import OperatorSettings
from tests.integration import another_fold
from tests.integration.intake_calls import wait_until
from tests.integration.processing_world import Archive, life
from tests.integration.test_generations import COMPLETED, EARLY, OPEN, report
from tests.province import Province

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(1800)]

COMMAND_SECONDS = 900
SHOWN_SECONDS = 180.0
STOPPED = 3
SERVICES = ("redis", "kafka", "processing", "processing-api", "metrics", "metrics-api")


class Town:
    """A stack with an archive; `archive` writes to it as intake would."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        at = cast(Any, stack.settings)
        self.archive = Archive(cast(Province, type("Reached", (), {"kafka": at.bootstrap})()))

    def command(self, module: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A command as make gives it, by somebody who has no setting but where the stack lies."""
        return subprocess.run(
            [sys.executable, "-m", f"deploy.local.{module}", *arguments],
            cwd=REPOSITORY,
            env={**os.environ, "MOTCUA_STATE_DIR": str(self.stack.directory)},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )

    def verify(self) -> "subprocess.CompletedProcess[str]":
        """`make verify`."""
        return self.command("here", "services.audit.main", "verify", "--all")

    def kill(self, name: str, reason: str) -> None:
        """Has a worker started anew, which is not ready then, for a reason."""
        before = self.stack.pids[name]
        os.kill(before, signal.SIGKILL)
        wait_until(
            lambda: any(
                row.name == name and row.pid not in (None, before) and reason in row.reason for row in self.stack.status()
            ),
            SHOWN_SECONDS,
        )

    def activate(self) -> None:
        """Lets the rules rule once more, from here on."""
        settings = OperatorSettings(kafka=self.stack.settings.bootstrap, clock="log")
        acts.activate(settings, acts.files(settings))

    def dossier(self, code: str) -> dict[str, Any]:
        """What users are told of a dossier."""
        return self._asked("processing-api", f"/v1/dossiers/{code}", {"Authorization": "Bearer dev-operator"})

    def counters(self) -> dict[str, int]:
        """What users are told of the unit."""
        found: dict[str, int] = self._asked("metrics-api", "/v1/units/19753?role=receiver", {})["counters"]
        return found

    def shows(self, **counters: int) -> bool:
        """Whether these counters are shown, up to the end of the archive."""
        try:
            told = self._asked("metrics-api", "/v1/units/19753?role=receiver", {})
        except OSError:  # not yet, or not now
            return False
        return told["lag_seconds"] == 0 and {name: told["counters"][name] for name in counters} == counters

    def _asked(self, name: str, path: str, headers: dict[str, str]) -> dict[str, Any]:
        asked = urllib.request.Request(self.stack.address(name) + path, headers=headers)
        with urllib.request.urlopen(asked, timeout=10) as answer:
            body: dict[str, Any] = json.loads(answer.read())
        return body


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, module_port_base: int) -> Iterator[Town]:
    with pytest.MonkeyPatch.context() as patched:
        # Also on a machine that has much else to do; commands inherit it.
        patched.setenv("MOTCUA_READY_WITHIN_SECONDS", "600")
        stack = Stack(tmp_path_factory.mktemp("generations") / "state", module_port_base, "log", say=print)
        try:
            up_and_open(stack, SERVICES)
            made = Town(stack)
            report(made.archive)
            wait_until(lambda: made.shows(completed_late=1, completed_on_time=0, completed_early=1), SHOWN_SECONDS)
            yield made
        finally:
            stack.down()


def test_from_start_to_drop_readers_see_one_generation_and_then_the_other(town: Town, tmp_path: Path) -> None:
    """Started, compared, refused without a word on the differences, switched, switched back, switched, dropped."""
    code = another_fold.checkout(tmp_path / "next")
    before = town.stack.pids
    started = town.command("generation", "start", "--code", str(code))
    assert started.returncode == 0, started.stderr
    assert "records/s" in started.stdout
    assert {name: town.stack.pids[name] for name in before} == before, "nothing that runs is started anew"
    assert town.dossier(OPEN)["due_current"] == "2025-07-04T10:00:00+07:00"

    unseen = town.command("generation", "switch")
    assert (unseen.returncode, "compare" in unseen.stderr) == (1, True)
    compared = town.command("generation", "compare")
    assert compared.returncode == 3, compared.stderr
    assert COMPLETED in compared.stdout
    assert EARLY not in compared.stdout
    assert "all of it comes from the dossiers above" in compared.stdout
    assert town.command("generation", "switch").returncode == 1, "what differs must be accepted"
    assert town.shows(completed_late=1, completed_on_time=0)

    town.activate()
    outdated = town.command("generation", "switch", "--accept-differences")
    assert (outdated.returncode, "rules were activated since then" in outdated.stderr) == (1, True), outdated.stderr
    again = town.command("generation", "compare")
    assert again.returncode == 3, again.stderr
    assert {each for each in (COMPLETED, EARLY) if each in again.stdout} == {COMPLETED}

    switched = town.command("generation", "switch", "--accept-differences")
    assert switched.returncode == 0, switched.stderr
    told = town.dossier(OPEN)
    assert (told["due_current"], told["gen"]) == ("2025-07-07T10:00:00+07:00", 2)
    assert town.shows(completed_late=0, completed_on_time=1, completed_early=1)
    assert {name: town.stack.pids[name] for name in SERVERS} == {name: before[name] for name in SERVERS}
    verified = town.verify()
    assert verified.returncode == 0, f"judged by the live fold's own code: {verified.stdout}{verified.stderr}"

    assert town.command("generation", "switch").returncode == 0
    assert town.dossier(OPEN)["due_current"] == "2025-07-04T10:00:00+07:00"
    assert town.command("generation", "abort").returncode == 1, "it was live once"

    # As a main checkout that was updated meanwhile has it: the code of the one beside is nowhere.
    lost = town.stack.generations
    generations.write(town.stack.directory, structs.replace(lost, beside=structs.replace(beside.beside(lost), code=None)))
    town.stack.up(SERVICES)
    assert "processing-beside" not in town.stack.pids
    assert town.command("counters").returncode == 0, "and it holds up nothing"
    refused = town.command("generation", "switch")
    assert (refused.returncode, "former --code DIR" in refused.stderr) == (1, True)
    assert town.command("generation", "former", "--code", str(code)).returncode == 0
    assert beside.beside(town.stack.generations).code == str(code)
    dropped = town.command("generation", "drop")
    assert dropped.returncode == 0, dropped.stderr
    with redis.Redis.from_url(town.stack.settings.redis_url) as client:
        assert list(client.scan_iter(match="motcua:*:g2*", count=5000)) == []
    assert town.shows(completed_late=1, completed_on_time=0)
    assert "processing-beside" not in town.stack.names


def test_counters_that_were_tampered_with_are_found_and_replaced_while_the_api_answers(town: Town) -> None:
    """The rebuilt counters differ in what was put there by hand; only told to does the command replace them."""
    with redis.Redis.from_url(town.stack.settings.redis_url) as client:
        client.hincrby("motcua:metrics:g1:total", "receiver|19753|received", 40)
    pids = town.stack.pids
    wrong = town.counters()["received"]
    found = town.command("counters")
    assert found.returncode == 3, found.stderr
    assert f"received of 19753 (receiver): {wrong} -> {wrong - 40}" in found.stdout
    assert town.counters()["received"] == wrong
    replaced = town.command("counters", "--replace")
    assert replaced.returncode == 0, replaced.stderr
    assert town.counters()["received"] == wrong - 40
    assert {name: town.stack.pids[name] for name in pids} == pids, "no reader was started anew"
    assert town.command("counters").returncode == 0


def test_an_older_dump_gives_the_same_counters_after_catching_up(town: Town) -> None:
    """A dump, more events, the dump put back: every figure of every hash is what it was before."""
    older = dumps.make(town.stack.settings, kept=5)
    # Asked before: with the first records after a switch of counters the worker takes over; nothing is told for that moment.
    expected = town.counters()["received"] + 10
    town.archive.tick("07-10T00:00")
    for number in range(1, 11):
        town.archive.report(*life(f"H57.19753-2507{number:02}-2{number:03}", number))
    wait_until(lambda: town.shows(received=expected), SHOWN_SECONDS)
    before = _figures(town.stack)
    recovered = town.command("recovery", "--dump", older.name)
    assert recovered.returncode == 0, recovered.stderr
    wait_until(lambda: town.shows(received=expected), SHOWN_SECONDS)
    assert _figures(town.stack) == before


def test_a_dump_that_holds_a_removed_generation_holds_up_no_later_one(town: Town) -> None:
    """Begun, dumped, aborted, the dump put back: what it held of that generation is removed once more, and the next one is
    built and compared as if there had been none before."""
    url = town.stack.settings.redis_url
    begun = town.command("generation", "start")
    assert begun.returncode == 0, begun.stderr
    first = beside.beside(town.stack.generations).gen
    held = dumps.make(town.stack.settings, kept=9)
    aborted = town.command("generation", "abort")
    assert aborted.returncode == 0, aborted.stderr
    assert removal.held(url) == {1}

    recovered = town.command("recovery", "--dump", held.name)
    assert recovered.returncode == 0, recovered.stderr
    assert f"Generation {first}, which the dump still held, is removed once more" in recovered.stdout
    assert removal.held(url) == {1}
    with redis.Redis.from_url(url) as client:
        client.set(f"motcua:processing:g{first + 1}:{{3}}:left", "over")

    again = town.command("generation", "start")
    assert again.returncode == 0, again.stderr
    assert beside.beside(town.stack.generations).gen == first + 1
    with redis.Redis.from_url(url) as client:
        assert not client.exists(f"motcua:processing:g{first + 1}:{{3}}:left")
    compared = town.command("generation", "compare")
    assert compared.returncode == 0, compared.stdout + compared.stderr
    assert town.command("generation", "abort").returncode == 0


def test_counters_that_have_stopped_are_counted_once_more_and_replaced(town: Town) -> None:
    """A partition that metrics counts no further: nothing can be compared, which is said; replaced, it is counted again."""
    before = _figures(town.stack)
    with redis.Redis.from_url(town.stack.settings.redis_url) as client:
        client.hset(f"motcua:metrics:g1:p:{STOPPED}", "stopped", "gap")
    town.kill("metrics", f"partitions stopped (gap): {STOPPED}")
    found = town.command("counters")
    assert found.returncode == 3, found.stderr
    assert f"{STOPPED} is not compared" in found.stdout
    assert "nothing can be compared" in found.stdout
    replaced = town.command("counters", "--replace")
    assert replaced.returncode == 0, replaced.stderr
    town.stack.wait_ready(("metrics",))
    assert _figures(town.stack) == before


def test_a_generation_with_a_stopped_partition_is_left_for_another_one(town: Town) -> None:
    """Somebody else has written to the live log, so a partition goes no further: another generation is built beside, that
    partition is called not compared, and a switch that accepts it shows what the live one never came to."""
    live = town.stack.generations.live.gen
    lifecycle_topic = topics.lifecycle(live).name
    town.archive.report(*life("H57.19753-250721-0001", 21), partition=STOPPED)
    wait_until(lambda: all(each.left == 0 for each in progress.look(beside.standing(town.stack, live))), SHOWN_SECONDS)
    last = town.archive.read(lifecycle_topic)[STOPPED][-1]
    town.archive.put(STOPPED, last.value, [(lifecycle.CHAIN_HEADER, b"00000000000000ff")], topic=lifecycle_topic)
    town.kill("processing", f"diverged: partition {STOPPED}")
    town.archive.report(*life("H57.19753-250721-0002", 21), partition=STOPPED)
    received = town.counters()["received"] + 1

    started = town.command("generation", "start")
    assert started.returncode == 0, started.stderr
    compared = town.command("generation", "compare")
    assert compared.returncode == 3, compared.stdout + compared.stderr
    assert f"partition   {STOPPED} is not compared" in compared.stdout
    assert "by their logs, none differs" in compared.stdout
    assert town.command("generation", "switch").returncode == 1, "what was left out must be accepted"
    switched = town.command("generation", "switch", "--accept-differences")
    assert switched.returncode == 0, switched.stderr
    wait_until(lambda: town.shows(received=received), SHOWN_SECONDS)
    dropped = town.command("generation", "drop")
    assert dropped.returncode == 0, dropped.stderr


def _figures(stack: Stack) -> dict[str, dict[str, str]]:
    found = {}
    with redis.Redis.from_url(stack.settings.redis_url, decode_responses=True) as client:
        for name in client.scan_iter(match="motcua:metrics:g1:*", count=1000):
            part = name.removeprefix("motcua:metrics:g1:")
            if client.type(name) == "hash" and part != "build" and not part.startswith("p:"):
                found[part] = {field: value for field, value in client.hgetall(name).items() if value != "0"}
    return found
