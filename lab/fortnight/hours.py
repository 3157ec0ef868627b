"""The lab's own working calendar: seconds that offices are open, counted from the period's start, and dues among them."""

from datetime import date, timedelta

from contracts import instants
from contracts.data import TimeLimit
from lab.fortnight.facts import Facts

SATURDAY = 5
SAME_DAY_UNTIL = 15 * 3600
WORKING_DAY_SECONDS = 8 * 3600
NEVER = 10**9
_EPOCH_DAY = date(1970, 1, 1).toordinal()


class Hours:
    """Working seconds of a period: 0 at the opening of its first working day, `total` at the closing of its last."""

    def __init__(self, facts: Facts) -> None:
        self.windows = [(_seconds(opens), _seconds(closes)) for opens, closes in facts.assumed.office_hours]
        self.per_day = sum(closes - opens for opens, closes in self.windows)
        span = (facts.last - facts.first).days + 1
        every = [facts.first + timedelta(days=number) for number in range(span)]
        self.days = [day for day in every if day.weekday() < SATURDAY and day not in facts.assumed.days_off]
        self.total = self.per_day * len(self.days)
        self.first_midnight = instants.midnight(facts.first.toordinal() - _EPOCH_DAY)
        self.last_midnight = instants.midnight(facts.last.toordinal() + 1 - _EPOCH_DAY)
        self._last_ordinal = facts.last.toordinal()

    def instant(self, worked: int) -> int:
        """The moment, in microseconds since 1970, at which so many working seconds of the period are over."""
        number, left = divmod(worked, self.per_day)
        midnight = instants.midnight(self.days[number].toordinal() - _EPOCH_DAY)
        for opens, closes in self.windows:
            if left < closes - opens:
                return midnight + (opens + left) * instants.SECOND
            left -= closes - opens
        raise AssertionError("a working day is as long as its windows")

    def due(self, limit: TimeLimit | None, received: int) -> int | None:
        """Working second at which a limit that starts at `received` ends; NEVER: after the period; None: unplanned."""
        if limit is None:
            return NEVER
        match limit.unit:
            case "working_hours":
                return received + limit.amount * 3600
            case "working_days" if limit.amount > 0:
                return received + limit.amount * WORKING_DAY_SECONDS
            case "working_days":
                late_in_the_day = received % self.per_day >= self._worked_at(SAME_DAY_UNTIL)
                return (received // self.per_day + 1 + late_in_the_day) * self.per_day
            case unit:
                # A calendar limit within the period would need the rules of days off, which the lab leaves to the system.
                days = limit.amount * (28 if unit == "months" else 1)
                ends = self.days[received // self.per_day].toordinal() + days
                return NEVER if ends > self._last_ordinal else None

    def _worked_at(self, second_of_day: int) -> int:
        return sum(max(0, min(closes, second_of_day) - opens) for opens, closes in self.windows)


def _seconds(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 3600 + int(minute) * 60
