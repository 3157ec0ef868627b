"""Fills a table of whole numbers whose rows and columns have given sums, some cells being shut; exact, or says no."""

from collections import deque
from collections.abc import Collection, Sequence
from random import Random

Cell = tuple[int, int]
# The first filling takes a little less than the even share of each cell; what is left finds its way.
FIRST_SHARE = (0.8, 1.0)


def fill(rows: Sequence[int], columns: Sequence[int], shut: Collection[Cell], chance: Random) -> list[list[int]] | None:
    """A table with these sums and nothing in the shut cells, near to even shares; None when there is none."""
    if sum(rows) != sum(columns) or min((*rows, *columns), default=0) < 0:
        return None
    table = _evenly(rows, columns, shut, chance)
    row_left = [whole - sum(line) for whole, line in zip(rows, table, strict=True)]
    column_left = [whole - sum(line[number] for line in table) for number, whole in enumerate(columns)]
    _top_up(table, row_left, column_left, shut)
    for row, left in enumerate(row_left):
        while left > 0:
            moved = _augment(table, row, left, column_left, shut)
            if moved == 0:
                return None
            left -= moved
    return table


def _evenly(rows: Sequence[int], columns: Sequence[int], shut: Collection[Cell], chance: Random) -> list[list[int]]:
    whole = sum(columns) or 1
    return [
        [
            0 if (row, column) in shut else int(have * want / whole * chance.uniform(*FIRST_SHARE))
            for column, want in enumerate(columns)
        ]
        for row, have in enumerate(rows)
    ]


def _top_up(table: list[list[int]], row_left: list[int], column_left: list[int], shut: Collection[Cell]) -> None:
    """What fits at once, spread in proportion to what the columns still want."""
    for row in range(len(row_left)):
        free = [number for number in range(len(column_left)) if (row, number) not in shut]
        want, have = sum(column_left[number] for number in free), row_left[row]
        for number in free:
            more = min(column_left[number], row_left[row], -(-have * column_left[number] // max(1, want)))
            table[row][number] += more
            row_left[row] -= more
            column_left[number] -= more


def _augment(table: list[list[int]], start: int, most: int, column_left: list[int], shut: Collection[Cell]) -> int:
    """Moves up to `most` from a row to a column with room, over cells of other rows where it must; 0 when it cannot."""
    came: dict[int, Cell] = {}  # column -> (row that gives to it, column from which that row takes; -1 at the start)
    queue = deque([(start, -1)])
    seen = {start}
    while queue:
        row, taken_from = queue.popleft()
        for column in range(len(column_left)):
            if column in came or column == taken_from or (row, column) in shut:
                continue
            came[column] = (row, taken_from)
            if column_left[column] > 0:
                return _move(table, column, came, most, column_left)
            for other in range(len(table)):
                if other not in seen and table[other][column] > 0:
                    seen.add(other)
                    queue.append((other, column))
    return 0


def _move(table: list[list[int]], end: int, came: dict[int, Cell], most: int, column_left: list[int]) -> int:
    path, column = [], end
    while column != -1:
        row, taken_from = came[column]
        path.append((row, column, taken_from))
        column = taken_from
    amount = min(most, column_left[end], *(table[row][back] for row, _, back in path if back != -1))
    for row, column, back in path:
        table[row][column] += amount
        if back != -1:
            table[row][back] -= amount
    column_left[end] -= amount
    return amount
