"""The rules that were ever published: bodies of reference.data, compiled once for each digest."""

import time

import msgspec

from contracts import reference, topics
from services.processing.domain.rules import Rules
from services.processing.errors import MisconfiguredError
from services.processing.log.reading import Reader

COMPILED_MAX = 32
LOOK_AGAIN_SECONDS = 1.0


class RulesShelf:
    """Rules by digest: the same object for the same digest, for whoever asks."""

    def __init__(self, reader: Reader, patience_seconds: float) -> None:
        self._reader = reader
        self._patience_seconds = patience_seconds
        self._compiled: dict[str, Rules] = {}

    def get(self, digest: str) -> Rules:
        """The rules of a digest; MisconfiguredError when its body has not appeared within a bounded wait."""
        found = self._compiled.get(digest)
        return self._fetch(digest) if found is None else found

    def _fetch(self, digest: str) -> Rules:
        deadline = time.monotonic() + self._patience_seconds
        while (body := self._published(digest)) is None:
            if time.monotonic() > deadline:
                raise MisconfiguredError(
                    f"rules {digest} are in force, and their body is not in {topics.REFERENCE.name}: publish it"
                )
            time.sleep(LOOK_AGAIN_SECONDS)
        if len(self._compiled) >= COMPILED_MAX:
            del self._compiled[next(iter(self._compiled))]
        rules = self._compiled[digest] = self._compile(digest, body)
        return rules

    def _compile(self, digest: str, body: bytes) -> Rules:
        if reference.digest(body) != digest:
            raise MisconfiguredError(f"the body under {digest} in {topics.REFERENCE.name} is another one: publish it again")
        try:
            return Rules.compile(digest, reference.decode(body))
        except (msgspec.MsgspecError, KeyError, ValueError) as error:
            raise MisconfiguredError(
                f"rules {digest} cannot be compiled by this version ({type(error).__name__}): use a newer one"
            ) from error

    def _published(self, digest: str) -> bytes | None:
        name = topics.REFERENCE.name
        bounds = self._reader.bounds([name], [0])[name, 0]
        found: bytes | None = None
        for record in self._reader.run(name, 0, bounds.first, bounds.end):
            if record.key == digest.encode() and record.value is not None:
                found = record.value
        return found
