"""A browser for each module, and a city of real services before it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import started
from tests.browser.world import City, city
from tests.province import Province


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ended with the module."""
    with started() as found:
        yield found


@pytest.fixture(scope="module")
def town(browser: Browser, module_province: Province) -> Iterator[City]:
    """After the browser: where there is none, nothing is started for it."""
    with city(module_province) as made:
        yield made
