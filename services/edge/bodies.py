"""Bodies off the wire: the media types of the contract, unpacked, within their bounds of bytes and seconds."""

import asyncio
import zlib
from email.message import Message as Header
from functools import lru_cache

import msgspec
from msgspec import Raw
from starlette.requests import ClientDisconnect, Request

from contracts.face.problems import ProblemError

ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
_GZIP_WINDOW = 31
HEADER_CHARS_MAX = 256
_UTF8 = ("utf-8", "utf8", "us-ascii")
_NOT_GZIP = "the body is not one whole gzip member"


def media_type(request: Request) -> str:
    """ONE or BATCH; a `charset` must be UTF-8, other parameters do not matter."""
    sent = request.headers.getlist("content-type")
    if len(sent) != 1 or (found := _taken(sent[0][:HEADER_CHARS_MAX])) is None:
        accepted = {"Accept-Post": f"{ONE}, {BATCH}"}
        raise ProblemError(415, "wrong_media_type", f"send {ONE} or {BATCH} in UTF-8", headers=accepted)
    return found


async def read_body(request: Request, bytes_max: int, seconds: float) -> bytes:
    """The whole body, unpacked; ProblemError when it is too large, too slow, packed in a way not known, or broken."""
    unpacking = _Unpacking(bytes_max) if _is_packed(request) else None
    too_large = ProblemError(413, "body_too_large", f"a body has at most {bytes_max} bytes, unpacked")
    parts: list[bytes] = []
    size = packed_size = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                part = chunk if unpacking is None else unpacking.feed(chunk)
                size, packed_size = size + len(part), packed_size + len(chunk)
                if max(size, packed_size) > bytes_max:
                    raise too_large
                parts.append(part)
    except TimeoutError as error:
        detail = f"the body did not arrive within {seconds:g} seconds: send smaller ones"
        close = {"Connection": "close"}
        raise ProblemError(503, "body_too_slow", detail, retry_after_seconds=1, headers=close) from error
    except ClientDisconnect as error:
        raise ProblemError(400, "body_cut", "the connection was closed before the body's end") from error
    if unpacking is not None and not unpacking.complete:
        raise ProblemError(400, "broken_gzip", _NOT_GZIP)
    return b"".join(parts)


def items(kind: str, body: bytes, events_max: int) -> list[bytes | Raw]:
    """The events of a body, each still unread; ProblemError when the body as a whole is none."""
    try:
        body.decode()
        msgspec.json.decode(body, type=Raw)
    except (ValueError, RecursionError) as error:
        raise ProblemError(400, "unreadable", "the body is not JSON in UTF-8") from error
    if kind == ONE:
        return [body]
    try:
        found: list[bytes | Raw] = msgspec.json.decode(body, type=list[Raw])
    except msgspec.ValidationError as error:
        raise ProblemError(400, "invalid_body", "a batch is a JSON array") from error
    if len(found) > events_max:
        raise ProblemError(413, "batch_too_large", f"a batch has at most {events_max} events")
    return found


@lru_cache(maxsize=64)
def _taken(sent: str) -> str | None:
    header = Header()
    header["content-type"] = sent
    found = header.get_content_type()
    return found if found in (ONE, BATCH) and str(header.get_param("charset", "utf-8")).lower() in _UTF8 else None


def _is_packed(request: Request) -> bool:
    codings = [part.strip().lower() for line in request.headers.getlist("content-encoding") for part in line.split(",")]
    codings = [coding for coding in codings if coding not in ("", "identity")]
    if codings in ([], ["gzip"], ["x-gzip"]):
        return bool(codings)
    detail = "a body is packed with gzip, once, or not at all"
    raise ProblemError(415, "wrong_encoding", detail, headers={"Accept-Encoding": "gzip"})


class _Unpacking:
    """One gzip member, of which never more than `bytes_max` + 1 bytes are made; a second one is refused."""

    def __init__(self, bytes_max: int) -> None:
        self._inflater = zlib.decompressobj(_GZIP_WINDOW)
        self._left = bytes_max + 1

    @property
    def complete(self) -> bool:
        return self._inflater.eof

    def feed(self, chunk: bytes) -> bytes:
        if not chunk or self._left <= 0:
            return b""
        behind_the_end = self._inflater.eof
        try:
            part = b"" if behind_the_end else self._inflater.decompress(chunk, self._left)
        except zlib.error as error:
            raise ProblemError(400, "broken_gzip", _NOT_GZIP) from error
        if behind_the_end or self._inflater.unused_data:
            raise ProblemError(400, "broken_gzip", _NOT_GZIP)
        self._left -= len(part)
        return part
