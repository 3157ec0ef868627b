"""Progress promises: what is left, how fast, how long it takes, said for people."""

from typing import cast

import pytest

from deploy.operators import progress, refolding
from deploy.operators.errors import NotWorkedOffError
from deploy.operators.progress import Progress
from deploy.operators.standing import Counted, Folded, Standing


class Script:
    """A standing that moves from look to look, as it is written down; the last look stays."""

    def __init__(self, folded: list[dict[int, Folded]], counted: list[dict[int, Counted]]) -> None:
        self._folded, self._counted = folded, counted

    def folded(self) -> dict[int, Folded]:
        return self._folded.pop(0) if len(self._folded) > 1 else self._folded[0]

    def counted(self) -> dict[int, Counted]:
        return self._counted.pop(0) if len(self._counted) > 1 else self._counted[0]

    def ends(self) -> tuple[dict[int, int], dict[int, int]]:
        return {0: 100}, {0: 120}


def standing(folded: list[dict[int, Folded]], counted: list[dict[int, Counted]]) -> Standing:
    return cast(Standing, Script(folded, counted))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Progress("metrics", 1200, 1200, 0.0), "metrics         at the end of its log, 1,200 records"),
        (Progress("processing", 25, 100, 5.0), "75 of 100 records to go (25 % done), 5 records/s, about 15 s left"),
        (Progress("processing", 0, 36_000, 100.0), "about 6 min left"),
        (Progress("processing", 0, 3_600_000, 100.0), "about 10.0 h left"),
        (Progress("processing", 25, 100, 0.0), "75 of 100 records to go, nothing moved for 5 s"),
    ],
)
def test_a_service_is_told_in_words(told: Progress, words: str) -> None:
    assert progress.line(told).endswith(words)


def test_who_is_at_the_end_is_told_at_once_and_who_is_not_gets_a_rate() -> None:
    """Two looks: metrics is at its end, processing has come from 20 to 60 of 100."""
    looks = [{0: Folded(20)}, {0: Folded(60)}]
    processing, metrics = progress.measure(standing(looks, [{0: Counted(120)}]), seconds=0.01)
    assert (processing.done, processing.left, metrics.left) == (60, 40, 0)
    assert processing.rate > 0
    assert processing.seconds_left == pytest.approx(40 / processing.rate)
    assert metrics.seconds_left == 0.0


def test_an_activation_is_followed_until_its_last_dossier_is_counted() -> None:
    """Partition 0 is in its middle, partition 1 behind; both get done; metrics comes last. 3 of 10 dossiers changed."""
    looks = [
        {0: Folded(5, 2, kept=6, scanned=4), 1: Folded(3, kept=4)},
        {0: Folded(6, kept=6, last=(5, 2)), 1: Folded(7, 1, kept=4, scanned=1)},
        {0: Folded(6, kept=6, last=(5, 2)), 1: Folded(8, kept=4, last=(7, 1))},
    ]
    counted = [{0: Counted(closed=5), 1: Counted(closed=6)}, {0: Counted(closed=5), 1: Counted(closed=7)}]
    said: list[str] = []
    told = refolding.follow(standing(looks, counted), {0: 5, 1: 7}, 20.0, said.append)
    assert (told.dossiers, told.changed) == (10, 3)
    assert [line.split("(")[1] for line in said] == ["1 of 2)", "2 of 2)"]


def test_a_tick_right_behind_hides_how_many_changed_and_nothing_else() -> None:
    told = refolding.follow(standing([{0: Folded(7, kept=6, last=(6, 9))}], [{0: Counted(closed=6)}]), {0: 5}, 1.0, print)
    assert (told.dossiers, told.changed) == (6, None)


@pytest.mark.parametrize(("closed", "offset", "who"), [(5, 3, "processing"), (4, 6, "metrics")])
def test_waiting_ends_and_says_who_is_behind(closed: int, offset: int, who: str) -> None:
    """The sentence says that the activation is stored all the same."""
    with pytest.raises(NotWorkedOffError, match=rf"is stored, and {who} has not worked it off .* in partition\(s\) 0"):
        refolding.follow(standing([{0: Folded(offset)}], [{0: Counted(closed=closed)}]), {0: 5}, 0.0, print)
