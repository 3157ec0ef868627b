"""A drill's outcome as a table, and as docs/DRILL.md."""

import os
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from deploy.drill.acts import GRACE_SECONDS, Outcome
from deploy.drill.centres import HANOI
from deploy.drill.pace import DRILL, LOOKS_SECONDS, SHIPPED, SHORTER, waits

HEAD: Final = (
    "| what was broken | alert | `for` shipped | promise shipped | promise in the drill | fired | told "
    f"| in time (grace: {GRACE_SECONDS:.0f} s) | over after mending | who was told of what |",
    "|---|---|---:|---:|---:|---:|---:|---|---:|---|",
)
PAGE: Final = """\
# The last drill

`make drill` brings up a city of its own (real Kafka, Redis, services, Prometheus, Alertmanager; two centres with real edges
behind lines that can be cut, thirty-eight that are played by their heartbeats), breaks one thing after the other, and takes
the time until the alert fires, until its notice arrives, and until all alerts are over once it is mended.
`make drill REPORT=1` writes this page.

{table}

{held}
## What is quicker here than in a city, and what is not
Waiting alone is shortened, to get through in minutes. Expressions, thresholds, labels, routes and inhibitions are the ones
that are shipped.

| | in a city | in the drill |
|---|---:|---:|
| `for` of an alert | as shipped | divided by {shorter}, a second at least; long ones {looks} s more |
| pause between two scrapes and two evaluations | {shipped.scrape} s | {drill.scrape} s |
| an edge says that it is there | each {shipped.heartbeat} s | each {drill.heartbeat} s |
| it is missed after | {shipped.heartbeat_old} s | {drill.heartbeat_old} s |
| a unit is silent after, of its working time | {shipped.silence} s | {drill.silence} s |
| notices are gathered for, at most | {shipped.group_wait} s | {drill.group_wait} s |

Offices are open around the clock, and every receiver is the drill's pager. Some alerts want two looks of
Prometheus, or more than three in ten of a minute's, which nothing shortens: the long waits have that on top, or who is
silenced would be told before the one who silences.

*Promise*: what the figure needs to show the fault, one scrape, two evaluations, `for`, the gathering of notices. *In time*:
*yes* at the promise at the latest, *within grace* at most {grace:.0f} s later, which is the machine's, *NO* later still.
The last column is everything that the pager got while the fault lasted; what is beside the cause should be silent, and fails
the drill. Redis and Kafka stay away until what stands still for want of them would have been told, too, and the city cut
off until a ticket for each of its centres would: each is one page.

{unshortened}"""
# What `make drill ARGS=--unshortened REPORT=1` writes; the other one leaves it as it is.
UNSHORTENED: Final = """\
## At a city's own pace
`make drill ARGS=--unshortened` holds one act in which nothing is shortened: the shipped `for`, pauses, heartbeats and
gathering of notices. It takes some ten minutes.

{table}
"""
NEVER: Final = "Not held so far."


def table(outcomes: Sequence[Outcome]) -> str:
    """One row for each act; seconds as measured."""
    return "\n".join((*HEAD, *map(_row, outcomes)))


def page(former: str, outcomes: Sequence[Outcome], seconds: float) -> str:
    """The page of the last drill; of the former page stays what was held at a city's own pace."""
    return PAGE.format(
        table=table(outcomes), held=_held(seconds), shorter=SHORTER, looks=LOOKS_SECONDS,
        shipped=SHIPPED, drill=DRILL, grace=GRACE_SECONDS, unshortened=_part_of(former) or UNSHORTENED.format(table=NEVER),
    )  # fmt: skip


def with_unshortened(former: str, outcomes: Sequence[Outcome], seconds: float) -> str:
    """The former page with what was held at a city's own pace now."""
    part = UNSHORTENED.format(table=f"{table(outcomes)}\n\n{_held(seconds)}".rstrip())
    return former.replace(_part_of(former), "").rstrip() + f"\n\n{part}"


def _part_of(former: str) -> str:
    found = re.search(rf"(?ms)^{re.escape(UNSHORTENED.splitlines()[0])}$.*\Z", former)
    return found[0] if found else ""


def _held(seconds: float) -> str:
    return (
        f"Held {datetime.now(HANOI):%Y-%m-%d %H:%M} (Hanoi), {seconds:.0f} s; load of the machine at its end "
        f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.\n"
    )


def _row(outcome: Outcome) -> str:
    act, promised = outcome.act, outcome.promised
    in_time = "NO" if not outcome.is_in_time else "within grace" if outcome.is_by_grace else "yes"
    told = (f"{each} (SHOULD BE SILENT)" if each in outcome.needless else each for each in outcome.told)
    return (
        f"| {act.what} | {act.alert} | {_span(waits()[act.alert])} | {_span(outcome.promised_shipped)} | {promised} s "
        f"| {outcome.fired:.1f} s | {outcome.noticed:.1f} s | {in_time} | {outcome.cleared:.1f} s "
        f"| {', '.join(told)} |"
    )


def _span(seconds: int) -> str:
    return f"{seconds // 60} min {seconds % 60:02d} s" if seconds >= 60 else f"{seconds} s"
