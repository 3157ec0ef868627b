"""Margins of a table: how many each unit or day has in all, and how many of these are of one kind, within their bounds."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from lab.errors import UnsolvableError
from lab.fortnight.facts import PRINTABLE_WITHIN, counts_for

EXCHANGES_MAX = 10_000


class Member(Struct, frozen=True, kw_only=True):
    """A unit or a day: bounds of the whole, of the part and of the rest, and what is usual where nothing is said."""

    name: str
    whole_low: int = 0
    whole_high: int
    part_low: int = 0
    part_high: int
    rest_low: int = 0
    rest_high: int
    percents: tuple[str, ...] = ()
    below: tuple[int, int] | None = None  # the share (part, whole) that this one's has to stay below
    weight: float = 1.0
    habit: float = 0.5

    def span(self, whole: int) -> tuple[int, int]:
        """The fewest and the most that the part may be of so many; the first above the second when there is no room."""
        low = max(self.part_low, whole - self.rest_high)
        high = min(self.part_high, whole - self.rest_low)
        for percent in self.percents:
            fewest, most = counts_for(percent, whole)
            low, high = max(low, fewest), min(high, most)
        if self.below is not None and whole > 0:
            part, of = self.below
            high = min(high, (part * whole - 1) // of)
        return low, high

    def has_room(self, whole: int) -> bool:
        """Whether so many can be had with a part that fits."""
        low, high = self.span(whole)
        return low <= high

    def usual(self, whole: int) -> float:
        """The part to aim at: near to a printed share, else by habit."""
        return whole * (float(self.percents[0]) / 100 if self.percents else self.habit)


Pair = tuple[int, int]


def margins(total: Member, sides: Sequence[Sequence[Member]]) -> list[list[Pair]]:
    """Whole and part of each member of each side, each side adding up to the same total; UnsolvableError when none do."""
    sides = [[_least_printable(each) for each in members] for members in sides]
    whole = _whole_total(total, sides)
    wholes = [_wholes(total.name, whole, members) for members in sides]
    low, high = total.span(whole)
    wanted: list[int] = []
    for members, row in zip(sides, wholes, strict=True):
        _make_room(members, row, low, high)
        spans = [each.span(count) for each, count in zip(members, row, strict=True)]
        low, high = max(low, sum(fewest for fewest, _ in spans)), min(high, sum(most for _, most in spans))
        wanted.append(round(sum(each.usual(count) for each, count in zip(members, row, strict=True))))
    if low > high:
        raise UnsolvableError(f"{total.name}: no part of {whole} is at least {low} and at most {high}")
    aim = round(total.usual(whole)) if total.percents else wanted[0]
    part = min(max(aim, low), high)
    return [_parted(total.name, part, members, row) for members, row in zip(sides, wholes, strict=True)]


def alone(member: Member) -> Pair:
    """Whole and part of one about whose total nobody has said anything: near to what is usual."""
    whole = _nearest(member, round(member.weight), member.whole_low, member.whole_high)
    if whole is None:
        raise UnsolvableError(f"{member.name}: no count has a part that fits")
    low, high = member.span(whole)
    return whole, min(max(round(member.usual(whole)), low), high)


def share_out(what: str, total: int, weights: Sequence[float], lows: Sequence[int], highs: Sequence[int]) -> list[int]:
    """Whole numbers that add up to `total`, near to the weights, each within its bounds; UnsolvableError when none do."""
    if not sum(lows) <= total <= sum(highs) or any(low > high for low, high in zip(lows, highs, strict=True)):
        raise UnsolvableError(f"{what}: {total} does not fit between {sum(lows)} and {sum(highs)}")
    shares = list(lows)
    while (left := total - sum(shares)) > 0:
        room = [number for number, share in enumerate(shares) if share < highs[number]]
        # A weight of 0 means "last of all", not "never": the sum has to be met.
        weight = {number: max(weights[number], 1e-9) for number in room}
        whole = sum(weight.values())
        given = {number: min(highs[number] - shares[number], int(left * weight[number] / whole)) for number in room}
        if not any(given.values()):
            heaviest = sorted(room, key=lambda number: (-weight[number], number))[:left]
            given = dict.fromkeys(heaviest, 1)
        for number, more in given.items():
            shares[number] += more
    return shares


def _whole_total(total: Member, sides: Sequence[Sequence[Member]]) -> int:
    """What was published; where nothing was, as much as the weights of the members come to."""
    low = max(total.whole_low, *(sum(each.whole_low for each in members) for members in sides))
    high = min(total.whole_high, *(sum(each.whole_high for each in members) for members in sides))
    fit = [count for count in (round(total.weight), low, high) if low <= count <= high]
    if not fit:
        raise UnsolvableError(f"{total.name}: nothing is at least {low} and at most {high}")
    if total.percents and (near := _nearest(total, fit[0], low, high)) is not None:
        return near
    return fit[0]


def _least_printable(member: Member) -> Member:
    """A printed share needs a whole of which it can be taken: none can be taken of nothing."""
    if not member.percents:
        return member
    ceiling = min(member.whole_high, member.whole_low + PRINTABLE_WITHIN)
    least = next((whole for whole in range(member.whole_low, ceiling + 1) if member.has_room(whole)), None)
    if least is None:
        raise UnsolvableError(f"{member.name}: no count has the printed share")
    return replace(member, whole_low=least)


def _wholes(what: str, total: int, members: Sequence[Member]) -> list[int]:
    # A part and a rest that are known make a whole that is at least, or at most, both of them.
    lows = [max(each.whole_low, each.part_low + each.rest_low) for each in members]
    highs = [min(each.whole_high, each.part_high + each.rest_high, total) for each in members]
    weight = sum(each.weight for each in members) or 1.0
    for number, each in enumerate(members):
        if not each.percents:
            continue
        # As near to the usual as the printed share allows, and as the others need.
        low = max(lows[number], total - sum(highs) + highs[number])
        high = min(highs[number], total - sum(lows) + lows[number])
        near = _nearest(each, round(total * each.weight / weight), low, high)
        if near is None:
            raise UnsolvableError(f"{each.name}: no count has the printed share")
        lows[number] = highs[number] = near
    return share_out(what, total, [each.weight for each in members], lows, highs)


def _nearest(member: Member, aim: int, low: int, high: int) -> int | None:
    """The whole nearest to what is aimed at of which the printed share can be taken."""
    if low > high:
        return None
    aim = min(max(aim, low), high)
    for away in range(max(aim - low, high - aim) + 1):
        for whole in (aim + away, aim - away):
            if low <= whole <= high and member.has_room(whole):
                return whole
    return None


def _make_room(members: Sequence[Member], row: list[int], low: int, high: int) -> None:
    """Moves wholes between members until their parts can add up to what lies between the bounds, if they can."""
    for _ in range(EXCHANGES_MAX):
        lack = _lack([each.span(count) for each, count in zip(members, row, strict=True)], low, high)
        if lack == 0:
            return
        moves = (_best_move(members, row, low, high, lack >> halved) for halved in range(lack.bit_length()))
        move = next((found for found in moves if found is not None), None)
        if move is None:
            return
        giver, taker, count = move
        row[giver] -= count
        row[taker] += count


def _best_move(
    members: Sequence[Member], row: Sequence[int], low: int, high: int, count: int
) -> tuple[int, int, int] | None:
    """Who gives so many to whom, to the best effect; None when nobody can or nothing gets better."""
    spans = [each.span(have) for each, have in zip(members, row, strict=True)]
    lack = least = _lack(spans, low, high)
    best = None
    for giver, gives in enumerate(members):
        if row[giver] - count < gives.whole_low:
            continue
        for taker, takes in enumerate(members):
            if taker == giver or row[taker] + count > takes.whole_high:
                continue
            tried = list(spans)
            tried[giver], tried[taker] = gives.span(row[giver] - count), takes.span(row[taker] + count)
            if (found := _lack(tried, low, high)) < least:
                best, least = (giver, taker, count), found
    return best if least < lack else None


def _lack(spans: Sequence[Pair], low: int, high: int) -> int:
    """How far the parts are from a sum between the bounds, and from having room at all."""
    closed = sum(max(0, fewest - most) for fewest, most in spans)
    return closed + max(0, low - sum(most for _, most in spans)) + max(0, sum(fewest for fewest, _ in spans) - high)


def _parted(what: str, part: int, members: Sequence[Member], row: Sequence[int]) -> list[Pair]:
    spans = [each.span(count) for each, count in zip(members, row, strict=True)]
    aims = [each.usual(count) for each, count in zip(members, row, strict=True)]
    # A printed share is met by the nearest whole number, unless the sum needs another one that is printed alike.
    narrow = [
        (near, near) if each.percents and low <= (near := int(aim + 0.5)) <= high else (low, high)
        for each, aim, (low, high) in zip(members, aims, spans, strict=True)
    ]
    if sum(low for low, _ in narrow) <= part <= sum(high for _, high in narrow):
        spans = narrow
    weights = [max(0.0, aim - low) for aim, (low, _) in zip(aims, spans, strict=True)]
    parts = share_out(what, part, weights, [low for low, _ in spans], [high for _, high in spans])
    return list(zip(row, parts, strict=True))
