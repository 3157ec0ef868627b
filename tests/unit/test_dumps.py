"""When the next dump of Redis is due, and which of those that are there is the newest: whatever the clock has said."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest

from deploy.local import dumps, recovery, statedir
from deploy.local.dumps import Dump
from deploy.local.settings import StackSettings
from deploy.local.stack import Stack

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
HOUR = 3600.0


def _made(*ages_seconds: float) -> list[Dump]:
    return [
        Dump(Path(f"{number}.rdb"), number, NOW - timedelta(seconds=age), 1) for number, age in enumerate(ages_seconds, 1)
    ]


@pytest.mark.parametrize(("ages_seconds", "expected"), [
    ((), 0.0),
    ((600.0,), 3000.0),
    ((HOUR,), 0.0),
    ((90_000.0,), 0.0),
    # The latest made counts, not the one of the latest time.
    ((-90_000.0, 600.0), 3000.0),
    ((600.0, -90_000.0), 0.0),
    # A clock that was set right by some seconds is no wrong one, and puts nothing off for longer than an hour.
    ((-30.0,), HOUR),
])  # fmt: skip
def test_a_dump_is_due_an_hour_after_the_one_made_last_and_at_once_where_that_was_made_by_a_clock_ahead(
    ages_seconds: tuple[float, ...], expected: float
) -> None:
    assert dumps.due_in_seconds(_made(*ages_seconds), NOW, HOUR) == expected


def test_tries_without_a_dump_come_further_and_further_apart_up_to_a_bound() -> None:
    pauses = [dumps.retry_in_seconds(failed, HOUR) for failed in (1, 2, 3, 4, 5, 6, 7, 100, 10_000)]
    assert pauses == [15.0, 30.0, 60.0, 120.0, 240.0, 480.0, 600.0, 600.0, 600.0]
    assert dumps.retry_in_seconds(100, 5.0) == 5.0


def test_how_many_dumps_are_kept_the_stack_was_told_and_not_whoever_makes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a setting of the shell nor its default takes away dumps that the stack keeps."""
    for kept, told in (({"MOTCUA_DUMPS_KEPT_MAX": "100"}, 100), ({}, 24)):
        monkeypatch.setenv("MOTCUA_STATE_DIR", str(tmp_path))
        monkeypatch.delenv("MOTCUA_DUMPS_KEPT_MAX", raising=False)
        statedir.claim(tmp_path, statedir.Marker("wall", "dGhpcyBpcyBhIGNsdXM", 24_000))
        statedir.keep_environment(tmp_path, {**Stack(tmp_path, 24_000).environment, **kept})
        monkeypatch.setenv("MOTCUA_DUMPS_KEPT_MAX", "1")
        made = Mock(return_value=Dump(Path("1.rdb"), 1, NOW, 1))
        monkeypatch.setattr(dumps, "make", made)
        assert recovery.main(["--make"]) == 0
        assert made.call_args.args[1] == told


def test_dumps_are_in_the_order_in_which_they_were_made_whatever_the_clock_said(tmp_path: Path) -> None:
    """By their numbers; those of before there were numbers come first. What is named otherwise is none."""
    settings = StackSettings(state_dir=tmp_path)
    dumps.directory(settings).mkdir()
    in_order = [
        "redis-2026-11-26T100000.000000Z.rdb", "redis-2030-01-01T000000.000000Z.rdb",
        "redis-n000001-2026-11-26T120000.000000Z.rdb", "redis-n000002-2031-01-01T000000.000000Z.rdb",
        "redis-n000003-2026-11-26T130000.000000Z.rdb", "redis-n1000000-2026-11-26T110000.000000Z.rdb",
    ]  # fmt: skip
    others = (
        "redis-n000004-2026-11-26T140000.000000Z-mine.rdb",
        "redis-n000005-2026-13-01T140000.000000Z.rdb",
        "redis-.rdb",
    )
    for name in (*reversed(in_order), *others):
        (dumps.directory(settings) / name).write_bytes(b"x")
    assert [each.name for each in dumps.found(settings)] == in_order
