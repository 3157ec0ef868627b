"""Which release a process is: the same files are the same release, one line more is another one."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from contracts.face import release
from tests.dashboards import exporters


def made(home: Path, text: str = "x = 1\n") -> Path:
    """A program of two packages and their version."""
    for part in release.PARTS:
        (home / part / "deep" / "__pycache__").mkdir(parents=True)
        (home / part / "deep" / "one.py").write_text(text)
        (home / part / "deep" / "__pycache__" / "one.pyc").write_text(str(home))
    (home / "pyproject.toml").write_text('[project]\nname = "motcua"\nversion = "1.2.3"\n')
    return home


def test_a_program_is_known_by_its_files(tmp_path: Path) -> None:
    """Wherever they lie, and whatever the interpreter has left beside them."""
    first, again, other = made(tmp_path / "a"), made(tmp_path / "b"), made(tmp_path / "c", "x = 2\n")
    assert release.digest(first) == release.digest(again) != release.digest(other)
    (again / "services" / "deep" / "one.py").rename(again / "services" / "deep" / "two.py")
    release.digest.cache_clear()
    assert release.digest(first) != release.digest(again)
    assert (release.version(first), release.version(tmp_path)) == ("1.2.3", "")


def test_a_commit_is_told_where_it_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """By whoever builds; else it is empty."""
    for said, shown in (("", ""), ("0123456789abcdef0123", "0123456789ab")):
        monkeypatch.setenv(release.COMMIT, said)
        registry = CollectorRegistry()
        release.tell(registry)
        [line] = [each for each in generate_latest(registry).decode().splitlines() if each.startswith("motcua_build_info{")]
        assert f'commit="{shown}"' in line
        assert line.endswith(" 1.0")


@pytest.mark.parametrize("service", exporters(), ids=lambda made: made.__module__)
def test_every_process_says_which_release_it_is(service: type) -> None:
    """One that does not would take over unseen."""
    told = {family.name: family for family in service().registry.collect()}
    [sample] = told["motcua_build"].samples
    assert sample.name == "motcua_build_info"
    assert sample.labels["version"]
    assert sample.labels["sources"] == release.digest(release.HOME)
