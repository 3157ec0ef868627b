"""Who loses partitions while it waits for acknowledgements and gets them back reads them again."""

import time
from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from contracts.topics import PARTITIONS, REPORTED
from services.processing.log.membership import Membership
from services.processing.settings import Settings
from tests.integration.intake_calls import wait_until
from tests.province import Province

pytestmark = pytest.mark.kafka
SETTLED_SECONDS = 1.5
WITHIN_SECONDS = 40.0


class Member:
    """A member that begins wherever the log has come to, and remembers from which partitions something came."""

    def __init__(self, province: Province, ends: Callable[[], dict[int, int]]) -> None:
        self.heard: set[int] = set()
        self._ends = ends
        settings = Settings(kafka=province.kafka, clock="log", processing_session_seconds=6)
        self.membership = Membership(settings, self._take_over, lambda _: None, lambda _: None)

    def _take_over(self, partitions: list[int]) -> dict[int, int | None]:
        return {number: end for number, end in self._ends().items() if number in partitions}

    def read(self) -> None:
        self.heard |= {found.partition() or 0 for found in self.membership.gather(1000, 0.05)}


def test_partitions_lost_while_lingering_are_read_when_they_come_back(province: Province) -> None:
    """The pause by which it stays in the group without reading on must not outlive the partition's loss."""
    producer = Producer({"bootstrap.servers": province.kafka})
    at = {"next": 2}

    def ends() -> dict[int, int]:
        return dict.fromkeys(range(PARTITIONS), at["next"])

    def produce() -> None:
        for number in range(PARTITIONS):
            producer.produce(REPORTED.name, value=b"{}", partition=number)
        assert producer.flush(20) == 0
        at["next"] += 1

    first = Member(province, ends)
    try:
        wait_until(lambda: _after(first.read, lambda: len(first.membership.owned) == PARTITIONS), WITHIN_SECONDS)
        _share_and_leave(first, Member(province, ends))
        wait_until(lambda: _after(first.read, lambda: len(first.membership.owned) == PARTITIONS), WITHIN_SECONDS)
        time.sleep(SETTLED_SECONDS)
        first.read()
        first.heard.clear()
        produce()
        wait_until(lambda: _after(first.read, lambda: first.heard == set(range(PARTITIONS))), WITHIN_SECONDS)
    finally:
        first.membership.close()


def _share_and_leave(first: Member, second: Member) -> None:
    """The second one joins while the first one lingers, and goes again."""

    def shared() -> bool:
        first.membership.linger(0.05)
        second.read()
        return 0 < len(first.membership.owned) < PARTITIONS and len(second.membership.owned) > 0

    try:
        wait_until(shared, WITHIN_SECONDS)
    finally:
        second.membership.close()


def _after(act: Callable[[], None], is_so: Callable[[], bool]) -> bool:
    act()
    return is_so()
