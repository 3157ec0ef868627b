"""The manual: every link leads somewhere, and every page is found from the README within two clicks."""

import re
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
README = REPOSITORY / "README.md"
PAGES = sorted({README, *REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")})
CODE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
# A container has the packages in its only Python.
BARE = re.compile(r"(?<!bin/)\bpython -m (?:services|lab|tests|deploy\.operators|deploy\.local|benchmarks)\b")
IN_A_CONTAINER = re.compile(r"docker (?:compose )?(?:exec|run)\b[^`\n]*")


def leads_to(page: Path) -> set[Path]:
    """The files and folders of the repository that a page links to; all pages of a folder count as linked."""
    links = LINK.findall(CODE.sub("", page.read_text()))
    found = {(page.parent / link).resolve() for link in links if not link.startswith("http")}
    return found | {inside for place in found if place.is_dir() for inside in place.glob("*.md")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert [str(place) for place in leads_to(page) if not place.exists()] == []


def test_every_page_is_found_within_two_clicks() -> None:
    first = {page for page in leads_to(README) if page in PAGES}
    second = {page for each in first for page in leads_to(each)}
    assert set(PAGES) - {README} - first - second == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_a_command_can_be_typed_as_it_stands(page: Path) -> None:
    """`python -m …` would be another Python than the one that has the packages."""
    assert BARE.findall(IN_A_CONTAINER.sub("", page.read_text())) == []


def test_brokers_of_ones_own_are_told_to_each_service_that_speaks_with_kafka() -> None:
    """One that is left out would go on with compose's own broker, which is empty then."""
    page = (REPOSITORY / "docs" / "GOING_LIVE.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    [override] = [yaml.safe_load(block) for block in blocks if "MOTCUA_KAFKA:" in block]
    services = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]
    told = {name: each["environment"]["MOTCUA_KAFKA"] for name, each in override["services"].items()}
    assert told.keys() == {name for name, each in services.items() if "MOTCUA_KAFKA" in each.get("environment", {})} - {
        "keys", "edge",
    }  # fmt: skip
    assert len(set(told.values())) == 1
