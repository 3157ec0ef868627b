"""Where the time went until an alert fired, by what Prometheus itself remembers of its looks and of the alert's wait."""

from collections.abc import Callable, Sequence
from typing import Any, Final

# Takes an expression, gives its series of now.
Ask = Callable[[str], list[dict[str, Any]]]
# Through this one all figures of units come.
FIGURES: Final = 'job="dossiers"'


def course(ask: Ask, alert: str, labels: Sequence[tuple[str, str]], began: float, now: float) -> str:
    """A sentence; `began` and `now` are seconds since 1970. What Prometheus does not remember is left out."""
    span = f"[{max(1, round(now - began))}s]"
    of = ",".join(f'{name}="{value}"' for name, value in (("alertname", alert), *labels))
    told = []
    if (since := _number(ask, f"max(ALERTS_FOR_STATE{{{of}}})")) is not None:
        anew = round(_number(ask, f"max(changes(ALERTS_FOR_STATE{{{of}}}{span}))") or 0)
        told.append(f"its wait began {since - began:.1f} s after the fault" + (f" (begun anew: {anew})" if anew else ""))
    missed = _number(ask, f"sum(count_over_time(up{{{FIGURES}}}{span}) - sum_over_time(up{{{FIGURES}}}{span}))")
    longest = _number(ask, f"max(max_over_time(scrape_duration_seconds{{{FIGURES}}}{span}))")
    if missed is not None and longest is not None:
        told.append(f"looks at figures: {missed:.0f} missed, the longest {longest:.2f} s")
    return "; ".join(told)


def _number(ask: Ask, expr: str) -> float | None:
    found = ask(expr)
    return float(found[0]["value"][1]) if found else None
