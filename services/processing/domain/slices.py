"""Which dossiers a tick or activation takes next, when part of the index is stored and part of it only pending."""

from collections.abc import Mapping, Sequence

Row = tuple[int, str]


def next_due(rows: Sequence[Row], is_all: bool, pending: Mapping[str, int | None], clock: int) -> list[Row]:
    """The (score, code) pairs at or below the clock in their order, as far as they are known.

    `rows` are the first of the stored index up to the clock, `is_all` whether they are all of these; `pending` overrides
    the index by code. Without all of them, nothing beyond the last row is known, so nothing beyond it is returned.
    """
    known = [row for row in rows if row[1] not in pending]
    known += [(score, code) for code, score in pending.items() if score is not None and score <= clock]
    known.sort()
    return known if is_all else [row for row in known if row <= rows[-1]]


def next_kept(rows: Sequence[str], is_all: bool, pending: Mapping[str, bool], after: str | None) -> list[str]:
    """The codes after `after` in their order, as `next_due` does it for the index of all kept dossiers."""
    known = [code for code in rows if code not in pending]
    known += [code for code, stays in pending.items() if stays and (after is None or code > after)]
    known.sort()
    return known if is_all else [code for code in known if code <= rows[-1]]
