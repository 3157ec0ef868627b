"""All five dashboards of a demo, drawn; with MOTCUA_PICTURES=1 pictures go to docs/pictures."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests import drawn as asking
from tests import few_events
from tests.browser.chromium import started
from tests.dashboards import REPOSITORY, dashboards, panels, queries
from tests.demo import Demo
from tests.grafana_pictures import drawing

pytestmark = [pytest.mark.kafka, pytest.mark.long]

# Read before a fixture takes developers' own settings away; a Prometheus beside a demo that runs already may be named.
IS_ASKED = os.environ.get("MOTCUA_PICTURES") == "1"
RUNNING = os.environ.get("MOTCUA_PICTURES_PROMETHEUS")
PICTURES = REPOSITORY / "docs" / "pictures"
PLAY_SECONDS, DATA_SECONDS, BUILD_SECONDS, DRAW_SECONDS = 600, 180.0, 1_080, 180
UNIT, NAME, LAST_DAY = "19753", "Phường Phú Xuân", "2025-07-14"
VALUES = {"role": "receiver", "tier": ".*", "unit": UNIT, "__rate_interval": "1m", "__range": "10m"}
CHOSEN = {
    "var-role": "receiver", "text-role": "Nơi tiếp nhận", "var-tier": ".*", "text-tier": "All",
    "var-unit": UNIT, "text-unit": NAME,
}  # fmt: skip
SINCE = "now-30m"
WIDTHS, NARROW, PICTURE_PIXELS = (1920, 1366), 1366, 2400
RECEIVED = 'sum(motcua_dossiers_received{role="receiver"} * on (unit) group_left () motcua_unit_info)'
# Where there is nothing to be told on a system that is well.
MAY_BE_EMPTY = {"Cảnh báo nào, của ai"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ended with the module."""
    with started() as found:
        yield found


@pytest.fixture(scope="module")
def address(browser: Browser) -> Iterator[str]:
    """The page that draws, built from this folder."""
    drawing.build()
    with drawing.served() as at:
        yield at


@pytest.fixture(scope="module")
def prometheus(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Beside a demo that has been played, with an event of every kind; after the page: without it nothing is started."""
    if RUNNING:
        yield RUNNING
        return
    demo = Demo(tmp_path_factory.mktemp("grafana"))
    try:
        demo.play(PLAY_SECONDS)
        for event in few_events.odd(UNIT, LAST_DAY):
            demo.report(event)
        at = f"http://127.0.0.1:{demo.base + 90}"
        left = asking.left_silent(
            queries(dashboards()), asking.asking(at, VALUES), DATA_SECONDS,
            beat=lambda: asking.beat(f"http://127.0.0.1:{demo.base + 1}", UNIT, f"dev-{UNIT}"),
        )  # fmt: skip
        assert not left, "\n".join(map(str, left))
        yield at
    finally:
        demo.remove()


@pytest.mark.timeout(BUILD_SECONDS + PLAY_SECONDS + DATA_SECONDS + DRAW_SECONDS)
@pytest.mark.parametrize("name", sorted(dashboards()))
def test_every_panel_is_drawn(browser: Browser, address: str, prometheus: str, name: str) -> None:
    """By night and by day, on a wide and a narrow screen: nothing is thrown, nothing complained of, no title cut off."""
    titles = {panel["title"] for panel in panels(dashboards()[name])}
    for theme in ("dark", "light"):
        for width in WIDTHS:
            look = {"theme": theme, "width": width, "since": SINCE}
            with drawing.drawn(browser, address, prometheus, name, CHOSEN, **look) as opened:  # type: ignore[arg-type]
                assert opened.thrown() == []
                assert opened.complaints == []
                assert opened.cut_off() == []
                assert opened.empty() <= MAY_BE_EMPTY
                assert set(opened.page.locator("[data-panel] h2").all_inner_texts()) == titles
                # A demo is no load run.
                if IS_ASKED and (theme, width) == ("dark", NARROW) and name != "load":
                    _picture(opened, PICTURES / f"grafana-{name}.png")


@pytest.mark.timeout(BUILD_SECONDS + PLAY_SECONDS + DATA_SECONDS + DRAW_SECONDS)
def test_figures_stand_on_the_page_to_the_digit(browser: Browser, address: str, prometheus: str) -> None:
    """As Prometheus has them, grouped as a Vietnamese browser groups; a unit's code is no number."""
    with drawing.drawn(browser, address, prometheus, "city", CHOSEN, theme="dark", width=WIDTHS[0], since=SINCE) as opened:
        said = opened.says("Tiếp nhận")
        # A demo that runs already may count on.
        least, most = (
            float(asking.asking(prometheus, VALUES)(f"{end}_over_time(({RECEIVED})[1m:5s])")[0]["value"][1])
            for end in ("min", "max")
        )
        assert re.fullmatch(r"\d+(\.\d{3})+", said)
        assert least <= int(said.replace(".", "")) <= most
        rows = opened.page.locator("[data-panel='Tất cả đơn vị'] [role=row]").all_inner_texts()
        assert any(row.split("\n")[:2] == [NAME, UNIT] for row in rows), rows


def _picture(opened: drawing.Drawn, file: Path) -> None:
    """The page from its top, as far as one looks."""
    size = opened.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    clip = {"x": 0, "y": 0, "width": size[0], "height": min(size[1], PICTURE_PIXELS)}
    opened.page.screenshot(path=file, full_page=True, clip=clip)  # type: ignore[arg-type]
