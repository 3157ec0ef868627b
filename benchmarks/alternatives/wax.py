"""The small fold on Bytewax: state in memory, snapshots with the position into SQLite every 5 s, at least once."""

import argparse
import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op  # type: ignore[import-not-found]  # lives in an environment of its own
from bytewax.connectors.kafka import KafkaSource  # type: ignore[import-not-found]
from bytewax.dataflow import Dataflow  # type: ignore[import-not-found]
from bytewax.outputs import DynamicSink, StatelessSinkPartition  # type: ignore[import-not-found]
from bytewax.recovery import RecoveryConfig, init_db_dir  # type: ignore[import-not-found]
from bytewax.testing import run_main  # type: ignore[import-not-found]

TOPIC = "dossier.reported"
EPOCH = timedelta(seconds=5)


class Seen:
    """What went through, from the first record to the last."""

    def __init__(self) -> None:
        self.records = self.dossiers = 0
        self.began = self.last = 0.0

    def record(self, _record: Any) -> bool:
        """Counts every record; control records have no key and no dossier."""
        self.last = time.perf_counter()
        self.began = self.began or self.last
        self.records += 1
        return _record.key is not None

    def fold(self, state: Any, record: Any) -> tuple[Any, Any]:
        """The dossier's state, by its key."""
        json.loads(record.value)
        if state is None:
            self.dossiers += 1
        told = dict(record.headers)
        now = (1 if state is None else state[0] + 1, told["ce_type"], told["ce_time"])
        self.last = time.perf_counter()
        return now, None


class Nowhere(StatelessSinkPartition):  # type: ignore[misc]
    """Nothing is sent on."""

    def write_batch(self, items: list[Any]) -> None:
        """Forgets them."""


class Sink(DynamicSink):  # type: ignore[misc]
    """A flow must end somewhere."""

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> Nowhere:
        """One for each worker."""
        return Nowhere()


def main() -> None:
    """Reads to the ends that the partitions have."""
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--kafka", required=True)
    reading.add_argument("--records", required=True, type=int, help="not used: it ends at the ends of the log")
    reading.add_argument("--state", required=True, help="directory of the recovery store")
    given = reading.parse_args()
    directory = Path(given.state)
    directory.mkdir(parents=True, exist_ok=True)
    init_db_dir(directory, 1)
    seen = Seen()
    flow = Dataflow("bench")
    read = op.input("read", flow, KafkaSource([given.kafka], [TOPIC], tail=False, batch_size=5000))
    events = op.filter("events", read, seen.record)
    keyed = op.key_on("key", events, lambda record: record.key.decode())
    folded = op.stateful_map("fold", keyed, seen.fold)
    op.output("out", folded, Sink())
    run_main(flow, epoch_interval=EPOCH, recovery_config=RecoveryConfig(str(directory)))
    print(json.dumps({"records": seen.records, "dossiers": seen.dossiers, "seconds": seen.last - seen.began}))


if __name__ == "__main__":
    main()
