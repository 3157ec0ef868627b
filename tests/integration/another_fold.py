"""A checkout with another fold in it, as the next release would be: what comes in after half past nine has a day more."""

import shutil
from pathlib import Path

from deploy.local.settings import REPOSITORY

GEN = 2
# (file, what stands there, what stands there in the other one)
CHANGES = (
    ("services/processing/domain/generation.py", "GEN = 1", f"GEN = {GEN}"),
    (
        "services/processing/domain/deadline.py",
        "_advance(hours, received, limit.amount * WORKING_DAY)",
        "_advance(hours, received, (limit.amount + (received % instants.DAY > 150 * instants.MINUTE)) * WORKING_DAY)",
    ),
    (
        "services/audit/domain/plain_calendar.py",
        "office.advance(received, limit.amount * WORKING_DAY)",
        "office.advance(received, (limit.amount + (received % instants.DAY > 150 * instants.MINUTE)) * WORKING_DAY)",
    ),
)


def checkout(directory: Path, *changes: tuple[str, str, str]) -> Path:
    """A copy of what processing, its API and audit are made of, changed."""
    for package in ("contracts", "services", "deploy/reference"):
        ignored = shutil.ignore_patterns("__pycache__", "board")
        shutil.copytree(REPOSITORY / package, directory / package, ignore=ignored)
    for name, present, other in changes or CHANGES:
        file = directory / name
        text = file.read_text()
        assert text.count(present) == 1, f"{name} does not say {present!r} once"
        file.write_text(text.replace(present, other))
    return directory
