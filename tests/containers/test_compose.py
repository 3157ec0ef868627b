"""docker-compose.yml as its user has it: brought up, fed, its containers killed, verified, and removed without a trace."""

import json
import re
import time
import urllib.error
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.containers import composed as world
from tests.containers.composed import UNIT, UP_WITHIN_SECONDS, Composed

COUNTED_WITHIN_SECONDS = 90.0
ALERTED_WITHIN_SECONDS = 300.0
WATCHED = {"intake", "processing", "metrics", "metrics-api", "edge", "audit", "dossiers", "alertmanager"}
EVENTS = 40
AT_THE_EDGE = "20101"

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def composed() -> Iterator[Composed]:
    """The stack, up and healthy, with Grafana where it can be had."""
    with world.running("motcua-test", with_grafana=True) as stack:
        yield stack


@pytest.fixture(scope="module")
def keys(composed: Composed) -> dict[str, str]:
    """The keys that were made at the first start."""
    told = composed("run", "--rm", "-T", "--entrypoint", "cat", "operators", "/secrets/keys.plain.json")
    found: dict[str, str] = json.loads(told)
    return found


def test_events_are_counted_whichever_container_is_killed(composed: Composed, keys: dict[str, str]) -> None:
    """Each of them dies in turn and is started by the engine again: all is counted, once, and verify is clean."""
    handed_in = 0
    watchers = ("processing-api", "audit", "prometheus", "alertmanager")
    for victims in ((), ("processing",), ("metrics",), ("redis",), ("kafka",), ("intake",), ("metrics-api",), watchers):
        composed.end_from_beneath(*victims)
        _hand_in(composed, keys[UNIT], handed_in)
        handed_in += EVENTS
        _wait_counted(composed, handed_in)
    told = composed("run", "--rm", "-T", "verify", within_seconds=600)
    assert "clean" in told.splitlines()[-1], told
    [asked] = [line.split() for line in told.splitlines() if " sample.api " in line]
    assert asked[0] == "ok", "processing was asked about dossiers, with a key of the volume"
    assert int(asked[2].replace(",", "")) > 0


def test_an_edge_beside_the_city_keeps_what_it_took_while_intake_is_away(composed: Composed, keys: dict[str, str]) -> None:
    """Stopped intake, killed edge: what the outbox called stored is counted, once."""
    composed("stop", "intake")
    events = [_event(number, AT_THE_EDGE) for number in range(EVENTS)]
    answer = composed.patiently("EDGE", "/v1/events", events, keys[AT_THE_EDGE], "application/cloudevents-batch+json")
    assert {each["status"] for each in answer["results"]} == {"stored"}
    composed.end_from_beneath("edge")
    composed("up", "--wait", "--no-build", "--no-recreate", within_seconds=UP_WITHIN_SECONDS)
    _wait_counted(composed, EVENTS, AT_THE_EDGE)


def test_a_key_opens_no_door_but_its_own(composed: Composed, keys: dict[str, str]) -> None:
    """The development keys of a local stack are worth nothing here."""
    for key in ("dev-19753", keys["20101"]):
        with pytest.raises(urllib.error.HTTPError) as refused:
            composed.ask("INTAKE", "/v1/events", [_event(0)], key, "application/cloudevents-batch+json")
        assert refused.value.code in (401, 403)


def test_plain_keys_are_where_they_are_shown_and_nowhere_else(composed: Composed) -> None:
    """The operators' tool opens its door with the one of its volume; intake, which everybody reaches, sees hashes alone."""
    composed("run", "--rm", "-T", "operators", "rejected", "list")
    assert composed("exec", "-T", "intake", "ls", "/keys", "/secrets").split() == ["/keys:", "keys.json", "/secrets:"]
    seen = composed("exec", "-T", "edge", "ls", "/edge-key", "/secrets").split()
    assert seen == ["/edge-key:", "every-centre.key", "/secrets:"]


