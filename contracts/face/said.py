"""An exception as one value: what it is, where it came from, and its words only where they quote nothing that was sent."""

import sys
from pathlib import Path
from traceback import extract_tb
from types import TracebackType
from typing import Any, Final

from contracts.face import guarded

FRAMES_MAX: Final = 20
CAUSES_MAX: Final = 5
_HERE: Final = Path(__file__).resolve().parents[2]
# Errors of ours never quote a value, those of clients speak of connections, these of Python of names in the code. All others
# (a ValueError, a KeyError) may quote whatever they were given: of them the kind and the place are told.
_PLAIN: Final = (OSError, NameError, ImportError, AttributeError)
_OURS: Final = frozenset({"contracts", "services", "deploy"})
_CLIENTS: Final = frozenset(
    {"aiohttp", "aiokafka", "cimpl", "confluent_kafka", "faust", "mode", "redis", "requests", "sqlite3", "urllib3"}
)


def whole(error: BaseException, depth: int = 0) -> dict[str, Any]:
    """Everything that may be told of an exception, its causes within it."""
    told: dict[str, Any] = {"type": kind(error)}
    if words := _words(error):
        told["message"] = words
    if frames := _frames(error.__traceback__):
        told["frames"] = frames
    if depth < CAUSES_MAX:
        if isinstance(error, BaseExceptionGroup):
            told["among"] = [whole(each, depth + 1) for each in error.exceptions[:CAUSES_MAX]]
        before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if before is not None:
            told["cause"] = whole(before, depth + 1)
    return told


def short(error: BaseException) -> str:
    """An exception within a sentence."""
    words = _words(error)
    if words and _package(error) in _OURS:
        # A sentence by itself.
        return words
    return f"{kind(error)}: {words}" if words else kind(error)


def kind(error: BaseException) -> str:
    """The name of its class, with the module unless that is Python's own."""
    cls = type(error)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _words(error: BaseException) -> str:
    if not isinstance(error, _PLAIN) and _package(error) not in _OURS | _CLIENTS:
        return ""
    return guarded.text(str(error))


def _package(error: BaseException) -> str:
    return type(error).__module__.partition(".")[0]


def _frames(trace: TracebackType | None) -> list[str]:
    """The places, outermost first, without a line of code: a line may hold a value."""
    return [f"{_place(frame.filename)}:{frame.lineno} {frame.name}" for frame in extract_tb(trace)[-FRAMES_MAX:]]


def _place(file: str) -> str:
    """A file without the directories of this machine."""
    path = Path(file)
    for root in (_HERE, *map(Path, sys.path)):
        if root.name and path.is_relative_to(root):
            return str(path.relative_to(root))
    return path.name
