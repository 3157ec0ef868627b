"""What a drill breaks, one act after the other, and what must come of it."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from deploy.drill import course
from deploy.drill.pace import SHIPPED, Pace
from deploy.drill.stand import LINKED, STOPPED, Stand

# Beyond the promise by this much an alert counts as missed; a busy machine is no fault of a rule.
GRACE_SECONDS: Final = 10.0
# Rates over five minutes stay what they are at any pace.
CLEARS_WITHIN_SECONDS: Final = 360.0
NOTICED_WITHIN_SECONDS: Final = 60.0
# How long one call of processing may go unanswered as it is shipped, and how long trying again is left unsaid.
REDIS_SAID_SECONDS: Final = 10 + 2
# How long what processing has sent may be unacknowledged, its pause between two looks, and a question that nobody answers;
# intake asks all the time and is sooner.
KAFKA_SAID_SECONDS: Final = 5 + 1 + 1
# What comes in as Kafka dies: a backlog, so that processing waits for what it has sent.
BURST_EVENTS, BURST_TIMES = 500, 4


@dataclass(frozen=True)
class Act:
    """Breaks one thing; `first` is how long the figure may take to show it, at a pace.

    `silences`: an alert that the same fault causes, too, and that nobody may be told of beside this one.
    """

    what: str
    alert: str
    first: Callable[[Pace], int]
    breaks: Callable[[Stand], None]
    mends: Callable[[Stand], None]
    labels: tuple[tuple[str, str], ...] = ()
    silences: str = ""


@dataclass(frozen=True)
class Outcome:
    """What an act came to; seconds from its beginning, or from its mending; what the pager got in between."""

    act: Act
    promised_shipped: int
    promised: int
    fired: float
    noticed: float
    cleared: float
    told: tuple[str, ...]

    @property
    def is_in_time(self) -> bool:
        """Whether somebody was told in time."""
        return self.noticed <= self.promised + GRACE_SECONDS

    @property
    def is_by_grace(self) -> bool:
        """Whether it came in time by the grace alone."""
        return self.promised < self.noticed <= self.promised + GRACE_SECONDS

    @property
    def needless(self) -> tuple[str, ...]:
        """What was told beside the cause, which should have silenced it."""
        return tuple(each for each in self.told if not each.startswith(f"{self.act.alert} → "))


def play(act: Act, stand: Stand) -> Outcome:
    """Break, wait for the alert and its notice, mend, wait until it is over."""
    promised = stand.pace.promise(act.alert, act.first(stand.pace))
    stand.say(f"{act.what} …")
    began, began_at = time.monotonic(), time.time()
    act.breaks(stand)
    patience = promised + CLEARS_WITHIN_SECONDS
    fired = stand.wait(lambda: _fires(act, stand), patience, f"{act.alert} to fire")
    noticed = stand.wait(lambda: _is_told(act, stand, began), NOTICED_WITHIN_SECONDS, f"a notice of {act.alert}")
    went = _went(act, stand, began_at)
    if act.silences:
        _hold(act, stand, began)
    told = tuple(sorted({f"{notice.alert} → {notice.receiver}" for notice in stand.pager.since(began) if notice.firing}))
    stand.say(
        f"  {act.alert} fired after {fired - began:.1f} s, told after {noticed - began:.1f} s (promised: {promised} s)"
    )
    if went:
        stand.say(f"  {went}")
    mended = time.monotonic()
    act.mends(stand)
    cleared = stand.wait(lambda: not stand.firing(), CLEARS_WITHIN_SECONDS, "all alerts to be over")
    stand.say(f"  over {cleared - mended:.1f} s after it was mended")
    shipped = SHIPPED.promise(act.alert, act.first(SHIPPED))
    return Outcome(act, shipped, promised, fired - began, noticed - began, cleared - mended, told)


def _went(act: Act, stand: Stand, began_at: float) -> str:
    """Where the time went; asked for when all is told, and left out when Prometheus does not answer."""
    try:
        return course.course(stand.query, act.alert, act.labels, began_at, time.time())
    except OSError:
        return ""


def _hold(act: Act, stand: Stand, began: float) -> None:
    """The fault lasts until what it silences fires, and would have been told of: else its silence says nothing."""
    within = stand.pace.promise(act.silences, act.first(stand.pace)) + GRACE_SECONDS

    def fires() -> bool:
        return any(labels["alertname"] == act.silences for labels in stand.firing())

    fired = stand.wait(fires, began + within - time.monotonic(), f"{act.silences} to fire, silenced")
    stand.say(f"  {act.silences} fired after {fired - began:.1f} s; whether anybody is told is waited for")
    stand.wait(lambda: time.monotonic() >= began + within, within, "the end of its promise")


def _fires(act: Act, stand: Stand) -> bool:
    wanted = {("alertname", act.alert), *act.labels}
    return any(wanted <= set(labels.items()) for labels in stand.firing())


def _is_told(act: Act, stand: Stand, began: float) -> bool:
    return any(notice.alert == act.alert and notice.firing for notice in stand.pager.since(began))


def _cut_line(stand: Stand) -> None:
    stand.centres[LINKED].line.cut()


def _join_line(stand: Stand) -> None:
    stand.centres[LINKED].line.join()


def _kill_for_good(name: str) -> Callable[[Stand], None]:
    def kill(stand: Stand) -> None:
        os.kill(stand.stack.pids[name], signal.SIGKILL)
        # Whoever keeps it would have it back within a second: that it stays away is the fault.
        stand.stack.stop(name)

    return kill


def _start_again(name: str) -> Callable[[Stand], None]:
    return lambda stand: stand.stack.start(name)


def _kill_kafka_under_load(stand: Stand) -> None:
    for _ in range(BURST_TIMES):
        if not stand.centres[LINKED].hand_in(stand.stack.address("intake"), BURST_EVENTS):
            raise RuntimeError("intake did not take what should come in as Kafka dies")
    _kill_for_good("kafka")(stand)


def _close_centre(stand: Stand) -> None:
    stand.centres[STOPPED].stop()


def _open_centre(stand: Stand) -> None:
    stand.centres[STOPPED].start()


def _use_paper(stand: Stand) -> None:
    stand.centres[STOPPED].at_work = False


def _enter_again(stand: Stand) -> None:
    stand.centres[STOPPED].at_work = True


def _cut_city(stand: Stand) -> None:
    assert stand.beats is not None
    stand.beats.speaks = False
    for centre in stand.centres.values():
        centre.line.cut()


def _join_city(stand: Stand) -> None:
    assert stand.beats is not None
    stand.beats.speaks = True
    for centre in stand.centres.values():
        centre.line.join()


ACTS: Final = (
    Act("The line of one centre is cut", "CentreLinkDown", lambda pace: pace.heartbeat + pace.heartbeat_old,
        _cut_line, _join_line, (("unit", LINKED),)),
    Act("The processing worker is killed and stays away", "ServiceDown", lambda pace: 0,
        _kill_for_good("processing"), _start_again("processing"), (("job", "processing"),)),
    # Processing says it when a call has failed, which one that is not answered does after ten seconds, and when trying it
    # again has taken two. One look is not enough.
    Act("Redis is killed and stays away", "RedisDown", lambda pace: REDIS_SAID_SECONDS + pace.share,
        _kill_for_good("redis"), _start_again("redis"), silences="FiguresUnavailable"),
    # What can neither be sent nor be asked is not folded either, and after a minute nobody has the partitions.
    Act("Kafka is killed while events come in, and stays away", "KafkaDown", lambda pace: KAFKA_SAID_SECONDS + pace.share,
        _kill_kafka_under_load, _start_again("kafka"), silences="PartitionsUnowned"),
    Act("The lines of all forty centres are cut", "CityCutOff", lambda pace: pace.heartbeat + pace.heartbeat_old,
        _cut_city, _join_city, silences="CentreLinkDown"),
    # Before the centre stops: a silence that began there would be counted here.
    Act("A centre uses paper: its edge lives, no event comes", "UnitSilent", lambda pace: pace.silence,
        _use_paper, _enter_again, (("unit", STOPPED),)),
    Act("A centre stops: its edge is ended", "CentreLinkDown", lambda pace: pace.heartbeat + pace.heartbeat_old,
        _close_centre, _open_centre, (("unit", STOPPED),)),
)  # fmt: skip
# Held once at the shipped pace, too: what is shortened elsewhere is here waited for.
UNSHORTENED: Final = ACTS[0]
