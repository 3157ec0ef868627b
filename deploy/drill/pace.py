"""The drill's pace: the shipped rules and routes with shorter waits, and what each alert promises at either pace.

Nothing of an alert but its waiting is changed: expression, thresholds, labels, routes and inhibitions are the shipped ones.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.local import watchers

# `for` of the shipped rules is divided by this, and is a second at least.
SHORTER: Final = 20
# Some alerts want two looks of Prometheus, RedisDown and KafkaDown more than three in ten of a minute's, which no division
# shortens. What waits long waits for it on top: else who is silenced would be told before the one who silences.
LONG_SECONDS: Final = 60
SHARE_SECONDS: Final = 18
LOOKS_SECONDS: Final = SHARE_SECONDS + 12
GROUP_WAIT_SECONDS: Final = 1
# By it dashboards know that a drill is held.
MARK: Final = Path(__file__).with_name("drill.yml")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Pace:
    """What passes before somebody is told, in seconds, beside an alert's own `for`."""

    scrape: int
    heartbeat: int
    heartbeat_old: int
    silence: int
    group_wait: int
    back_off_most: int
    divided_by: int

    @property
    def share(self) -> int:
        """From the first look that found it to the one with which more than three in ten of a minute's have, in seconds."""
        return SHARE_SECONDS // self.scrape * self.scrape

    def promise(self, alert: str, first: int) -> int:
        """When its notification is sent at the latest: `first` until the figure shows it, a scrape, the evaluation of the
        recording rules that it is made of and of itself, its `for`, the wait of its group."""
        return first + self.scrape + 2 * self.scrape + self.wait(alert) + self.group_wait

    def wait(self, alert: str) -> int:
        """Its `for`, at this pace."""
        return shortened(waits()[alert], self.divided_by)


SHIPPED: Final = Pace(15, 30, 120, 120 * 60, 30, 60, 1)
# Seconds that a busy machine of two cores can keep.
DRILL: Final = Pace(3, 1, 15, 60, GROUP_WAIT_SECONDS, 1, SHORTER)


def waits() -> dict[str, int]:
    """`for` of each shipped alert, in seconds."""
    return {
        rule["alert"]: _seconds(rule.get("for", "0s"))
        for path in sorted((watchers.PROMETHEUS_FILES / "rules").glob("*.yml"))
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }


def shortened(seconds: int, divided_by: int) -> int:
    """A wait at a pace; none stays none."""
    if divided_by == 1 or seconds == 0:
        return seconds
    return max(1, seconds // divided_by) + (LOOKS_SECONDS if seconds >= LONG_SECONDS else 0)


def write_rules(directory: Path, pace: Pace) -> None:
    """Shortens `for` in the rules that the stack has laid there, touches nothing else in them, and lays the drill's mark
    beside them."""
    for path in sorted(directory.glob("*.yml")):
        text = re.sub(
            r"(?m)^(\s+for: )(\d+[smhd])$",
            lambda found: f"{found[1]}{shortened(_seconds(found[2]), pace.divided_by)}s",
            path.read_text(),
        )
        path.write_text(text)
    (directory / MARK.name).write_text(MARK.read_text())


def write_routes(file: Path, pager_port: int, pace: Pace) -> None:
    """The shipped routes, told at any hour and as soon as the pace says, every receiver being the drill's pager."""
    shipped: Any = yaml.safe_load(watchers.ALERTMANAGER_FILE.read_text())
    for route in (shipped["route"], *shipped["route"]["routes"]):
        if pace != SHIPPED:
            route |= {"group_wait": f"{pace.group_wait}s", "group_interval": f"{pace.group_wait}s"}
        route.pop("active_time_intervals", None)
    for receiver in shipped["receivers"]:
        receiver["webhook_configs"] = [{"url": f"http://127.0.0.1:{pager_port}/{receiver['name']}"}]
    file.write_text(yaml.safe_dump(shipped, allow_unicode=True))


def _seconds(text: str) -> int:
    return int(text[:-1]) * _UNITS[text[-1]]