def test_containers_are_bounded_and_cannot_write(composed: Composed) -> None:
    """Every container has limits of memory and processes, and no capability but what Redis' image needs to become its own
    user; all but the servers have a read-only root, and ours are nobody in particular."""
    for line in composed("ps", "-q").split():
        inspected = json.loads(world.engine("inspect", line))[0]
        host, name = inspected["HostConfig"], inspected["Name"]
        assert host["Memory"] > 0, name
        assert host["PidsLimit"] > 0, name
        assert host["CapDrop"] == ["ALL"], name
        assert bool(host["CapAdd"]) == inspected["Config"]["Image"].startswith("redis"), name
        if not inspected["Config"]["Image"].startswith(("apache/kafka", "redis")):
            assert host["ReadonlyRootfs"], name
        if inspected["Config"]["Image"].startswith("motcua"):
            assert inspected["Config"]["User"] not in ("", "root", "0"), name


def test_redis_refuses_before_its_container_is_full_and_its_memory_is_watched(composed: Composed) -> None:
    """A write that is refused is tried again; a server that the kernel kills is an outage."""
    bound = int(composed("exec", "-T", "redis", "redis-cli", "--raw", "config", "get", "maxmemory").split()[1])
    assert 0 < bound < composed.inspected("redis")["HostConfig"]["Memory"]
    _wait(lambda: _figures(composed, "max(motcua_metrics_redis_max_bytes)") == [float(bound)])
    assert 0 < _figures(composed, "max(motcua_metrics_redis_used_bytes)")[0] < bound


def test_every_container_of_ours_says_the_same_release(composed: Composed) -> None:
    """Its version and the digest of its files, from which Grafana draws when another one takes over."""
    ours = WATCHED - {"dossiers", "alertmanager"}
    asked = "query?query=" + urllib.parse.quote('count by (job) (motcua_build_info{version!=""})')
    _wait(lambda: {each["metric"]["job"] for each in _asked(composed, asked)["result"]} >= ours)
    assert _figures(composed, "count(count by (version, sources) (motcua_build_info))") == [1.0]


def test_prometheus_sees_everybody_and_a_service_that_stops_is_told_to_alertmanager(composed: Composed) -> None:
    """As it is mounted and started here: every target up, every rule well; an alert arrives, and goes when it is over."""
    _wait(lambda: _jobs(composed) >= WATCHED)
    rules = [rule for group in _asked(composed, "rules")["groups"] for rule in group["rules"]]
    assert len(rules) > 50
    _wait(
        lambda: (
            not [rule for group in _asked(composed, "rules")["groups"] for rule in group["rules"] if rule["health"] != "ok"]
        )
    )
    _wait(lambda: "Watchdog" in _told(composed))
    composed("stop", "audit")
    _wait(lambda: "ServiceDown" in _told(composed))
    composed("up", "--wait", "--no-build", "--no-recreate", within_seconds=UP_WITHIN_SECONDS)
    _wait(lambda: "ServiceDown" not in _told(composed))


def test_the_same_fold_once_more_takes_over_and_the_former_goes(composed: Composed) -> None:
    """As docs/GENERATIONS.md says it for containers; figures are what they were."""
    counted = composed.received()
    composed("run", "--rm", "-T", "operators", "generation", "topics", "2")
    workers = {worker: f"{composed.project}-{worker}-g2" for worker in ("processing", "metrics")}
    for worker, name in workers.items():
        composed("run", "-d", "--no-deps", "--name", name, "-e", "MOTCUA_GEN=2", worker)
    try:
        _wait(lambda: _is_at_the_end(composed("run", "--rm", "-T", "operators", "generation", "status", "2")))
        composed("run", "--rm", "-T", "operators", "generation", "compare", "2", "--same-code")
    finally:
        world.engine("rm", "-f", *workers.values())
    composed.environment |= {"MOTCUA_LIVE_GEN": "2", "MOTCUA_GEN": "2"}
    composed("up", "--wait", "--no-build", within_seconds=UP_WITHIN_SECONDS)
    assert "clean" in composed("run", "--rm", "-T", "verify", within_seconds=600).splitlines()[-1]
    assert "generation 1 is removed" in composed("run", "--rm", "-T", "operators", "generation", "drop", "1")
    assert composed.received() == counted


