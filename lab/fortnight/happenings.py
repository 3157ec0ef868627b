"""What a life is made of: facts at instants, reported by a body or one of its points."""

from functools import lru_cache
from random import Random

from msgspec import Struct

from contracts import instants
from contracts.data import Data

SPACING_SECONDS = 20
AGENT_SHARE = 0.08
VOLUNTEERS_SHARE = 0.05
AGENTS = 4
OLD_HEADQUARTERS = 2


class Happening(Struct, frozen=True, gc=False):
    """One fact: when it happened (microseconds since 1970), which body reports it, what it says.

    `on_paper`: entered only the next morning. `annuls`: the place in the life of the fact that this one takes out.
    """

    at: int
    source: str
    fact: str
    data: Data
    on_paper: bool = False
    annuls: int | None = None


class Life(Struct, frozen=True, gc=False):
    """One dossier's facts in the order in which they are entered; `joint` numbers the case that it leads or is a leg of."""

    happenings: list[Happening]
    joint: int | None = None
    leads: bool = False


def agent(chance: Random) -> str | None:
    """Where people are helped to submit online, if anywhere: an agent of the post, a team of volunteers."""
    drawn = chance.random()
    if drawn < AGENT_SHARE:
        return f"dai-ly-{chance.randint(1, AGENTS)}"
    return "to-tinh-nguyen" if drawn < AGENT_SHARE + VOLUNTEERS_SHARE else None


def old_headquarters(chance: Random) -> str:
    """A former commune's house that remains a reception point."""
    return f"tru-so-cu-{chance.randint(1, OLD_HEADQUARTERS)}"


def moments(after: int, before: int, count: int, chance: Random) -> list[int]:
    """So many instants in order between these two, no two of them alike."""
    return sorted(chance.sample(range(after + SPACING_SECONDS, before - SPACING_SECONDS, SPACING_SECONDS), count))


def shown(instant: int) -> str:
    """RFC 3339 in Vietnam's offset; a fortnight has few days and few seconds of a day, and shows each many times."""
    day, within = divmod(instant + instants.OFFSET, instants.DAY)
    second, fraction = divmod(within, instants.SECOND)
    told = f"{instants.day_text(day)}T{_clock(second)}"
    return f"{told}.{fraction:06}+07:00" if fraction else f"{told}+07:00"


@lru_cache(maxsize=86_400)
def _clock(second: int) -> str:
    minute, second = divmod(second, 60)
    return f"{minute // 60:02}:{minute % 60:02}:{second:02}"
