"""Which line a centre is on and which rates that has, by what lays the links: a proxy, wires, or one line for all."""

from collections.abc import Iterable
from functools import partial

from lab.links.profiles import Profile
from lab.load.centre import Tally
from lab.load.filled import Lines, Narrow
from lab.load.plan import Centre
from lab.load.scenario import Scenario


def line_of(centre: Centre, scenario: Scenario, is_wired: bool) -> int:
    """A proxy gives each connection its rate; on wires, or on one line for all, centres share it."""
    if scenario.one_line:
        return 0
    return centre.line if is_wired else centre.number


def rates_of(profile: Profile, scenario: Scenario, is_wired: bool) -> tuple[float, float]:
    """What a line gives, up and down: of a wire all of it, else what loss would leave, of a proxy's in steps."""
    if is_wired:
        return profile.up_kbps, profile.down_kbps
    of = profile.tcp_kbps if scenario.one_line else profile.rate_kbps
    return float(of(profile.up_kbps)), float(of(profile.down_kbps))


def used(tally: Tally, scenario: Scenario, is_wired: bool, narrow: Iterable[tuple[str, float, float]]) -> Lines:
    """How full lines were; of one that several share a process knows its own centres' part. `narrow`: when congested."""
    return tally.crossed.used(
        tally.links, scenario.profiles, partial(rates_of, scenario=scenario, is_wired=is_wired),
        [Narrow(*each) for each in narrow], is_wired or scenario.one_line,
    )  # fmt: skip
