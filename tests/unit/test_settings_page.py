"""The page of settings says what the classes say, and nothing else."""

from pathlib import Path

from tests import settings_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "SETTINGS.md"


def test_every_setting_is_explained_and_nothing_else_is() -> None:
    assert settings_page.rows().keys() == settings_page.WHAT.keys()


def test_the_page_is_made_from_the_classes() -> None:
    assert PAGE.read_text() == settings_page.page(), "run: python -m tests.settings_page > docs/SETTINGS.md"


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
    for name, (default, _) in settings_page.rows().items():
        if isinstance(default, int | float) and not isinstance(default, bool) and not name.endswith(("port", "port_base")):
            assert name.endswith((*units, *counted)), f"{name} has a bound without a unit"
