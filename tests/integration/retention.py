"""A topic's retention changed behind the services' backs, as somebody does who knows no better."""

import time

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource  # type: ignore[attr-defined]

CALL_SECONDS = 20.0


def retain(bootstrap: str, topic: str, milliseconds: str) -> None:
    """Sets it, and waits until the broker tells it: the controller has it at once, who is asked a moment later."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    entry = ConfigEntry("retention.ms", milliseconds, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result(CALL_SECONDS)
    deadline = time.monotonic() + CALL_SECONDS
    while admin.describe_configs([resource])[resource].result(CALL_SECONDS)["retention.ms"].value != milliseconds:
        assert time.monotonic() < deadline, f"the broker does not tell that {topic} has retention.ms={milliseconds}"
        time.sleep(0.05)
