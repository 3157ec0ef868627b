"""The reference files with one day more that is off, as an operator would correct them by hand."""

import shutil
import tomllib
from datetime import date
from pathlib import Path

from lab.errors import FactsError

CALENDAR = "calendar.toml"
TABLE = "[days_off]"


def write(source: Path, target: Path, day: date, reason: str) -> Path:
    """Copies the files of a directory to another one and takes the day off; that other one."""
    shutil.copytree(source, target)
    file = target / CALENDAR
    text = file.read_text(encoding="utf-8")
    told = tomllib.loads(text)
    if day.isoformat() in told.get("days_off", {}):
        raise FactsError(f"{day} is a day off in {source / CALENDAR} already: name a working day")
    if day.weekday() >= 5 and day.isoformat() not in told.get("make_up_days", {}):
        raise FactsError(f"{day} is a {day:%A}, on which no office is open: name a working day")
    if day.isoformat() in told.get("make_up_days", {}):
        raise FactsError(f"{day} is a make-up day in {source / CALENDAR}: take it out there, or name another day")
    line = f'"{day.isoformat()}" = "{reason}"'
    if TABLE not in text:
        text += f"\n{TABLE}\n"
    file.write_text(text.replace(TABLE, f"{TABLE}\n{line}", 1), encoding="utf-8")
    return target
