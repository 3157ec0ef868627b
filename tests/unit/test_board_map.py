"""Where units lie on the board's map comes from the reference files, and a wrong file takes nothing but the map."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from contracts import reference_files
from services.metrics.api.serving import compose
from services.metrics.api.units import Units
from services.metrics.settings import Settings
from tests.unit.in_process import get

SHIPPED = Path(__file__).parents[2] / "deploy/reference"
# Nobody listens there; the board's files need neither.
NOWHERE = "127.0.0.1:1"


def tiles_of(directory: Path) -> Any:
    """What a browser gets from an API with these reference files."""
    settings = Settings(kafka=NOWHERE, redis=f"redis://{NOWHERE}/0", reference_dir=directory)
    app = compose(settings, Units(reference_files.read(directory)))
    status, body = asyncio.run(get(app, "/board/tiles.json"))
    assert status == 200
    return json.loads(body)


def test_a_browser_gets_the_places_of_the_reference_files() -> None:
    assert tiles_of(SHIPPED) == {code: list(place) for code, place in reference_files.tiles(SHIPPED).items()}
    assert tiles_of(SHIPPED)["20137"] == [10, 6], "Lăng Cô lies at the city's south-eastern end"


@pytest.mark.parametrize("text", [None, "", "\n", "code,column,row\n19753,here,1\n"])
def test_without_a_file_or_with_a_wrong_one_there_is_no_map_and_everything_else(tmp_path: Path, text: str | None) -> None:
    directory = tmp_path / "reference"
    shutil.copytree(SHIPPED, directory)
    (directory / "tiles.csv").unlink()
    if text is not None:
        (directory / "tiles.csv").write_text(text)
    assert tiles_of(directory) == {}
