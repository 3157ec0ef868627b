"""The worker on a real Kafka and Redis: whatever happens to it, each record is folded once and said once."""

from collections import Counter
from typing import get_args

import pytest
import redis
import requests

from contracts.reference import Reference
from deploy.operators import acts
from services.processing.instruments import Wiped
from tests.intake_bad_inputs import BATCH, packed
from tests.integration.intake_calls import OPERATOR, REQUEST_SECONDS, post, wait_until
from tests.integration.processing_world import Archive, assert_folded, event, figures, life, reasons
from tests.province import READY_WITHIN_SECONDS, Province, Service

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

# A process that was killed stays a member of the group for this long.


class Town:
    """One archive for the whole module, always added to, and the worker that folds it at the moment."""

    def __init__(self, province: Province) -> None:
        self.province = province
        self.archive = Archive(province)
        self.worker = self.started()
        self.lives = 0
        self.other: Reference | None = None

    def started(self, ready: bool = True, **environment: str) -> Service:
        """One more worker."""
        return self.province.start("processing", ready=ready, **environment)

    def assert_folded(self) -> None:
        """The worker is at the end, and left what it must, whatever rules it came by."""
        assert_folded(self.archive, *filter(None, [self.other]))

    def wiped(self) -> dict[str, float]:
        """How many partitions the present worker has folded from the start, by why, those reasons aside that were none."""
        told = figures(self.worker)
        each = {why: told[f'motcua_processing_wipes_total{{reason="{why}"}}'] for why in get_args(Wiped)}
        return {why: times for why, times in each.items() if times}

    def lives_of(self, count: int) -> None:
        """Some more dossiers."""
        for _ in range(count):
            self.lives += 1
            self.archive.report(*life(f"H57.19753-2507{self.lives % 20 + 1:02}-{self.lives:04}", self.lives % 20 + 1))


@pytest.fixture(scope="module")
def town(module_province: Province) -> Town:
    return Town(module_province)


def test_what_intake_stored_is_folded_and_said_once(town: Town) -> None:
    """Events through the door and ticks through the clock: lifecycle, dead letters and Redis are those of the plain fold."""
    intake = town.province.start("intake")
    events = [each for number in range(1, 6) for each in life(f"H57.19753-250701-9{number:03}", number)]
    for unit in ("19753", "19774"):
        batch = [each for each in events if each["source"] == f"/units/{unit}"]
        answer = post(intake, "/v1/events", {"Authorization": f"Bearer dev-{unit}", "Content-Type": BATCH}, packed(batch))
        assert answer.status_code == 202, answer.text
    for at in ("07-05T00:00", "07-10T00:00"):
        answer = post(intake, "/v1/clock", OPERATOR, packed({"at": f"2025-{at}:00+07:00"}))
        assert answer.status_code == 202, answer.text
    intake.stop()
    town.archive.put(0, b"no JSON", [("ce_type", b"nonsense")])
    expected = assert_folded(town.archive)
    said = Counter(letter.code for each in expected.values() for sent in each.sent for letter in sent.letters)
    assert said["no_arrow"] == 2, "payments that nobody asked for, of the first and the second, are a week old"
    assert said["invalid_envelope"] == 1
    told = figures(town.worker)
    assert told['motcua_processing_records_total{outcome="tick"}'] == 24
    assert told['motcua_processing_rejected_total{code="no_arrow"}'] == 2
    assert told["motcua_processing_owned_partitions"] == 12
    assert all(told[f'motcua_processing_lag_seconds{{partition="{number}"}}'] == 0 for number in range(12))
    assert town.wiped() == {"new": 12}, "an archive that begins has lost nothing"


def test_the_door_answers_in_one_form(town: Town) -> None:
    """Health, readiness, and a problem for what nobody offers."""
    for path, status in (("/healthz", 200), ("/readyz", 200), ("/docs", 200), ("/nowhere", 404)):
        answer = requests.get(town.worker.base_url + path, timeout=REQUEST_SECONDS)
        assert answer.status_code == status
    assert answer.json()["code"] == "not_found"
    assert answer.headers["Content-Type"] == "application/problem+json"
    answer = requests.post(town.worker.base_url + "/healthz", timeout=REQUEST_SECONDS)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


def test_told_to_stop_it_ends_well_and_the_next_one_works_in_slices(town: Town) -> None:
    """SIGTERM: exit status 0, all stored. What comes in meanwhile, two activations among it, each refolding every dossier,
    is worked off in commits of few, to what the plain fold says in one go."""
    town.lives_of(2)
    assert town.worker.stop() == 0
    town.lives_of(60)
    body = town.province.reference
    wards = [each for each in body.units if each.code != "19774"]
    town.other = Reference(units=wards, departments=body.departments, procedures=body.procedures, calendar=body.calendar)
    acts.activate(town.province.operators, town.other)
    town.archive.tick("07-18T00:00")
    acts.activate(town.province.operators, body)
    town.archive.tick("07-28T00:00")
    town.worker = town.started(
        MOTCUA_PROCESSING_SLICE_DOSSIERS="2", MOTCUA_PROCESSING_CHUNK_RECORDS="7", MOTCUA_PROCESSING_CACHE_DOSSIERS="0"
    )
    town.assert_folded()


