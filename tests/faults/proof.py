"""Whether a spoilt line has hit what lies on it: by the kernel's word about its connections, whoever's proxy it is."""

from collections.abc import Callable, Mapping

from tests.faults.kinds import Spoilt
from tests.faults.sockets import Crossed

Open = Callable[[], Mapping[int, Crossed]]


class Proof:
    """Of one line: made just before it is spoilt, told so just after."""

    def __init__(self, how: Spoilt, connections: Open) -> None:
        self._how = how
        self._connections = connections
        now = connections()
        # What never carried anything is whoever finds nobody behind the line, and breaks by itself.
        self._in_use = {client for client, crossed in now.items() if crossed.asked and crossed.answered}
        self._since = dict(now)

    @property
    def is_carrying(self) -> bool:
        """Whether there is anything that it could hit."""
        return bool(self._in_use)

    def spoilt(self) -> None:
        """From now on what crosses is counted."""
        self._since = {**self._since, **self._connections()}

    def hit(self) -> str | None:
        """What it has hit so far in words; None while that is nothing."""
        now = self._connections()
        crossed = [
            Crossed(each.asked - before.asked, each.answered - before.answered)
            for client, each in now.items()
            for before in [self._since.get(client, Crossed(0, 0))]
        ]
        match self._how:
            case "half_open":
                swallowed = [each.asked for each in crossed if each.asked and not each.answered]
                return f"swallowed {sum(swallowed)} bytes of {len(swallowed)} connections" if swallowed else None
            case "slow":
                asked, answered = sum(each.asked for each in crossed), sum(each.answered for each in crossed)
                return f"{asked} and {answered} bytes crossed slowly" if asked and answered else None
            case _:
                # One that was opened since may end when its client has no more to say.
                broken = len(self._in_use - now.keys())
                return f"{broken} connections broke" if broken else None
