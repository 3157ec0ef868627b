"""Events carried by hand: one signed file of what an outbox has not sent, for a day without any line.

A header line, one event a line, a closing line, which signs (Ed25519) the SHA-256 of all bytes before it. The city
knows the public key of each outbox and the codes that it speaks for, so the file needs no secret on its way.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from contracts.events import code_of, is_source

FORMAT: Final = "motcua.carried.v1"
LINE_BYTES_MAX: Final = 128 * 1024
EVENTS_MAX: Final = 5_000_000
TRUST_BYTES_MAX: Final = 4 * 1024 * 1024
_DOMAIN: Final = FORMAT.encode() + b"\0"


class CarriedError(ValueError):
    """The file cannot be taken: not of this form, cut short, altered, or signed by nobody who may."""


class Header(Struct, frozen=True, forbid_unknown_fields=True):
    """Who wrote it, when (RFC 3339), and by which key (32 bytes in base64)."""

    format: str
    incarnation: str
    made_at: str
    public_key: str


class Closing(Struct, frozen=True, forbid_unknown_fields=True):
    """How many events there are, the digest of everything before this line, and the signature of that digest."""

    events: int
    sha256: str
    signature: str


class Trusted(Struct, frozen=True, forbid_unknown_fields=True):
    """A public key and the codes that it speaks for."""

    name: str
    public_key: str
    codes: frozenset[str]


class Trust(Struct, frozen=True, forbid_unknown_fields=True):
    """The keys file of the city: whose files are taken."""

    keys: tuple[Trusted, ...]


class _Named(Struct):
    source: str


def write(file: BinaryIO, key: Ed25519PrivateKey, incarnation: str, made_at: str, events: Iterable[bytes]) -> int:
    """Writes the whole file; how many events it holds. An event is its structured JSON."""
    digest, count = sha256(), 0

    def put(line: bytes) -> None:
        file.write(line)
        digest.update(line)

    put(msgspec.json.encode(Header(FORMAT, incarnation, made_at, public_text(key.public_key()))) + b"\n")
    for event in events:
        put(one_line(event) + b"\n")
        count += 1
    signature = key.sign(_DOMAIN + digest.digest())
    file.write(msgspec.json.encode(Closing(count, digest.hexdigest(), b64encode(signature).decode())) + b"\n")
    return count


def one_line(told: bytes) -> bytes:
    """JSON without a line break: one stands between members alone, never within a text."""
    return told.translate(_NO_BREAKS)


def verify(file: BinaryIO, trust: Trust) -> tuple[Header, Closing]:
    """Reads the file to its end; CarriedError unless it is whole, signed by a key of the trust, and each event's code is one
    that this key speaks for."""
    digest, count, pending = sha256(), 0, b""
    header: Header | None = None
    trusted: Trusted | None = None
    for line in _lines(file):
        if pending:
            digest.update(pending)
            if header is None:
                header = _header(pending)
                trusted = _whose(header, trust)
            else:
                assert trusted is not None, "set beside the header"
                count += 1
                _check_code(pending, trusted, count)
        pending = line
    if header is None or trusted is None:
        raise CarriedError("the file ends before its closing line")
    closing = _closing(pending)
    if closing.events != count or closing.sha256 != digest.hexdigest():
        raise CarriedError("the file was cut short or altered: its digest is another")
    try:
        public = Ed25519PublicKey.from_public_bytes(b64decode(trusted.public_key, validate=True))
        public.verify(b64decode(closing.signature, validate=True), _DOMAIN + digest.digest())
    except (InvalidSignature, ValueError) as error:
        raise CarriedError("the signature is not that of the key it names") from error
    return header, closing


def events(file: BinaryIO, closing: Closing) -> Iterator[bytes]:
    """The events of a file that was verified, in order; CarriedError at the end when it is another file by now.

    So the file must be one that nobody else can change: events are out before the end is reached.
    """
    digest = sha256()
    lines = _lines(file)
    digest.update(next(lines))
    for _ in range(closing.events):
        line = next(lines, b"")
        digest.update(line)
        yield line[:-1]
    if digest.hexdigest() != closing.sha256:
        raise CarriedError("the file was changed while it was read")


def source_of(event: bytes) -> str:
    """The `source` of an event in structured JSON; ValueError or RecursionError when it says none."""
    return msgspec.json.decode(event, type=_Named).source


def read_trust(path: Path) -> Trust:
    """The keys file; CarriedError or OSError when it is none."""
    raw = path.read_bytes()[: TRUST_BYTES_MAX + 1]
    try:
        return msgspec.json.decode(raw, type=Trust)
    except (ValueError, RecursionError) as error:
        raise CarriedError(f"{path} is no file of trusted keys") from error


def public_text(key: Ed25519PublicKey) -> str:
    """A public key as text."""
    return b64encode(key.public_bytes_raw()).decode()


_NO_BREAKS: Final = bytes.maketrans(b"\r\n", b"  ")


def _lines(file: BinaryIO) -> Iterator[bytes]:
    # Header, events, closing line.
    for _ in range(EVENTS_MAX + 2):
        line = file.readline(LINE_BYTES_MAX + 1)
        if not line:
            return
        if not line.endswith(b"\n"):
            raise CarriedError("the file ends within a line, or a line is too long")
        yield line
    if file.read(1):
        raise CarriedError(f"the file holds more than {EVENTS_MAX} events")


def _header(line: bytes) -> Header:
    try:
        header = msgspec.json.decode(line, type=Header)
    except (ValueError, RecursionError) as error:
        raise CarriedError("this is no file of carried events") from error
    if header.format != FORMAT:
        raise CarriedError("this is a file of another form")
    return header


def _closing(line: bytes) -> Closing:
    try:
        return msgspec.json.decode(line, type=Closing)
    except (ValueError, RecursionError) as error:
        raise CarriedError("the file has no closing line: it was cut short") from error


def _whose(header: Header, trust: Trust) -> Trusted:
    found = next((each for each in trust.keys if each.public_key == header.public_key), None)
    if found is None:
        raise CarriedError("the file is signed by a key that is not trusted here")
    return found


def _check_code(line: bytes, trusted: Trusted, number: int) -> None:
    try:
        source = source_of(line)
    except (ValueError, RecursionError) as error:
        raise CarriedError(f"event {number} is not readable") from error
    if not is_source(source) or code_of(source) not in trusted.codes:
        raise CarriedError(f"event {number} is of a unit for which this key does not speak")
