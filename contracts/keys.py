"""Who may speak: hashed bearer keys, the unit codes each speaks for, and the file that they are read from."""

import hmac
import logging
import re
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta, Struct

DEV_PREFIX = "dev-"
DEV_OPERATOR = "dev-operator"
DEV_EDGE = "dev-edge"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
FILE_BYTES_MAX = 4 * 1024 * 1024
KEYS_MAX = 10_000

KEY = re.compile(r"[!-~]{1,512}", re.ASCII)
_FORM = '{"keys": [{"name", "sha256", "codes", "operator"}]}'
# Anchored at the end: what is in the file may hold a path of its own.
_MEMBER = re.compile(r" - at `\$\.(name|sha256|codes|operator)\b[^`]*`\Z")
_BEARER = re.compile(rf" *bearer +({KEY.pattern}) *", re.ASCII | re.IGNORECASE)
_log = logging.getLogger(__name__)


class KeySettingsError(ValueError):
    """The settings about keys contradict each other: correct them and start again."""


class UnreadableKeysError(ValueError):
    """The keys file cannot be used as it is: correct the file; the keys read before stay in force."""


class Key(Struct, frozen=True):
    """One holder of a key; its `name` is all that logs and labels may ever show of it."""

    name: str
    codes: frozenset[str] = frozenset()
    operator: bool = False

    def speaks_for(self, code: str) -> bool:
        """Whether this key is registered for a unit or department code; being the operator's alone allows none."""
        return code in self.codes


class KeyRing(Struct, frozen=True):
    """Every key known at one moment, by the SHA-256 of the key."""

    by_digest: dict[bytes, Key]

    def holder(self, authorization: str | None) -> Key | None:
        """Whose key an `Authorization` header carries, or None; every known key is compared, whichever fits."""
        if authorization is None or (found := _BEARER.fullmatch(authorization)) is None:
            return None
        sent = sha256(found[1].encode()).digest()
        holder: Key | None = None
        for digest, key in self.by_digest.items():
            if hmac.compare_digest(digest, sent):
                holder = key
        return holder


class KeySource(Protocol):
    """Where keys come from; `fault` says in one sentence what is wrong with it, None when nothing is."""

    fault: str | None

    def ring(self) -> KeyRing:
        """The keys in force now; must not raise and must not block for longer than reading a small file."""


class FixedKeys:
    """Keys that never change while the process lives."""

    def __init__(self, ring: KeyRing, fault: str | None = None) -> None:
        self._ring = ring
        self.fault = fault

    def ring(self) -> KeyRing:
        return self._ring


class KeysFile:
    """The keys file, read again when it changes; a broken one keeps the former keys and shows in `fault`."""

    def __init__(self, path: Path, recheck_seconds: float = 1.0, clock: Callable[[], float] = monotonic) -> None:
        self.fault: str | None = None
        self._path = path
        self._recheck_seconds = recheck_seconds
        self._clock = clock
        self._ring = KeyRing({})
        self._seen: tuple[int, int, int] | None = None
        self._look_again_at = float("-inf")

    def ring(self) -> KeyRing:
        if (now := self._clock()) >= self._look_again_at:
            self._look_again_at = now + self._recheck_seconds
            self._look()
        return self._ring

    def _look(self) -> None:
        try:
            found = self._path.stat()
            seen = (found.st_mtime_ns, found.st_size, found.st_ino)
            if seen == self._seen and self.fault is None:
                return
            self._ring = read_keys(self._path)
        except (OSError, UnreadableKeysError) as error:
            self._break(error.strerror or "unreadable" if isinstance(error, OSError) else str(error))
        else:
            self._seen, self.fault = seen, None
            _log.info("keys file read: %d keys", len(self._ring.by_digest))

    def _break(self, why: str) -> None:
        kept = f"{len(self._ring.by_digest)} keys read before stay in force"
        fault = f"the keys file {self._path.name} cannot be used ({why}); {kept}"
        if fault != self.fault:
            _log.error("%s", fault)
        self.fault = fault


class _Entry(Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$(?!\n)")]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{64}$(?!\n)")]
    codes: list[Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,32}$(?!\n)")]] = []
    operator: bool = False


class _Entries(Struct, frozen=True):
    keys: list[msgspec.Raw]


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    keys: Annotated[list[_Entry], Meta(max_length=KEYS_MAX)]


def open_keys(keys_file: Path | None, dev_keys: bool, host: str, codes: Iterable[str]) -> KeySource:
    """Keys as the settings want them; `codes` are all units and departments of the reference data."""
    if dev_keys and keys_file is not None:
        raise KeySettingsError("MOTCUA_DEV_KEYS=1 and MOTCUA_KEYS_FILE exclude each other: unset one of them")
    if dev_keys and host not in LOOPBACK_HOSTS:
        raise KeySettingsError("MOTCUA_DEV_KEYS=1 is for 127.0.0.1 alone: set MOTCUA_HOST=127.0.0.1 or use MOTCUA_KEYS_FILE")
    if dev_keys:
        return FixedKeys(development_keys(codes))
    if keys_file is None:
        return FixedKeys(KeyRing({}), fault="no key is known: set MOTCUA_KEYS_FILE")
    return KeysFile(keys_file)


def development_keys(codes: Iterable[str]) -> KeyRing:
    """`dev-<code>` for each code, `dev-edge` for all of them, `dev-operator`: for a stack on one machine, where nothing is
    secret."""
    known = frozenset(codes)
    keys = [Key(f"{DEV_PREFIX}{code}", frozenset({code})) for code in known]
    others = (Key(DEV_EDGE, known), Key(DEV_OPERATOR, operator=True))
    return KeyRing({_digest(key.name): key for key in (*keys, *others)})


def read_keys(path: Path) -> KeyRing:
    """The keys of a file; UnreadableKeysError, which quotes nothing of it, when it is not as it must be."""
    with path.open("rb") as file:
        text = file.read(FILE_BYTES_MAX + 1)
    if len(text) > FILE_BYTES_MAX:
        raise UnreadableKeysError(f"it is larger than {FILE_BYTES_MAX} bytes")
    try:
        entries = msgspec.json.decode(text, type=_File).keys
    except msgspec.ValidationError as error:
        raise UnreadableKeysError(f"{_misfit(text)}, in {_FORM}") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableKeysError(f"it is not JSON of the form {_FORM}") from error
    ring = {bytes.fromhex(entry.sha256): Key(entry.name, frozenset(entry.codes), entry.operator) for entry in entries}
    if len(ring) != len(entries) or len({entry.name for entry in entries}) != len(entries):
        raise UnreadableKeysError("a key or a name stands in it twice")
    return KeyRing(ring)


def _misfit(text: bytes) -> str:
    """Which entry is wrong, and which member where that is known: what stands there is not repeated."""
    try:
        for number, raw in enumerate(msgspec.json.decode(text, type=_Entries).keys, 1):
            try:
                msgspec.json.decode(raw, type=_Entry)
            except msgspec.ValidationError as error:
                return f"entry {number} is not as it must be" + _wanted(str(error))
    except (ValueError, RecursionError):
        pass
    return "it has other members"


def _wanted(told: str) -> str:
    if (found := _MEMBER.search(told)) is None:
        return ""
    return f" (`{found[1]}`{': the SHA-256 of a key, 64 hexadecimal digits' if found[1] == 'sha256' else ''})"


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()
