"""Deletes one topic and waits until it is gone."""

import time

from confluent_kafka.admin import AdminClient

WITHIN_SECONDS = 30


def delete_topic(kafka: str, name: str) -> None:
    """The topic is gone, or an AssertionError."""
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    for future in admin.delete_topics([name], request_timeout=15).values():
        future.result(timeout=20)
    deadline = time.monotonic() + WITHIN_SECONDS
    while name in admin.list_topics(timeout=15).topics:
        assert time.monotonic() < deadline, f"{name} is still there after {WITHIN_SECONDS} s"
        time.sleep(0.1)
