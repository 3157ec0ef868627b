"""Who is told of which alert, by the very Alertmanager; and that a cause is told once and hides nothing of another."""

import json
import subprocess
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

import pytest
import yaml

from deploy.local.checks import free_port_base, give_back
from deploy.local.readiness import http_reason
from tests.alerts import rules
from tests.alerts.programs import program, run
from tests.alerts.rules import Rule

CONFIGURATION = rules.REPOSITORY / "deploy" / "alertmanager" / "alertmanager.yml"
CENTRES = [f"{number:05d}" for number in range(20_000, 20_040)]
READY_WITHIN_SECONDS = 60.0
TOLD_WITHIN_SECONDS = 60.0
# Alerts of a moment must be known before the first of them is told, also to a machine that is busy with other things.
GROUP_WAIT = "3s"
# Long enough for whatever would be sent wrongly: groups have waited by then, and wait for one second more.
STILL_SECONDS = 3.0
TOLD = {
    ("platform", "page"): "platform-pages", ("platform", "ticket"): "platform-tickets", ("platform", "none"): "watchdog",
    ("centres", "page"): "centres-pages", ("centres", "ticket"): "centres-tickets", ("leaders", "ticket"): "leaders",
}  # fmt: skip
# What says that a way to somebody is shut goes by another one, too.
TOLD_TWICE = {"NoticesFail": "platform-tickets,platform-pages"}


class Notice(NamedTuple):
    """A notification as a receiver gets it."""

    receiver: str
    alerts: frozenset[str]
    times: int


class Trouble(NamedTuple):
    """Alerts that fire together in one city, and all that anybody is to be told of them."""

    fires: Sequence[tuple[str, Mapping[str, str]]]
    told: frozenset[Notice]


class Receivers(ThreadingHTTPServer):
    """All groups are told at about the same time: one that did not get through would be told again."""

    request_queue_size = 128


