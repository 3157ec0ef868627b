"""Kinds of links: how fast, how far, how lossy, where the figures come from, and in which conditions they can be."""

from math import floor
from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from lab.errors import ScenarioError

Condition = Literal["good", "congested", "cut", "half_open", "captive"]
CONDITIONS: tuple[Condition, ...] = get_args(Condition)
SEGMENT_BYTES = 1460
# Mathis, Semke, Mahdavi, Ott (1997): what a lossy path leaves to one TCP connection is MSS / RTT × C / √p, C ≈ 1.22.
MATHIS = 1.22
CONGESTED_DELAY_FACTOR = 3.0
CONGESTED_RATE_FACTOR = 0.1
# A proxy's rate is a whole number of thousand bytes a second, and one of them at least.
STEP_KBPS = 8

Kbps = Annotated[float, Meta(gt=0)]
Ms = Annotated[float, Meta(ge=0, le=5000)]


class Profile(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One kind of link. `up` is from the centre to the city; `source` says whose figures these are.

    `shared_by`: so many centres have one line. Through a proxy each has that part of its rate at all times: a part that a
    neighbour does not use is lent to nobody. On a wire they share it.
    """

    title: str
    up_kbps: Kbps
    down_kbps: Kbps
    round_trip_ms: Ms
    jitter_ms: Ms
    loss_percent: Annotated[float, Meta(ge=0, le=20)] = 0.0
    shared_by: Annotated[int, Meta(ge=1, le=100)] = 1
    source: str

    def rate_kbps(self, of: float) -> int:
        """What a connection really gets of a rate: its part of a shared line, less what loss takes, in the proxy's steps."""
        return max(1, floor(self.tcp_kbps(of / self.shared_by) / STEP_KBPS + 0.5)) * STEP_KBPS

    def tcp_kbps(self, of: float) -> float:
        """What loss leaves of a rate to one TCP connection."""
        if self.loss_percent == 0 or self.round_trip_ms == 0:
            return of
        bits = SEGMENT_BYTES * 8 * MATHIS / (self.round_trip_ms / 1000 * (self.loss_percent / 100) ** 0.5)
        return float(min(of, bits / 1000))

    def congested(self) -> "Profile":
        """The same at its busiest: a tenth of the rate, three times the way."""
        return msgspec.structs.replace(
            self, up_kbps=self.up_kbps * CONGESTED_RATE_FACTOR, down_kbps=self.down_kbps * CONGESTED_RATE_FACTOR,
            round_trip_ms=self.round_trip_ms * CONGESTED_DELAY_FACTOR, jitter_ms=self.jitter_ms * CONGESTED_DELAY_FACTOR,
        )  # fmt: skip


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    links: dict[str, Profile]


def read_profiles(path: Path) -> dict[str, Profile]:
    """All kinds of links by name; ScenarioError when the file is not as it should be."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=_File).links
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: {error}") from error
