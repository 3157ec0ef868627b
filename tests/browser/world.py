"""A small city behind the board: real services, a few dossiers reported by real centres, and the page as a person has it."""

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, expect

from tests.browser.line import Line
from tests.province import Province, Service

ANSWER_SECONDS = 20.0
COUNTED_SECONDS = 60.0
# What is promised of a live update, from the moment at which intake has said `stored`.
LIVE_SECONDS = 2.0
# What an outside may say while the line is cut by the test itself.
LINE_SAYS = ("net::ERR_", "Failed to load resource")
DAY = "2025-07-03"
TICK = f"{DAY}T16:00:00+07:00"
LOOK_MS = 20
IS_RECEIVED = """([unit, text]) => document.querySelector(`#rows [data-unit='${unit}'] .c-received`)?.textContent === text"""


@dataclass
class City:
    """Services, and a line to the board that can be cut."""

    province: Province
    services: dict[str, Service]
    line: Line
    reported: int = 0

    @property
    def board(self) -> str:
        """The board's address, through the line."""
        return self.line.url

    def province_units(self) -> list[str]:
        """Every ward and commune of the reference data."""
        return [unit.code for unit in self.province.reference.units]

    def told(self, path: str) -> dict[str, Any]:
        """An answer of the metrics API, past the line."""
        answer = requests.get(self.services["metrics-api"].base_url + path, timeout=ANSWER_SECONDS)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def report(self, unit: str, facts: Sequence[str], channel: str = "online", **data: Any) -> str:
        """A dossier that a centre reports; its code."""
        self.reported += 1
        code = f"H57.{unit}-250703-{self.reported:04d}"
        birth = {"procedure": "2.000815", "channel": channel, "receiver": unit, "competent": unit, **data}
        events = [
            {
                "specversion": "1.0", "id": f"{code}-{fact}", "source": f"/units/{unit}",
                "type": f"vn.motcua.dossier.{fact}.v1", "subject": code, "time": f"{DAY}T08:{number:02d}:00+07:00",
                "datacontenttype": "application/json", "data": birth if fact == "received" else {},
            }
            for number, fact in enumerate(facts)
        ]  # fmt: skip
        kind = "application/cloudevents-batch+json"
        self.post("/v1/events", events, f"dev-{unit}", kind)
        return code

    def beat(self, unit: str, spool_depth: int, link: str, refused: Sequence[int] = ()) -> None:
        """A heartbeat of the edge at a centre, which keeps aside what intake has refused."""
        said = {
            "source": f"/units/{unit}", "incarnation": "0197c0de-0000-7000-8000-000000000001",
            "at": time.strftime("%Y-%m-%dT%H:%M:%S+07:00", time.gmtime(time.time() + 7 * 3600)),
            "spool_depth": spool_depth, "oldest_unsent_age_seconds": 90.0 if spool_depth else 0.0, "link": link,
            "quarantined_sequences": list(refused),
        }  # fmt: skip
        self.post("/v1/heartbeats", said, f"dev-{unit}", "application/json")

    def tick(self, at: str = TICK) -> None:
        """Time passes in the log; returns when that is counted, and so is whatever was reported before."""
        ends: dict[str, int] = self.post("/v1/clock", {"at": at}, "dev-operator", "application/json").json()["partitions"]

        def is_counted() -> bool:
            counted = self.told("/v1/units")["as_of"]["partitions"]
            return all(counted.get(partition, -1) >= end for partition, end in ends.items())

        _wait("the tick is counted", is_counted)

    def wait_heard(self, unit: str, spool_depth: int) -> None:
        """Until the API tells of the outbox at a centre what its heartbeat said."""
        _wait(f"the outbox of {unit} holds {spool_depth}",
              lambda: self.told(f"/v1/units/{unit}")["centre"]["spool_events"] == spool_depth)  # fmt: skip

    def post(self, path: str, body: object, key: str, kind: str) -> requests.Response:
        """Something that intake takes."""
        headers = {"Authorization": f"Bearer {key}", "Content-Type": kind}
        url = self.services["intake"].base_url + path
        answer = requests.post(url, data=json.dumps(body).encode(), headers=headers, timeout=ANSWER_SECONDS)
        assert answer.status_code in (200, 202, 204), answer.text
        return answer

    def received(self, unit: str) -> int:
        """What the API counts now."""
        return int(self.told(f"/v1/units/{unit}")["counters"]["received"])

    def wait_received(self, unit: str, number: int) -> None:
        """Until the API counts so many."""
        _wait(f"unit {unit} has {number} received", lambda: self.received(unit) == number)