def test_killed_between_producing_and_storing_it_says_nothing_twice(town: Town) -> None:
    """Ends as by kill -9 when Kafka has all of it and Redis nothing: the successor finds it sent and sends only the rest."""
    town.worker.stop()
    dying = town.started(ready=False, MOTCUA_FAULT="exit_before_commit:2")

    def ended() -> bool:
        town.lives_of(1)
        return not dying.running

    wait_until(ended)
    assert dying.wait_end() == 137
    town.lives_of(4)
    town.archive.tick("07-29T00:00")
    town.worker = town.started()
    town.assert_folded()


def test_an_emptied_redis_is_filled_again_without_saying_anything_twice(town: Town) -> None:
    """FLUSHALL under a running worker, with nothing coming in: it notices, folds all logs from the start."""
    with town.province.redis() as client:
        client.flushall()
    town.assert_folded()
    town.lives_of(3)
    town.assert_folded()
    assert town.wiped() == {"gone": 12}
    assert reasons(town.worker) == []


def test_an_older_redis_put_in_place_is_noticed_and_led_on(town: Town) -> None:
    """The state of an hour ago, as from a dump: the position in it is as old, so reading on gives the same."""
    with redis.Redis.from_url(town.province.redis_url) as client:
        dumped = {name: client.dump(name) for name in client.scan_iter()}
        town.lives_of(6)
        town.archive.tick("07-30T00:00")
        town.assert_folded()
        # In one step: the worker, which looks each second, must not have begun to fill what is being put back.
        with client.pipeline() as put_back:
            put_back.flushall()
            for name, state in dumped.items():
                put_back.restore(name, 0, state)
            put_back.execute()
    town.assert_folded()
    town.lives_of(2)
    town.assert_folded()


def test_torn_state_is_folded_anew(town: Town) -> None:
    """What a commit never leaves behind is found out when it is used; only that partition is rebuilt."""
    town.lives_of(60)
    town.assert_folded()
    codes: dict[str, str] = {}
    town.worker.stop()
    with redis.Redis.from_url(town.province.redis_url, decode_responses=True) as client:
        for name in client.scan_iter(match="motcua:processing:g1:{*}:d:*", count=1000):
            prefix, _, code = str(name).partition("d:")
            codes[prefix] = code
        another_kind, no_dossier, gone, no_position, elsewhere, *_ = sorted(codes)
        client.delete(another_kind + "due")
        client.set(another_kind + "due", "x")
        client.set(no_dossier + "d:" + codes[no_dossier], "x")
        client.delete(gone + "d:" + codes[gone])
        client.hset(no_position + "pos", "position", "x")
        client.hset(elsewhere + "pos", "at", "7.0")
    # A worker without dossiers in memory, and late events that make it look.
    town.worker = town.started()
    for code in codes.values():
        town.archive.report(event("annulled", code, "07-20T09:00", event="never-seen", reason="typo", id="late"))
    town.assert_folded()
    assert reasons(town.worker) == []
    assert town.wiped() == {"torn": 5}


def test_two_workers_share_the_partitions(town: Town) -> None:
    """A second one takes its part over from the first, and gives it back when it is told to stop."""
    second = town.started()
    wait_until(lambda: [figures(each)["motcua_processing_owned_partitions"] for each in (town.worker, second)] == [6, 6])
    town.lives_of(12)
    town.archive.tick("07-31T00:00")
    town.assert_folded()
    assert all(figures(each)["motcua_processing_commits_total"] > 0 for each in (town.worker, second))
    assert second.stop() == 0
    town.lives_of(6)
    town.assert_folded()
    assert figures(town.worker)["motcua_processing_owned_partitions"] == 12


def test_a_setting_that_contradicts_the_archive_ends_it_with_one_sentence(town: Town) -> None:
    """Another clock, a port that is taken: exit status 2, and the last line says what to correct."""
    port = town.worker.base_url.rsplit(":", 1)[1]
    for environment, said in (
        ({"MOTCUA_CLOCK": "wall"}, "MOTCUA_CLOCK=log"),
        ({"MOTCUA_PROCESSING_WORKER_PORT": port}, port),
    ):
        refused = town.started(ready=False, **environment)
        assert refused.wait_end(READY_WITHIN_SECONDS) == 2
        assert said in refused.log_end(1)
