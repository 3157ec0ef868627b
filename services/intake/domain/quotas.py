"""Quotas: a token bucket per key, in events, refilled by the seconds that passed."""

from collections import OrderedDict

from msgspec import Struct


class Quota(Struct, frozen=True):
    """What one key may send: `events_per_second` for ever, `burst_events` at once."""

    events_per_second: float
    burst_events: int


class Bucket(Struct, frozen=True):
    """Events that a key may still send at the instant `at` (seconds of any clock that only rises)."""

    events: float
    at: float


def take(bucket: Bucket, quota: Quota, events: int, now: float) -> tuple[Bucket, float]:
    """The bucket after `events` were taken out, and 0; or the bucket unharmed, and the seconds until they would fit.

    More than a whole burst never fits: it passes when the bucket is full and leaves it in debt.
    """
    level = min(quota.burst_events, bucket.events + max(0.0, now - bucket.at) * quota.events_per_second)
    missing = min(events, quota.burst_events) - level
    if missing > 0:
        return Bucket(level, now), missing / quota.events_per_second
    return Bucket(level - events, now), 0.0


class QuotaBook:
    """The bucket of each key name; a name not heard of for long is forgotten, which can only refill its bucket."""

    def __init__(self, quota: Quota, names_max: int) -> None:
        self._quota = quota
        self._names_max = names_max
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def wait_seconds(self, name: str, events: int, now: float) -> float:
        """Take `events` out of a key's bucket: 0 when granted, else the seconds to wait."""
        bucket = self._buckets.pop(name, None) or Bucket(self._quota.burst_events, now)
        self._buckets[name], wait = take(bucket, self._quota, events, now)
        if len(self._buckets) > self._names_max:
            self._buckets.popitem(last=False)
        return wait
