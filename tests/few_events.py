"""A few events of one unit for tests that look at what is shown of them: ordinary ones, and some that fit nowhere."""

from typing import Any

DAY = "2025-07-01"


def ordinary(unit: str) -> list[dict[str, Any]]:
    """Five dossiers are received, one is completed."""
    return [*(_received(unit, f"live-{number}", "online") for number in range(5)), _event(unit, "live-0", "completed")]


def odd(unit: str, day: str = DAY) -> list[dict[str, Any]]:
    """One that comes twice, one of its name with other content, and the end of a dossier that nobody has received, which
    waits for seven days of the log's clock."""
    events = _received(unit, "odd-1", "online"), _received(unit, "odd-1", "post"), _event(unit, "odd-2", "completed")
    twice, other, early = ({**event, "time": event["time"].replace(DAY, day)} for event in events)
    return [twice, twice, other, early]


def _received(unit: str, name: str, channel: str) -> dict[str, Any]:
    birth = {"procedure": "1.004873", "channel": channel, "receiver": unit, "competent": unit}
    return _event(unit, name, "received", **birth, time_limit={"amount": 3, "unit": "working_days"})


def _event(unit: str, name: str, fact: str, **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": f"{name}-{fact}", "source": f"/units/{unit}", "type": f"vn.motcua.dossier.{fact}.v1",
        "subject": f"H57.{unit}-{name}", "time": f"{DAY}T0{7 + (fact == 'completed')}:30:00+07:00",
        "datacontenttype": "application/json", "data": data,
    }  # fmt: skip
