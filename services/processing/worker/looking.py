"""The logs as a take-over finds them: who they are, where they end, what was sent last, the record that was read last."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from contracts import deadletters, lifecycle, topics
from contracts.asking import Bounds
from contracts.lifecycle import CHAIN_HEADER
from contracts.topics import REPORTED
from services.processing.domain.takeover import Tail
from services.processing.errors import UnavailableError
from services.processing.log.reading import Place, Reader
from services.processing.log.records import Record
from services.processing.store.store import Held, Identity

# Two owners may have sent side by side for a moment: then the highest record is not the last, but not far from it.
LOOK_BACK_RECORDS: Final = 100_000


class Outlets(NamedTuple):
    """The topics that a generation sends to."""

    lifecycle: str
    rejected: str


class Found(NamedTuple):
    """What the logs of one partition say; `tail` is None when what was sent cannot be read at all."""

    reported_end: int
    is_same: bool
    tail: Tail | None


class Logs(NamedTuple):
    """What the logs of some partitions say."""

    cluster: str
    topic: str
    of: Mapping[int, Found]


def look(reader: Reader, gen: int, held: Iterable[Held]) -> Logs:
    """Read after the partitions were acquired, so that nothing which was stored before can be missing from what was sent."""
    partitions = {each.partition: each for each in held}
    outlets = Outlets(topics.lifecycle(gen).name, topics.rejected(gen).name)
    # What was sent is looked at first: a former owner that still sends must not seem to be ahead of the archive.
    bounds = reader.bounds(outlets, sorted(partitions)) | reader.bounds((REPORTED.name,), sorted(partitions))
    cluster, topic = reader.cluster(), reader.topic_id(REPORTED.name)
    records = reader.at(_places(outlets, partitions, bounds))
    found = {
        number: Found(
            reported_end=bounds[REPORTED.name, number].end,
            is_same=_is_same(each, cluster, topic, bounds, records),
            tail=_tail(reader, outlets, each, bounds, records),
        )
        for number, each in partitions.items()
    }
    return Logs(cluster, topic, found)


def _places(outlets: Outlets, partitions: Mapping[int, Held], bounds: Mapping[tuple[str, int], Bounds]) -> list[Place]:
    places = [
        Place(topic, number, bounds[topic, number].end - 1)
        for topic in outlets
        for number in partitions
        if bounds[topic, number].end > bounds[topic, number].first
    ]
    return places + [
        Place(REPORTED.name, number, each.identity.offset)
        for number, each in partitions.items()
        if each.identity is not None and _is_within(each.identity.offset, bounds[REPORTED.name, number])
    ]


def _is_within(offset: int, bounds: Bounds) -> bool:
    return bounds.first <= offset < bounds.end


def _is_same(
    held: Held, cluster: str, topic: str, bounds: Mapping[tuple[str, int], Bounds], records: Mapping[Place, Record]
) -> bool:
    """The record that was read last is read again: another cluster, topic or record is another log."""
    known: Identity | None = held.identity
    if bounds[REPORTED.name, held.partition].first != 0:
        return False
    if known is None:
        return held.position.offset == 0
    if (known.cluster, known.topic) != (cluster, topic):
        return False
    record = records.get(Place(REPORTED.name, held.partition, known.offset))
    return record is not None and record.digest() == known.digest


def _tail(
    reader: Reader, outlets: Outlets, held: Held, bounds: Mapping[tuple[str, int], Bounds], records: Mapping[Place, Record]
) -> Tail | None:
    lifecycle_end, rejected_end = (bounds[topic, held.partition] for topic in outlets)
    position = held.position
    try:
        sent = _sent(_last(outlets.lifecycle, held.partition, lifecycle_end, records))
        letter = _letter(_last(outlets.rejected, held.partition, rejected_end, records))
        if position.src is not None and sent is not None and sent[0] < position.src:
            sent = max(
                filter(None, map(_sent, _back(reader, outlets.lifecycle, held.partition, lifecycle_end))), default=sent
            )
        if position.letter_src is not None and letter is not None and letter < position.letter_src:
            letter = max(
                filter(None, map(_letter, _back(reader, outlets.rejected, held.partition, rejected_end))), default=letter
            )
    except (ValueError, KeyError):
        return None
    src, chain = (None, None) if sent is None else sent
    return Tail(src, chain, letter)


def _last(topic: str, partition: int, bounds: Bounds, records: Mapping[Place, Record]) -> Record | None:
    if bounds.end == bounds.first:
        return None
    record = records.get(Place(topic, partition, bounds.end - 1))
    if record is None:
        raise UnavailableError(f"the last record of {topic}[{partition}] could not be read")
    return record


def _back(reader: Reader, topic: str, partition: int, bounds: Bounds) -> Iterable[Record]:
    return reader.run(topic, partition, max(bounds.first, bounds.end - LOOK_BACK_RECORDS), bounds.end)


def _sent(record: Record | None) -> tuple[tuple[int, int], bytes] | None:
    if record is None:
        return None
    chain = next((text for name, text in record.headers if name == CHAIN_HEADER), None)
    return lifecycle.decode(record.value or b"").src, bytes.fromhex((chain or b"").decode())


def _letter(record: Record | None) -> deadletters.Src | None:
    return None if record is None else deadletters.from_record(record.key, record.value, record.headers).src
