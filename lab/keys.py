"""The keys that the lab shows: those of the file that MOTCUA_LAB_KEYS_FILE names (name -> key), else development keys."""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

from contracts.keys import DEV_PREFIX
from lab.errors import LabError

NAMED_BY = "MOTCUA_LAB_KEYS_FILE"
OPERATOR = "operator"


def key_of(name: str) -> str:
    """The key of a centre, by its code, or of the `operator`; LabError when the file has none."""
    named = os.environ.get(NAMED_BY)
    if named is None:
        return f"{DEV_PREFIX}{name}"
    try:
        return _read(named)[name]
    except KeyError:
        raise LabError(f"{named} (named by {NAMED_BY}) has no key of {name}") from None


def own_door_key(code: str) -> str:
    """What an edge that the lab has started takes at its counter."""
    return f"{DEV_PREFIX}{code}"


@cache
def _read(named: str) -> Mapping[str, str]:
    try:
        return msgspec.json.decode(Path(named).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError) as error:
        raise LabError(f"{named} (named by {NAMED_BY}) holds no keys: {error}") from error
