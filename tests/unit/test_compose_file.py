"""docker-compose.yml as it stands: pinned, bounded, checked, without a secret, in the words of the settings."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.settings_page import rows

REPOSITORY = Path(__file__).resolve().parents[2]
TEXT = (REPOSITORY / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
STAYING = [name for name, each in SERVICES.items() if each["restart"] != "no"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_pinned_and_bounded(name: str) -> None:
    """No `latest`; whatever runs on has a limit of memory."""
    image = SERVICES[name]["image"]
    assert re.fullmatch(r"[a-z/]+:[a-z0-9.-]+", image)
    assert not image.endswith(":latest")
    if name in STAYING:
        assert SERVICES[name]["mem_limit"]


@pytest.mark.parametrize("name", STAYING)
def test_what_runs_on_is_checked_and_started_again(name: str) -> None:
    """`--wait` waits for all of them."""
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


def test_doors_are_open_on_this_machine_alone() -> None:
    """Each published port is bound to the loopback address, and can be moved."""
    published = [port for each in SERVICES.values() for port in each.get("ports", ())]
    assert len(published) >= 3
    assert all(re.fullmatch(r"127\.0\.0\.1:\$\{MOTCUA_[A-Z]+_PORT:-\d+\}:\d+", port) for port in published)


def test_variables_are_those_of_the_settings() -> None:
    """A misspelled variable would be ignored in silence."""
    told = {name for each in SERVICES.values() for name in each.get("environment", {}) if name.startswith("MOTCUA_")}
    assert told
    assert told <= {f"MOTCUA_{name.upper()}" for name in rows()}


def test_no_key_stands_in_it() -> None:
    """Keys are made at the first start; development keys are for plain processes alone."""
    assert "DEV_KEYS" not in TEXT
    assert not re.search(r"(?i)(password|secret|token)\s*[:=]", TEXT)
