"""The page of settings says what the classes say, and nothing else."""

import re
from pathlib import Path

import pytest

from tests import settings_page

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "SETTINGS.md"
# Where variables are read that no settings class has.
READERS = (
    "lab",
    "deploy/grafana",
    "tests/browser",
    "tests/containers",
    "tests/alerts",
    "tests/grafana_pictures/test_grafana_pictures.py",
    "tests/effort.py",
    "tests/integration/test_load_wires.py",
    "tests/servers.py",
)
NAMED = re.compile(r"[\"{](MOTCUA_[A-Z_]*[A-Z])[\"}:]")


def test_every_setting_is_explained_and_nothing_else_is() -> None:
    assert settings_page.rows().keys() == settings_page.WHAT.keys()


def test_the_page_is_made_from_the_classes() -> None:
    assert PAGE.read_text() == settings_page.page(), "run: .venv/bin/python -m tests.settings_page > docs/SETTINGS.md"


def test_what_tools_read_is_explained() -> None:
    """A variable that only a tool, a test or compose reads has a row, and each row names one that somebody reads."""
    texts = [path.read_text() for name in READERS for path in _files(REPOSITORY / name)]
    read = {name for text in (*texts, (REPOSITORY / "docker-compose.yml").read_text()) for name in NAMED.findall(text)}
    settings = {f"MOTCUA_{name.upper()}" for name in settings_page.rows()}
    assert read - settings <= settings_page.OF_TOOLS.keys() <= read


def _files(place: Path) -> list[Path]:
    return [place] if place.is_file() else [*place.rglob("*.py"), *place.rglob("*.yml")]


def test_a_bound_names_its_unit() -> None:
    """Whatever is a number says of what: seconds, records, bytes, and so on; ports and generations aside."""
    units = (
        "seconds",
        "minutes",
        "ms",
        "records",
        "events",
        "requests",
        "bytes",
        "mib",
        "kib",
        "dossiers",
        "rows",
        "pieces",
        "second",
    )
    counted = ("days_max", "units_max", "attempts_max", "replication_factor", "live_gen", "events_max", "max")
    for name, (field, _) in settings_page.rows().items():
        default = field.default
        if isinstance(default, int | float) and not isinstance(default, bool) and not name.endswith(("port", "port_base")):
            assert name.endswith((*units, *counted)), f"{name} has a bound without a unit"


@pytest.mark.parametrize("part", settings_page.CLASSES)
def test_an_empty_variable_is_as_one_that_is_not_set(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shells and compose pass on what is empty: a keys file without a name must not exclude development keys."""
    model = settings_page.CLASSES[part]
    names = [f"MOTCUA_{name.upper()}" for name in model.model_fields]
    for name in names:
        monkeypatch.delenv(name, raising=False)
    unset = model()
    for name in names:
        monkeypatch.setenv(name, "")
    assert model() == unset
    if "dev_keys" in model.model_fields:
        monkeypatch.setenv("MOTCUA_DEV_KEYS", "1")
        chosen = model().model_dump()
        assert (chosen["dev_keys"], chosen["keys_file"]) == (True, None)
