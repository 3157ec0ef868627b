"""Which wire form of lifecycle records counts fastest: JSON or MessagePack, members or positions, in full or memoised."""

import argparse
import os
import sys
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import msgspec
from msgspec import Raw, Struct, defstruct, structs

from benchmarks import table
from benchmarks.lifecycle_fortnight import fortnight
from contracts.lifecycle import Entry, Lifecycle, Stand, Step

MEMO_PIECES = 65_536
BATCH_RECORDS = 2_000
# What a missing stand is where members may be left out, in JSON positions and in MessagePack positions.
ABSENT = frozenset((b"", b"null", b"\xc0"))
STOCK_OF_STATE = {
    1: (),
    2: ("in_processing",),
    4: ("in_processing",),
    5: ("supplement",),
    6: ("payment",),
    8: ("suspended",),
}

Counts = dict[str, int]
FLOWS: dict[tuple[str, str], dict[bytes, "Contribution"]] = {}


def main() -> None:
    """Print one row per form; every form must count the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dossiers", type=int, default=8_000)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    records = list(fortnight(wanted.dossiers))
    versions = f"Python {sys.version.split()[0]}, msgspec {msgspec.__version__}"
    print(f"{len(records)} records, {versions}, load {os.getloadavg()[0]:.2f}")
    print("| wire form | read as | bytes | bytes zipped | encode/s | decode/s | decode + count/s |")
    print("|---|---|---:|---:|---:|---:|---:|")
    oracle: Counts | None = None
    rates: dict[tuple[Any, bool, bool], float] = {}
    for protocol in (msgspec.json, msgspec.msgpack):
        for array_like in (False, True):
            for memoised in (False, True):
                counts, rates[protocol, array_like, memoised] = measure(
                    protocol, array_like, memoised, records, wanted.rounds
                )
                oracle = counts if oracle is None else oracle
                assert counts == oracle, "this form counts otherwise than the first"
    # The wire's own form, beside the same read in full and beside the densest.
    ours, full, densest = (
        rates[msgspec.json, False, True],
        rates[msgspec.json, False, False],
        rates[msgspec.msgpack, True, True],
    )
    table.row(
        "lifecycle records, JSON members, memoised pieces (`lifecycle_codec`)",
        f"{ours:,.0f} records/s decoded and counted",
        f"{full:,.0f}/s read as full Structs; {densest:,.0f}/s as MessagePack positions, memoised",
        f"{ours / full:.2f}; {ours / densest:.2f}",
    )


def measure(protocol: Any, array_like: bool, memoised: bool, records: list[Lifecycle], rounds: int) -> tuple[Counts, float]:
    """One row of the table, its counts and its rate of counting; figures are the best of `rounds`: the machine is shared."""
    written = shapes(array_like, raw=False)
    read = shapes(array_like, raw=memoised)
    encoder, decoder = protocol.Encoder(order="sorted"), protocol.Decoder(read)
    in_shape = [to_shape(written, record) for record in records]
    values = [encoder.encode(one) for one in in_shape]
    zipped = sum(len(zlib.compress(b"".join(values[at : at + 200]), 3)) for at in range(0, len(values), 200))
    encode_rate = rate(lambda: [encoder.encode(one) for one in in_shape], len(values), rounds)
    decode_rate = rate(lambda: [None for value in values if decoder.decode(value) is None], len(values), rounds)
    pieces = pieces_decoders(protocol, written)
    results: list[Counts] = []

    def run() -> None:
        FLOWS.clear()
        Contribution.made.clear()
        results.append(count_memoised(values, decoder, *pieces) if memoised else count_plainly(values, decoder))

    count_rate = rate(run, len(values), rounds)
    form = f"{protocol.__name__.split('.')[1]} {'positions' if array_like else 'members'}"
    size = sum(map(len, values)) / len(values)
    print(
        f"| {form} | {'memoised pieces' if memoised else 'full Structs'} | {size:.0f} | {zipped / len(values):.0f} "
        f"| {encode_rate:,.0f} | {decode_rate:,.0f} | {count_rate:,.0f} |"
    )
    return {key: number for key, number in results[0].items() if number}, count_rate


def rate(work: Callable[[], object], items: int, rounds: int) -> float:
    """Items per second of the fastest of `rounds` runs."""
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return items / best


# The forms: the same members, as objects or as arrays; an entry is [offset, what counts] in each.


def shapes(array_like: bool, raw: bool) -> Any:
    """The Struct of a lifecycle record in one wire form; `raw` leaves the pieces that count as undecoded bytes."""

    def copy(model: type[Struct], **changed: Any) -> Any:
        members: list[Any] = []
        for member in structs.fields(model):
            # `is` is what `now` is called on the wire; here the attribute's name will do.
            if member.name in changed:
                members.append((member.name, *changed[member.name]))
            elif member.default is not msgspec.NODEFAULT:
                members.append((member.name, member.type, member.default))
            elif member.default_factory is not msgspec.NODEFAULT:
                members.append((member.name, member.type, msgspec.field(default_factory=member.default_factory)))
            elif member.name != "offset":
                members.append((member.name, member.type))
        return defstruct(model.__name__, members, kw_only=True, omit_defaults=True, array_like=array_like)

    step, stand = copy(Step), copy(Stand)
    counted = copy(Entry, step=(step | None, None))
    piece, stand_piece = (Raw, (Raw, Raw(b""))) if raw else (counted, (stand | None, None))
    entry: Any = defstruct("Entry", [("offset", int), ("counted", piece)], array_like=True)
    entries: Any = (tuple.__class_getitem__((entry, ...)), ())
    return copy(Lifecycle, was=stand_piece, now=stand_piece, undone=entries, done=entries)


def to_shape(model: Any, record: Struct) -> Any:
    """The record in another wire form's Structs: member by member, as `convert` takes no array for an object."""
    kinds = {member.name: member.type for member in structs.fields(model)}
    plain = {}
    for name in kinds:
        value = getattr(record, name)
        if isinstance(value, tuple) and value and isinstance(value[0], Entry):
            entry = kinds[name].__args__[0]
            plain[name] = tuple(entry(one.offset, to_shape(structs.fields(entry)[1].type, one)) for one in value)
        elif isinstance(value, Struct):
            plain[name] = to_shape(kinds[name].__args__[0], value)
        else:
            plain[name] = value
    return model(**plain)


