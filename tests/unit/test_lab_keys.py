"""The lab shows the keys that it was given, else those of development; it never goes on with another one's."""

import json
from pathlib import Path

import pytest

from lab import keys
from lab.errors import LabError


def test_without_a_file_the_keys_are_those_of_development(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a local stack takes them."""
    monkeypatch.delenv(keys.NAMED_BY, raising=False)
    assert (keys.key_of("19753"), keys.key_of("operator")) == ("dev-19753", "dev-operator")


def test_a_file_is_what_the_container_of_keys_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name -> key; a name that is not there is said, not made up."""
    file = tmp_path / "keys.plain.json"
    file.write_text(json.dumps({"operator": "o", "19753": "k"}))
    monkeypatch.setenv(keys.NAMED_BY, str(file))
    assert (keys.key_of("19753"), keys.key_of("operator")) == ("k", "o")
    with pytest.raises(LabError, match="no key of 20101"):
        keys.key_of("20101")


def test_a_file_that_holds_no_keys_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence with its name."""
    monkeypatch.setenv(keys.NAMED_BY, str(tmp_path / "none.json"))
    with pytest.raises(LabError, match="holds no keys"):
        keys.key_of("19753")
