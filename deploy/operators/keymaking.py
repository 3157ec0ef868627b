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


def make(directory: Path, body: reference.Reference) -> int:
    """Writes `keys.json` (what MOTCUA_KEYS_FILE names) and `keys.plain.json` (name -> key, for the operator's eyes alone);
    the keys that services themselves show stand in files of their own beside it, `operator.key` and `every-centre.key`.

    Returns how many keys were made: 0 when the directory has its keys already, which are never touched.
    OperatorError when the directory cannot be written to.
    """
    if (directory / HASHED).exists():
        return 0
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
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # The plain ones first: hashed keys whose plain form nobody has would shut everybody out.
        _write(directory / PLAIN, _json(plain), 0o600)
        for name in (OPERATOR, EVERY_CENTRE):
            _write(directory / f"{name}.key", f"{plain[name]}\n".encode(), 0o600)
        _write(directory / HASHED, _json({"keys": entries}), 0o640)
    except OSError as error:
        raise OperatorError(f"the keys cannot be written into {directory}: {error.strerror}") from error
    return len(plain)


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
