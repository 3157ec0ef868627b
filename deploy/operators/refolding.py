"""An activation being worked off: followed partition by partition until every dossier stands under the new rules."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deploy.operators.errors import NotWorkedOffError
from deploy.operators.standing import Folded, Standing

LOOK_EVERY_SECONDS = 0.25
SAY_EVERY_SECONDS = 5.0


@dataclass(frozen=True)
class Refolded:
    """What became of an activation: dossiers gone through, and those of which something changed where that is known."""

    dossiers: int
    changed: int | None


def follow(standing: Standing, offsets: Mapping[int, int], within_seconds: float, say: Callable[[str], None]) -> Refolded:
    """Waits until processing has worked off the activation at these offsets and metrics has counted what came of it.

    NotWorkedOffError after `within_seconds`: the activation is stored all the same, and goes on without this tool.
    """
    deadline = time.monotonic() + within_seconds
    done: dict[int, Refolded] = {}
    said = time.monotonic()
    while len(done) < len(offsets):
        found = standing.folded()
        for number, offset in offsets.items():
            if number not in done and found[number].offset > offset:
                done[number] = _worked_off(found[number], offset)
                say(_line(number, done[number], len(done), len(offsets)))
                said = time.monotonic()
        open_still = {number: offset for number, offset in offsets.items() if number not in done}
        if open_still and time.monotonic() > deadline:
            raise NotWorkedOffError("processing", sorted(open_still), within_seconds)
        if open_still and time.monotonic() - said > SAY_EVERY_SECONDS:
            say(_still(found, open_still))
            said = time.monotonic()
        if open_still:
            time.sleep(LOOK_EVERY_SECONDS)
    _counted(standing, offsets, deadline, within_seconds)
    known = [each.changed for each in done.values() if each.changed is not None]
    return Refolded(sum(each.dossiers for each in done.values()), sum(known) if len(known) == len(done) else None)


def _worked_off(found: Folded, offset: int) -> Refolded:
    # The closing record has the index that follows on those of the dossiers, so it is their number; a tick that came
    # meanwhile has put its own in that place.
    changed = found.last[1] if found.last is not None and found.last[0] == offset else None
    return Refolded(found.kept, changed)


def _line(number: int, of: Refolded, done: int, total: int) -> str:
    changed = "" if of.changed is None else f", {of.changed:,} of them stand or count otherwise now"
    return f"  partition {number:>2}    {of.dossiers:,} dossiers folded anew{changed}   ({done} of {total})"


def _still(found: Mapping[int, Folded], open_still: Mapping[int, int]) -> str:
    begun = {number for number, offset in open_still.items() if found[number].offset == offset}
    scanned, kept = (sum(getattr(found[number], name) for number in begun) for name in ("scanned", "kept"))
    behind = sum(offset - found[number].offset for number, offset in open_still.items())
    before = f"; {behind:,} records come before it elsewhere" if behind else ""
    return f"  under way       {scanned:,} of {kept:,} dossiers in partitions {_list(begun)}{before}"


def _list(numbers: set[int]) -> str:
    return ", ".join(str(each) for each in sorted(numbers)) or "-"


def _counted(standing: Standing, offsets: Mapping[int, int], deadline: float, within_seconds: float) -> None:
    while behind := [each for each, found in standing.counted().items() if found.closed < offsets.get(each, -1)]:
        if time.monotonic() > deadline:
            raise NotWorkedOffError("metrics", behind, within_seconds)
        time.sleep(LOOK_EVERY_SECONDS)
