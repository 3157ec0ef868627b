"""Which dossiers a tick or activation takes next, when part of the index is stored and part of it only pending."""

from collections.abc import Mapping, Sequence

Row = tuple[int, str]


def next_due(
    rows: Sequence[Row], is_all: bool, pending: Mapping[str, int | None], clock: int
) -> tuple[list[Row], int | None]:
    """The (score, code) pairs at or below the clock in their order, and the first score of all (None: the index is empty).

    `rows` are the first of the stored index, `is_all` whether they are all of it; `pending` overrides it by code. Without
    the whole index, nothing beyond its last row is known, so nothing beyond it is returned.
    """
    known = [row for row in rows if row[1] not in pending]
    known += [(score, code) for code, score in pending.items() if score is not None]
    known.sort()
    if not is_all:
        known = [row for row in known if row <= rows[-1]]
    return [row for row in known if row[0] <= clock], known[0][0] if known else None


def next_kept(rows: Sequence[str], is_all: bool, pending: Mapping[str, bool], after: str | None) -> list[str]:
    """The codes after `after` in their order, as `next_due` does it for the index of all kept dossiers."""
    known = [code for code in rows if code not in pending]
    known += [code for code, stays in pending.items() if stays and (after is None or code > after)]
    known.sort()
    return known if is_all else [code for code in known if code <= rows[-1]]