def pieces_decoders(protocol: Any, model: Any) -> tuple[Any, Any]:
    kinds = {member.name: member.type for member in structs.fields(model)}
    entry = kinds["done"].__args__[0]
    return protocol.Decoder(kinds["was"]), protocol.Decoder(structs.fields(entry)[1].type)


# Counting: under the receiver and under the competent body, as metrics does for its totals.


def count_plainly(values: list[bytes], decoder: Any) -> Counts:
    """Every record decoded in full, every key built anew."""
    counts: Counts = defaultdict(int)
    for value in values:
        record = decoder.decode(value)
        for stand, entries, sign in ((record.was, record.undone, -1), (record.now, record.done, 1)):
            if stand is None:
                continue
            for key in stocks(stand):
                counts[key] += sign
            for entry in entries:
                for key in flows(entry.counted, stand.receiver, stand.channel):
                    counts[key] += sign
    return counts


def count_memoised(values: list[bytes], decoder: Any, stand_decoder: Any, entry_decoder: Any) -> Counts:
    """Pieces looked up by their bytes and tallied; what a piece adds is added once for each batch."""
    counts: Counts = defaultdict(int)
    known: dict[bytes, Piece] = {}
    for at in range(0, len(values), BATCH_RECORDS):
        tally: dict[Contribution, int] = defaultdict(int)
        for value in values[at : at + BATCH_RECORDS]:
            record = decoder.decode(value)
            for raw, some, sign in ((record.was, record.undone, -1), (record.now, record.done, 1)):
                if (name := bytes(raw)) in ABSENT:
                    continue
                if (piece := known.get(name)) is None:
                    if len(known) >= MEMO_PIECES:
                        known.clear()
                    piece = known[name] = Piece(stand_decoder.decode(name))
                tally[piece.stock] += sign
                for entry in some:
                    tally[piece.flow(bytes(entry.counted), entry_decoder)] += sign
        for contribution, times in tally.items():
            if times:
                for key in contribution.keys:
                    counts[key] += times
    return counts


class Contribution:
    """What a piece adds; hashed by identity, as equal ones are made once."""

    __slots__ = ("keys",)
    made: ClassVar[dict[tuple[str, ...], "Contribution"]] = {}

    def __init__(self, keys: tuple[str, ...]) -> None:
        self.keys = keys

    @classmethod
    def of(cls, keys: Iterator[str]) -> "Contribution":
        names = tuple(keys)
        return cls.made.get(names) or cls.made.setdefault(names, cls(names))


class Piece:
    """A stand once decoded: its stocks, and what entries add that are counted under it."""

    __slots__ = ("channel", "flows", "receiver", "stock")

    def __init__(self, stand: Any) -> None:
        self.stock = Contribution.of(stocks(stand))
        self.receiver, self.channel = stand.receiver, stand.channel
        self.flows = FLOWS.setdefault((stand.receiver, stand.channel), {})

    def flow(self, name: bytes, decoder: Any) -> Contribution:
        if (known := self.flows.get(name)) is None:
            known = self.flows[name] = Contribution.of(flows(decoder.decode(name), self.receiver, self.channel))
        return known


def stocks(stand: Any) -> Iterator[str]:
    for role, unit in (("receiver", stand.receiver), ("competent", stand.competent)):
        if stand.state in STOCK_OF_STATE:
            yield f"{role}|{unit}|open"
            for name in STOCK_OF_STATE[stand.state]:
                yield f"{role}|{unit}|{name}"
        for flag in ("overdue", "due_in_24h", "due_in_72h", "acceptance_overdue"):
            if getattr(stand, flag):
                yield f"{role}|{unit}|{flag}"


def flows(entry: Any, receiver: str, channel: str) -> Iterator[str]:
    step = entry.step
    if step is None:
        return
    for role, unit in (("receiver", receiver), ("competent", step.competent)):
        yield f"{role}|{unit}|{step.fact}"
        yield f"{role}|{unit}|{entry.day}|{step.fact}"
        if step.fact == "received":
            yield f"{role}|{unit}|received_{channel}"
        if step.birth is not None:
            yield f"{role}|{unit}|{step.birth}"
        if step.timeliness is not None:
            yield f"{role}|{unit}|completed"
            yield f"{role}|{unit}|completed_{step.timeliness}"
        for flag in ("digitised", "electronic_result", "paid_online"):
            if getattr(step, flag):
                yield f"{role}|{unit}|{flag}"


if __name__ == "__main__":
    main()
