"""A real Chromium on this machine: found, started, and told what it may not do; never a silent skip."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from deploy.local import chromium

# Read before a fixture takes developers' own settings away.
LEFT_OUT = os.environ.get("MOTCUA_TEST_NO_BROWSER") == "1"
NAMED = os.environ.get("MOTCUA_CHROMIUM")
# As root, as CI runs, there is no sandbox to be had; nothing may be fetched behind the tests' back.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--no-first-run"]  # fmt: skip
SENTENCE = (
    "There is no Chromium on this machine: run `make wanted` (Debian), put one on PATH, name it by MOTCUA_CHROMIUM, "
    "or leave the browser tests out by MOTCUA_TEST_NO_BROWSER=1."
)


def path() -> str:
    """Where it is; the test fails with one sentence when it is nowhere."""
    found = Path(NAMED) if NAMED else chromium.find()
    if found is None or not found.exists():
        pytest.fail(SENTENCE, pytrace=False)
    return str(found)


@contextmanager
def started() -> Iterator[Browser]:
    """A browser of one's own; ended afterwards.

    Playwright's loop runs for as long as it lives, and other tests want loops of their own: so it lives for one module.
    """
    if LEFT_OUT:
        pytest.skip("LEFT OUT by MOTCUA_TEST_NO_BROWSER=1: nothing is said of the board in a browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path(), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
