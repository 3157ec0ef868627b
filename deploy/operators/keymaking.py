"""Keys for a new province: random ones for the operator and each body, hashed for services, plain to be handed out."""

import os
import secrets
from hashlib import sha256
from pathlib import Path

import msgspec

from contracts import reference
from deploy.operators.errors import OperatorError

KEY_BYTES = 24
HASHED, PLAIN = "keys.json", "keys.plain.json"
OPERATOR = "operator"
# Speaks for every code: for an edge that serves them all, and for whoever sends other centres' events again.
EVERY_CENTRE = "every-centre"
_SHOWN = (OPERATOR, EVERY_CENTRE)


def make(directory: Path, body: reference.Reference, plain_into: Path | None = None, edge_into: Path | None = None) -> int:
    """Writes `keys.json` (what MOTCUA_KEYS_FILE names) and `keys.plain.json` (name -> key, for the operator's eyes alone);
    the keys that services themselves show stand in files of their own beside it, `operator.key` and `every-centre.key`.

    Plain ones go into a directory of their own where one is named; an edge that must not see the others gets a copy of its
    own, for as long as the key lies there. Returns how many keys were made: 0 when there are keys already, which never
    change. OperatorError when a directory cannot be written to, or two of a plain file differ.
    """
    beside = plain_into or directory
    try:
        made = 0
        if (directory / HASHED).exists():
            _part(directory, beside)
        else:
            made = _make(directory, body, beside)
        if edge_into is not None:
            _copy(beside / f"{EVERY_CENTRE}.key", edge_into)
        return made
    except OSError as error:
        raise OperatorError(f"the keys cannot be written into {error.filename or directory}: {error.strerror}") from error


def _make(directory: Path, body: reference.Reference, beside: Path) -> int:
    codes = sorted(body.codes())
    plain = {name: secrets.token_urlsafe(KEY_BYTES) for name in (OPERATOR, EVERY_CENTRE, *codes)}
    speaks_for: dict[str, list[str]] = {OPERATOR: [], EVERY_CENTRE: codes}
    entries = [
        {
            "name": name,
            "sha256": sha256(key.encode()).hexdigest(),
            "codes": speaks_for.get(name, [name]),
            "operator": name == OPERATOR,
        }
        for name, key in plain.items()
    ]
    for each in (directory, beside):
        each.mkdir(parents=True, exist_ok=True)
    # The plain ones first: hashed keys whose plain form nobody has would shut everybody out.
    _write(beside / PLAIN, _json(plain), 0o600)
    for name in _SHOWN:
        _write(beside / f"{name}.key", f"{plain[name]}\n".encode(), 0o600)
    _write(directory / HASHED, _json({"keys": entries}), 0o640)
    return len(plain)


def _part(directory: Path, beside: Path) -> None:
    """Moves plain keys that a former release left beside the hashed ones; into another file system, so not by renaming.

    OperatorError names what stays there, as another one lies in its place: only people know which of them is in force.
    """
    differing = []
    for name in (PLAIN, *(f"{shown}.key" for shown in _SHOWN)):
        left, place = directory / name, beside / name
        if left == place or not left.exists():
            continue
        if not place.exists():
            beside.mkdir(parents=True, exist_ok=True)
            _write(place, left.read_bytes(), 0o600)
        if place.read_bytes() == left.read_bytes():
            left.unlink()
        else:
            differing.append(name)
    if differing:
        raise OperatorError(
            f"{', '.join(differing)} in {directory} and in {beside} are not the same: keep the one in force in {beside}, "
            f"and remove what {directory} has, which every service can read (docs/OPERATIONS.md, Upgrade)."
        )


def _copy(key: Path, into: Path) -> None:
    """Also one that was exchanged; and none any more of one that was taken away."""
    place = into / key.name
    if not key.exists():
        place.unlink(missing_ok=True)
    elif not (place.exists() and place.read_bytes() == key.read_bytes()):
        into.mkdir(parents=True, exist_ok=True)
        _write(place, key.read_bytes(), 0o600)


def _json(content: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"


def _write(path: Path, content: bytes, mode: int) -> None:
    part = path.with_suffix(".part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
