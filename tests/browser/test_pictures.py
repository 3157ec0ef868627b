"""The board before a whole demo: the article's figures stand on it; with MOTCUA_PICTURES=1 pictures go to docs/pictures."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.world import visit
from tests.demo import Demo

pytestmark = [pytest.mark.kafka, pytest.mark.long]

REPOSITORY = Path(__file__).resolve().parents[2]
PICTURES = REPOSITORY / "docs" / "pictures"
# Read before a fixture takes developers' own settings away; a demo that runs already may be named.
IS_ASKED = os.environ.get("MOTCUA_PICTURES") == "1"
RUNNING = os.environ.get("MOTCUA_PICTURES_OF")
WITHIN_SECONDS = 600
# name, query, width, height, scheme, whether the whole page is drawn
VIEWS = (
    ("board-desktop", "", 1440, 900, "light", False),
    ("board-phone", "", 390, 844, "light", False),
    ("board-dark", "?sort=overdue", 1440, 900, "dark", False),
    ("board-english", "?lang=en&sort=on_time", 1440, 900, "light", False),
    ("board-unit", "?unit=19753", 1440, 900, "light", True),
    ("board-unit-phone", "?unit=19804", 390, 844, "dark", False),
)
FIGURES = {"received": "17.710", "online": "75,78 %"}
ROWS = {("19753", "received"): "1.758", ("19804", "on_time"): "91,42 %", ("19942", "online"): "99,59 %"}


@pytest.fixture(scope="module")
def board(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The board of a demo that has been played to its end."""
    if RUNNING:
        yield RUNNING
        return
    demo = Demo(tmp_path_factory.mktemp("pictures"))
    try:
        demo.play(WITHIN_SECONDS)
        yield f"http://127.0.0.1:{demo.base + 3}"
    finally:
        demo.remove()


@pytest.mark.timeout(WITHIN_SECONDS + 300)
def test_the_article_s_figures_stand_on_the_page(browser: Browser, board: str) -> None:
    """Totals and the three units that the press named; each view is drawn without a complaint of the console."""
    with visit(browser, board) as opened:
        opened.wait_live(60.0)
        for name, text in FIGURES.items():
            assert opened.page.locator(f"[data-total={name}] .number").inner_text() == text
        for (unit, column), text in ROWS.items():
            opened.wait_cell(unit, column, text, 20.0)
    for name, query, width, height, scheme, is_whole in VIEWS:
        look = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
        scale = {"device_scale_factor": 2} if width < 600 else {}
        with visit(browser, f"{board}/{query}", **look, **scale) as opened:
            opened.page.wait_for_selector("#unit-course canvas" if "unit" in query else "#rows .spark canvas")
            opened.wait_live(60.0)
            assert not opened.complaints()
            if IS_ASKED:
                opened.page.wait_for_selector("#state.good", timeout=60_000)
                PICTURES.mkdir(exist_ok=True)
                opened.page.screenshot(path=PICTURES / f"{name}.png", full_page=is_whole)
