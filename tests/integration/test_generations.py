"""A second generation of the fold beside the live one: built through a kill, compared, every difference named, removed."""

from pathlib import Path
from typing import Any

import pytest
import redis

from contracts import topics
from deploy.local.settings import REPOSITORY
from deploy.operators import progress
from deploy.operators import topics as topic_tool
from deploy.operators.generation import comparing, removal
from deploy.operators.generation.comparing import Comparison
from deploy.operators.generation.speaking import Fold
from deploy.operators.standing import Standing
from services.metrics.store import keys as metrics_keys
from tests.integration import another_fold
from tests.integration.intake_calls import wait_until
from tests.integration.processing_world import LIFECYCLE, Archive, assert_folded, event, life
from tests.province import READY_WITHIN_SECONDS, Province, Service

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]

CAUGHT_UP_SECONDS = 120.0
THREE_DAYS = {"amount": 3, "unit": "working_days"}
AT_HOME = {"procedure": "2.000815", "channel": "direct", "receiver": "19753", "competent": "19753"}
EARLY, COMPLETED, OPEN = (f"H57.19753-250701-000{number}" for number in (1, 2, 3))


class Town:
    """An archive, the live generation's workers, and the checkout of another fold."""

    def __init__(self, province: Province, code: Path) -> None:
        self.province, self.code = province, code
        self.archive = Archive(province)
        self.workers = [self.processing(), province.start("metrics")]

    def processing(self, ready: bool = True, code: Path = REPOSITORY, **environment: str) -> Service:
        """One more worker of a fold."""
        return self.province.start_from(code, "processing", ready, environment)

    def make_topics(self, gen: int) -> None:
        """Those of another generation."""
        wanted = (topics.lifecycle(gen), topics.rejected(gen))
        topic_tool.create_missing(self.province.kafka, wanted, 1)

    def wait_caught_up(self, gen: int) -> None:
        """Until a generation has folded and counted all there is."""
        standing = Standing(self.province.kafka, self.province.redis_url, gen)
        wait_until(lambda: all(each.left == 0 for each in progress.look(standing)), CAUGHT_UP_SECONDS)

    def compared(self, *folds: Fold) -> Comparison:
        """Two generations held against each other."""
        one, other = folds
        province = self.province
        return comparing.generations(
            province.kafka, province.redis_url, (one, other), province.environment, lambda line: None
        )


