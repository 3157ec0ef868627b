"""The script that makes .venv says in one sentence what it lacks."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy" / "local" / "setup"
TOOLS = ("sh", "cat", "cksum", "dirname", "head", "mkdir", "mktemp", "mv", "rm")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout without .venv, and a PATH with nothing but the plainest tools."""
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / "bin" / tool).symlink_to(found)
    (tmp_path / "deploy" / "local").mkdir(parents=True)
    shutil.copy(SCRIPT, tmp_path / "deploy" / "local" / "setup")
    for name in ("uv.lock", "pyproject.toml"):
        (tmp_path / name).write_text("")
    return tmp_path


def _put(bare: Path, name: str, script: str) -> None:
    file = bare / "bin" / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def _run(bare: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", "deploy/local/setup"],
        cwd=bare,
        env={"PATH": str(bare / "bin"), "HOME": str(bare / "home"), **environment},
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.mark.parametrize("version", ["3.9.2", "3.14.0", "4.0.1"])
def test_a_python_too_old_or_too_new_is_named_with_those_that_are_needed(bare: Path, version: str) -> None:
    """The question that the script asks of it is answered by this test's Python, with the version in its place."""
    shown = tuple(int(part) for part in version.split("."))
    asked = f'exec {sys.executable} -c "import sys; sys.version_info = {shown}; exec(sys.argv[1])" "$2"'
    _put(bare, "python3", f'[ "$1" = --version ] && echo Python {version} && exit 0; {asked}')
    done = _run(bare)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        f"setup: Một Cửa needs Python 3.11 to 3.13 and found Python {version}: "
        "install one, or name it: PYTHON=/path/to/python3 make setup"
    ]


def test_a_machine_without_any_python_gets_a_sentence_too(bare: Path) -> None:
    done = _run(bare)
    assert done.returncode == 1
    assert "needs Python 3.11 to 3.13 and found none" in done.stderr


def test_a_path_that_lacks_the_usual_tools_costs_one_sentence(bare: Path) -> None:
    (bare / "bin" / "cksum").unlink()
    done = _run(bare)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("setup: there is no cksum on PATH: ")


def test_a_python_that_was_named_and_does_not_fit_is_refused_not_replaced(bare: Path) -> None:
    _put(bare, "old", "exit 1")
    _put(bare, "python3", "exit 0")
    done = _run(bare, PYTHON="old")
    assert done.returncode == 1
    assert done.stderr.startswith("setup: PYTHON=old is not a Python 3.11 to 3.13")


def test_a_python_without_venv_says_what_to_install(bare: Path) -> None:
    _put(bare, "python3", f'[ "$1" = -m ] && exit 1; case "$2" in *executable*) echo {bare}/bin/python3;; esac; exit 0')
    done = _run(bare)
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert "venv or ensurepip is missing" in line
    assert "apt install python3-venv" in line


def test_nothing_is_done_when_nothing_changed(bare: Path) -> None:
    """The lock, the project file and the script as they were: neither Python is looked for nor uv."""
    (bare / ".venv" / "bin").mkdir(parents=True)
    python = bare / ".venv" / "bin" / "python"
    python.write_text("#!/bin/sh\nexit 0\n")
    python.chmod(0o755)
    sums = subprocess.run(
        "cat uv.lock pyproject.toml deploy/local/setup | cksum",
        shell=True,
        cwd=bare,
        capture_output=True,
        text=True,
        check=True,
    )
    (bare / ".venv" / ".motcua-setup").write_text(sums.stdout)
    assert _run(bare).returncode == 0
    (bare / "uv.lock").write_text("changed")
    assert _run(bare).returncode == 1, "a changed lock is set up again, and there is no Python here to do it"
