"""Whether a server or service can do its job now, asked at its own door, with the reason when it cannot."""

import http.client
import json
import urllib.error
from collections.abc import Mapping

from contracts import direct
from deploy.local import dumps
from deploy.local.programs import WATCHERS
from deploy.local.settings import StackSettings

ASK_TIMEOUT_SECONDS = 3.0
NO_ANSWER = "does not answer"


def reason_not_ready(settings: StackSettings, service: str, told: Mapping[str, str]) -> str | None:
    """None when it is ready, else why not, in a few words; `told`: the settings of the stack's processes."""
    if service == "kafka":
        return kafka_reason(settings.bootstrap)
    if service == "redis":
        return redis_reason(settings.redis_url)
    if service == "dumps":
        return dumps.reason_not_ready(settings, dumps.told(told).dumps_every_seconds)
    path = "/-/ready" if service in WATCHERS else "/readyz"
    return http_reason(f"http://127.0.0.1:{settings.port(service)}", path)


def kafka_reason(bootstrap: str) -> str | None:
    """Asks the cluster who it is: an open port alone says nothing."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    # The client must have a name: without one it is gone before its answer arrives.
    asked = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, "socket.connection.setup.timeout.ms": 2000})
    try:
        # Not `describe_cluster`, as contracts/asking.py says.
        told = asked.list_topics(timeout=ASK_TIMEOUT_SECONDS)
    except KafkaException:
        return NO_ANSWER
    return None if told.brokers else "has no broker yet"


def redis_reason(url: str) -> str | None:
    """Asks it: one that still loads its file answers with an error."""
    import redis

    try:
        with redis.Redis.from_url(
            url, socket_timeout=ASK_TIMEOUT_SECONDS, socket_connect_timeout=ASK_TIMEOUT_SECONDS
        ) as asked:
            asked.ping()
    except redis.RedisError as error:
        return "is loading its file" if isinstance(error, redis.BusyLoadingError) else NO_ANSWER
    return None


def http_reason(base_url: str, path: str = "/readyz") -> str | None:
    """Asks a service's /readyz; its body names the reasons."""
    try:
        with direct.OPENER.open(f"{base_url}{path}", timeout=ASK_TIMEOUT_SECONDS):
            return None
    except urllib.error.HTTPError as error:
        return _reasons(error.read(10_000)) or f"answers {error.code}"
    except (OSError, http.client.HTTPException):
        return NO_ANSWER


def _reasons(body: bytes) -> str:
    try:
        members = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(members, dict):
        return ""
    for name in ("reasons", "detail", "title"):
        found = members.get(name)
        if isinstance(found, str):
            return found
        if isinstance(found, list):
            return "; ".join(str(each) for each in found)
        if isinstance(found, dict):
            return "; ".join(f"{key}: {value}" for key, value in found.items())
    return ""
