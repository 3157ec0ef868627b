"""Whatever happens to worker and Redis, worklists come back as the dossiers' own answers have them."""

import pytest
import redis

from contracts.topics import PARTITIONS
from services.processing.api.doors import partition_of
from tests.integration.processing_world import event, figures
from tests.integration.worklist_world import Town, assert_lists, lives, started
from tests.province import Province

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def town(module_province: Province) -> Town:
    """A dossier of each fate, of which one unit decides what another has received, while some are overdue."""
    town = started(module_province)
    town.report(*lives("away", "19753", "19774"))
    town.tick("07-08T09:00")
    return town


def test_killed_emptied_or_torn_the_lists_come_back_as_they_were(town: Town) -> None:
    """kill -9 with records on their way, then FLUSHALL, then a set that is none."""
    town.report(*lives("late", "19804", "19774"), is_awaited=False)
    town.worker.kill()
    town.worker = town.province.start("processing", MOTCUA_PROCESSING_CHUNK_RECORDS="7")
    town.tick("07-09T08:00")
    assert_lists(town)
    with town.province.redis() as client:
        client.flushall()
        town.tick("07-09T09:00")
        assert_lists(town)
        name = f"motcua:processing:g1:{{{partition_of('late-waits')}}}:wl:receiver:19804:running"
        client.delete(name)
        client.set(name, "x")
    refused = town.get("/v1/units/19804/worklist?list=open")
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    limit = {"amount": 3, "unit": "working_days"}
    town.report(event("received", "late-waits", "07-01T09:00", unit="19804", time_limit=limit))
    assert_lists(town)


def test_a_state_that_was_written_without_worklists_is_worked_out_anew(town: Town) -> None:
    """As an older version leaves it: until the worker has taken it over, nobody is told that a list is empty."""
    town.worker.stop()
    with redis.Redis.from_url(town.province.redis_url) as client:
        for name in client.scan_iter(match="motcua:processing:g1:{*}:wl:*", count=1000):
            client.delete(name)
        for number in range(PARTITIONS):
            client.hdel(f"motcua:processing:g1:{{{number}}}:pos", "lists", "clock")
    refused = town.get("/v1/units/19753/worklist?list=open")
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert town.told("/v1/dossiers/away-runs")["state"] == 2, "everything else is answered meanwhile"
    town.worker = town.province.start("processing")
    town.tick("07-09T10:00")
    assert_lists(town)
    told = figures(town.worker)
    assert told['motcua_processing_wipes_total{reason="unclean"}'] == PARTITIONS
    assert told['motcua_processing_wipes_total{reason="torn"}'] == 0, "another release is no damage"
