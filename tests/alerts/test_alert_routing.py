"""Who is told of which alert, by the very Alertmanager; and that one outage of the city is one page, not forty tickets."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

import pytest
import yaml

from deploy.local.checks import free_port_base
from deploy.local.readiness import http_reason
from tests.alerts import rules
from tests.alerts.programs import program, run
from tests.alerts.rules import Rule

CONFIGURATION = rules.REPOSITORY / "deploy" / "alertmanager" / "alertmanager.yml"
CENTRES = [f"{number:05d}" for number in range(20_000, 20_040)]
READY_WITHIN_SECONDS = 30.0
TOLD_WITHIN_SECONDS = 30.0
# Long enough for whatever would be sent wrongly: groups wait for one second.
STILL_SECONDS = 3.0
TOLD = {
    ("platform", "page"): "platform-pages", ("platform", "ticket"): "platform-tickets", ("platform", "none"): "watchdog",
    ("centres", "page"): "centres-pages", ("centres", "ticket"): "centres-tickets", ("leaders", "ticket"): "leaders",
}  # fmt: skip


class Notice(NamedTuple):
    """A notification as a receiver gets it."""

    receiver: str
    alerts: frozenset[str]
    times: int


class Post:
    """A real Alertmanager with the shipped routes, whose receivers write down here what they get."""

    def __init__(self, directory: Path) -> None:
        self.notices: list[Notice] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        port = free_port_base() + 91
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

    def fire(self, *labels: Mapping[str, str]) -> None:
        """Alerts as Prometheus sends them."""
        body = json.dumps([{"labels": {"city": "hue", **each}} for each in labels]).encode()
        asked = Request(f"{self.url}/api/v2/alerts", data=body, headers={"Content-Type": "application/json"})
        with urlopen(asked, timeout=10):
            pass

    def wait_for(self, alert: str) -> list[Notice]:
        """All that was told once this alert was, and then nothing more for a while."""
        deadline = time.monotonic() + TOLD_WITHIN_SECONDS
        while not any(alert in notice.alerts for notice in self.notices):
            assert time.monotonic() < deadline, self.notices
            time.sleep(0.1)
        time.sleep(STILL_SECONDS)
        return self.notices

    def _configuration(self) -> Any:
        shipped = yaml.safe_load(CONFIGURATION.read_text())
        quick = {"group_wait": "1s", "group_interval": "1s"}
        shipped["route"] |= quick
        for route in shipped["route"]["routes"]:
            route |= quick
            # Told at whatever hour this test runs.
            route.pop("active_time_intervals", None)
        for receiver in shipped["receivers"]:
            address = f"http://127.0.0.1:{self._server.server_port}/{receiver['name']}"
            receiver["webhook_configs"] = [{"url": address}]
        return shipped

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        notices = self.notices

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                names = frozenset(each["labels"]["alertname"] for each in told["alerts"])
                notices.append(Notice(told["receiver"], names, len(told["alerts"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    """A fresh one."""
    program("alertmanager")
    made = Post(tmp_path)
    try:
        made.wait_ready()
        yield made
    finally:
        made.close()


def test_the_configuration_is_one() -> None:
    """Alertmanager's own tool reads it."""
    assert "SUCCESS" in run("amtool", "check-config", str(CONFIGURATION))


@pytest.mark.parametrize("alert", rules.alerts(), ids=lambda alert: alert.name)
def test_each_alert_is_told_to_its_owner(alert: Rule) -> None:
    """Owner and severity decide, nothing else."""
    labels = [f"{name}={value}" for name, value in {**alert.labels, "alertname": alert.name, "city": "hue"}.items()]
    wanted = TOLD[alert.labels["owner"], alert.labels["severity"]]
    run("amtool", "config", "routes", "test", f"--config.file={CONFIGURATION}", f"--verify.receivers={wanted}", *labels)


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


def test_an_outage_of_the_city_is_one_page_and_not_forty(post: Post) -> None:
    """Forty centres cut off, silent and full at once: the platform hears of it once, the centres' people not at all."""
    post.fire(_alert("CityCutOff"))
    kinds = ("CentreLinkDown", "UnitSilent", "SpoolOld")
    post.fire(*(_alert(kind, unit=unit) for kind in kinds for unit in CENTRES))
    assert post.wait_for("CityCutOff") == [Notice("platform-pages", frozenset({"CityCutOff"}), 1)]


def test_centres_that_are_cut_off_by_themselves_are_one_notice_to_their_people(post: Post) -> None:
    """Three of forty: one ticket that names all three."""
    post.fire(*(_alert("CentreLinkDown", unit=unit) for unit in CENTRES[:3]))
    assert post.wait_for("CentreLinkDown") == [Notice("centres-tickets", frozenset({"CentreLinkDown"}), 3)]


def test_kafka_that_is_away_is_told_and_not_what_follows(post: Post) -> None:
    """Nine alerts have one cause; a disk that fills meanwhile is another one."""
    followers = (
        "NotReady",
        "ProcessingLag",
        "CountingLag",
        "FreshnessBudgetBurnsFast",
        "IntakeBudgetBurnsFast",
        "CrashLooping",
    )
    post.fire(_alert("KafkaDown"))
    post.fire(*map(_alert, followers), _alert("CityCutOff"), *(_alert("CentreLinkDown", unit=unit) for unit in CENTRES))
    post.fire(_alert("ServiceDown", job="processing"), _alert("DiskFilling", place="redis"))
    assert sorted(post.wait_for("DiskFilling")) == [
        Notice("platform-pages", frozenset({"KafkaDown"}), 1),
        Notice("platform-tickets", frozenset({"DiskFilling"}), 1),
    ]


def _alert(name: str, **labels: str) -> dict[str, str]:
    [rule] = [alert for alert in rules.alerts() if alert.name == name]
    return {"alertname": name, **rule.labels, **labels}
