"""The drill's pace and its page: only waiting is shortened, promises add up, a late alert is said to be late."""

import re
import urllib.error
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from contracts import instants, reference_files
from deploy.drill import acts, main, pace, page, stand
from deploy.drill.acts import ACTS, Act, Outcome
from deploy.drill.pace import DRILL, SHIPPED
from deploy.drill.pager import Notice
from deploy.grafana import pages
from deploy.local import debs, watchers
from deploy.local.errors import NotReadyError, OtherStackError, StackError
from deploy.local.stack import Stack
from services.edge.settings import Settings as EdgeSettings
from services.intake.settings import Settings as IntakeSettings
from services.metrics.domain.hours import Hours
from services.metrics.settings import Settings as MetricsSettings
from services.processing.settings import Settings as ProcessingSettings
from services.processing.store.store import SAID_AFTER_SECONDS
from services.processing.worker.state import UNACKNOWLEDGED_SECONDS
from services.processing.worker.watch import KAFKA_ANSWER_SECONDS
from tests.alerts import rules

pytestmark = pytest.mark.slow

RULES = watchers.PROMETHEUS_FILES / "rules"
# These wait no longer than who silences them, as they begin later: with a process that has waited too long and ends, with
# records that have waited for five seconds, with two minutes of ten in which no heartbeat was read.
BEGIN_LATER = {
    ("RedisDown", SHIPPED): {"ServiceDown", "CrashLooping", "KafkaSlow"}, ("RedisDown", DRILL): set(),
    ("KafkaDown", SHIPPED): {"CentresUnwatched"}, ("KafkaDown", DRILL): {"CentresUnwatched"},
}  # fmt: skip


def _exprs(*alerts: str) -> dict[str, str]:
    return {rule.name: rule.expr for rule in rules.alerts() if rule.name in alerts}


def outcome(act: Act, noticed: float) -> Outcome:
    """An act whose alert was promised for 30 s."""
    return Outcome(act, 500, 30, noticed - 1, noticed, 2.0, (f"{act.alert} → platform-pages",))