def _wait(what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + COUNTED_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not within {COUNTED_SECONDS:.0f} s: {what}"
        time.sleep(0.05)


@contextmanager
def city(province: Province) -> Iterator[City]:
    """Three centres have reported; one of them has an outbox that is not empty."""
    processing = province.start("processing-api", ready=False)
    names = ("processing", "metrics", "intake")
    started = {name: province.start(name, ready=False) for name in names}
    started["processing-api"] = processing
    # Edges say every half minute how they stand; here they have said it once, for all tests of a module.
    told = {"MOTCUA_METRICS_WORKLISTS_URL": processing.base_url, "MOTCUA_METRICS_HEARTBEAT_OLD_SECONDS": "3600"}
    started["metrics-api"] = province.start("metrics-api", ready=False, **told)
    for service in started.values():
        service.wait_ready()
    line = Line(int(started["metrics-api"].base_url.rsplit(":", 1)[1]))
    try:
        made = City(province, started, line)
        _fill(made)
        yield made
    finally:
        line.close()


def _fill(made: City) -> None:
    whole = ("received", "processing_started", "completed", "returned")
    for _ in range(5):
        made.report("19753", whole)
    for _ in range(3):
        made.report("19753", ("received",), "direct", time_limit={"amount": 2, "unit": "working_hours"})
    for _ in range(4):
        made.report("19942", ("received", "processing_started"))
    made.report("19789", whole, "post")
    made.beat("19942", 7, "down")
    made.tick()
    for unit, number in (("19753", 8), ("19942", 4), ("19789", 1)):
        made.wait_received(unit, number)
    made.wait_heard("19942", 7)


@dataclass
class Visit:
    """A page as somebody has it open, with everything that its console has said."""

    page: Page
    said: list[str] = field(default_factory=list)

    def wait_live(self, within_seconds: float = 20.0) -> None:
        """Until figures stand on the page, of the city or of a unit."""
        self.page.wait_for_selector("#state.good, #state.warn", timeout=within_seconds * 1000)
        self.page.wait_for_selector("#rows tr a, #unit-days tbody tr", timeout=within_seconds * 1000)

    def wait_cell(self, unit: str, column: str, text: str, within_seconds: float) -> None:
        """Until a cell of the list says so."""
        cell = self.page.locator(f"#rows [data-unit='{unit}'] .c-{column}")
        expect(cell).to_have_text(text, timeout=within_seconds * 1000)

    def seconds_until_shown(self, town: City, unit: str, reports: int) -> list[float]:
        """Of one report after the other, from intake's `stored` until the cell says so."""
        seconds, before = [], town.received(unit)
        for number in range(before + 1, before + 1 + reports):
            town.report(unit, ("received",))
            began = time.monotonic()
            # Not by `wait_cell`, which looks but once a second after a while.
            self.page.wait_for_function(IS_RECEIVED, arg=[unit, str(number)], polling=LOOK_MS, timeout=30_000)
            seconds.append(time.monotonic() - began)
        return seconds

    def wait_verdict(self, begins: str, within_seconds: float) -> None:
        """Until the page says so of its own figures."""
        verdict = self.page.locator("#verdict")
        expect(verdict).to_have_text(re.compile(f"^{re.escape(begins)}"), timeout=within_seconds * 1000)

    def complaints(self, line_was_cut: bool = False) -> list[str]:
        """Errors of the console, but for what a cut line explains."""
        return [each for each in self.said if not (line_was_cut and any(words in each for words in LINE_SAYS))]

    def faded(self) -> list[str]:
        """Words and figures behind a veil: it takes contrast away, also of single digits and labels that axe passes over."""
        found: list[str] = self.page.evaluate(
            """() => [...document.querySelectorAll("main, main *")]
              .filter(it => it.innerText?.trim() && getComputedStyle(it).opacity !== "1")
              .map(it => it.outerHTML.slice(0, 120))"""
        )
        return found[:3]

    def violations(self) -> list[str]:
        """What axe calls serious or critical."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{each['id']}: {each['help']}: {[node['html'][:120] for node in each['nodes']][:3]}"
            for each in found
            if each["impact"] in ("serious", "critical")
        ]


@contextmanager
def visit(browser: Browser, url: str, **context: Any) -> Iterator[Visit]:
    """Opens a page."""
    options = {"viewport": {"width": 1440, "height": 900}, "locale": "vi-VN", "reduced_motion": "reduce", **context}
    opened = browser.new_context(**options)
    try:
        page = opened.new_page()
        made = Visit(page)
        page.on("console", lambda each: made.said.append(each.text) if each.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: made.said.append(str(error)))
        page.goto(url)
        yield made
    finally:
        opened.close()
