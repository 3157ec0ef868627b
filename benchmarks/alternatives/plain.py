"""The small fold on confluent-kafka alone: state in memory, offsets committed every 5 s; a crash loses the state."""

import argparse
import json
import time

from confluent_kafka import Consumer

TOPIC = "dossier.reported"
COMMIT_EVERY_SECONDS = 5.0
IDLE_SECONDS = 20.0


def main() -> None:
    """Reads as many records as it is told that there are."""
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--kafka", required=True)
    reading.add_argument("--records", required=True, type=int)
    reading.add_argument("--state", required=True, help="not used: nothing is kept")
    given = reading.parse_args()
    consumer = Consumer({"bootstrap.servers": given.kafka, "group.id": "bench-plain", "auto.offset.reset": "earliest",
                         "enable.auto.commit": False})  # fmt: skip
    consumer.subscribe([TOPIC])
    states: dict[bytes, list[object]] = {}
    count, began, last, committed = 0, 0.0, time.perf_counter(), time.perf_counter()
    while count < given.records and time.perf_counter() - last < IDLE_SECONDS:
        found = consumer.consume(5000, timeout=0.5)
        if found and not count:
            began = time.perf_counter()
        for record in found:
            key, value = record.key(), record.value()
            if key is None or value is None:
                continue
            json.loads(value)
            headers = dict(record.headers() or [])
            state = states.setdefault(bytes(key), [0, None, None])
            state[0] = int(str(state[0])) + 1
            state[1], state[2] = headers["ce_type"], headers["ce_time"]
        if found:
            count, last = count + len(found), time.perf_counter()
        if last - committed > COMMIT_EVERY_SECONDS:
            consumer.commit(asynchronous=True)
            committed = last
    consumer.close()
    print(json.dumps({"records": count, "dossiers": len(states), "seconds": last - began}))


if __name__ == "__main__":
    main()
