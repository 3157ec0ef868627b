"""A scenario: which centres, on which links, at which hours, with what going wrong, and what is promised all the same."""

from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from lab.errors import ScenarioError
from lab.links.profiles import Condition, Profile, read_profiles

DIRECTORY = Path(__file__).resolve().parents[1] / "scenarios"
VERSION = 1
VIETNAM = timezone(timedelta(hours=7))
CENTRES_MAX = 5_000
EDGES_MAX = 6
EVENTS_PLANNED_MAX = 400_000
RUN_SECONDS_MAX = 900.0
TICKS_MAX = 2_000
SCALE_LEAST = 0.01

# What is infinite is no figure: TOML can say it, and nothing can be planned with it.
Positive = Annotated[float, Meta(gt=0, le=1e6)]
Weight = Annotated[float, Meta(ge=0, le=1e6)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1)]
Hour = Annotated[str, Meta(pattern="^([0-9]|1[0-9]|2[0-3])$")]
Weekday = Annotated[str, Meta(pattern="^[0-6]$")]
Date = Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
# Ten working days: dues beyond lie where the lab has no calendar any more.
WorkingHours = Annotated[int, Meta(ge=1, le=80)]
Seconds = Annotated[float, Meta(ge=0.01, le=600)]
FaultKind = Literal["kill", "freeze", "stall", "flush"]
LASTING: tuple[FaultKind, ...] = ("freeze", "stall")
Served = Literal["kafka", "redis", "intake", "processing", "metrics", "metrics-api"]


