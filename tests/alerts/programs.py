"""Prometheus' own programs for the tests: found, or said aloud to be missing."""

import json
import os
import subprocess
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from deploy.local import debs

SWITCH = "MOTCUA_TEST_NO_PROMETHEUS"
RUN_WITHIN_SECONDS = 300.0


def program(name: str) -> Path:
    """Where it is; without it the test fails, unless it is left out by the switch, which is said aloud."""
    found = debs.find(name)
    if found is not None:
        return found
    sentence = f"{name} is installed nowhere, so rules and routes were NOT tested"
    if os.environ.get(SWITCH) == "1":
        warnings.warn(f"{sentence} ({SWITCH}=1)", stacklevel=2)
        pytest.skip(f"{sentence} ({SWITCH}=1)")
    pytest.fail(f"{sentence}: {debs.REMEDY}; {SWITCH}=1 leaves these tests out", pytrace=False)


def run(name: str, *arguments: str) -> str:
    """Its output; AssertionError with all of it when it fails."""
    done = subprocess.run(
        [program(name), *arguments], capture_output=True, text=True, timeout=RUN_WITHIN_SECONDS, check=False
    )
    assert done.returncode == 0, f"{name} {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def assert_case(directory: Path, case: Mapping[str, Any], rule_files: Sequence[str] = (), **said: str) -> None:
    """A case of promtool, worked out here and not written down, ends as it says. `said` stands beside it in its file."""
    file = directory / "case.yml"
    # JSON is YAML.
    file.write_text(json.dumps({"rule_files": list(rule_files), **said, "tests": [case]}))
    run("promtool", "test", "rules", str(file))
