"""The small fold on Quix Streams: state in RocksDB with a changelog topic, offsets committed every 5 s, at least once."""

import argparse
import json
import time
from typing import Any

from quixstreams import Application  # type: ignore[import-not-found]  # lives in an environment of its own

TOPIC = "dossier.reported"
IDLE_SECONDS = 20.0


class Fold:
    """What is done with each event, and when the first and the last were seen."""

    def __init__(self) -> None:
        self.dossiers = self.records = 0
        self.began = self.last = 0.0

    def seen(self, _value: Any, key: Any, _at: int, _headers: Any) -> bool:
        """Counts every record; control records have no key and no dossier."""
        self.last = time.perf_counter()
        self.began = self.began or self.last
        self.records += 1
        return key is not None

    def event(self, _value: Any, _key: Any, _at: int, headers: Any, state: Any) -> None:
        """The dossier's state, by its key."""
        held = state.get("dossier")
        if held is None:
            self.dossiers += 1
        told = dict(headers or [])
        count = 1 if held is None else held[0] + 1
        state.set("dossier", [count, told["ce_type"].decode(), told["ce_time"].decode()])
        self.last = time.perf_counter()


def main() -> None:
    """Reads as many records as it is told that there are."""
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--kafka", required=True)
    reading.add_argument("--records", required=True, type=int)
    reading.add_argument("--state", required=True, help="directory of the state")
    given = reading.parse_args()
    application = Application(
        broker_address=given.kafka, consumer_group="bench-quix", auto_offset_reset="earliest", state_dir=given.state,
        loglevel="ERROR",
    )  # fmt: skip
    fold = Fold()
    topic = application.topic(TOPIC, key_deserializer="str", value_deserializer="json")
    stream = application.dataframe(topic)
    stream = stream.filter(fold.seen, metadata=True)
    stream.update(fold.event, stateful=True, metadata=True)
    application.run(count=given.records, timeout=IDLE_SECONDS, collect=False)
    print(json.dumps({"records": fold.records, "dossiers": fold.dossiers, "seconds": fold.last - fold.began}))


if __name__ == "__main__":
    main()
