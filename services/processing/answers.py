"""How dossiers stand by this code, for whoever compares two generations: `python -m services.processing.answers`.

A line of JSON comes in, {"partition", "codes", "full"}; a line goes out, {"at", "log_clock", "digest", "answers"}: for each
code the answer of `/v1/dossiers/{code}`, or a digest of it when `full` is false; null for none, "retired" for a stub.
"""

import hashlib
import sys
from typing import Any, Final

import msgspec
import redis
from msgspec import Struct

from services.processing.api import views
from services.processing.api.states import READ, position_of
from services.processing.domain import dossier as dossiers
from services.processing.domain.dossier import Dossier
from services.processing.errors import ProcessingError
from services.processing.log.reading import Reader
from services.processing.log.shelf import RulesShelf
from services.processing.settings import Settings
from services.processing.store import keys
from services.processing.store.store import connect

DIGEST_BYTES: Final = 12
CODES_MAX: Final = 5000
# The number of a generation is no part of how a dossier stands.
LEFT_OUT: Final = "gen"


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    """Some codes of a partition."""

    partition: int
    codes: tuple[str, ...]
    full: bool = False


class Told(Struct, frozen=True):
    """Their answers, as of one position; `at` is None where nothing is counted in."""

    at: str | None = None
    log_clock: int | None = None
    digest: str | None = None
    answers: dict[str, Any] = {}


def main() -> None:
    """Answers line by line until nothing more is asked; 1 with a sentence when Redis or Kafka does not say."""
    settings = Settings()
    client = connect(settings.redis_url, settings.processing_call_seconds)
    reader = Reader(settings.bootstrap, settings.processing_call_seconds)
    shelf = RulesShelf(reader, settings.processing_patience_seconds)
    try:
        for line in sys.stdin.buffer:
            told = _told(client, shelf, settings.generation, msgspec.json.decode(line, type=Asked))
            sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
            sys.stdout.buffer.flush()
    except (redis.RedisError, ProcessingError, msgspec.MsgspecError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    finally:
        reader.close()


def _told(client: "redis.Redis", shelf: RulesShelf, gen: int, asked: Asked) -> Told:
    codes = asked.codes[:CODES_MAX]
    names = [keys.position(asked.partition, gen), *(keys.dossier(asked.partition, code, gen) for code in codes)]
    at, packed, writer, states = client.eval_ro(READ, len(names), *names)
    position = position_of(at, packed, writer, gen)
    if position is None or position.digest is None:
        return Told()
    rules = shelf.get(position.digest)
    answers: dict[str, Any] = {}
    for code, state in zip(codes, states, strict=True):
        found = None if state is None else dossiers.decode(code, state)
        if isinstance(found, Dossier):
            answer = views.dossier_answer((found, position.log_clock, rules))
            answer.pop(LEFT_OUT)
            answers[code] = answer if asked.full else _digest(answer)
        else:
            answers[code] = None if found is None else "retired"
    return Told(f"{position.offset}.{position.index}", position.log_clock, position.digest, answers)


def _digest(answer: dict[str, Any]) -> str:
    return hashlib.blake2b(msgspec.json.encode(answer), digest_size=DIGEST_BYTES).hexdigest()


if __name__ == "__main__":
    main()
