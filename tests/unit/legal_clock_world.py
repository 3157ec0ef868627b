"""The shipped calendar compiled beside the oracle's own reading of it, for tests of the legal clock."""

import random
from pathlib import Path

from contracts import instants, reference_files
from services.processing.domain.calendar import WorkingTime
from tests.unit.oracle_minutes import MINUTE, Office, local
from tests.unit.vietnam_2025_2026 import DAYS_OFF, MADE_UP, PROFILES

SHIPPED = reference_files.read(Path(__file__).parents[2] / "deploy/reference").calendar
HOURS = {name: WorkingTime.compile(SHIPPED, name) for name in PROFILES}
OFFICES = {name: Office(windows, DAYS_OFF, MADE_UP, "2024-12-01", 760) for name, windows in PROFILES.items()}
FIRST, LAST = local("2025-01-01 00:00"), local("2026-11-30 00:00")


def any_instant(chance: random.Random) -> int:
    """Any instant of two years, often on the very edge of a window or one microsecond beside it."""
    at = chance.randrange(FIRST, LAST)
    if chance.random() < 0.3:  # the edges of windows, and one microsecond beside them
        midnight = instants.midnight(instants.day_number(at))
        at = midnight + chance.choice([0, 420, 690, 810, 1020]) * MINUTE + chance.choice([-1, 0, 1])
    elif chance.random() < 0.3:
        at -= at % MINUTE
    return at
