"""The page of this folder: built, served with the dashboards' files beside it, opened, and asked what it looks like."""

import functools
import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.dashboards import GRAFANA

FOLDER = Path(__file__).parent
BUILT = FOLDER / "dist"
# What npm keeps of what it has put there.
INSTALLED = FOLDER / "node_modules" / ".package-lock.json"
INSTALL_SECONDS, BUILD_SECONDS, DRAWN_MS, SETTLED_MS = 900, 180, 60_000, 1_000
IS_DRAWN = "() => document.querySelector('[data-panel]') && !document.querySelector('[data-drawn=no]')"
PLACES = "found => found.map(each => each.closest('[data-panel]').dataset.panel)"
CUT_OFF = """() => [...document.querySelectorAll('[data-panel] h2')].filter(each => each.scrollWidth > each.clientWidth)
    .map(each => each.innerText)"""


def build() -> None:
    """Installs what the lock file says where that is not there, then builds; says what is missing, and skips nothing."""
    if shutil.which("npm") is None:
        pytest.fail("There is no npm on this machine, with which the page that draws is built (Node.js 20).", pytrace=False)
    lock = FOLDER / "package-lock.json"
    if not INSTALLED.exists() or INSTALLED.stat().st_mtime < lock.stat().st_mtime:
        _npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", within_seconds=INSTALL_SECONDS)
    _npm("run", "build", within_seconds=BUILD_SECONDS)


def _npm(*arguments: str, within_seconds: float) -> None:
    done = subprocess.run(
        ["npm", *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=within_seconds, check=False
    )
    if done.returncode != 0:
        pytest.fail(f"npm {' '.join(arguments)}: {done.stdout}{done.stderr}", pytrace=False)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Tests have their own report."""


@contextmanager
def served() -> Iterator[str]:
    """The built page and the dashboards as Grafana gets them."""
    for file in (GRAFANA / "dashboards").glob("*.json"):
        shutil.copy(file, BUILT)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(BUILT)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Drawn:
    """One dashboard in a browser, and what was complained of while it was drawn."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda request: self.complaints.append(f"{request.url}: {request.failure}"))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def thrown(self) -> list[str]:
        """What panels said that could not be drawn."""
        said: list[str] = self.page.locator("[data-thrown]").all_inner_texts()
        return said

    def empty(self) -> set[str]:
        """Panels in which a sentence stands where something would be drawn."""
        found: list[str] = self.page.eval_on_selector_all(".nothing", PLACES)
        return set(found)

    def cut_off(self) -> list[str]:
        """Titles of which the end is not to be seen."""
        found: list[str] = self.page.evaluate(CUT_OFF)
        return found

    def says(self, panel: str) -> str:
        """What stands in a panel below its title."""
        return self.page.locator(f"[data-panel='{panel}'] section").inner_text().removeprefix(panel).strip()


@contextmanager
def drawn(
    browser: Browser,
    address: str,
    prometheus: str,
    name: str,
    chosen: Mapping[str, str],
    *,
    theme: str,
    width: int,
    since: str,
) -> Iterator[Drawn]:
    """Opened, and every panel has its answers; `chosen` are the page's variables."""
    look = {"viewport": {"width": width, "height": 900}, "locale": "vi-VN", "timezone_id": "Asia/Ho_Chi_Minh"}
    context = browser.new_context(**look)  # type: ignore[arg-type]
    try:
        opened = Drawn(context.new_page())
        asked = {"dashboard": f"{name}.json", "prometheus": prometheus, "theme": theme, "since": since, **chosen}
        opened.page.goto(f"{address}/index.html?{urlencode(asked)}")
        opened.page.wait_for_function(IS_DRAWN, timeout=DRAWN_MS)
        opened.page.wait_for_timeout(SETTLED_MS)
        yield opened
    finally:
        context.close()
