"""What a run looks like while it goes on: a table that moves on a terminal, a line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lab.load import sofar

LINE_EVERY_SECONDS = 10.0
LINES_KEPT = 6
BAR_CHARS = 30


class View:
    """`say` takes sentences, `show` takes how far a run is."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._console = Console(file=sys.stderr)
        self._lines: list[str] = []
        self._last: dict[str, Any] | None = None
        self._before: tuple[float, int, int] = (0.0, 0, 0)
        self._rates = (0.0, 0.0)
        self._told_at = 0.0
        self._live: Live | None = None

    def __enter__(self) -> "View":
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, line: str) -> None:
        """Something happened."""
        if self._live is None:
            at = f"{self._last['at']:6.1f} s  " if self._last is not None else ""
            print(f"  {at}{line}", file=sys.stderr, flush=True)
            return
        self._lines = [*self._lines, line][-LINES_KEPT:]
        self._draw()

    def show(self, told: dict[str, Any]) -> None:
        """How far the run is."""
        at, counts, counted = told["at"], told["counts"], told["counted"]
        if at < self._before[0]:
            # The next step begins at its own second 0, and has reported nothing yet.
            self._before = at, counts["due"], counted
        if at - self._before[0] >= 1.0:
            elapsed = at - self._before[0]
            self._rates = (counts["due"] - self._before[1]) / elapsed, (counted - self._before[2]) / elapsed
            self._before = at, counts["due"], counted
        self._last = told
        if self._live is not None:
            self._draw()
        elif time.monotonic() - self._told_at >= LINE_EVERY_SECONDS:
            self._told_at = time.monotonic()
            waiting = ", ".join(f"{link} {depth:,}" for link, depth in told["waiting"].items() if depth) or "none"
            print(
                f"  {at:6.1f} s  {told['clock'].replace('T', ' ')}  due {counts['due']:,} ({self._rates[0]:,.0f}/s)"
                f"  counted {counted:,} ({self._rates[1]:,.0f}/s)  waiting: {waiting}"
                f"  {sofar.line(told['so_far'])}",
                file=sys.stderr, flush=True,
            )  # fmt: skip

    def _draw(self) -> None:
        assert self._live is not None
        if self._last is None:
            self._live.update(Group(Text(self._title, style="bold"), *map(Text, self._lines)))
            return
        told = self._last
        done = min(1.0, max(0.0, told["at"] / max(1.0, told["of"])))
        bar = "█" * int(done * BAR_CHARS) + "·" * (BAR_CHARS - int(done * BAR_CHARS))
        head = Text(f"{self._title}  {bar} {told['at']:.0f} of {told['of']:.0f} s, {told['clock'].replace('T', ' ')}")
        table = Table(box=None, pad_edge=False)
        for name in ("", "so far", "a second"):
            table.add_column(name, justify="left" if not name else "right")
        counts = told["counts"]
        table.add_row("events due", f"{counts['due']:,}", f"{self._rates[0]:,.0f}")
        table.add_row("stored", f"{counts['stored']:,}", "")
        table.add_row("records counted", f"{told['counted']:,}", f"{self._rates[1]:,.0f}")
        for link, depth in sorted(told["waiting"].items()):
            table.add_row(f"waiting at {link}", f"{depth:,}", "")
        for row in told["so_far"]:
            table.add_row(row.name, row.said, row.word)
        for name, count in told["troubles"].most_common(4):
            table.add_row(f"trouble: {name}", f"{count:,}", "")
        if (sample := told["sample"]) is not None:
            for name, cores in sorted(sample.cores.items(), key=lambda pair: -pair[1])[:6]:
                table.add_row(f"cores of {name}", f"{cores:.2f}", f"{sample.mib.get(name, 0):.0f} MiB")
            for name, waits in sample.waits.items():
                table.add_row(name.replace("_", " "), f"{waits:,.0f}", "")
        self._live.update(Group(head, table, *(Text(f"  {line}") for line in self._lines)))
