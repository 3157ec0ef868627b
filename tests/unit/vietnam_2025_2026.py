"""Vietnam's days off of 2025 and 2026, written down by hand from the official announcements, not from any package.

Weekly days of rest that an announcement counts in ("nine days of Tết") are not days off by themselves: who opens on
Saturdays decides about them.
"""

DAYS_OFF = frozenset(
    {
        "2025-01-01",
        # Tết Ất Tỵ; Monday 27 January for Saturday 1 February
        "2025-01-27", "2025-01-28", "2025-01-29", "2025-01-30", "2025-01-31", "2025-02-01",
        "2025-04-07",  # Hùng Kings
        "2025-04-30", "2025-05-01",
        "2025-05-02",  # in exchange for Saturday 26 April
        "2025-09-01", "2025-09-02",
        "2026-01-01",
        "2026-01-02",  # in exchange for Saturday 10 January
        "2026-02-16", "2026-02-17", "2026-02-18", "2026-02-19", "2026-02-20",  # Tết Bính Ngọ
        "2026-04-26", "2026-04-27",  # Hùng Kings on a Sunday
        "2026-04-30", "2026-05-01",
        "2026-08-31",  # in exchange for Saturday 22 August
        "2026-09-01", "2026-09-02",
        "2026-11-24",  # Culture Day
    }
)  # fmt: skip
MADE_UP = frozenset({"2025-04-26", "2026-01-10", "2026-08-22"})

FULL_DAY = (("07:00", "11:30"), ("13:30", "17:00"))
DEFAULT: dict[str, tuple[tuple[str, str], ...]] = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), FULL_DAY)
SATURDAY_MORNING: dict[str, tuple[tuple[str, str], ...]] = DEFAULT | {"sat": FULL_DAY[:1]}
PROFILES = {"default": DEFAULT, "saturday_morning": SATURDAY_MORNING}
