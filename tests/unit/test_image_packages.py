"""What an image carries finds the packages that it imports among those that the image installs."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
DISTRIBUTIONS = packages_distributions()
OURS = {"contracts", "services", "deploy", "lab"}
# Folders that deploy/Dockerfile copies, by target, and the groups that it installs there beside the services' packages.
# (deploy/local, too, is copied for the lab, which needs its settings and starts no server there.)
IMAGES = {
    "motcua": (("contracts", "services", "deploy/operators", "deploy/container"), ()),
    "lab": (("lab",), ("lab",)),
}
# Faust brings them along: it stands in the lock file for its own sake.
BROUGHT = {"mode": "faust-streaming", "starlette": "fastapi", "pydantic": "pydantic-settings"}


def installed(groups: Iterable[str]) -> set[str]:
    """Names of the distributions that are asked for."""
    asked = [*PROJECT["project"]["dependencies"]]
    for group in groups:
        asked += PROJECT["dependency-groups"][group]
    return {normal(re.split(r"[\[<>=~! ]", each)[0]) for each in asked}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(file: Path) -> set[str]:
    """Top-level names of what a module imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            names.add(node.module.partition(".")[0])
    return names - OURS - sys.stdlib_module_names


@pytest.mark.parametrize("image", IMAGES)
def test_everything_that_is_imported_is_installed(image: str) -> None:
    """By its own name or that of the package that always brings it."""
    folders, groups = IMAGES[image]
    have = installed(groups)
    for file in (each for folder in folders for each in (REPOSITORY / folder).rglob("*.py")):
        for name in imported(file):
            candidates = {normal(each) for each in DISTRIBUTIONS.get(name, [name])} | {BROUGHT.get(name, "")}
            assert candidates & have, f"{file.relative_to(REPOSITORY)} imports {name}, which the image {image} lacks"


def test_the_dockerfile_installs_these_groups() -> None:
    """The table above is that of deploy/Dockerfile."""
    text = (REPOSITORY / "deploy" / "Dockerfile").read_text()
    assert re.findall(r"uv sync --frozen --no-default-groups((?: --group \w+)*)", text) == ["", " --group lab"]
    for folders, _ in IMAGES.values():
        for folder in folders:
            assert f"COPY {folder} {folder}\n" in text
