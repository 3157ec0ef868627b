"""Prometheus and Alertmanager beside a local stack: where they are found, how they are set up, what is said without them."""

from pathlib import Path

import pytest
import yaml

from deploy.local import debs, programs, watchers
from deploy.local.errors import DownloadError, WatcherMissingError
from deploy.local.settings import StackSettings
from deploy.local.stack import Stack
from tests.alerts.programs import SWITCH, program


def _program(directory: Path, name: str) -> Path:
    file = directory / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty PATH and an empty cache; the cache is returned."""
    cache = tmp_path / "cache" / "motcua"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parent))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(debs, "TEMPLATES", tmp_path / "templates")
    return cache


def test_what_is_installed_comes_before_what_was_unpacked(bare: Path, tmp_path: Path) -> None:
    """Under the name of its makers or of Debian."""
    assert debs.missing() == list(debs.PROGRAMS)
    unpacked = _program(bare / "prometheus-debian" / "usr" / "bin", "promtool")
    assert debs.find("promtool") == unpacked
    installed = _program(tmp_path / "bin", "promtool")
    assert debs.find("promtool") == installed
    assert debs.find("alertmanager") is None
    named_by_debian = _program(tmp_path / "bin", "prometheus-alertmanager")
    assert debs.find("alertmanager") == named_by_debian


def test_an_unpacked_alertmanager_without_its_templates_is_none(bare: Path, tmp_path: Path) -> None:
    """Debian's would end at once: better left out and said."""
    unpacked = _program(bare / "prometheus-debian" / "usr" / "bin", "prometheus-alertmanager")
    assert debs.find("alertmanager") is None
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "default.tmpl").touch()
    assert debs.find("alertmanager") == unpacked


def test_a_stack_without_them_is_whole_and_says_what_it_left_out(bare: Path, tmp_path: Path) -> None:
    """Asked for by name they are refused in one sentence, before anything is started."""
    stack = Stack(tmp_path / "state", 20_000)
    assert stack.left_out == programs.WATCHERS
    assert {"kafka", "redis", "intake", "metrics-api"} <= set(stack.names)
    assert not set(stack.names) & set(programs.WATCHERS)
    with pytest.raises(WatcherMissingError, match=r"^prometheus cannot be started.*run make prometheus"):
        stack.up(("redis", "prometheus"))
    assert not (tmp_path / "state" / "supervisord.pid").exists()


def test_a_missing_program_fails_its_tests_and_the_switch_leaves_them_out_aloud(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is skipped by itself."""
    monkeypatch.delenv(SWITCH, raising=False)
    with pytest.raises(pytest.fail.Exception, match=f"NOT tested: run `make prometheus`.*{SWITCH}=1"):
        program("promtool")
    monkeypatch.setenv(SWITCH, "1")
    with pytest.warns(UserWarning, match="NOT tested"), pytest.raises(pytest.skip.Exception, match="NOT tested"):
        program("promtool")


def test_a_stacks_own_prometheus_looks_at_that_stack_alone(tmp_path: Path) -> None:
    """The shipped file but for its pace; the shipped rules; the ports of this stack."""
    settings = StackSettings(state_dir=tmp_path, port_base=21_000, watch_seconds=3)
    watchers.prepare(settings)
    home = tmp_path / "prometheus"
    shipped = yaml.safe_load((watchers.PROMETHEUS_FILES / "prometheus.yml").read_text())
    written = yaml.safe_load((home / "prometheus.yml").read_text())
    pace = {"scrape_interval": "3s", "evaluation_interval": "3s", "scrape_timeout": "3s"}
    assert written == {**shipped, "global": {**shipped["global"], **pace}}
    for rules in (watchers.PROMETHEUS_FILES / "rules").glob("*.yml"):
        assert (home / "rules" / rules.name).read_text() == rules.read_text()
    targets = {file.name: yaml.safe_load(file.read_text()) for file in (home / "targets").iterdir()}
    assert {target for rows in targets.values() for row in rows for target in row["targets"]} == {
        f"127.0.0.1:{21_000 + offset}" for offset in (1, 2, 3, 4, 5, 12, 13, 90, 91)
    }
    assert targets["dossiers.yml"] == [{"targets": ["127.0.0.1:21003"]}]
    compose = yaml.safe_load((watchers.PROMETHEUS_FILES / "targets" / "services.yml").read_text())
    # A centre's outbox stands in the centre; the one of a stack is for trying things out.
    jobs = {row["labels"]["job"] for row in compose}
    assert {row["labels"]["job"] for row in targets["services.yml"]} == jobs | {"edge"}


def test_a_rule_that_is_gone_is_gone_from_a_stack_too(tmp_path: Path) -> None:
    """Else an alert of a former release would go on firing."""
    settings = StackSettings(state_dir=tmp_path)
    watchers.prepare(settings)
    stale = tmp_path / "prometheus" / "rules" / "former.yml"
    stale.write_text("groups: []\n")
    watchers.prepare(settings)
    assert not stale.exists()


def test_without_debians_tools_the_remedy_is_said(bare: Path) -> None:
    """On other systems they are put on PATH."""
    with pytest.raises(DownloadError, match="on Debian and Ubuntu alone: elsewhere put them on PATH"):
        debs.fetch()
