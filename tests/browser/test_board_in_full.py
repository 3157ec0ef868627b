"""The board in a real Chromium, all that a visit in test_board has no time for: speed, a dumb line, the dark, the keyboard,
English, a whole country of units."""

import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from contracts.topics import PARTITIONS
from tests.browser.line import Line
from tests.browser.world import LIVE_SECONDS, City, visit
from tests.integration.metrics_by_hand import api_of, by_hand
from tests.province import Service
from tests.servers import Servers

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(300)]

NATION_UNITS = 3_321
OTHERS = (
    "received_direct",
    "received_online",
    "cases",
    "completed",
    "completed_on_time",
    "returned",
    "open",
    "overdue_open",
)
# A line over which the rows of a nation take longer than the page bears silence: eight seconds.
SLOW_BYTES_PER_SECOND = 15_000
PAGE_ROWS = 100
UNITS_HEAD = "code,name,kind,hours,parent,valid_from,valid_to,successor"


def test_a_report_is_on_the_page_within_two_seconds(browser: Browser, town: City) -> None:
    """Each of twenty, from intake's `stored` to the cell: the promise is about a machine that has a core to spare."""
    with visit(browser, town.board) as opened:
        opened.wait_live()
        seconds = opened.seconds_until_shown(town, "19789", 20)
        assert max(seconds) < LIVE_SECONDS, seconds
        assert not opened.complaints()


def test_a_line_that_dies_without_a_word_is_noticed_and_left_behind(browser: Browser, town: City) -> None:
    """Nothing comes, and nothing says so: after some seconds the page calls it lost, and goes on where the line goes on."""
    with visit(browser, town.board) as opened:
        opened.wait_live()
        before = town.received("19753")
        town.line.hush()
        opened.wait_verdict("Mất kết nối", 30.0)
        town.report("19753", ("received",))
        town.wait_received("19753", before + 1)
        town.line.mend()
        opened.wait_cell("19753", "received", str(before + 1), 60.0)
        opened.wait_verdict("Trực tiếp", 30.0)


