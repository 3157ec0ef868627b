"""The room that is left, told by place: what is asked of the setting, and what is told of a place that is not there."""

import math
import os
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from services.audit import disks
from services.audit.instruments import Instruments


def test_each_place_is_told_as_the_system_counts_it(tmp_path: Path) -> None:
    """What anybody may still write, as `df` shows it; a place that is not there is not a number, and hides no other."""
    instruments = Instruments()
    disks.watch(disks.places(f"kafka={tmp_path}, redis={tmp_path / 'none'}"), instruments)
    told = {
        (sample.name, sample.labels["place"]): sample.value
        for family in text_string_to_metric_families(generate_latest(instruments.registry).decode())
        for sample in family.samples
        if "place" in sample.labels
    }
    found = os.statvfs(tmp_path)
    used = found.f_blocks - found.f_bfree
    assert told["motcua_audit_disk_free_ratio", "kafka"] == pytest.approx(found.f_bavail / (found.f_bavail + used), abs=0.01)
    assert told["motcua_audit_disk_free_bytes", "kafka"] == pytest.approx(found.f_bavail * found.f_frsize, rel=0.05)
    assert all(math.isnan(told[f"motcua_audit_disk_free_{unit}", "redis"]) for unit in ("ratio", "bytes"))


@pytest.mark.parametrize("text", ["/data", "kafka=", "=/data", "a=/x,a=/y", ",".join(f"p{i}=/x" for i in range(17))])
def test_a_setting_that_names_no_places_is_refused(text: str) -> None:
    """At the start, in one sentence."""
    with pytest.raises(ValueError, match="MOTCUA_AUDIT_DISKS"):
        disks.places(text)


def test_without_the_setting_no_place_is_told() -> None:
    """Nobody is told of a disk that nobody named."""
    assert disks.places("") == {}