class Time(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The period in Vietnam's time, and how many of its seconds pass in a real one: while offices are open, while shut."""

    starts: datetime
    ends: datetime
    speed: Positive = 1.0
    idle_speed: Positive | None = None
    tick_seconds: Annotated[float, Meta(ge=0.5, le=60)] = 2.0
    drain_seconds_max: Annotated[float, Meta(ge=1, le=300)] = 180.0


class Arrivals(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Dossiers of the whole period. `hours`: weight by hour of the day; `days`: by weekday (0 is Monday), by date."""

    dossiers: Annotated[int, Meta(ge=1, le=100_000)]
    hours: dict[Hour, Weight] = {}
    weekdays: dict[Weekday, Weight] = {}
    dates: dict[Date, Weight] = {}
    # Instead of dossiers of our own: a file of published figures, replayed as `make demo` does.
    facts: str | None = None


class Centres(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Some centres on one kind of link; `share` is their part of all dossiers, `count` how many outboxes they are."""

    link: str
    count: Count
    share: Positive
    units: list[str] = []
    edges: Annotated[int, Meta(ge=0, le=EDGES_MAX)] = 0


class Mix(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What dossiers are like. `late_share`: completed after their due by the unit's own fault."""

    online_share: Share = 0.6
    post_share: Share = 0.03
    late_share: Share = 0.05
    late_paper_share: Share = 0.02
    limits_working_hours: Annotated[tuple[WorkingHours, ...], Meta(min_length=1)] = (4, 8, 16)
    lives: dict[str, Weight] = msgspec.field(default_factory=lambda: {"ordinary": 1.0})
    # Weight by code; without any all procedures of the catalogue are alike, but for the joint ones.
    procedures: dict[str, Weight] = {}
    # The part of all who come that bring a pile of dossiers at once, and how many they are then.
    batch_share: Share = 0.0
    batch_dossiers: Annotated[int, Meta(ge=1, le=50)] = 1


class Course(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From `at` on a link is in this condition."""

    at: datetime
    link: str
    becomes: Condition


class Fault(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something at the city: killed, frozen for some real seconds, stalling half of the time (a slow disk), emptied."""

    at: datetime
    what: FaultKind
    of: Served
    seconds: Annotated[float, Meta(ge=0, le=60)] = 0.0


class Promises(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is promised besides that nothing is lost, double, wrongly overdue or wrongly refused; absent: only shown."""

    acceptance_p99_ms: Positive | None = None
    freshness_p99_ms: dict[str, Positive] = {}
    # Of what is due once the last line is back: a whole period's p99 waits as long as lines were gone.
    freshness_again_p99_ms: Positive | None = None
    drain_seconds: Positive | None = None
    slowest_link_share: Share | None = None


class Outbox(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a centre sends; the defaults are the edge's own."""

    batch_events_max: Annotated[int, Meta(ge=1, le=1000)] = 500
    back_off_first_seconds: Seconds = 0.5
    back_off_most_seconds: Seconds = 60.0
    answer_seconds: Seconds = 40.0
    heartbeat_seconds: Annotated[float, Meta(ge=1, le=600)] = 30.0


class Knee(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Steps, each `growth` times the one before, until the promise about freshness breaks: of a steady rate, or of centres,
    each of which comes with a rate of its own."""

    step: Literal["rate", "centres"] = "rate"
    # Of all centres together; where centres are stepped, of each.
    first_events_per_second: Positive
    first_centres: Annotated[int, Meta(ge=1, le=1_000)] | None = None
    # All centres on one line, which has its rate once; else each on a line of its own.
    one_line: bool = False
    growth: Annotated[float, Meta(gt=1.05, le=4)] = 1.5
    steps_max: Annotated[int, Meta(ge=2, le=12)] = 8
    step_seconds: Annotated[float, Meta(ge=5, le=60)] = 12.0
    repeats: Annotated[int, Meta(ge=1, le=5)] = 3
    freshness_p99_ms: Positive = 2_000.0

    @property
    def is_of_centres(self) -> bool:
        """Whether it counts centres, not events a second."""
        return self.step == "centres"

    @property
    def unit(self) -> str:
        """What its steps are of."""
        return ("centres on one line" if self.one_line else "centres") if self.is_of_centres else "events/s"

    @property
    def first(self) -> float:
        """Of the first step: events a second, or centres."""
        return float(self.first_centres or 0) if self.is_of_centres else self.first_events_per_second

    def asked(self, number: int) -> float:
        """Of the step that comes after so many, as long as none breaks; there is no half of a centre."""
        return self.whole(self.first * self.growth**number)

    def whole(self, asked: float) -> float:
        """What can be asked for."""
        return float(round(asked)) if self.is_of_centres else asked

    def events_per_second(self, asked: float) -> float:
        """Of all centres together."""
        return asked * self.first_events_per_second if self.is_of_centres else asked


class Scenario(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file of `lab/scenarios`, checked."""

    version: int
    # It names files and a directory.
    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,39}$")]
    title: str
    about: str
    simulated: list[str]
    time: Time
    arrivals: Arrivals
    centres: Annotated[list[Centres], Meta(min_length=1)]
    processes: Annotated[int, Meta(ge=1, le=8)] = 2
    mix: Mix = Mix()
    course: list[Course] = []
    faults: list[Fault] = []
    promises: Promises = Promises()
    outbox: Outbox = Outbox()
    knee: Knee | None = None
    stack: dict[str, str] = {}
    # A part of the dossiers, on a machine that cannot do all of them; of published figures, a part of the units.
    scale: Annotated[float, Meta(gt=0, le=1)] = 1.0
    profiles: dict[str, Profile] = {}

    @property
    def one_line(self) -> bool:
        """Whether all centres are on one line that has its rate once."""
        return self.knee is not None and self.knee.one_line

    @property
    def links(self) -> tuple[str, ...]:
        """The links in use, in the order of the file."""
        return tuple(dict.fromkeys(each.link for each in self.centres))


def names() -> tuple[str, ...]:
    """The scenarios that are here."""
    return tuple(sorted(each.stem for each in DIRECTORY.glob("*.toml") if each.stem != "links"))


def read(name: str) -> Scenario:
    """A scenario by its name or by the path of its file; ScenarioError with one sentence when something is wrong."""
    path = Path(name) if name.endswith(".toml") else DIRECTORY / f"{name}.toml"
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=Scenario)
    except FileNotFoundError:
        raise ScenarioError(f"there is no scenario {name!r}: choose one of {', '.join(names())}, or name a file") from None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: {error}") from error
    beside = path.parent / "links.toml"
    profiles = read_profiles(beside if beside.exists() else DIRECTORY / "links.toml")
    if problem := _problem(found, profiles):
        raise ScenarioError(f"{path}: {problem}")
    used = {link: profiles[link] for link in found.links}
    return msgspec.structs.replace(found, profiles=used)


def scaled(found: Scenario, scale: float | None) -> Scenario:
    """The same with a part of its dossiers, None: the one that its file says; the report says so."""
    if scale is None:
        scale = found.scale
    if not SCALE_LEAST <= scale <= 1:
        raise ScenarioError(f"a scenario can be scaled from {SCALE_LEAST} to 1, not to {scale}")
    if found.knee is not None and scale != 1:
        sought, member = "a rate", "first_events_per_second"
        if found.knee.is_of_centres:
            sought, member = "a number of centres", "first_centres"
        raise ScenarioError(f"{found.name} seeks {sought} and cannot be scaled: set [knee] {member} in a file of your own")
    return msgspec.structs.replace(found, scale=scale)


def instant(moment: datetime) -> int:
    """Microseconds since 1970 of a moment of the file; without an offset it is Vietnam's time."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=VIETNAM)
    return round(aware.timestamp() * 1_000_000)


def _problem(found: Scenario, profiles: dict[str, Profile]) -> str | None:
    if found.version != VERSION:
        return f"version is {found.version}, and this lab reads version {VERSION}"
    if instant(found.time.starts) >= instant(found.time.ends):
        return "[time] `ends` must lie after `starts`"
    if (count := sum(each.count for each in found.centres)) > CENTRES_MAX:
        return f"{count} centres are more than {CENTRES_MAX}"
    if (found.mix.batch_share > 0) != (found.mix.batch_dossiers > 1):
        return "[mix] batch_share and batch_dossiers say something together only: how often, and how many"
    if not sum(found.mix.lives.values()):
        return "[mix] lives: no kind of dossier has a weight"
    if sum(each.edges for each in found.centres) > EDGES_MAX:
        return f"there may be {EDGES_MAX} real edges at most: each is a process with a store of its own"
    for each in found.centres:
        if each.link not in profiles:
            return f"[[centres]] `link` {each.link!r} is none of {', '.join(profiles)}"
        if each.edges > each.count:
            return f"[[centres]] of {each.link!r} has more `edges` than `count`"
        if each.edges and not each.units:
            return f"[[centres]] of {each.link!r}: a real edge stands in a unit, name them in `units`"
    return _wrong_moment(found) or _wrong_fault(found) or _wrong_name(found) or _wrong_knee(found)


def _wrong_knee(found: Scenario) -> str | None:
    """What is stepped, and how many centres there are, is said in one place."""
    knee = found.knee
    if knee is None:
        return None
    if knee.is_of_centres != (knee.first_centres is not None):
        return '[knee] `first_centres` and `step = "centres"` say something together only'
    if (knee.is_of_centres or knee.one_line) and (len(found.centres) != 1 or found.centres[0].edges):
        return "[knee] steps centres, or has them on one line: one group of [[centres]], without real edges"
    if knee.is_of_centres and knee.asked(knee.steps_max - 1) > CENTRES_MAX:
        return f"[knee] its last step would have {knee.asked(knee.steps_max - 1):,.0f} centres, more than {CENTRES_MAX}"
    return None


def _wrong_moment(found: Scenario) -> str | None:
    for moment, member in [(each.at, "course") for each in found.course] + [(each.at, "faults") for each in found.faults]:
        if not instant(found.time.starts) <= instant(moment) <= instant(found.time.ends):
            return f"[[{member}]] at {moment}: not within the period"
    for day in found.arrivals.dates:
        try:
            moment = datetime.combine(date.fromisoformat(day), datetime.min.time(), VIETNAM)
        except ValueError:
            return f"[arrivals] dates: {day} is no day"
        if not instant(moment) < instant(found.time.ends) or instant(moment + timedelta(days=1)) <= instant(
            found.time.starts
        ):
            return f"[arrivals] dates: {day} is not within the period"
    return None


def _wrong_fault(found: Scenario) -> str | None:
    for each in found.faults:
        if (each.what in LASTING) != (each.seconds > 0):
            return f"[[faults]] `{each.what}` of {each.of} " + (
                "needs `seconds`: how long it lasts" if each.what in LASTING else "is over at once: leave `seconds` out"
            )
        if each.what == "flush" and each.of != "redis":
            return f"[[faults]] `flush` empties Redis, not {each.of}"
    return None


def _wrong_name(found: Scenario) -> str | None:
    for link in {each.link for each in found.course} - {"all"}:
        if link not in found.links:
            return f'[[course]] `link` {link!r} has no centre (or say "all")'
    unknown = set(found.promises.freshness_p99_ms) - set(found.links) - {"all"}
    if unknown:
        return f"[promises] freshness_p99_ms names {', '.join(sorted(unknown))}, which no centre uses"
    return None
