"""Bodies off the wire: the right media type, unpacked, within their bounds of bytes and seconds."""

import asyncio
import zlib
from collections.abc import Sequence
from email.message import Message as Header
from functools import lru_cache

from starlette.requests import ClientDisconnect, Request

from contracts.face.problems import ProblemError

ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
JSON = "application/json"
GZIP_WINDOW = 31
MEMBERS_MAX = 64
# Packing makes a little longer what it cannot make shorter: some bytes for each block, each member its own head and end.
PACKED_SHARE = 1000
PACKED_BYTES_MORE = 64 * 1024
HEADER_CHARS_MAX = 256
_UTF8 = frozenset({"utf-8", "utf8", "us-ascii"})


class SlowBodyError(ProblemError):
    """The body did not arrive in time: the line or whoever sends is slow, which is told as 503 so that it is sent again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            503, "body_too_slow", f"the body did not arrive within {seconds:g} seconds: send smaller ones",
            retry_after_seconds=1, headers={"Connection": "close"},
        )  # fmt: skip


def media_type(request: Request, accepted: Sequence[str]) -> str:
    """The media type of a body, one of `accepted`; a `charset` must be UTF-8, other parameters do not matter."""
    sent = request.headers.getlist("content-type")
    found = _in_utf8(sent[0][:HEADER_CHARS_MAX]) if len(sent) == 1 else None
    if found is None or found not in accepted:
        raise ProblemError(
            415, "wrong_media_type", f"send {' or '.join(accepted)} in UTF-8", headers={"Accept-Post": ", ".join(accepted)}
        )
    return found


async def read_body(request: Request, bytes_max: int, seconds: float) -> bytes:
    """The whole body, unpacked; ProblemError when it is too large, too slow, packed in a way not known, or broken."""
    packed = _is_packed(request)
    too_large = ProblemError(413, "body_too_large", f"a body has at most {bytes_max} bytes, unpacked")
    wire_max = bytes_max + bytes_max // PACKED_SHARE + PACKED_BYTES_MORE if packed else bytes_max
    if (length := request.headers.get("content-length", "0")).isdecimal() and int(length[:20]) > wire_max:
        raise too_large
    unpacking = _Unpacking(bytes_max) if packed else None
    parts: list[bytes] = []
    size = wire_size = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                wire_size += len(chunk)
                part = chunk if unpacking is None else unpacking.feed(chunk)
                size += len(part)
                if size > bytes_max or wire_size > wire_max:
                    raise too_large
                parts.append(part)
    except TimeoutError as error:
        raise SlowBodyError(seconds) from error
    except ClientDisconnect as error:
        raise ProblemError(400, "body_cut", "the connection was closed before the body's end") from error
    if unpacking is not None and not unpacking.complete:
        raise _broken_gzip()
    return b"".join(parts)


@lru_cache(maxsize=64)
def _in_utf8(sent: str) -> str | None:
    header = Header()
    header["content-type"] = sent
    return header.get_content_type() if str(header.get_param("charset", "utf-8")).lower() in _UTF8 else None


def _is_packed(request: Request) -> bool:
    codings = [part.strip().lower() for line in request.headers.getlist("content-encoding") for part in line.split(",")]
    codings = [coding for coding in codings if coding not in ("", "identity")]
    if not codings:
        return False
    if codings in (["gzip"], ["x-gzip"]):
        return True
    raise ProblemError(
        415, "wrong_encoding", "a body is packed with gzip, once, or not at all", headers={"Accept-Encoding": "gzip"}
    )


def _broken_gzip() -> ProblemError:
    return ProblemError(400, "broken_gzip", f"the body is not whole gzip of at most {MEMBERS_MAX} members")


class _Unpacking:
    """Inflates gzip piece by piece and never makes more than `bytes_max` + 1 bytes, whatever a bomb holds.

    It may have some members (RFC 1952, section 2.2), and not many: empty ones by the hundred thousand are a bomb of time.
    """

    def __init__(self, bytes_max: int) -> None:
        self._inflater = zlib.decompressobj(GZIP_WINDOW)
        self._left = bytes_max + 1
        self._members = 1

    @property
    def complete(self) -> bool:
        return self._inflater.eof

    def feed(self, chunk: bytes) -> bytes:
        parts = []
        while chunk and self._left > 0:
            if self._inflater.eof:
                self._members += 1
                if self._members > MEMBERS_MAX:
                    raise _broken_gzip()
                self._inflater = zlib.decompressobj(GZIP_WINDOW)
            try:
                part = self._inflater.decompress(chunk, self._left)
            except zlib.error as error:
                raise _broken_gzip() from error
            chunk = self._inflater.unused_data
            self._left -= len(part)
            parts.append(part)
        return b"".join(parts)
