"""Requests to intake: sent, answered and read within bounds of bytes and seconds, or named by what went wrong."""

import time
from email.utils import parsedate_to_datetime

import aiohttp
import msgspec
from msgspec import Struct

from services.edge.domain.health import clock_offset_seconds
from services.edge.domain.replies import Reply
from services.edge.settings import Settings

ANSWER_BYTES_MAX = 2 * 1024 * 1024
BATCH = "application/cloudevents-batch+json"
JSON = "application/json"
# The key does not speak for a unit: another one may.
NOT_ALLOWED = "unit_not_allowed"


class UnansweredError(Exception):
    """No answer came. `broke` says that a body was under way: a smaller one may get through."""

    def __init__(self, kind: str, broke: bool) -> None:
        super().__init__(kind)
        self.kind = kind
        self.broke = broke


class Answer(Struct, frozen=True):
    """What came back; `reply` is None when its body is nothing that intake would say."""

    status: int
    reply: Reply | None
    seconds: float
    retry_after_seconds: float | None
    clock_offset_seconds: float | None


class Intake:
    """Intake at the other end of the line; the key is read anew whenever it was refused, or opened too little."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._key: str | None = None
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Connects nothing yet."""
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(
                total=self._settings.edge_answer_seconds, sock_connect=self._settings.edge_connect_seconds
            ),
            connector=aiohttp.TCPConnector(limit=self._settings.edge_send_requests_max + 1),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, path: str, kind: str, body: bytes, packed: bool = False, traceparent: str | None = None) -> Answer:
        """One POST; UnansweredError when there was no answer, KeyFileError never: a missing key is a refused one."""
        assert self._session is not None, "open comes first"
        headers = {"Authorization": f"Bearer {self._shown_key()}", "Content-Type": kind}
        if packed:
            headers["Content-Encoding"] = "gzip"
        if traceparent is not None:
            headers["traceparent"] = traceparent
        asked_at, began = time.time(), time.monotonic()
        try:
            async with self._session.post(
                self._settings.intake_url + path, data=body, headers=headers, allow_redirects=False
            ) as answer:
                heard_at = time.time()
                reply = _reply(await _read(answer))
                if answer.status == 401 or _is_not_allowed(reply):
                    self._key = None
                return Answer(
                    answer.status, reply, time.monotonic() - began,
                    _retry_after(answer.headers.get("Retry-After"), heard_at),
                    _offset(answer.headers.get("Date"), asked_at, heard_at),
                )  # fmt: skip
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise UnansweredError("no_connection", broke=False) from error
        except TimeoutError as error:
            raise UnansweredError("no_answer_in_time", broke=True) from error
        except (aiohttp.ClientError, OSError) as error:
            raise UnansweredError("connection_lost", broke=True) from error

    def _shown_key(self) -> str:
        if self._key is None:
            try:
                self._key = self._settings.intake_key()
            except (OSError, ValueError) as error:
                raise UnansweredError("no_key", broke=False) from error
        return self._key


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in answer.content.iter_chunked(64 * 1024):
        size += len(part)
        if size > ANSWER_BYTES_MAX:
            return b""
        parts.append(part)
    return b"".join(parts)


def _is_not_allowed(reply: Reply | None) -> bool:
    if reply is None:
        return False
    return NOT_ALLOWED in (reply.code, *(item.code for item in reply.results or ()))


def _reply(raw: bytes) -> Reply | None:
    try:
        return msgspec.json.decode(raw, type=Reply)
    except (ValueError, RecursionError):
        return None


def _retry_after(text: str | None, now: float) -> float | None:
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    date = _date(text)
    return None if date is None else max(0.0, date - now)


def _offset(text: str | None, asked_at: float, heard_at: float) -> float | None:
    date = None if text is None else _date(text)
    return None if date is None else clock_offset_seconds(asked_at, heard_at, date)


def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
