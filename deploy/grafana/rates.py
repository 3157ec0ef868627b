"""What several pages ask alike: rates of counters, how long things took, from when on a lag is too long."""

from collections.abc import Sequence
from typing import Final

from deploy.grafana.panels import BAD, FAIR, GOOD, Steps

LAG: Final[Steps] = ((None, GOOD), (30, FAIR), (120, BAD))
RATE: Final = "[$__rate_interval]"


def summed(metric: str, by: str = "") -> str:
    """The rate of a counter; 0 where nothing has been counted yet."""
    return f"sum by ({by}) (rate({metric}{RATE}))" if by else f"sum(rate({metric}{RATE})) or vector(0)"


def quantiles(metric: str, where: str = "") -> Sequence[tuple[str, str]]:
    """Half, nine in ten and ninety-nine in a hundred were faster; only what is known of them is drawn."""
    buckets = f"sum by (le) (rate({metric}_bucket{{{where}}}[5m]))"
    return tuple(
        (f"histogram_quantile({share}, {buckets})", name)
        for share, name in (("0.5", "một nửa"), ("0.9", "9 trên 10"), ("0.99", "99 trên 100"))
    )