class Post:
    """A real Alertmanager with the shipped routes, whose receivers write down here what they get."""

    answers_after_seconds = 0.0
    answers = 200

    def __init__(self, directory: Path) -> None:
        self.notices: dict[str, list[Notice]] = defaultdict(list)
        self._server = Receivers(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._base = free_port_base()
        port = self._base + 91
        self.url = f"http://127.0.0.1:{port}"
        file = directory / "alertmanager.yml"
        file.write_text(yaml.safe_dump(self._configuration()))
        arguments = (f"--config.file={file}", f"--storage.path={directory}", f"--web.listen-address=127.0.0.1:{port}")
        with (directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [program("alertmanager"), *arguments, "--cluster.listen-address="], stdout=log, stderr=subprocess.STDOUT
            )

    def wait_ready(self) -> None:
        """Waits until it takes alerts."""
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while (reason := http_reason(self.url, "/-/ready")) is not None:
            assert self._process.poll() is None
            assert time.monotonic() < deadline, reason
            time.sleep(0.1)

    def close(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait(20)
        self._server.shutdown()
        give_back(self._base)

    def fire(self, city: str, alerts: Iterable[tuple[str, Mapping[str, str]]]) -> None:
        """Alerts as Prometheus sends them, all at once."""
        body = json.dumps([{"labels": {"city": city, **_labels(name, more)}} for name, more in alerts]).encode()
        asked = Request(f"{self.url}/api/v2/alerts", data=body, headers={"Content-Type": "application/json"})
        with urlopen(asked, timeout=10):
            pass

    def wait_for(self, wanted: Mapping[str, frozenset[Notice]]) -> None:
        """Until each city was told what it should be, and then a while for whatever is sent beyond that."""
        deadline = time.monotonic() + TOLD_WITHIN_SECONDS
        while not all(told <= set(self.notices[city]) for city, told in wanted.items()) and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(STILL_SECONDS)

    def _configuration(self) -> Any:
        shipped = yaml.safe_load(CONFIGURATION.read_text())
        self._speed_up(shipped)
        for receiver in shipped["receivers"]:
            address = f"http://127.0.0.1:{self._server.server_port}/{receiver['name']}"
            receiver["webhook_configs"] = [{"url": address}]
        return shipped

    def _speed_up(self, shipped: Any) -> None:
        quick = {"group_wait": GROUP_WAIT, "group_interval": "1s"}
        for route in (shipped["route"], *shipped["route"]["routes"]):
            route |= quick

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        notices = self.notices
        answers_after_seconds, answers = self.answers_after_seconds, self.answers

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                names = frozenset(each["labels"]["alertname"] for each in told["alerts"])
                notices[told["groupLabels"]["city"]].append(Notice(told["receiver"], names, len(told["alerts"])))
                time.sleep(answers_after_seconds)
                self.send_response(answers)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def test_the_configuration_is_one() -> None:
    """Alertmanager's own tool reads it."""
    assert "SUCCESS" in run("amtool", "check-config", str(CONFIGURATION))


@pytest.mark.parametrize("alert", rules.alerts(), ids=lambda alert: alert.name)
def test_each_alert_is_told_to_its_owner(alert: Rule) -> None:
    """Owner and severity decide, but for what tells of notices themselves."""
    labels = [f"{name}={value}" for name, value in {**alert.labels, "alertname": alert.name, "city": "hue"}.items()]
    wanted = TOLD_TWICE.get(alert.name, TOLD[alert.labels["owner"], alert.labels["severity"]])
    run("amtool", "config", "routes", "test", f"--config.file={CONFIGURATION}", f"--verify.receivers={wanted}", *labels)


def test_a_page_is_told_again_within_hours_and_a_ticket_once_a_day() -> None:
    """A ticket is a matter of the day: nine days of Tết are no fifty-four notices."""
    root = yaml.safe_load(CONFIGURATION.read_text())["route"]
    again = {route["receiver"]: route.get("repeat_interval", root["repeat_interval"]) for route in (root, *root["routes"])}
    of = {severity: {again[who] for (_, is_so), who in TOLD.items() if is_so == severity} for severity in ("page", "ticket")}
    # Of a list that is gathered once a day, an hour less is a day (test_alert_rhythm.py).
    assert of == {"page": {"4h"}, "ticket": {"24h", "23h"}}


def test_nobody_silences_an_alert_that_does_not_exist() -> None:
    """Each name in an inhibition is an alert's."""
    names = {alert.name for alert in rules.alerts()}
    for rule in yaml.safe_load(CONFIGURATION.read_text())["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            key, _, value = matcher.replace("=~", "=").partition("=")
            if key == "alertname":
                for each in value.strip('"').split("|"):
                    wanted = each.replace(".*", "")
                    assert wanted in names or (".*" in each and any(wanted in name for name in names)), each


def _one(name: str, **labels: str) -> tuple[str, Mapping[str, str]]:
    return name, labels


def _each(*names: str, units: Sequence[str] = CENTRES) -> list[tuple[str, Mapping[str, str]]]:
    return [(name, {"unit": unit}) for name in names for unit in units]


def _told(*notices: tuple[str, str, int]) -> frozenset[Notice]:
    return frozenset(Notice(receiver, frozenset({alert}), times) for receiver, alert, times in notices)


# Each in a city of its own: rules of inhibition hold within one, so one Alertmanager tries them all.
TROUBLES: dict[str, Trouble] = {
    "an outage of the city is one page and not forty tickets": Trouble(
        [_one("CityCutOff"), *_each("CentreLinkDown", "UnitSilent", "SpoolOld")],
        _told(("platform-pages", "CityCutOff", 1)),
    ),
    "three centres of forty that are cut off are one ticket that names all three": Trouble(
        _each("CentreLinkDown", units=CENTRES[:3]), _told(("centres-tickets", "CentreLinkDown", 3))
    ),
    "one dark centre is one ticket, and its neighbour that is merely silent another": Trouble(
        [*_each("CentreLinkDown", "UnitSilent", "SpoolOld", units=CENTRES[:1]), *_each("UnitSilent", units=CENTRES[1:2])],
        _told(("centres-tickets", "CentreLinkDown", 1), ("centres-tickets", "UnitSilent", 1)),
    ),
    "Kafka away is told, not what follows; a disk that fills is another cause": Trouble(
        [
            _one("KafkaDown"), *map(_one, ("NotReady", "ProcessingLag", "CountingLag", "CrashLooping")),
            *map(_one, ("CityCutOff", "IntakeAway", "FreshnessBudgetBurnsFast", "IntakeBudgetBurnsFast")),
            _one("CentresUnwatched", job="metrics-api", instance="a"), *_each("CentreLinkDown"),
            _one("ServiceDown", job="processing"), _one("DiskFilling", place="redis"),
        ],
        _told(("platform-pages", "KafkaDown", 1), ("platform-tickets", "DiskFilling", 1)),
    ),
    "intake alone does not reach Kafka: what ails workers and the board is another matter": Trouble(
        [*map(_one, ("IntakeAway", "CityCutOff")), _one("KafkaSlow", job="intake", instance="a"),
         *(_one("NotReady", job=job, instance="a") for job in ("intake", "metrics")),
         _one("CrashLooping", job="processing", instance="a"),
         *map(_one, ("ProcessingLag", "FreshnessBudgetBurnsFast", "IntakeBudgetBurnsFast")), *_each("CentreLinkDown"),
         _one("CentresUnwatched", job="metrics-api", instance="a")],
        _told(*(("platform-pages", alert, 1) for alert in ("IntakeAway", "NotReady", "CrashLooping", "ProcessingLag",
                                                           "FreshnessBudgetBurnsFast", "CentresUnwatched"))),
    ),
    "Redis away is told; that intake fails is not its doing": Trouble(
        [*map(_one, ("RedisDown", "FiguresUnavailable", "AnswersFail", "FreshnessBudgetBurnsFast")),
         _one("IntakeBudgetBurnsFast")],
        _told(("platform-pages", "RedisDown", 1), ("platform-pages", "IntakeBudgetBurnsFast", 1)),
    ),
    "a full Redis is one page, which says so": Trouble(
        [*map(_one, ("RedisFull", "RedisDown", "ProcessingLag", "FiguresUnavailable", "FreshnessBudgetBurnsFast")),
         *(_one("NotReady", job=job, instance="a") for job in ("processing", "metrics"))],
        _told(("platform-pages", "RedisFull", 1)),
    ),
    "a Redis that is nearly full and goes on taking writes hides nothing": Trouble(
        [*map(_one, ("RedisFull", "ProcessingLag")), _one("NotReady", job="processing", instance="a")],
        _told(*(("platform-pages", alert, 1) for alert in ("RedisFull", "ProcessingLag", "NotReady"))),
    ),
    "Redis away hides what is not right in those who ask it, and nothing of intake": Trouble(
        [_one("RedisDown"), *(_one(alert, job=job, instance=instance) for job in ("intake", "processing")
                              for alert, instance in (("NotReady", "a"), ("KafkaSlow", "a"), ("CrashLooping", "b"))),
         _one("NotReady", job="metrics-api"), _one("CentresUnwatched", job="metrics-api", instance="a")],
        _told(("platform-pages", "RedisDown", 1), ("platform-pages", "NotReady", 1), ("platform-tickets", "KafkaSlow", 1),
              ("platform-pages", "CrashLooping", 1), ("platform-pages", "CentresUnwatched", 1)),
    ),
    "lines are up and nobody sends: one page": Trouble(
        [_one("CitySilent"), *_each("UnitSilent"), *_each("CentreLinkDown", units=CENTRES[:1])],
        _told(("platform-pages", "CitySilent", 1), ("centres-tickets", "CentreLinkDown", 1)),
    ),
    "the city is cut off, and silent because of that": Trouble(
        [*map(_one, ("CityCutOff", "CitySilent")), *_each("UnitSilent")], _told(("platform-pages", "CityCutOff", 1)),
    ),
    "figures are rebuilt: the city is not silent for that": Trouble(
        [*map(_one, ("RebuildingTooLong", "CitySilent")), *_each("UnitSilent")],
        _told(("platform-pages", "RebuildingTooLong", 1)),
    ),
    "no intake takes events": Trouble(
        [
            *map(_one, ("IntakeAway", "CityCutOff", "IntakeBudgetBurnsFast")), _one("ServiceDown", job="intake"),
            *_each("CentreLinkDown", "UnitSilent"),
        ],
        _told(("platform-pages", "IntakeAway", 1)),
    ),
    "one of two intakes is away, and a line of the city too": Trouble(
        [_one("ServiceDown", job="intake", instance="a"), _one("CityCutOff"), _one("IntakeBudgetBurnsFast"),
         *_each("CentreLinkDown")],
        _told(("platform-pages", "ServiceDown", 1), ("platform-pages", "CityCutOff", 1),
              ("platform-pages", "IntakeBudgetBurnsFast", 1)),
    ),
    "counting is down: forty centres are not silent for that": Trouble(
        [_one("ServiceDown", job="metrics"), _one("PartitionsUnowned", job="metrics", workers="none"), *_each("UnitSilent")],
        _told(("platform-pages", "ServiceDown", 1)),
    ),
    "one of two workers is away and the other has taken over: a centre that is silent is told": Trouble(
        [_one("ServiceDown", job="metrics", instance="a"), _one("CrashLooping", job="processing", instance="a"),
         *_each("UnitSilent", units=CENTRES[:1])],
        _told(("platform-pages", "ServiceDown", 1), ("platform-pages", "CrashLooping", 1),
              ("centres-tickets", "UnitSilent", 1)),
    ),
    "the only worker is away: what it does not do is late because of that": Trouble(
        [_one("ServiceDown", job="processing", instance="a"), _one("PartitionsUnowned", job="processing", workers="none"),
         *map(_one, ("ProcessingLag", "LogClockWrong", "FreshnessBudgetBurnsFast"))],
        _told(("platform-pages", "ServiceDown", 1)),
    ),
    "the only worker starts again and again": Trouble(
        [_one("CrashLooping", job="processing", instance="a"), _one("PartitionsUnowned", job="processing", workers="none"),
         *map(_one, ("ProcessingLag", "LogClockWrong", "FreshnessBudgetBurnsFast"))],
        _told(("platform-pages", "CrashLooping", 1)),
    ),
    "no worker is well, and no alert but this one says so": Trouble(
        [_one("PartitionsUnowned", job="metrics", workers="none"), _one("ServiceDown", job="processing", instance="a"),
         *map(_one, ("CountingLag", "FreshnessBudgetBurnsFast")), *_each("UnitSilent")],
        _told(("platform-pages", "PartitionsUnowned", 1), ("platform-pages", "ServiceDown", 1)),
    ),
    "one of two workers is away, and the other, which is well, does not take over": Trouble(
        [*(_one(alert, job="processing", instance="a") for alert in ("ServiceDown", "CrashLooping", "NotReady")),
         _one("PartitionsUnowned", job="processing", workers="some"),
         *map(_one, ("ProcessingLag", "FreshnessBudgetBurnsFast")), *_each("UnitSilent")],
        _told(("platform-pages", "ServiceDown", 1), ("platform-pages", "CrashLooping", 1),
              ("platform-pages", "PartitionsUnowned", 1)),
    ),
    "the only worker cannot do its job, so that nobody has its partitions": Trouble(
        [_one("NotReady", job="metrics", instance="a"), _one("PartitionsUnowned", job="metrics", workers="none"),
         *map(_one, ("CountingLag", "RebuildingTooLong", "FreshnessBudgetBurnsFast"))],
        _told(("platform-pages", "NotReady", 1)),
    ),
    "one of two workers is away, the other has taken over and is late": Trouble(
        [_one("ServiceDown", job="processing", instance="a"), _one("ServiceDown", job="metrics", instance="a"),
         *map(_one, ("ProcessingLag", "CountingLag", "LogClockWrong", "FreshnessBudgetBurnsFast"))],
        _told(("platform-pages", "ServiceDown", 2), ("platform-pages", "ProcessingLag", 1),
              ("platform-pages", "CountingLag", 1), ("platform-pages", "LogClockWrong", 1),
              ("platform-pages", "FreshnessBudgetBurnsFast", 1)),
    ),
    "one worker starts again and again and is not ready for that; its twin is not for another reason": Trouble(
        [_one("CrashLooping", job="processing", instance="a"), _one("NotReady", job="processing", instance="a"),
         _one("NotReady", job="processing", instance="b"),
         _one("PartitionsUnowned", job="processing", workers="none")],
        _told(("platform-pages", "CrashLooping", 1), ("platform-pages", "NotReady", 1)),
    ),
    "one partition is processed no further, another is not counted: the others are late, too": Trouble(
        [_one("ProcessingStopped", job="processing", partition="7"), _one("CountingStopped", job="metrics", reason="gap"),
         *map(_one, ("ProcessingLag", "CountingLag", "LogClockWrong", "FreshnessBudgetBurnsFast"))],
        _told(*(("platform-pages", alert, 1) for alert in ("ProcessingStopped", "CountingStopped", "ProcessingLag",
                                                           "CountingLag", "LogClockWrong", "FreshnessBudgetBurnsFast"))),
    ),
    "partitions have stopped, and their workers and the board are not ready for another reason: that is told, too": Trouble(
        [_one("ProcessingStopped", job="processing", instance="a", partition="7"),
         _one("CountingStopped", job="metrics", instance="a", reason="gap"),
         *(_one("NotReady", job=job, instance="a") for job in ("processing", "metrics", "metrics-api")),
         _one("PartitionsUnowned", job="processing", workers="none")],
        _told(("platform-pages", "ProcessingStopped", 1), ("platform-pages", "CountingStopped", 1),
              ("platform-pages", "NotReady", 3)),
    ),
    "one partition is processed no further, another is not counted: a centre that is silent is told": Trouble(
        [_one("ProcessingStopped", job="processing", partition="7"), _one("CountingStopped", job="metrics", reason="gap"),
         *_each("UnitSilent", units=CENTRES[:1])],
        _told(("platform-pages", "ProcessingStopped", 1), ("platform-pages", "CountingStopped", 1),
              ("centres-tickets", "UnitSilent", 1)),
    ),
    "one of two processes of the board is down, the other one fails, and its figures are old": Trouble(
        [_one("ServiceDown", job="metrics-api", instance="a"), _one("FreshnessBudgetBurnsFast"),
         _one("AnswersFail", job="metrics-api")],
        _told(("platform-pages", "ServiceDown", 1), ("platform-pages", "AnswersFail", 1),
              ("platform-pages", "FreshnessBudgetBurnsFast", 1)),
    ),
    "nobody watches the board": Trouble(
        [_one("TargetMissing", job="metrics-api"), _one("FiguresUnavailable"), _one("FreshnessBudgetBurnsFast")],
        _told(("platform-pages", "TargetMissing", 1)),
    ),
    "one of two processes of the board is down, and yet no figure is answered": Trouble(
        [_one("ServiceDown", job="metrics-api", instance="a"), _one("FiguresUnavailable")],
        _told(("platform-pages", "ServiceDown", 1), ("platform-pages", "FiguresUnavailable", 1)),
    ),
    "a fault of the code, a storm and a unit's own letters are three matters": Trouble(
        [_one("FoldFails"), _one("DeadLetterStorm"), *_each("DeadLettersOfUnit", units=CENTRES[:1])],
        _told(("platform-pages", "FoldFails", 1), ("platform-pages", "DeadLetterStorm", 1),
              ("centres-tickets", "DeadLettersOfUnit", 1)),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, list[Notice]]]:
    """What was told in each city."""
    program("alertmanager")
    post = Post(tmp_path_factory.mktemp("alertmanager"))
    try:
        post.wait_ready()
        for city, trouble in TROUBLES.items():
            post.fire(city, trouble.fires)
        post.wait_for({city: trouble.told for city, trouble in TROUBLES.items()})
        yield post.notices
    finally:
        post.close()


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_cause_is_told_once_and_hides_nothing_of_another(told: Mapping[str, list[Notice]], trouble: str) -> None:
    """Each notice that anybody got."""
    assert Counter(told[trouble]) == Counter(TROUBLES[trouble].told)


def _labels(name: str, more: Mapping[str, str]) -> dict[str, str]:
    [rule] = [alert for alert in rules.alerts() if alert.name == name]
    return {"alertname": name, **rule.labels, **more}
