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


def make(directory: Path, body: reference.Reference) -> int:
    """Writes `keys.json` (what MOTCUA_KEYS_FILE names) and `keys.plain.json` (name -> key, for the operator's eyes alone).

    Returns how many keys were made: 0 when the directory has its keys already, which are never touched.
    OperatorError when the directory cannot be written to.
    """
    if (directory / HASHED).exists():
        return 0
    codes = sorted(body.codes())
    plain = {name: secrets.token_urlsafe(KEY_BYTES) for name in ("operator", *codes)}
    entries = [
        {
            "name": name,
            "sha256": sha256(key.encode()).hexdigest(),
            "codes": [] if name == "operator" else [name],
            "operator": name == "operator",
        }
        for name, key in plain.items()
    ]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # The plain ones first: hashed keys whose plain form nobody has would shut everybody out.
        _write(directory / PLAIN, plain, 0o600)
        _write(directory / HASHED, {"keys": entries}, 0o640)
    except OSError as error:
        raise OperatorError(f"the keys cannot be written into {directory}: {error.strerror}") from error
    return len(plain)


def _write(path: Path, content: object, mode: int) -> None:
    part = path.with_suffix(".part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
