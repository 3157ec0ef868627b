"""The audit service beside a running province: look after look, each sabotage named, each that is healed forgotten."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from contracts import instants
from tests.integration.intake_calls import wait_until
from tests.province import Province, Service

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

UNIT = "19753"
INCARNATION = "0197c000-0000-7000-8000-000000000001"
WITHIN_SECONDS = 90.0
BIRTH = {"procedure": "none-such", "channel": "online", "receiver": UNIT, "competent": UNIT}


@pytest.fixture
def services(province: Province) -> dict[str, Service]:
    started = province.start_all()
    started["audit"] = province.start(
        "audit", ready=False, MOTCUA_AUDIT_EVERY_SECONDS="0.5", MOTCUA_AUDIT_SEED="1", MOTCUA_AUDIT_ATTEMPTS_MAX="3",
        MOTCUA_METRICS_URL=started["metrics-api"].base_url, MOTCUA_PROCESSING_URL=started["processing-api"].base_url,
    )  # fmt: skip
    started["audit"].wait_ready()
    return started


def test_each_look_goes_on_from_the_last_one_and_names_what_was_done_to_the_figures(
    province: Province, services: dict[str, Service]
) -> None:
    audit = services["audit"]
    report(services["intake"], range(1, 21))
    # A look asks about the dossiers that it knows by then, and then reads on: not before the next one are they all.
    verdict = wait(audit, lambda told: by_name(told)["sample.api"]["examined"] == 20)
    assert (verdict["verdict"], verdict["counts"]["standing_applied"]) == ("clean", 20)
    checks = by_name(verdict)
    assert checks["sample.stands"]["examined"] == 20
    assert checks["sequences.contiguous"]["examined"] == 20
    assert verdict["counts"]["sample_seed"] == 1

    report(services["intake"], range(21, 31))
    verdict = wait(audit, lambda told: told["counts"].get("standing_applied") == 30)
    assert verdict["verdict"] == "clean"
    read = gauge(audit, "motcua_audit_records_read")
    reported, lifecycle = (verdict["counts"][f"{name}_records"] for name in ("reported", "lifecycle"))
    # What waits to be folded is read for its number, and once more when it is.
    assert reported + lifecycle <= read <= 2 * reported + lifecycle
    wait(audit, lambda told: told["looks"] > verdict["looks"] + 1)
    assert gauge(audit, "motcua_audit_records_read") == read

    with province.redis() as client:
        name = f"receiver|{UNIT}|submitted"
        client.hincrby("motcua:metrics:g1:total", name, 30)
        verdict = wait(audit, lambda told: told["verdict"] == "differences")
        first = by_name(verdict)["recount.total"]["first"]
        assert (first["counter"], first["expected"], first["found"]) == (name, "30", "60")
        assert gauge(audit, 'motcua_audit_differences{check="recount.total"}') > 0
        assert ask(audit, "/readyz")[0] == 200
        client.hincrby("motcua:metrics:g1:total", name, -30)
    wait(audit, lambda told: told["verdict"] == "clean")

    report(services["intake"], [32])
    verdict = wait(audit, lambda told: told["verdict"] == "differences")
    assert "sequence 31 is missing before 32" in by_name(verdict)["sequences.contiguous"]["first"]["sentence"]
    report(services["intake"], [31])
    # A gap is closed by what is reported, also before it is folded.
    wait(audit, lambda told: told["verdict"] == "clean" and told["counts"].get("standing_applied") == 32)

    # Nobody folds any more: what is examined is right, and grows old.
    services["processing"].kill()
    report(services["intake"], range(33, 38))
    waits = wait(audit, lambda told: told["counts"]["waiting_to_be_folded"] == 5)
    assert (waits["verdict"], waits["lag_seconds"] > 0) == ("clean", True)
    assert gauge(audit, "motcua_audit_lag_records") == 5
    wait(audit, lambda told: told["lag_seconds"] > waits["lag_seconds"])


def test_a_look_that_came_to_no_verdict_is_soon_repeated(province: Province) -> None:
    """An outage that is over is not told for as long as the pause after a verdict lasts."""
    started = province.start_all()
    started["metrics-api"].freeze()
    audit = province.start(
        "audit", ready=False, MOTCUA_AUDIT_EVERY_SECONDS="600", MOTCUA_AUDIT_AGAIN_SECONDS="0.2",
        MOTCUA_AUDIT_ANSWER_SECONDS="1", MOTCUA_METRICS_URL=started["metrics-api"].base_url,
        MOTCUA_PROCESSING_URL=started["processing-api"].base_url,
    )  # fmt: skip
    try:
        wait_until(lambda: _is_told(audit, "did not answer"), WITHIN_SECONDS)
    finally:
        started["metrics-api"].thaw()
    audit.wait_ready()
    assert wait(audit, lambda told: told["verdict"] == "clean")["looks"] > 1


def test_what_it_tells_to_whom(services: dict[str, Service]) -> None:
    """Counts for all, the codes of dossiers for the operator alone; strangers and wrong paths get a problem."""
    audit = services["audit"]
    late = instants.show(time.time_ns() // 1000 - 3 * instants.HOUR)
    report(services["intake"], [1], time_text=late)
    wait(audit, lambda told: told["lists"]["backdated"].get(UNIT, {}).get("count") == 1)
    public = ask(audit, "/v1/audit")[1]
    assert "dossier" not in public["lists"]["backdated"][UNIT]["newest"][0]
    full = ask(audit, "/v1/audit", "dev-operator")[1]
    assert full["lists"]["backdated"][UNIT]["newest"][0]["dossier"] == "X-1"
    assert set(public["as_of"]) == {"time", "log_clock", "partitions"}
    for path, key, status, code in (
        ("/v1/audit", "nobody", 401, "no_valid_key"),
        ("/v1/nothing", None, 404, "not_found"),
    ):
        answered, told = ask(audit, path, key)
        assert (answered, told["code"]) == (status, code)
    assert ask(audit, "/openapi.json")[1]["info"]["title"] == "Một Cửa: audit"


def report(intake: Service, numbers: Any, time_text: str | None = None) -> None:
    now = instants.show(time.time_ns() // 1000)
    events = [
        {
            "specversion": "1.0", "id": f"e{number}", "source": f"/units/{UNIT}", "subject": f"X-{number}",
            "type": "vn.motcua.dossier.submitted.v1", "time": time_text or now, "data": BIRTH,
            "sequence": str(number), "incarnation": INCARNATION, "recordedtime": now,
        }
        for number in numbers
    ]  # fmt: skip
    request = urllib.request.Request(
        intake.base_url + "/v1/events",
        data=json.dumps(events).encode(),
        headers={"Authorization": f"Bearer dev-{UNIT}", "Content-Type": "application/cloudevents-batch+json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 202


def _is_told(audit: Service, part: str) -> bool:
    """Whether it already answers, and says so among its reasons."""
    try:
        return part in str(ask(audit, "/readyz")[1].get("reasons"))
    except OSError:
        return False


def wait(audit: Service, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first verdict of which something is so."""
    until = time.monotonic() + WITHIN_SECONDS
    while True:
        status, told = ask(audit, "/v1/audit", "dev-operator")
        if status == 200 and is_so(told):
            return told
        assert time.monotonic() < until, told
        time.sleep(0.2)


def by_name(verdict: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in verdict["checks"]}


def gauge(audit: Service, name: str) -> float:
    with urllib.request.urlopen(audit.base_url + "/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name} "))


def ask(audit: Service, path: str, key: str | None = None) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(audit.base_url + path, headers={"Authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
