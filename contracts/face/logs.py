"""Logs: every record of a process is one line of JSON on stderr, and nothing personal and no key is in it."""

import copy
import faulthandler
import logging
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final, Literal, TextIO

import msgspec
from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pythonjsonlogger.core import RESERVED_ATTRS, LogData
from pythonjsonlogger.msgspec import MsgspecFormatter

from contracts import instants
from contracts.face import guarded, said, tracing
from contracts.face.sparing import Sparingly

# One sender at fault must not fill the disk with lines about its events.
EVENT_LINES_PER_SECOND: Final = 20.0
EVENT_LINES_BURST: Final = 200.0
# A collector that is away is no news every second.
EXPORTER_AGAIN_SECONDS: Final = 60.0
# What uvicorn writes of a connection that speaks no HTTP, or another one: whoever reaches the port can cause it.
STRANGERS: Final = ("Invalid HTTP request", "Unsupported upgrade request", "No supported WebSocket library")
STRANGERS_AGAIN_SECONDS: Final = 60.0
# What is no field of ours: Python's own attributes, uvicorn's coloured copy of its message, Faust's of its arguments.
_NOT_GIVEN: Final = frozenset((*RESERVED_ATTRS, "taskName", "color_message", "data", "stacklevel"))
_HEAD: Final = ("time", "level", "service", "logger", "message")
_log = logging.getLogger(__name__)


class LogSettings(BaseSettings):
    """How every process writes its log."""

    model_config = SettingsConfigDict(env_prefix="MOTCUA_", env_ignore_empty=True, extra="ignore", frozen=True)

    log_format: Literal["json", "text"] = "json"
    # `debug` adds a line for each event at each stage, from our own code alone.
    log_level: Literal["debug", "info", "warning"] = "info"


@contextmanager
def begun(service: str) -> Iterator[None]:
    """A process from its first line to its last words: also what it says when it refuses to start or breaks is one line.

    Only where a library's native code crashes no line can be written: then the places of all threads stand there.
    """
    with suppress(OSError, RuntimeError, ValueError):  # a process whose stderr is closed runs all the same
        faulthandler.enable()
    try:
        settings = LogSettings()
    except ValidationError as error:
        sys.exit(f"{service} cannot start: {misfits(error)}")
    write(service, settings)
    tracing.begin(service)
    try:
        yield
    except SystemExit as ended:
        if isinstance(ended.code, str):
            _log.critical("%s", ended.code)
            raise SystemExit(1) from ended
        raise
    except ValidationError as error:
        _log.critical("%s cannot start: %s", service, misfits(error))
        raise SystemExit(1) from error
    except Exception as error:
        _log.critical("ended by an error that nobody foresaw", exc_info=error)
        raise SystemExit(1) from error


def misfits(error: ValidationError) -> str:
    """Which settings have a value that cannot be, and what would be one; the values themselves are not told."""
    return ", ".join(f"MOTCUA_{'.'.join(map(str, each['loc'])).upper()} ({each['msg']})" for each in error.errors())


def write(service: str, settings: LogSettings) -> None:
    """From here on whatever is logged in this process is written so."""
    handler = Stderr()
    handler.setFormatter(OneLine(service) if settings.log_format == "json" else Readable(service))
    handler.addFilter(Budget(EVENT_LINES_PER_SECOND, EVENT_LINES_BURST))
    handler.addFilter(Sparingly(("opentelemetry",), EXPORTER_AGAIN_SECONDS))
    handler.addFilter(Sparingly(("uvicorn",), STRANGERS_AGAIN_SECONDS, STRANGERS))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    for ours in ("contracts", "services"):
        logging.getLogger(ours).setLevel(level)
    # Whatever Python itself would print to stderr is a line, too.
    logging.captureWarnings(True)
    threading.excepthook = _thread_ended
    sys.unraisablehook = _unraisable


def about(source: str | None, event_id: str | None, **fields: Any) -> dict[str, Any]:
    """The fields of a line about one event, for `extra=`: by these it is found again in every service's log."""
    return {"event_source": source, "event_id": event_id, **fields}


