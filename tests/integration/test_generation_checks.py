"""Before a generation begins nothing is left of its number; before it becomes live nothing is new since the comparison."""

from collections.abc import Mapping

import pytest
import redis

from contracts import topics
from contracts.topics import PARTITIONS, REPORTED
from deploy.local import generation_report
from deploy.operators import acts
from deploy.operators.generation import removal, since
from tests.integration.processing_world import Archive, event, life
from tests.province import Province

pytestmark = pytest.mark.kafka

NAMES = (
    "motcua:processing:g{}:{{3}}:pos", "motcua:processing:g{}:{{3}}:d:H57.19753-250701-0001", "motcua:metrics:g{}:p:3",
    "motcua:metrics:g{}.beside:build", "motcua:metrics:g{}.former:total",
)  # fmt: skip


def _compared(archive: Archive) -> dict[int, int]:
    """Positions of a comparison of all there is now."""
    return {number: len(records) - 1 for number, records in archive.read(REPORTED.name).items()}


def test_a_comparison_is_as_old_as_what_was_reported_since_and_outdated_by_an_activation(module_province: Province) -> None:
    """Records are counted, and looked through for activations of rules in whichever partition; those of before, and the
    opening of the archive, are none of them."""
    province = module_province
    archive = Archive(province)
    acts.activate(province.operators, province.reference)
    archive.report(*life("H57.19753-250701-0001", 1))
    positions = _compared(archive)
    assert _looked(province, positions) == since.Since(0, 12 * 3 + 5)

    archive.report(event("submitted", "H57.19753-250702-0002", "07-02T08:00", procedure="2.000815", channel="online",
                         receiver="19753", competent="19774"))  # fmt: skip
    archive.tick("07-03T00:00")
    assert _looked(province, positions) == since.Since(1 + PARTITIONS, 12 * 4 + 6)
    assert generation_report.reason_outdated(_looked(province, positions)) is None

    acts.activate(province.operators, province.reference)
    found = _looked(province, positions)
    assert found == since.Since(1 + 2 * PARTITIONS, 12 * 5 + 6, tuple(range(PARTITIONS)))
    assert "rules were activated" in (generation_report.reason_outdated(found) or "")
    # Of a comparison from before there was anything, only the opening is left out.
    assert _looked(province, {}).activated == tuple(range(PARTITIONS))
    assert _looked(province, _compared(archive)).activated == ()

    # What is too much anyway is not read.
    assert since.look(province.kafka, positions, lambda end: 10) == since.Since(1 + 2 * PARTITIONS, 12 * 5 + 6)
    beyond = {**positions, 4: positions[4] + 1000}
    assert "another archive" in (generation_report.reason_outdated(_looked(province, beyond)) or "")


def _looked(province: Province, positions: Mapping[int, int]) -> since.Since:
    return since.look(province.kafka, positions, lambda end: end)


def test_what_redis_holds_of_a_removed_generation_is_found_and_taken_away_alone(module_province: Province) -> None:
    """As a dump brings it back: keys of processing and of all three places of counters, and none of another number."""
    province = module_province
    with redis.Redis.from_url(province.redis_url, decode_responses=True) as client:
        for gen in (1, 7, 71):
            client.mset({name.format(gen): "x" for name in NAMES})
        client.set("motcua:metrics:live", "x")
        assert removal.held(province.redis_url) == {1, 7, 71}
        assert removal.keys(province.redis_url, 7) == len(NAMES)
        assert removal.held(province.redis_url) == {1, 71}
        assert client.exists(*(name.format(gen) for name in NAMES for gen in (1, 71))) == 2 * len(NAMES)


def test_a_generation_gets_its_topics_where_nothing_is_left_of_its_number(module_province: Province) -> None:
    """Before its topics are made; once they are there somebody may build it, and nothing is taken from it."""
    province = module_province
    kept = NAMES[1].format(7)
    with redis.Redis.from_url(province.redis_url) as client:
        client.set(kept, "from a dump")
        begun = province.run("deploy.operators.main", "generation", "topics", "7")
        assert begun.returncode == 0, begun.stderr
        assert not client.exists(kept)
        assert 7 in removal.present(province.kafka)
        client.set(kept, "built")
        again = province.run("deploy.operators.main", "generation", "topics", "7")
        assert again.returncode == 0, again.stderr
        assert client.get(kept) == b"built"
    assert topics.lifecycle(7).name in begun.stdout
