"""The kinds of faults: what each is called, what it happens to, how long it lasts."""

from typing import Final, Literal

from msgspec import Struct

Area = Literal["city", "edge", "batch"]
On = Literal["processing", "metrics", "intake", "kafka", "valkey", "line to kafka", "edge", "line", "batch"]
Spoilt = Literal["cut", "reset", "half_open", "slow", "lossy", "unanswered"]


class Kind(Struct, frozen=True):
    """One kind. `seconds`: the shortest and the longest that it lasts before it is lifted; (0, 0): it is over at once."""

    name: str
    area: Area
    on: On
    says: str
    seconds: tuple[float, float] = (0.0, 0.0)

    @property
    def spoilt(self) -> Spoilt:
        """How the line is spoilt."""
        return self.name.partition("_")[2]  # type: ignore[return-value]


# A session lasts six seconds: whoever sleeps longer loses its partitions, and does not know it when it wakes up.
SLEEP: Final = (7.5, 9.0)
# Intake and edge are in no group: longer than the other side waits for their answer.
NAP: Final = (5.5, 7.0)

_KAFKA_LINE: Final = "line of intake, processing or metrics to Kafka"
_CENTRE_LINE: Final = "line of an edge to intake"


def _lines(prefix: str, area: Area, on: On, line: str, seconds: tuple[float, float]) -> tuple[Kind, ...]:
    return (
        Kind(f"{prefix}_cut", area, on, f"{line} cut, connections refused", seconds),
        Kind(f"{prefix}_reset", area, on, f"{line} reset (RST), again and again", (0.5, 2.0)),
        Kind(f"{prefix}_half_open", area, on, f"{line} half-open: accepted, swallowed, no word", seconds),
        Kind(f"{prefix}_slow", area, on, f"{line} slow: delay, little throughput", seconds),
        Kind(f"{prefix}_lossy", area, on, f"{line} lossy: stalls, connections break in the middle", seconds),
        Kind(f"{prefix}_unanswered", area, on, f"{line} cut after the commit and before its answer", (0.5, 2.5)),
    )


KINDS: Final[tuple[Kind, ...]] = (
    Kind("kill_processing", "city", "processing", "kill -9 of a processing worker"),
    Kind("kill_metrics", "city", "metrics", "kill -9 of a metrics worker"),
    Kind("kill_intake", "city", "intake", "kill -9 of intake"),
    Kind("die_processing", "city", "processing", "a processing worker dies between producing and committing"),
    Kind("die_metrics", "city", "metrics", "a metrics worker dies between counting and storing"),
    Kind("stop_processing", "city", "processing", "SIGSTOP of a processing worker beyond its session, SIGCONT", SLEEP),
    Kind("stop_metrics", "city", "metrics", "SIGSTOP of a metrics worker beyond its session, SIGCONT", SLEEP),
    Kind("stop_intake", "city", "intake", "SIGSTOP of intake beyond the edges' patience, SIGCONT", NAP),
    Kind("join_processing", "city", "processing", "one more processing worker joins"),
    Kind("join_metrics", "city", "metrics", "one more metrics worker joins"),
    Kind("leave_processing", "city", "processing", "a processing worker leaves"),
    Kind("leave_metrics", "city", "metrics", "a metrics worker leaves"),
    Kind("kill_kafka", "city", "kafka", "kill -9 of the broker"),
    Kind("kill_valkey", "city", "valkey", "kill -9 of Valkey"),
    Kind("flush_valkey", "city", "valkey", "FLUSHALL"),
    Kind("old_valkey", "city", "valkey", "Valkey killed, an older dump restored"),
    *_lines("kafka", "city", "line to kafka", _KAFKA_LINE, (1.5, 4.0)),
    Kind("kill_edge", "edge", "edge", "kill -9 of an edge"),
    Kind("stop_edge", "edge", "edge", "SIGSTOP of an edge beyond its clients' patience, SIGCONT", NAP),
    Kind("clock_edge", "edge", "edge", "the clock of an edge jumps by hours, days or months, and back", (2.0, 5.0)),
    *_lines("line", "edge", "line", _CENTRE_LINE, (2.0, 6.0)),
    Kind("batch_duplicated", "batch", "batch", "a batch handed in twice"),
    Kind("batch_shuffled", "batch", "batch", "the events of a batch handed in one by one in any order"),
    Kind("batch_withheld", "batch", "batch", "a batch withheld for a while: all that follows comes first"),
)  # fmt: skip
BY_NAME: Final = {kind.name: kind for kind in KINDS}
WORKERS: Final = ("processing", "metrics")
WORKERS_AT_START, WORKERS_MIN, WORKERS_MAX = 2, 1, 3
KAFKA_LINES: Final = ("intake", "processing", "metrics")
CLOCK_JUMPS_SECONDS: Final = (-3 * 86_400, -7_200, -90, 90, 7_200, 86_400, 31 * 86_400)
# From the log clock: what is entered then is back-dated by this clock or is not, late by the link or late by its entry. An
# edge refuses what lies a day ahead of its clock; of what a slot hands in, some lies ten hours ahead of the log clock.
WEEK_JUMPS_SECONDS: Final = (-7_200, 1_800, 5_400, 6 * 3_600, 86_400)
