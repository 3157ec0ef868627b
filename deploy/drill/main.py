"""`make drill`: breaks a link, a worker, Redis, Kafka, the whole city, a centre, and measures when alerts come and go."""

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from deploy.drill import page
from deploy.drill.acts import ACTS, UNSHORTENED, Outcome, play
from deploy.drill.centres import HANOI
from deploy.drill.pace import DRILL, SHIPPED
from deploy.drill.stand import Stand, crosses_midnight
from deploy.local import debs
from deploy.local.errors import StackError
from deploy.local.settings import REPOSITORY

INTERRUPTED = 130
PAGE = REPOSITORY / "docs" / "DRILL.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 when every alert came within its promise, alone where it silences others, and went away; 1 when not."""
    parser = argparse.ArgumentParser(prog="python -m deploy.drill.main", description=__doc__)
    parser.add_argument("--state-dir", type=Path, default=REPOSITORY / ".local-drill", help="its own; removed at the end")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.relative_to(REPOSITORY)}")
    parser.add_argument(
        "--unshortened", action="store_true", help="one act alone, a centre's line cut, at a city's own pace: ten minutes"
    )
    parser.add_argument("--acts", default="", help="only those whose alert is named: CentreLinkDown,ServiceDown")
    chosen = parser.parse_args(arguments)
    wanted = [act for act in ACTS if not chosen.acts or act.alert in chosen.acts.split(",")]
    own_pace = DRILL
    if chosen.unshortened:
        wanted, own_pace = [UNSHORTENED], SHIPPED
    if lacking := debs.missing():
        print(f"A drill needs {', '.join(lacking)}: {debs.REMEDY}.", file=sys.stderr)
        return 1
    if crosses_midnight(datetime.now(HANOI)):
        print(
            "A drill begun now may last over midnight, when its offices close: begin it after 00:00 (Hanoi).",
            file=sys.stderr,
        )
        return 1
    began = time.monotonic()
    stand = Stand(chosen.state_dir.resolve(), lambda line: print(line, file=sys.stderr, flush=True), own_pace)
    outcomes: list[Outcome] = []
    try:
        stand.open()
        for act in wanted:
            # One by one: what was found out stays, whatever comes after it.
            outcomes.append(play(act, stand))
    except (StackError, OSError, RuntimeError) as error:
        print(f"The drill could not go on: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("Interrupted: what was started is ended, and what it had stored is removed.", file=sys.stderr)
        return INTERRUPTED
    finally:
        with _to_the_end():
            stand.close()
    text = page.table(outcomes)
    print(text)
    missed = [outcome.act.alert for outcome in outcomes if not outcome.is_in_time]
    needless = sum(len(outcome.needless) for outcome in outcomes)
    by_grace = sum(outcome.is_by_grace for outcome in outcomes)
    is_whole = len(outcomes) == len(wanted)
    seconds = time.monotonic() - began
    print(
        f"\n{len(outcomes)} of {len(wanted)} acts; alerts: {len(outcomes) - len(missed) - by_grace} within their promise, "
        f"{by_grace} within grace, {len(missed)} later; {needless} told that should be silent; {seconds:.0f} s."
    )
    if chosen.write and is_whole:
        written = page.with_unshortened if chosen.unshortened else page.page
        PAGE.write_text(written(PAGE.read_text(), outcomes, seconds))
    return 0 if is_whole and not missed and not needless else 1


@contextmanager
def _to_the_end() -> Iterator[None]:
    """Nobody ends it meanwhile: half of a city would stay."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    # Asked to end, it leaves nothing running either.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
