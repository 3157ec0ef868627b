"""The fixtures themselves: a province is clean, however the one before was left."""

import pytest

from contracts.events import Activated, Opened
from contracts.reference import Calendar, Reference, Unit, digest, encode
from deploy.operators.log import Log
from tests.conftest import NewProvince

pytestmark = pytest.mark.kafka

BODY = Reference(
    units=[Unit(code="19753", name="Phường thử", kind="ward", hours="default", valid_from="2025-07-01")],
    departments=[],
    procedures=[],
    calendar=Calendar(profiles={"default": {"mon": [("07:00", "11:30")]}}, days_off={}, make_up_days={}),
)

DIGEST = digest(encode(BODY))


def test_a_new_province_is_clean_whatever_the_last_one_left(new_province: NewProvince) -> None:
    """Topics, archive, Redis: nothing of the province before shows, and its clock is the one asked for."""
    first = new_province(clock="wall", reference=BODY)
    first.redis().set("left", "behind")
    opened, _activated = Log(first.kafka).beginnings()[3]
    assert isinstance(opened, Opened)
    assert opened.clock == "wall"

    second = new_province(clock="log", reference=BODY)
    assert second.redis().dbsize() == 0
    beginnings = Log(second.kafka).beginnings()
    assert len(beginnings) == 12
    for opened, activated in beginnings.values():
        assert isinstance(opened, Opened)
        assert opened.clock == "log"
        assert isinstance(activated, Activated)
        assert activated.digest == DIGEST
    assert Log(second.kafka).published() == {DIGEST}
