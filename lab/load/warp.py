"""From the scenario's time to real seconds and back: working hours pass at one speed, nights and days off at another."""

from bisect import bisect_right
from datetime import date, datetime

from contracts import instants
from contracts.reference import Calendar
from lab.fortnight.facts import Assumed, Facts
from lab.fortnight.hours import Hours
from lab.load.scenario import VIETNAM, Time, instant

STEP_SECONDS = 300
PROFILE = "default"


class Warp:
    """A line of pieces, each with a speed of its own; before and after the period time stands still."""

    def __init__(self, time: Time, hours: Hours) -> None:
        self.starts, self.ends = instant(time.starts), instant(time.ends)
        self._simulated = [self.starts]
        self._real = [0.0]
        self._speeds: list[float] = []
        for until, is_open in _pieces(self.starts, self.ends, hours):
            speed = time.speed if is_open else time.idle_speed or time.speed
            length = (until - self._simulated[-1]) / instants.SECOND
            self._speeds.append(speed)
            self._simulated.append(until)
            self._real.append(self._real[-1] + length / speed)

    @property
    def real_seconds(self) -> float:
        """How long the whole period takes."""
        return self._real[-1]

    def real(self, simulated: int) -> float:
        """Real seconds since the start at which this instant is reached."""
        inside = min(max(simulated, self.starts), self.ends)
        place = min(bisect_right(self._simulated, inside) - 1, len(self._speeds) - 1)
        return self._real[place] + (inside - self._simulated[place]) / instants.SECOND / self._speeds[place]

    def simulated(self, real: float) -> int:
        """The instant that has been reached so many real seconds after the start."""
        inside = min(max(real, 0.0), self._real[-1])
        place = min(bisect_right(self._real, inside) - 1, len(self._speeds) - 1)
        return self._simulated[place] + round((inside - self._real[place]) * self._speeds[place] * instants.SECOND)


def hours_of(time: Time, calendar: Calendar) -> Hours:
    """The working hours of all days that the period touches, and of a month behind it, where dues may lie."""
    first = _day(time.starts)
    last = date.fromordinal(_day(time.ends).toordinal() + 31)
    nothing = Assumed(completed_share=0.0, on_time_share=(0.0, 1.0), agency_id="H57.{code}")
    return Hours(Facts(title="", first=first, last=last, facts=[], assumed=nothing), calendar, PROFILE)


def _pieces(starts: int, ends: int, hours: Hours) -> list[tuple[int, bool]]:
    """Ends of the pieces in order, each with whether offices are open in it."""
    told: list[tuple[int, bool]] = []
    at = starts
    for opens, closes in _open_spans(hours):
        if closes <= at or opens >= ends:
            continue
        if opens > at:
            told.append((opens, False))
        at = min(closes, ends)
        told.append((at, True))
    if at < ends:
        told.append((ends, False))
    return told


def _open_spans(hours: Hours) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    length = STEP_SECONDS * instants.SECOND
    for worked in range(0, hours.total, STEP_SECONDS):
        opens = hours.instant(worked)
        if spans and spans[-1][1] == opens:
            spans[-1] = spans[-1][0], opens + length
        else:
            spans.append((opens, opens + length))
    return spans


def _day(moment: datetime) -> date:
    return moment.date() if moment.tzinfo is None else moment.astimezone(VIETNAM).date()