@pytest.fixture
def wiped(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The directories that were wiped, none of them really; what a drill sets in the environment goes with the test."""
    directories: list[Path] = []
    for name in (
        "REFERENCE_DIR", "METRICS_HEARTBEAT_OLD_SECONDS", "METRICS_SILENCE_WORKING_MINUTES", "READY_WITHIN_SECONDS",
    ):  # fmt: skip
        monkeypatch.setenv(f"MOTCUA_{name}", "")
    monkeypatch.setattr(Stack, "wipe", lambda self: directories.append(self.directory))
    monkeypatch.setattr(debs, "missing", list)
    monkeypatch.setattr(main, "crosses_midnight", lambda _: False)
    return directories


@pytest.mark.parametrize("left", ["motcua-stack.json", stand.MARK])
def test_a_stack_that_a_drill_may_not_use_is_not_wiped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wiped: list[Path], left: str
) -> None:
    """Neither a province at rest nor another drill that runs."""
    (tmp_path / left).touch()
    asked: list[Path] = []

    def refuse(stack: Stack) -> None:
        asked.append(stack.directory)
        raise OtherStackError("somebody else's")

    monkeypatch.setattr(stand, "up_and_open", refuse)
    assert main.main(["--state-dir", str(tmp_path)]) == 1
    assert wiped == []
    assert asked == ([tmp_path] if left == stand.MARK else [])
    assert [file.name for file in tmp_path.iterdir()] == [left]


def test_what_a_drill_has_begun_is_wiped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wiped: list[Path]) -> None:
    """Also when it did not get ready."""

    def fail(stack: Stack) -> None:
        stack.directory.mkdir()
        raise NotReadyError("kafka is not ready")

    monkeypatch.setattr(stand, "up_and_open", fail)
    assert main.main(["--state-dir", str(tmp_path / "drill")]) == 1
    assert wiped == [tmp_path / "drill"]
    assert (tmp_path / "drill" / stand.MARK).exists()


def test_a_drill_that_is_interrupted_says_so_and_is_wiped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wiped: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(stack: Stack) -> None:
        stack.directory.mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(stand, "up_and_open", interrupt)
    assert main.main(["--state-dir", str(tmp_path / "drill")]) == 130
    assert wiped == [tmp_path / "drill"]
    assert "Interrupted: what was started is ended" in capsys.readouterr().err


@pytest.mark.parametrize("error", [TimeoutError("never"), urllib.error.URLError("gone"), StackError("no")])
def test_acts_that_were_over_are_told_when_a_later_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wiped: list[Path], capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    """Two of five."""
    played: list[Act] = []

    def play(act: Act, _: stand.Stand) -> Outcome:
        played.append(act)
        if len(played) == 3:
            raise error
        return outcome(act, 12.0)

    monkeypatch.setattr(stand.Stand, "open", lambda self: None)
    monkeypatch.setattr(main, "play", play)
    assert main.main(["--state-dir", str(tmp_path / "drill")]) == 1
    told = capsys.readouterr().out
    assert [f"| {act.what} | {act.alert} |" in told for act in ACTS] == [True, True] + [False] * (len(ACTS) - 2)
    assert f"2 of {len(ACTS)} acts" in told


@pytest.mark.parametrize("day", ["2026-01-02", "2026-01-10", "2026-11-27", "2026-12-31", "2027-02-06"])
def test_every_office_is_open_on_the_day_of_a_drill_and_the_next(tmp_path: Path, day: str) -> None:
    """Also on a day that the shipped calendar names already, on a national holiday and on the eve of one."""
    body = reference_files.read(stand._always_open(tmp_path / "reference", date.fromisoformat(day)))
    begin = instants.midnight(instants.day_from_text(day))
    for unit in body.units:
        hours = Hours(body.calendar, [unit])
        assert all(hours.is_at_work(begin + at * instants.HOUR) for at in range(48))


@pytest.mark.parametrize(
    ("now", "crosses"), [("23:39:59", False), ("23:40:00", True), ("23:59:30", True), ("00:00:00", False)]
)
def test_no_drill_begins_that_may_last_over_midnight(
    now: str, crosses: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its offices close for the last minute of a day."""
    assert stand.crosses_midnight(datetime.fromisoformat(f"2026-12-31T{now}+07:00")) is crosses
    monkeypatch.setattr(debs, "missing", list)
    monkeypatch.setattr(main, "crosses_midnight", lambda _: True)
    assert main.main(["--state-dir", str(tmp_path / "drill")]) == 1
    assert "begin it after 00:00 (Hanoi)" in capsys.readouterr().err


def test_every_act_breaks_something_for_an_alert_that_is_shipped() -> None:
    """A link, a worker, two servers, the city, a centre that uses paper, and one that stops."""
    alerts = [act.alert for act in ACTS]
    assert set(alerts) <= {rule.name for rule in rules.alerts()}
    assert alerts == [
        "CentreLinkDown", "ServiceDown", "RedisDown", "KafkaDown", "CityCutOff", "UnitSilent", "CentreLinkDown",
    ]  # fmt: skip


def test_waiting_alone_is_shortened(tmp_path: Path) -> None:
    """Expressions, thresholds, labels and words stay as they are shipped, letter for letter."""
    for path in RULES.glob("*.yml"):
        (tmp_path / path.name).write_text(path.read_text())
    pace.write_rules(tmp_path, DRILL)
    waits = re.compile(r"(?m)^ +for: .*\n")
    for path in RULES.glob("*.yml"):
        written = (tmp_path / path.name).read_text()
        assert waits.sub("", written) == waits.sub("", path.read_text())
        assert len(waits.findall(written)) == len(waits.findall(path.read_text()))
    [links] = [rule for rule in yaml.safe_load((tmp_path / "centres.yml").read_text())["groups"][0]["rules"]
               if rule["alert"] == "CentreLinkDown"]  # fmt: skip
    assert links["for"] == "45s"
    [[mark]] = [group["rules"] for group in yaml.safe_load((tmp_path / pace.MARK.name).read_text())["groups"]]
    assert mark["record"] == stand.MARKED == pages.HELD, "by it dashboards know a drill"
    assert not (RULES / pace.MARK.name).exists()


def test_routes_are_the_shipped_ones_to_the_pager(tmp_path: Path) -> None:
    """Who is told and who is silenced is not the drill's to say."""
    file = tmp_path / "alertmanager.yml"
    pace.write_routes(file, 4711, DRILL)
    shipped, written = (yaml.safe_load(each.read_text()) for each in (watchers.ALERTMANAGER_FILE, file))
    assert written["inhibit_rules"] == shipped["inhibit_rules"]
    assert [route["matchers"] for route in written["route"]["routes"]] == [
        route["matchers"] for route in shipped["route"]["routes"]
    ]
    for receiver in written["receivers"]:
        assert receiver["webhook_configs"] == [{"url": f"http://127.0.0.1:4711/{receiver['name']}"}]


@pytest.mark.parametrize(
    ("alert", "first", "shipped", "drill"),
    [
        # A heartbeat each 30 s, missed after 120 s, a scrape, two evaluations, 5 minutes, 30 s of gathering.
        ("CentreLinkDown", lambda at: at.heartbeat + at.heartbeat_old, 150 + 15 + 30 + 300 + 30, 16 + 3 + 6 + 15 + 30 + 1),
        ("ServiceDown", lambda at: 0, 15 + 30 + 60 + 30, 3 + 6 + 3 + 30 + 1),
        # A call that is not answered, two seconds of trying again, and a minute's second look of four, or seventh of twenty.
        ("RedisDown", ACTS[2].first, 12 + 15 + 15 + 30 + 30 + 30, 12 + 18 + 3 + 6 + 1 + 1),
        # What is not acknowledged, a look at it and a question that is not answered, and as many looks.
        ("KafkaDown", ACTS[3].first, 7 + 15 + 15 + 30 + 15 + 30, 7 + 18 + 3 + 6 + 1 + 1),
    ],
)
def test_promises_add_up(alert: str, first: Callable[[pace.Pace], int], shipped: int, drill: int) -> None:
    """By hand."""
    assert SHIPPED.promise(alert, first(SHIPPED)) == shipped
    assert DRILL.promise(alert, first(DRILL)) == drill


def test_the_silence_of_redis_is_promised_no_sooner_than_processing_says_it() -> None:
    """The drill does not read the settings of a service, but knows this one."""
    call = ProcessingSettings.model_fields["processing_call_seconds"].default
    assert call + SAID_AFTER_SECONDS <= acts.REDIS_SAID_SECONDS


def test_the_silence_of_kafka_is_promised_no_sooner_than_intake_and_processing_say_it() -> None:
    """Of a broker that is frozen, too, which refuses no connection."""
    asks = ProcessingSettings.model_fields["processing_watch_seconds"].default
    assert UNACKNOWLEDGED_SECONDS + asks + KAFKA_ANSWER_SECONDS <= acts.KAFKA_SAID_SECONDS
    intake = IntakeSettings.model_fields
    asks, call = (intake[name].default for name in ("intake_recheck_seconds", "intake_kafka_call_seconds"))
    assert asks + call <= acts.KAFKA_SAID_SECONDS


@pytest.mark.parametrize("at", [SHIPPED, DRILL])
def test_the_share_of_a_minute_s_looks_is_the_rules_own(at: pace.Pace) -> None:
    """More than so many of its looks lie within that time, and no fewer."""
    shares = {name: re.findall(r" > (0\.\d+)\s", expr) for name, expr in _exprs("RedisDown", "KafkaDown").items()}
    assert set().union(*shares.values()) == {"0.3"}
    assert all(shares.values())
    within_minute = 60 // at.scrape
    assert at.share // at.scrape / within_minute <= 0.3 < (at.share // at.scrape + 1) / within_minute


@pytest.mark.parametrize(("alert", "at"), BEGIN_LATER)
def test_who_is_silenced_waits_longer_than_who_silences(alert: str, at: pace.Pace) -> None:
    """At the drill's pace as at a city's, for all that Redis and Kafka silence: nobody is told because a drill is quick."""
    silenced = set()
    for rule in yaml.safe_load(watchers.ALERTMANAGER_FILE.read_text())["inhibit_rules"]:
        if alert in " ".join(rule["source_matchers"]):
            silenced |= set(re.findall(r"[A-Z]\w+", " ".join(rule["target_matchers"])))
    silenced &= set(pace.waits())
    assert {"FiguresUnavailable", "NotReady", "PartitionsUnowned"} <= silenced
    fires = at.share + 2 * at.scrape + at.wait(alert)
    assert {each for each in silenced if at.wait(each) < fires} == BEGIN_LATER[alert, at]


def test_a_late_alert_is_said_to_be_late() -> None:
    """Within the promise, within a machine's grace, or not; the table says how long that is."""
    told = page.table([outcome(ACTS[0], 30.0), outcome(ACTS[2], 39.9), outcome(ACTS[1], 40.1)]).splitlines()
    assert "| in time (grace: 10 s) |" in told[0]
    assert [row.split(" | ")[7] for row in told[2:]] == ["yes", "within grace", "NO"]


def test_what_came_by_the_grace_alone_is_counted_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wiped: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """A summary that calls it in time would say less than the table above it."""
    noticed = iter((30.0, 30.1, 40.1))
    monkeypatch.setattr(stand.Stand, "open", lambda self: None)
    monkeypatch.setattr(main, "play", lambda act, _: outcome(act, next(noticed)))
    assert main.main(["--state-dir", str(tmp_path / "drill"), "--acts", "ServiceDown,RedisDown,UnitSilent"]) == 1
    told = capsys.readouterr().out
    assert "3 of 3 acts; alerts: 1 within their promise, 1 within grace, 1 later; 0 told that should be silent" in told


CITY = next(act for act in ACTS if act.alert == "CityCutOff")
TICKET = "CentreLinkDown → centres-tickets"


class _City:
    """A stand whose clock passes while it is waited for: the city is cut off, and after some seconds each centre."""

    pace = DRILL

    def __init__(self, centres_fire_at: float, told_at: float | None) -> None:
        self.now, self.ended = 0.0, False
        self.centres_fire_at = centres_fire_at
        self.notices = [Notice(26.0, "platform-pages", "CityCutOff", 1, 0)]
        if told_at is not None:
            self.notices.append(Notice(told_at, "centres-tickets", "CentreLinkDown", 40, 0))
        self.pager = self

    def say(self, line: str) -> None: ...

    def query(self, expr: str) -> list[dict[str, Any]]:
        return []

    def since(self, began: float) -> list[Notice]:
        return [each for each in self.notices if each.at <= self.now]

    def firing(self) -> list[dict[str, str]]:
        fires = {"CityCutOff": 25.0, "CentreLinkDown": self.centres_fire_at}
        return [] if self.ended else [{"alertname": name} for name, at in fires.items() if at <= self.now]

    def wait(self, holds: Callable[[], bool], within_seconds: float, what: str) -> float:
        ends = self.now + within_seconds
        while not holds():
            if (now := self.now + 0.5) > ends:
                raise TimeoutError(what)
            self.now = now
        return self.now


def _played(monkeypatch: pytest.MonkeyPatch, city: _City) -> Outcome:
    monkeypatch.setattr(acts, "time", SimpleNamespace(monotonic=lambda: city.now, time=lambda: city.now))
    act = replace(CITY, breaks=lambda _: None, mends=lambda _: setattr(city, "ended", True))
    return acts.play(act, city)  # type: ignore[arg-type]


def test_a_city_that_is_cut_off_is_one_page_also_when_its_centres_would_have_been_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It stays cut off until then, and a single ticket fails the act; so does an alert that never had to be silenced."""
    quiet = _City(33.0, None)
    told = _played(monkeypatch, quiet)
    assert quiet.now >= DRILL.promise("CentreLinkDown", CITY.first(DRILL)) + acts.GRACE_SECONDS
    assert told.told == ("CityCutOff → platform-pages",)
    assert (told.is_in_time, told.needless) == (True, ())
    told = _played(monkeypatch, _City(33.0, 50.0))
    assert (told.is_in_time, told.needless) == (True, (TICKET,))
    assert f"{TICKET} (SHOULD BE SILENT)" in page.table([told])
    with pytest.raises(TimeoutError, match="CentreLinkDown to fire"):
        _played(monkeypatch, _City(100.0, None))


def test_a_drill_in_which_a_silence_was_broken_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wiped: list[Path]
) -> None:
    """All in time, a ticket too many, or a page beside that of the cause; the ticket of a centre cut off alone is none."""

    def play(act: Act, _: stand.Stand) -> Outcome:
        told = ("NotReady → platform-pages", "RedisDown → platform-pages") if act.alert == "RedisDown" else (TICKET,)
        return Outcome(act, 500, 30, 11.0, 12.0, 2.0, told)

    monkeypatch.setattr(stand.Stand, "open", lambda self: None)
    monkeypatch.setattr(main, "play", play)
    arguments = ["--state-dir", str(tmp_path / "drill")]
    assert main.main([*arguments, "--acts", "CentreLinkDown"]) == 0
    assert main.main([*arguments, "--acts", "CityCutOff"]) == 1
    assert main.main([*arguments, "--acts", "RedisDown"]) == 1


def test_the_page_is_of_a_drill_with_today_s_acts() -> None:
    """Whoever adds an act, or changes what one promises, holds a drill anew (`make drill REPORT=1`)."""
    rows = [
        row.split(" | ")
        for row in main.PAGE.read_text().split("## ")[0].splitlines()
        if row.startswith(("| A ", "| The ", "| Redis ", "| Kafka "))
    ]
    promised = [(act.what, act.alert, f"{DRILL.promise(act.alert, act.first(DRILL))} s") for act in ACTS]
    assert [(row[0].removeprefix("| "), row[1], row[4]) for row in rows] == promised


def test_the_page_says_what_is_quicker_in_a_drill() -> None:
    """A reader must not take these seconds for a city's."""
    text = page.page("", [outcome(ACTS[0], 12.0)], 99)
    assert "divided by 20" in text
    assert "| it is missed after | 120 s | 15 s |" in text
    assert "| CentreLinkDown | 5 min 00 s | 8 min 20 s | 30 s | 11.0 s | 12.0 s | yes | 2.0 s |" in text


def test_a_city_s_own_pace_shortens_nothing(tmp_path: Path) -> None:
    """Every wait and every gathering of notices as it is shipped; the edges beat and are missed as the settings say."""
    for path in RULES.glob("*.yml"):
        (tmp_path / path.name).write_text(path.read_text())
    pace.write_rules(tmp_path, SHIPPED)
    for path in RULES.glob("*.yml"):
        written, shipped = (
            [pace._seconds(each) for each in re.findall(r"(?m)^ +for: (\S+)$", told.read_text())]
            for told in (tmp_path / path.name, path)
        )
        assert written == shipped
    file = tmp_path / "alertmanager.yml"
    pace.write_routes(file, 4711, SHIPPED)
    routes = (yaml.safe_load(each.read_text())["route"] for each in (watchers.ALERTMANAGER_FILE, file))
    before, now = (
        [(each.get("group_wait"), each.get("group_interval")) for each in (route, *route["routes"])] for route in routes
    )
    assert now == before
    edge = EdgeSettings.model_fields
    assert (SHIPPED.heartbeat, SHIPPED.back_off_most) == (
        edge["edge_heartbeat_seconds"].default, edge["edge_back_off_most_seconds"].default,
    )  # fmt: skip
    metrics = MetricsSettings.model_fields
    assert (SHIPPED.heartbeat_old, SHIPPED.silence) == (
        metrics["metrics_heartbeat_old_seconds"].default, 60 * metrics["metrics_silence_working_minutes"].default,
    )  # fmt: skip


def test_the_unshortened_act_is_played_at_a_city_s_own_pace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wiped: list[Path]
) -> None:
    """One act with a row of its own on the page, which a drill of the other kind leaves there."""
    file, played = tmp_path / "DRILL.md", []

    def play(act: Act, at: stand.Stand) -> Outcome:
        played.append((act.alert, at.pace))
        return Outcome(act, 525, at.pace.promise(act.alert, act.first(at.pace)), 499.0, 500.0, 30.0, ())

    monkeypatch.setattr(stand.Stand, "open", lambda self: None)
    monkeypatch.setattr(main, "play", play)
    monkeypatch.setattr(main, "PAGE", file)
    monkeypatch.setattr(main, "REPOSITORY", tmp_path)
    file.write_text(page.page("", [outcome(ACTS[1], 12.0)], 99))
    assert page.NEVER in file.read_text()
    row = "| CentreLinkDown | 5 min 00 s | 8 min 45 s | 525 s | 499.0 s | 500.0 s | yes | 30.0 s |"
    for _ in range(2):
        assert main.main(["--state-dir", str(tmp_path / "drill"), "--unshortened", "--write"]) == 0
        assert file.read_text().count(row) == 1
    assert page.NEVER not in file.read_text()
    assert "| ServiceDown |" in file.read_text()
    assert played == 2 * [("CentreLinkDown", SHIPPED)]
    again = page.page(file.read_text(), [outcome(ACTS[1], 13.0)], 99)
    assert row in again
    assert "13.0 s" in again