@pytest.fixture(scope="module")
def town(module_province: Province, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Everything is reported, folded and counted by the live generation."""
    made = Town(module_province, another_fold.checkout(tmp_path_factory.mktemp("next") / "release"))
    report(made.archive)
    assert_folded(made.archive)
    made.wait_caught_up(1)
    return made


def report(archive: Archive) -> None:
    """Three dossiers, of which the first comes in before half past nine: both folds date it alike; and noise."""
    for number in range(1, 21):
        archive.report(*life(f"H57.19753-2507{number:02}-1{number:03}", number))
    for dossier, received in ((EARLY, "07-01T08:00"), (COMPLETED, "07-01T10:00"), (OPEN, "07-01T10:00")):
        archive.report(event("received", dossier, received, **AT_HOME, time_limit=THREE_DAYS))
    # Tuesday at ten and three working days: due on Friday at ten; with four: on Monday at ten.
    archive.report(event("completed", EARLY, "07-02T10:00"), event("completed", COMPLETED, "07-07T09:30"))
    for day in ("07-03T00:00", "07-05T08:00", "07-09T00:00"):
        archive.tick(day)


def test_another_fold_is_built_beside_through_a_kill_and_each_difference_is_named(town: Town) -> None:
    """A checkout with a changed rule writes topics and state of its own, the live log stays as it was to the byte; its
    worker dies in the middle; then the dossiers that differ are named, with dues, timeliness and what moves in counters."""
    province, archive = town.province, town.archive
    before = archive.read(LIFECYCLE)

    town.make_topics(another_fold.GEN)
    dying = town.processing(
        ready=False, code=town.code, MOTCUA_FAULT="exit_before_commit:2", MOTCUA_PROCESSING_CHUNK_RECORDS="5"
    )
    assert dying.wait_end(CAUGHT_UP_SECONDS) == 137, dying.log_end()
    beside = [town.processing(code=town.code), province.start("metrics", ready=False, MOTCUA_GEN=str(another_fold.GEN))]
    town.wait_caught_up(another_fold.GEN)

    found = town.compared(Fold(1, REPOSITORY), Fold(another_fold.GEN, town.code))
    counted = {each.code: each for each in found.counted.sample}
    assert set(counted) == {COMPLETED}
    assert counted[COMPLETED].counters == {
        f"{role}|19753|{counter}": by
        for role in ("receiver", "competent")
        for counter, by in (("completed_late", -1), ("completed_on_time", 1))
    }
    [(what, first, second)] = counted[COMPLETED].members
    assert (what.partition(": ")[2], first, second) == ("step.timeliness", "late", "on_time")
    assert found.is_explained

    assert found.answered is not None
    answered = {each.code: {what: (first, second) for what, first, second in each.members} for each in found.answered.sample}
    assert answered[OPEN]["due_current"] == ("2025-07-04T10:00:00+07:00", "2025-07-07T10:00:00+07:00")
    assert set(answered) == {COMPLETED, OPEN}
    assert not found.is_equal
    assert archive.read(LIFECYCLE) == before, "the live generation's log is as it was"
    for each in beside:
        each.stop()


@pytest.mark.long
def test_the_same_fold_once_more_differs_in_nothing_and_is_removed_whole(town: Town) -> None:
    """Under a later number the same code gives the same dossiers and counters, byte by byte; removed, nothing is left."""
    province = town.province
    others = removal.present(province.kafka)
    town.make_topics(3)
    again = [town.processing(MOTCUA_GEN="3"), province.start("metrics", ready=False, MOTCUA_GEN="3")]
    town.wait_caught_up(3)
    found = town.compared(Fold(1, REPOSITORY), Fold(3, REPOSITORY))
    assert found.is_equal
    assert found.is_explained
    assert found.counted.compared >= 23
    assert found.answered is not None
    assert found.answered.compared == found.counted.compared
    assert _values(town.archive, 3) == _values(town.archive, 1)

    command = province.run("deploy.operators.main", "generation", "compare", "3", "--same-code")
    assert command.returncode == 0, command.stdout + command.stderr

    for each in again:
        each.stop()
    live = _names(province, 1)
    removed = removal.generation(province.kafka, province.redis_url, 3)
    assert removed.topics == 2
    assert removed.keys > 0
    assert _names(province, 3) == []
    assert removal.present(province.kafka) == others
    assert _names(province, 1) == live


def test_code_of_a_later_fold_refuses_to_go_on_with_an_earlier_generation(town: Town) -> None:
    """Whoever starts the new release under the old number folds nothing and says why."""
    refused = town.processing(ready=False, code=town.code, MOTCUA_GEN="1")
    assert refused.wait_end(READY_WITHIN_SECONDS) == 2
    assert "this code is generation 2" in refused.log_end()


def _values(archive: Archive, gen: int) -> dict[int, list[Any]]:
    read = archive.read(topics.lifecycle(gen).name)
    return {number: [(record.key, record.value, record.headers) for record in records] for number, records in read.items()}


def _names(province: Province, gen: int) -> list[bytes]:
    with redis.Redis.from_url(province.redis_url) as client:
        found = client.scan_iter(match=f"motcua:*:g{gen}*", count=5000)
        return sorted(found)


def test_a_state_beside_has_keys_that_no_other_state_has() -> None:
    """Live, beside and former figures of a generation, and those of another one, never share a beginning."""
    prefixes = [metrics_keys.prefix(gen, place) for gen in (1, 11) for place in ("live", "beside", "former")]
    for one in prefixes:
        assert [each for each in prefixes if each.startswith(one)] == [one]
