"""The bound on what is bad: shares of whole windows alone, by commits of any size, against a plain count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.processing.domain import share
from services.processing.domain.share import Recent
from services.processing.settings import Settings
from services.processing.worker.bound import Bound

commits = st.lists(
    st.integers(1, 700).flatmap(lambda records: st.tuples(st.integers(0, records), st.just(records))), max_size=30
)


@pytest.mark.slow
@given(told=commits, window=st.integers(1000, 3000), percent=st.floats(0.5, 100))
def test_the_share_is_of_the_fewest_last_commits_that_fill_the_window(
    told: list[tuple[int, int]], window: int, percent: float
) -> None:
    """Nothing is judged before; afterwards older commits have no say."""
    recent = Recent()
    for number, (bad, records) in enumerate(told, 1):
        recent = share.after(recent, bad, records, window)
        last = next(
            (told[start:number] for start in range(number - 1, -1, -1) if sum(n for _, n in told[start:number]) >= window),
            None,
        )
        if last is None:
            assert not share.is_too_much(recent, window, percent)
        else:
            bad_of_all, all_of_all = (sum(part) for part in zip(*last, strict=True))
            assert share.is_too_much(recent, window, percent) == (100 * bad_of_all > percent * all_of_all)


def test_a_few_records_say_nothing_and_the_oldest_commit_stays_while_the_others_do_not_fill_the_window() -> None:
    recent = share.after(Recent(), 9, 9, 10)
    assert not share.is_too_much(recent, 10, 20)
    recent = share.after(recent, 0, 9, 10)
    assert (recent, share.is_too_much(recent, 10, 20)) == (Recent(((9, 9), (0, 9)), 9, 18), True)
    assert share.after(recent, 0, 1, 10) == Recent(((0, 9), (0, 1)), 0, 10)
    assert share.after(recent, 1, 30, 10) == Recent(((1, 30),), 1, 30)


def test_one_hundred_per_cent_never_stops() -> None:
    """The default, even if everything is bad."""
    bound = Bound(Settings())
    assert [bound.committed(3, {"rejected": 5000}) for _ in range(3)] == [1.0, 1.0, 1.0]
    assert bound.passed() == frozenset()


def test_what_is_parked_is_not_yet_bad() -> None:
    """After an outage, events come before those that they follow on."""
    bound = Bound(Settings(processing_rejected_percent_max=20))
    assert (bound.committed(1, {"parked": 5000}), bound.passed()) == (0.0, frozenset())


def test_a_partition_that_has_passed_it_stays_passed_and_ticks_do_not_dilute() -> None:
    """By partition; whatever comes afterwards; a tick that touched many dossiers is no good record."""
    bound = Bound(Settings(processing_rejected_percent_max=20))
    assert bound.committed(1, {"applied": 780, "tick": 5000, "control": 1}) == 0.0
    assert bound.committed(2, {"applied": 5000, "rejected": 500}) < 0.1
    assert bound.committed(1, {"rejected": 220}) == 0.22
    assert bound.passed() == {1}
    bound.committed(1, {"applied": 5000})
    assert bound.passed() == {1}
