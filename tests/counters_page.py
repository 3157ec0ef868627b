"""The page of all counters, made from the counter table: `.venv/bin/python -m tests.counters_page > docs/COUNTERS.md`."""

from collections.abc import Iterable

from services.metrics.api import instruments
from services.metrics.domain.counters import FLOWS, RATES, STOCKS, Counter, Rate

PREFACE = """# Counters

What each figure counts. This page is made from the counter table, `services/metrics/domain/counters.py`
(`.venv/bin/python -m tests.counters_page > docs/COUNTERS.md`), and a test fails when they differ. `GET /v1/counters` says
the same for machines.

```sh
curl -s 'http://127.0.0.1:8003/v1/units?role=receiver'
curl -s 'http://127.0.0.1:8003/v1/units?role=competent&from=2025-07-01&to=2025-07-14'
curl -s 'http://127.0.0.1:8003/v1/units/19753?role=receiver&day=2025-07-14'
curl -s 'http://127.0.0.1:8003/v1/units/19753/days?role=receiver&from=2025-07-01&to=2025-07-14'
```

Every unit in total and now; the flows of a fortnight; one unit on one day, by field and channel; a row for each of its days.

- **Flows** count events: in total since the log began, and by day. The day is that of the event's `time` in Vietnam, not of
  its arrival.
- **Stocks** count what stands now; an answer for a day or a range leaves them out.
- **Whose**: *body* counts for the dossier's receiver (`role=receiver`) and for the body that is competent
  (`role=competent`): of a flow the one at the time of the event, of a stock the present one. *source* counts for the code
  in `source`, alike in both roles.
- A figure may go down: what arrives late, a recall and an annulment take back what was counted. So Prometheus has them as
  gauges, labelled `unit` and `role`, at `/metrics/dossiers`; `received`, `completed` and `open` are there in parts, by
  channel, timeliness and state.
- What intake refused at the door is in none of them ([bad inputs](BAD_INPUTS.md)).
"""


def page() -> str:
    """docs/COUNTERS.md."""
    lines = [PREFACE]
    for title, counters in (("Flows", FLOWS), ("Stocks", STOCKS)):
        lines += [f"## {title}", "", *_table(counters), ""]
    lines += [
        "## Rates",
        "",
        "Each is answered with `numerator`, `denominator` and `percent`: two decimals, half up, null without a denominator.",
        "",
        "| rate | Vietnamese | what it says | numerator ÷ denominator |",
        "|---|---|---|---|",
        *(f"| `{rate.name}` | {rate.label_vi} | {rate.help} | {_share(rate)} |" for rate in RATES),
    ]
    return "\n".join(lines) + "\n"


def series(name: str) -> str:
    """The series of a counter on `/metrics/dossiers`; one that is shown in parts is their sum."""
    families = {counter.name: family.name for counter, family in instruments.PLAIN}
    parts = {
        "received": instruments.RECEIVED.name,
        "completed": instruments.COMPLETED.name,
        "open": instruments.OPEN.name,
        "overdue_open": instruments.OVERDUE.name,
        **{f"received_{each}": f'{instruments.RECEIVED.name}{{channel="{each}"}}' for each in instruments.CHANNELS},
        **{f"completed_{each}": f'{instruments.COMPLETED.name}{{timeliness="{each}"}}' for each in instruments.TIMELINESS},
        **{f"due_in_{each}": f'{instruments.DUE.name}{{within="{each}"}}' for each in instruments.WITHIN},
    }
    return {**families, **parts}[name]


def _table(counters: Iterable[Counter]) -> list[str]:
    return [
        "| counter | Vietnamese | what it counts | whose | in Prometheus |",
        "|---|---|---|---|---|",
        *(
            f"| `{each.name}` | {each.label_vi} | {each.help} | {each.attributed} | `{series(each.name)}` |"
            for each in counters
        ),
    ]


def _share(rate: Rate) -> str:
    top, bottom = " + ".join(rate.numerator), " + ".join(rate.plus) + "".join(f" − {name}" for name in rate.minus)
    return f"`{top}` ÷ `{bottom}`"


if __name__ == "__main__":
    print(page(), end="")
