"""Vietnam's public holidays of 2000 to 2040, written out day by day from the pinned `holidays` package.

Of years whose announcement it does not know they are estimates; `announced_until` in calendar.toml says from when on.
"""

from datetime import date

import holidays

FIRST_YEAR = 2000
FINAL_YEAR = 2040


def written_out() -> tuple[dict[str, str], dict[str, str]]:
    """Days off and the weekend days worked in exchange for some of them, each with its reason in Vietnamese."""
    years = range(FIRST_YEAR, FINAL_YEAR + 1)
    known = holidays.country_holidays("VN", years=years, observed=True, language="vi")
    days_off = {day.isoformat(): name for day, name in sorted(known.items())}
    worked = {day.isoformat(): _reason(day, days_off) for day in sorted(known.weekend_workdays)}
    return {day: name for day, name in days_off.items() if day not in worked}, worked


def _reason(worked: date, days_off: dict[str, str]) -> str:
    # The package names the worked day in the label of the day off; the contract wants the reason on both.
    label = f"{worked:%d/%m/%Y}"
    for day, name in days_off.items():
        if label in name:
            return f"Làm bù cho ngày nghỉ {date.fromisoformat(day):%d/%m/%Y}"
    return "Làm bù"