class Stderr(logging.StreamHandler[TextIO]):
    """Writes lines; a record that cannot be formatted is told without its words, where logging would print them all."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name for it
        """The line in its place."""
        told = logging.LogRecord(record.name, record.levelno, "", 0, "a record that cannot be written", None, sys.exc_info())
        with suppress(Exception):
            self.stream.write(self.format(told) + self.terminator)
            self.flush()


class OneLine(MsgspecFormatter):
    """A record as one JSON object: time, level, service, logger, message, the allowed fields, the exception."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        safe = copy.copy(record)
        # A cached traceback would be one with values in it.
        safe.exc_text = safe.stack_info = None
        safe.msg = _safe(record.msg)
        if isinstance(record.args, tuple):
            safe.args = tuple(map(_safe, record.args))
        return super().format(safe)

    def formatException(self, ei: Any) -> Any:  # noqa: N802  # logging's name for it
        """The exception as one value."""
        return said.whole(ei[1]) if ei[1] is not None else None

    def add_fields(self, log_data: LogData, record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """What stands in the line, and nothing beside it: of a dict that was logged as a message nothing is taken."""
        log_data |= {
            "time": instants.show(int(record.created * instants.SECOND)),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": guarded.text(_words(record)),
            **guarded.fields({name: value for name, value in vars(record).items() if name not in _NOT_GIVEN}),
            **tracing.place(),
        }
        if told := message_dict.get("exc_info"):
            log_data["exception"] = told


class Readable(OneLine):
    """The same for eyes."""

    def jsonify_log_record(self, log_data: LogData) -> str:
        """The line."""
        return shown(log_data)


class Budget(logging.Filter):
    """Lines about single events, so many a second; the next line that passes says how many were left out."""

    def __init__(self, per_second: float, burst: float) -> None:
        super().__init__()
        self._per_second, self._burst = per_second, burst
        self._left, self._at, self._left_out = burst, time.monotonic(), 0
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written. Of an event without an id, too; what is a warning is never left out."""
        if record.levelno != logging.INFO or not hasattr(record, "event_id"):
            return True
        with self._lock:
            now = time.monotonic()
            self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
            self._at = now
            if self._left < 1:
                self._left_out += 1
                return False
            self._left -= 1
            if self._left_out:
                vars(record)["left_out"], self._left_out = self._left_out, 0
        return True


def readable(line: str) -> str:
    """A line of a log for eyes; what is no JSON of ours stays as it is."""
    told = _told(line)
    return line if told is None else shown(told)


def sentence(line: str) -> str:
    """What a line of a log says."""
    told = _told(line)
    return line if told is None else str(told["message"])


def shown(told: Mapping[str, Any]) -> str:
    """A line's members on one line for eyes."""
    clock = str(told["time"])[:23].replace("T", " ").removesuffix("+07:00")
    words = str(told["message"]).replace("\n", " | ")
    rest = [f"{name}={_inline(value)}" for name, value in told.items() if name not in _HEAD]
    return " ".join([f"{clock:<23} {told['level']:<8} {told['logger']}: {words}", *rest])


def _told(line: str) -> dict[str, Any] | None:
    try:
        told = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return told if told.keys() >= set(_HEAD) else None


def _inline(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _words(record: logging.LogRecord) -> str:
    """asyncio goes on with the repr of a task, in which its exception stands with all its words."""
    words = record.message.strip()
    return words.partition("\n")[0] if record.name == "asyncio" else words


def _thread_ended(args: threading.ExceptHookArgs) -> None:
    _log.critical("a thread ended by an error that nobody foresaw", exc_info=args.exc_value)


def _unraisable(args: "sys.UnraisableHookArgs") -> None:
    _log.error("an error where none can be raised", exc_info=args.exc_value)


def _safe(given: Any) -> Any:
    """An exception in a message would say more than it may."""
    return _Words(said.short(given)) if isinstance(given, BaseException) else given


class _Words(str):
    """Reads the same by %s and %r."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)