def test_redis_begins_again_from_its_snapshot(composed: Composed) -> None:
    """The lines of docs/GENERATIONS.md: killed, the snapshot made the base of a new append-only file, read on from there."""
    counted = composed.received()
    composed("exec", "-T", "redis", "redis-cli", "save")
    composed("kill", "redis")
    page = (world.REPOSITORY / "docs" / "GENERATIONS.md").read_text()
    [lines] = re.findall(r"--entrypoint sh redis -ec '(cd /data; redis-check-rdb [^']+)'", page)
    composed("run", "--rm", "-T", "--no-deps", "--entrypoint", "sh", "redis", "-ec", lines)
    composed("up", "--wait", "--no-build", within_seconds=UP_WITHIN_SECONDS)
    assert "clean" in composed("run", "--rm", "-T", "verify", within_seconds=600).splitlines()[-1]
    assert composed.received() == counted


def test_grafana_shows_every_dashboard_without_an_account(composed: Composed) -> None:
    """Provisioned from the repository; whoever comes may look and not change."""
    if not composed.has_grafana:
        pytest.skip(f"Grafana was NOT tested ({world.NO_GRAFANA}=1)")
    found = {each["uid"] for each in composed.patiently("GRAFANA", "/api/search?type=dash-db")}
    assert found == {"motcua-city", "motcua-unit", "motcua-flow", "motcua-reliability", "motcua-load"}


def _asked(composed: Composed, path: str) -> Any:
    return composed.patiently("PROMETHEUS", f"/api/v1/{path}")["data"]


def _figures(composed: Composed, expr: str) -> list[float]:
    return [float(each["value"][1]) for each in _asked(composed, f"query?query={urllib.parse.quote(expr)}")["result"]]


def _jobs(composed: Composed) -> set[str]:
    return {each["labels"]["job"] for each in _asked(composed, "targets")["activeTargets"] if each["health"] == "up"}


def _healths(composed: Composed) -> list[str]:
    return [rule["health"] for group in _asked(composed, "rules")["groups"] for rule in group["rules"]]


def _told(composed: Composed) -> set[str]:
    return {each["labels"]["alertname"] for each in composed.patiently("ALERTMANAGER", "/api/v2/alerts?active=true")}


def _is_at_the_end(told: str) -> bool:
    """Of both services, as `progress` says it."""
    return told.count("at the end of its log") == 2


def _wait(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + ALERTED_WITHIN_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(1)


def _event(number: int, unit: str = UNIT) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": f"compose-{number}", "source": f"/units/{unit}",
        "type": "vn.motcua.dossier.received.v1", "subject": f"H57.{unit}-compose-{number}",
        "time": "2025-07-14T08:00:00+07:00", "datacontenttype": "application/json",
        "data": {"procedure": "1.004746", "channel": "online", "receiver": unit, "competent": unit},
    }  # fmt: skip


def _hand_in(composed: Composed, key: str, begin: int) -> None:
    """As a centre does it: what was not stored is sent again, until all is."""
    left = [_event(number) for number in range(begin, begin + EVENTS)]
    deadline = time.monotonic() + world.ANSWERED_WITHIN_SECONDS
    while left:
        answer = composed.patiently("INTAKE", "/v1/events", left, key, "application/cloudevents-batch+json")
        assert {each["status"] for each in answer["results"]} <= {"stored", "retry"}
        left = [left[each["index"]] for each in answer["results"] if each["status"] == "retry"]
        assert not left or time.monotonic() < deadline, f"{len(left)} events are not stored"


def _wait_counted(composed: Composed, count: int, unit: str = UNIT) -> None:
    deadline = time.monotonic() + COUNTED_WITHIN_SECONDS
    while (found := composed.received(unit)) != count:
        assert found < count, f"{found} counted of {count}"
        assert time.monotonic() < deadline, f"{found} of {count} counted after {COUNTED_WITHIN_SECONDS:.0f} s"
        time.sleep(0.5)