def test_whoever_does_not_want_to_wait_tries_at_once(browser: Browser, town: City) -> None:
    """The button beside a lost line opens it again before its time."""
    with visit(browser, town.board) as opened:
        opened.wait_live()
        town.line.cut()
        opened.wait_verdict("Mất kết nối", 30.0)
        # Longer waits between the page's own tries.
        expect(opened.page.locator("#when")).to_have_text(re.compile(r"\b([4-9]|1\d)\b"), timeout=60_000)
        town.line.mend()
        opened.page.locator("#retry").click()
        opened.wait_verdict("Trực tiếp", 5.0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
@pytest.mark.parametrize("query", ["", "?unit=19753", "?lang=en", "?role=competent&sort=overdue"])
def test_axe_finds_nothing_serious(browser: Browser, town: City, scheme: str, size: tuple[int, int], query: str) -> None:
    """On a desk and on a phone, by day and by night, the city, a unit, in English, with the meaning opened, and while the
    line is lost."""
    look = {"viewport": {"width": size[0], "height": size[1]}, "color_scheme": scheme}
    with visit(browser, f"{town.board}/{query}", **look) as opened:
        opened.page.wait_for_selector("#unit-days tbody tr" if "unit" in query else "#rows .spark canvas")
        opened.wait_live()
        assert not opened.violations()
        opened.page.locator("#explain").click()
        assert opened.page.locator("#meaning h3").count() == 6
        assert not opened.violations()
        sideways = opened.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert sideways <= 0, "the page is wider than the window"
        assert not opened.complaints()
        opened.page.keyboard.press("Escape")
        opened.page.context.set_offline(True)
        opened.wait_verdict("Connection lost" if "lang=en" in query else "Mất kết nối", 30.0)
        assert not opened.faded()
        assert not opened.violations()


def test_what_the_city_refused_is_missing_and_said_so(browser: Browser, town: City) -> None:
    """A line that is well and an outbox that is empty are not all: events that intake refused are in no figure."""
    try:
        with visit(browser, town.board) as opened:
            opened.wait_live()
            town.beat("19942", 0, "up")
            town.beat("19789", 0, "up", refused=(3, 5, 8))
            mark = opened.page.locator("#rows [data-unit='19789'] .mark.kept_out")
            expect(mark).to_have_text("3 bản tin bị thành phố từ chối", timeout=30_000)
            opened.wait_verdict("Trực tiếp, thiếu bản tin bị từ chối của 1 đơn vị", 30.0)
            assert opened.page.locator("#state").get_attribute("class") == "warn"
            opened.page.locator("#only").select_option("only_kept_out")
            assert opened.page.locator("#rows tr").count() == 1
            assert not opened.violations()
            opened.page.locator("#rows [data-unit='19789'] a").click()
            opened.page.wait_for_selector("#unit-line dd")
            told = opened.page.locator("#unit-line").inner_text()
            assert "3 bản tin bị thành phố từ chối" in told
            assert "Đầy đủ" not in told
            assert not opened.violations()
    finally:
        town.beat("19789", 0, "up")
        town.beat("19942", 7, "down")
        town.wait_heard("19942", 7)


def test_everything_is_done_by_the_keyboard(browser: Browser, town: City) -> None:
    """Sort, find out what on time means, open a unit and come back, without a mouse; the focus is where it is expected."""
    with visit(browser, town.board) as opened:
        opened.wait_live()
        page = opened.page
        page.locator("#head [data-key=overdue]").focus()
        page.keyboard.press("Enter")
        assert page.locator("#head [aria-sort]").get_attribute("aria-sort") == "descending"
        assert page.evaluate("document.activeElement.dataset.key") == "overdue"
        page.keyboard.press("Enter")
        assert page.locator("#head [aria-sort]").get_attribute("aria-sort") == "ascending"
        assert "sort=overdue" in page.url
        page.locator("#head [data-why=on_time]").focus()
        page.keyboard.press("Enter")
        assert page.locator("#meaning h3").first.inner_text() == "Đúng hạn"
        page.keyboard.press("Escape")
        assert not page.locator("#meaning").is_visible()
        page.locator("#rows [data-unit='19753'] a").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("#unit-days tbody tr")
        assert page.evaluate("document.activeElement.id") == "unit-name"
        page.go_back()
        page.wait_for_selector("#rows tr")
        assert page.locator("#unit").is_hidden()


def test_units_are_found_and_filtered(browser: Browser, town: City) -> None:
    """By a name without its marks, by a code, by tier, by what is wrong; the address keeps it for whoever gets it sent."""
    with visit(browser, town.board) as opened:
        opened.wait_live()
        page = opened.page

        def shown() -> list[str]:
            found: list[str] = page.eval_on_selector_all("#rows tr", "rows => rows.map(row => row.dataset.unit)")
            return found

        whole = len(shown())
        assert whole == len(town.province_units())
        page.locator("#find").fill("phu xuan")
        assert shown() == ["19753"]
        page.locator("#find").fill("19942")
        assert shown() == ["19942"]
        page.locator("#find").fill("")
        page.locator("#tier").select_option("commune")
        assert len(shown()) == 19
        page.locator("#tier").select_option("")
        page.locator("#only").select_option("only_provisional")
        assert shown() == ["19942"]
        assert "only=only_provisional" in page.url
        page.locator("#head [data-key=unit]").click()
        page.locator("#head [data-key=unit]").click()
        page.reload()
        opened.wait_live()
        assert shown() == ["19942"]
        assert page.locator("[aria-sort=descending] [data-key=unit]").count() == 1


def test_a_whole_country_of_units_works(browser: Browser, servers: Servers, tmp_path: Path) -> None:
    """3,321 units: the first hundred at once, the others a press away; found by name, ranked in both senses."""
    with nation(servers, tmp_path) as (api, counted), visit(browser, "about:blank") as opened:
        page = opened.page
        page.goto(api.base_url)
        opened.wait_live(60.0)
        page.wait_for_selector("#rows .spark canvas")
        assert page.locator("#rows tr").count() == PAGE_ROWS
        assert "3.321" in page.locator("#count").inner_text()
        assert page.locator("[data-total=received] .number").inner_text() == f"{sum(counted.values()):,}".replace(",", ".")
        first = page.locator("#rows tr").first
        assert first.locator(".c-received").inner_text() == "997"
        page.locator("#head [data-key=received]").click()
        assert first.locator(".c-received").inner_text() == "1"
        page.locator("#more").click()
        assert page.locator("#rows tr").count() == 2 * PAGE_ROWS
        page.locator("#find").fill("so 33320")
        assert page.locator("#rows tr").count() == 1
        assert not opened.violations()
        assert not opened.complaints()
        page.locator("#find").fill("")
        page.context.set_offline(True)
        opened.wait_verdict("Mất kết nối", 30.0)
        assert page.locator("#rows td.late").count() > 0
        assert not opened.violations()


def test_a_whole_country_comes_over_a_slow_line(browser: Browser, servers: Servers, tmp_path: Path) -> None:
    """The first rows take longer than the page listens to silence: how far they are is said, the line is never called lost,
    no rank is shown among a part of the units, and in the end all of them stand there."""
    with nation(servers, tmp_path) as (api, counted), visit(browser, "about:blank") as opened:
        line = Line(int(api.base_url.rsplit(":", 1)[1]))
        line.slow(SLOW_BYTES_PER_SECOND)
        page = opened.page
        # What the page has said of its figures, how many units beside it, and how many rows stood there then.
        page.add_init_script(
            """addEventListener("DOMContentLoaded", () => { const said = window.said = [];
              const read = () => [verdict.textContent, beside.textContent, rows.children.length];
              new MutationObserver(() => said.push(read())).observe(document.querySelector('#state'),
                {childList: true, characterData: true, subtree: true}); })"""
        )
        try:
            page.goto(line.url)
            opened.wait_live(120.0)
            assert "3.321" in page.locator("#count").inner_text()
            assert page.locator("#rows tr").first.locator(".c-received").inner_text() == "997"
            assert page.locator("[data-total=received] .number").inner_text() == f"{sum(counted.values()):,}".replace(
                ",", "."
            )
            said: list[tuple[str, str, int]] = page.evaluate("window.said")
        finally:
            line.close()
    assert not [words for words, _, _ in said if words.startswith("Mất kết nối")]
    arriving = [(number, shown) for words, number, shown in said if words == "Đang tải các đơn vị…"]
    assert len(set(arriving)) > 3
    assert all(number.endswith("3.321 đơn vị") and shown == 0 for number, shown in arriving), arriving


@contextmanager
def nation(servers: Servers, directory: Path) -> Iterator[tuple[Service, dict[str, int]]]:
    """A metrics API that knows 3,321 units, and what is counted of each."""
    reference = directory / "reference"
    reference.mkdir()
    for name in ("departments.csv", "procedures.csv", "calendar.toml"):
        (reference / name).write_text((Path("deploy/reference") / name).read_text())
    codes = [f"{30_000 + number}" for number in range(NATION_UNITS)]
    rows = [f"{code},Xã Số {code},commune,default,46,2025-07-01,," for code in codes]
    (reference / "units.csv").write_text("\n".join([UNITS_HEAD, *rows]) + "\n")
    with by_hand(servers) as figures, api_of(servers, directory, MOTCUA_REFERENCE_DIR=str(reference)) as api:
        figures.places()
        counted = {f"receiver|{code}|received": 1 + int(code) % 997 for code in codes}
        # Figures that differ from unit to unit, as those of a nation do: what is alike is packed to nothing.
        chance = random.Random(1)
        others = {f"receiver|{code}|{name}": chance.randint(1, 2_000) for code in codes for name in OTHERS}
        figures.write("total", counted | others)
        figures.write("day:2025-07-14", counted)
        yield api, counted


def test_what_nobody_knows_is_not_called_complete(browser: Browser, servers: Servers, tmp_path: Path) -> None:
    """An API that has read no heartbeat yet, as Kafka does not answer: neither the city nor a unit is green or complete."""
    with by_hand(servers) as figures:
        figures.places()
        for number in range(PARTITIONS):
            figures.place(number, recorded_at=time.time_ns() // 1000)
        figures.write("total", {"receiver|19753|received": 7})
        with api_of(servers, tmp_path, MOTCUA_KAFKA="127.0.0.1:1") as api:
            with visit(browser, api.base_url) as opened:
                opened.wait_verdict("Trễ", 30.0)
                expect(opened.page.locator("#verdict")).to_contain_text("chưa rõ đã đủ chưa")
                expect(opened.page.locator("#state")).to_have_class("wait")
                assert not opened.violations()
            with visit(browser, f"{api.base_url}/?unit=19753") as opened:
                opened.page.wait_for_selector("#unit-line dd")
                told = opened.page.locator("#unit-line").inner_text()
                assert "Chưa rõ: thành phố chưa đọc được" in told
                assert "Đầy đủ" not in told
                assert "không có hộp gửi" not in told
                assert not opened.violations()
