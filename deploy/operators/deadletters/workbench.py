"""`rejected list|show|replay`: the dead letters' workbench on the command line; it acts only with `--really`."""

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, Final

import msgspec

from deploy.operators.deadletters import letters, remedies
from deploy.operators.deadletters.doors import Doors
from deploy.operators.deadletters.journal import Journal
from deploy.operators.deadletters.letters import Group, Row, Selection
from deploy.operators.deadletters.replay import Planned, Replay, Replayed, plan
from deploy.operators.log import Log
from deploy.operators.settings import OperatorSettings

LIMIT_DEFAULT: Final = 100
LIMIT_MAX: Final = 1000
# So many letters are looked through at most; beyond, one selects by code or unit.
LETTERS_MAX: Final = 100_000
GROUPS_SHOWN_MAX: Final = 200


def describe(parser: argparse.ArgumentParser) -> None:
    """The arguments of `rejected`; `list` without any."""
    acts = parser.add_subparsers(dest="bench", metavar="list|show|replay")
    listing = acts.add_parser("list", help="how many by code, unit and week; with --each one line for each")
    _selecting(listing)
    listing.add_argument("--each", action="store_true", help="a line for each, with its place and what would heal it")
    listing.add_argument("--limit", type=_limit, default=LIMIT_DEFAULT, help=f"lines at most, up to {LIMIT_MAX}")
    showing = acts.add_parser("show", help="one dead letter with its bytes and cause")
    showing.add_argument(
        "place", type=_of(letters.place), help="partition:offset in dossier.rejected, as `list --each` says"
    )
    again = acts.add_parser("replay", help="hand in again what a fix has healed; says what it would do without --really")
    _selecting(again)
    again.add_argument(
        "--at", type=_of(letters.place), action="append", default=[], metavar="PLACE", help="only these places"
    )
    again.add_argument("--limit", type=_limit, default=LIMIT_DEFAULT, help=f"dead letters at most, up to {LIMIT_MAX}")
    again.add_argument("--really", action="store_true", help="do it")


def run(settings: OperatorSettings, given: argparse.Namespace) -> int:
    """Exit status 0 when all that was to be done is done; OperatorError with one sentence when it cannot be."""
    doors = Doors(settings)
    if given.bench == "show":
        return _show(doors, given.place)
    if given.bench == "replay":
        selection = Selection(given.code, given.unit, given.week or "", tuple(given.at))
        return _replay(doors, settings, selection, given.limit, given.really)
    code, unit, week = (getattr(given, name, None) or "" for name in ("code", "unit", "week"))
    if getattr(given, "each", False):
        _say_each(islice(doors.rejected(Selection(code, unit, week)), given.limit))
    else:
        _say_groups(doors.groups(code, unit, week))
    return 0


def _show(doors: Doors, place: tuple[int, int]) -> int:
    letter = doors.letter(place)
    print(f"place       {place[0]}:{place[1]} in dossier.rejected, reported at {place[0]}:{letter.reported.offset}")
    print(f"code        {letter.code}: {letter.detail}")
    print(f"standing    {letter.standing or 'not known any more'}")
    print(f"heals by    {letter.heals}")
    print(f"recorded    {letter.recorded_at or letters.UNREADABLE}, week {letter.week}")
    print(f"key         {_bytes(letter.key)}")
    for header in letter.headers:
        print(f"header      {header.name} = {_text(header.value) if header.bytes is None else _bytes(header.bytes)}")
    print(f"value       {_bytes(letter.value)}")
    return 0


def _replay(doors: Doors, settings: OperatorSettings, selection: Selection, limit: int, really: bool) -> int:
    rows = list(islice(doors.rejected(selection), LETTERS_MAX))
    planned = plan(rows, doors, limit)
    wanted = [each.row for each in planned if each.is_replayed]
    _say_plan(planned, len(rows))
    if (left := len(rows) - len(planned)) > 0:
        print(f"{left} more were not looked at: --limit {limit} is reached; give the command again afterwards")
    if not really or not wanted:
        print(f"{len(wanted)} would be handed in again" + (": add --really to do it" if wanted else ""))
        return 0
    log = Log(settings.bootstrap)
    ready = [(row, log.letter(settings.live_gen, *row.place)) for row in wanted]
    with Journal(settings.state_dir) as journal:
        replay = Replay(doors, journal)
        done = replay.run(ready)
    _say_done(done)
    print(f"{len(done)} of {len(wanted)} handed in; run {replay.id} is written down in {journal.path}")
    return 0 if len(done) == len(wanted) and all(each.answer == "stored" for each in done) else 1


def _say_groups(pieces: Iterable[list[Group]]) -> None:
    found: list[Group] = []
    looked_at, is_whole = 0, True
    for piece in pieces:
        if looked_at >= LETTERS_MAX:
            is_whole = False
            break
        found += piece
        looked_at += sum(group.letters for group in piece)
    groups = letters.added(found)
    print(f"{'code':<22} {'unit':<10} {'week':<9} {'letters':>8} {'rejected now':>13}")
    for code, unit, week, every, standing in groups[:GROUPS_SHOWN_MAX]:
        print(f"{code:<22} {unit:<10} {week:<9} {every:>8} {standing:>13}")
    if len(groups) > GROUPS_SHOWN_MAX:
        print(f"… and {len(groups) - GROUPS_SHOWN_MAX} more groups")
    still = sum(group.rejected_now for group in found)
    letters_said = "1 dead letter" if looked_at == 1 else f"{looked_at} dead letters"
    print(f"{letters_said}, {still} of them {'stands' if still == 1 else 'stand'} rejected now")
    if not is_whole:
        print(f"only the first {looked_at} were looked at: select by code or unit")


def _say_each(rows: Iterable[Row]) -> None:
    for row in rows:
        print(
            f"{row.place[0]}:{row.place[1]}  {row.code}  {row.unit}  {row.week}  {row.dossier or letters.UNREADABLE}  "
            f"{row.fact or letters.UNREADABLE}  {row.standing or 'not known any more'}; {remedies.remedy(row)}"
        )


def _say_plan(planned: Sequence[Planned], found: int) -> None:
    print(f"{found} dead letters are meant" + (f", the first {len(planned)} are looked at" if len(planned) < found else ""))
    for (code, remedy), number in sorted(Counter((each.row.code, each.remedy) for each in planned).items()):
        print(f"{number:>6}  {code}: {remedy}")


def _say_done(done: Iterable[Replayed]) -> None:
    for each in done:
        print(
            f"{each.id}  {each.row.place[0]}:{each.row.place[1]}  {each.row.dossier}  {each.answer}, "
            f"stands {each.standing or 'not counted in yet'}"
        )


def _selecting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--code", default="", help="only those rejected for this reason")
    parser.add_argument(
        "--unit", type=_of(letters.unit), default="", help="only those of this unit or department, by its code"
    )
    parser.add_argument(
        "--week", type=_of(letters.week), default=None, help="only those recorded in this ISO week, 2025-W27"
    )


def _of(read: Callable[[str], Any]) -> Callable[[str], Any]:
    def of(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return of


def _limit(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= LIMIT_MAX:
        raise argparse.ArgumentTypeError(f"a number from 1 to {LIMIT_MAX}")
    return int(text)


def _bytes(value: bytes | None) -> str:
    """As text where it is some, else in hex."""
    try:
        return _text(None if value is None else value.decode())
    except UnicodeDecodeError:
        return f"(hex) {(value or b'').hex()}"


def _text(text: str | None) -> str:
    """Without signs that would move a terminal's cursor."""
    if text is None:
        return "(none)"
    return text if text.isprintable() else msgspec.json.encode(text).decode()
