"""A town whose clerks ask for their worklists: dossiers of every fate in a few units, and what must be on each list."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from msgspec import Struct
from requests.adapters import HTTPAdapter

from tests.intake_bad_inputs import BATCH, packed
from tests.integration.intake_calls import OPERATOR, REQUEST_SECONDS, post, wait_until
from tests.integration.processing_world import event
from tests.province import Province, Service
from tests.unit.worklist_oracle import LISTS, ROLES, listed

PAGE_ROWS = 7
# Receivers and competent bodies; 19774 gives way to 19804 once the rules say so.
UNITS = ("19753", "19774", "19804", "19789")
Row = dict[str, Any]
# Many questions, each of which waits for Kafka's word on where the logs end: asked side by side, each over its own line.
_ASKING = ThreadPoolExecutor(8)
_HERE = threading.local()


class Town(Struct):
    """Intake, worker and API of a province, and the codes of all dossiers that were ever reported."""

    province: Province
    intake: Service
    worker: Service
    api: Service
    codes: set[str]

    def report(self, *events: Row, is_awaited: bool = True) -> None:
        """Events are stored, and counted in unless nobody waits for it."""
        by_unit: dict[str, list[Row]] = {}
        for each in events:
            by_unit.setdefault(each["source"].split("/")[2], []).append(each)
            self.codes.add(each["subject"])
        for unit, batch in by_unit.items():
            headers = {"Authorization": f"Bearer dev-{unit}", "Content-Type": BATCH}
            answer = post(self.intake, "/v1/events", headers, packed(batch))
            assert answer.status_code == 202, answer.text
            if is_awaited:
                self._counted_in([(item["partition"], item["offset"]) for item in answer.json()["results"]])

    def tick(self, at: str) -> None:
        """Time passes in all partitions."""
        answer = post(
            self.intake, "/v1/clock", OPERATOR, packed({"at": f"{at if at[:2] == '20' else f'2025-{at}'}:00+07:00"})
        )
        assert answer.status_code == 202, answer.text
        self._counted_in([(int(partition), offset) for partition, offset in answer.json()["partitions"].items()])

    def get(self, path: str, key: str = "dev-operator") -> requests.Response:
        """One GET of the API."""
        if not hasattr(_HERE, "session"):
            _HERE.session = requests.Session()
            # The server may give up a line that has rested just as it is asked over it.
            _HERE.session.mount("http://", HTTPAdapter(max_retries=1))
        headers = {"Authorization": f"Bearer {key}"}
        found: requests.Response = _HERE.session.get(self.api.base_url + path, headers=headers, timeout=REQUEST_SECONDS)
        return found

    def told(self, path: str, key: str = "dev-operator") -> Row:
        """A good answer."""
        answer = self.get(path, key)
        assert answer.status_code == 200, answer.text
        found: Row = answer.json()
        return found

    def page(self, unit: str, name: str, role: str, cursor: str | None = None) -> Row:
        """One page of a worklist, asked for by the unit itself."""
        path = f"/v1/units/{unit}/worklist?list={name}&role={role}&cursor={cursor or ''}"
        return self.told(path, f"dev-{unit}")

    def worklist(self, unit: str, name: str, role: str) -> list[Row]:
        """A whole worklist, of as many pages as it has; none is longer than a page may be, none is empty but the first."""
        rows: list[Row] = []
        cursor: str | None = None
        while True:
            page = self.page(unit, name, role, cursor)
            assert len(page["dossiers"]) <= PAGE_ROWS
            rows += page["dossiers"]
            if (cursor := page["next"]) is None:
                assert page["total"] == len(rows)
                return rows

    def answers(self) -> list[Row]:
        """What the API says of each dossier by itself; one that has been retired says nothing."""
        answers = list(_ASKING.map(self.get, [f"/v1/dossiers/{code}" for code in sorted(self.codes)]))
        assert {answer.status_code for answer in answers} <= {200, 410}
        return [answer.json() for answer in answers if answer.status_code == 200]

    def _counted_in(self, places: Sequence[tuple[int, int]]) -> None:
        def caught_up() -> bool:
            answer = self.get("/v1/parked?unit=none")
            counted = answer.json()["as_of"]["partitions"] if answer.status_code == 200 else {}
            return all(counted.get(str(partition), -1) >= offset for partition, offset in places)

        wait_until(caught_up)


def started(province: Province) -> Town:
    """All of a province that worklists need."""
    names = ("intake", "processing", "processing-api")
    settings = {"MOTCUA_PROCESSING_PAGE_ROWS": str(PAGE_ROWS)}
    services = [province.start(name, ready=False, **settings) for name in names]
    for each in services:
        each.wait_ready()
    intake, worker, api = services
    return Town(province, intake, worker, api, codes=set())


def assert_lists(town: Town, units: Iterable[str] = UNITS) -> dict[str, int]:
    """Every list of these units, in both roles, is the plain filter over all dossiers' own answers, row by row and in
    order; how many rows each list had in all."""
    answers = town.answers()
    by_code = {answer["code"]: answer for answer in answers}
    lengths = dict.fromkeys(LISTS, 0)
    asked = [(unit, name, role) for unit in units for role in ROLES for name in LISTS]
    for (unit, name, role), rows in zip(asked, _ASKING.map(lambda each: town.worklist(*each), asked), strict=True):
        assert [row["code"] for row in rows] == listed(answers, name, role, unit), f"{name} of {role} {unit}"
        for row in rows:
            own = by_code[row["code"]]
            shared = row.keys() & own.keys()
            assert {each: row[each] for each in shared} == {each: own[each] for each in shared}
        lengths[name] += len(rows)
    return lengths


# What becomes of a dossier after its birth: (fact, time, data) in July 2025.
DAYS = {"unit": "working_days"}
RECEIVED = ("received", "07-01T09:00", {"time_limit": {"amount": 5, **DAYS}})
STARTED: tuple[str, str, Row] = ("processing_started", "07-01T10:00", {})
ASKED = ("supplement_requested", "07-02T08:00", {"reason": "missing_paper"})
FATES: dict[str, list[tuple[str, str, Row]]] = {
    "waits": [],
    "same-day": [("received", "07-01T09:00", {"time_limit": {"amount": 0, **DAYS}})],
    "short": [("received", "07-01T09:00", {"time_limit": {"amount": 1, **DAYS}}), STARTED],
    "runs": [RECEIVED],
    "calendar": [("received", "07-01T09:00", {"time_limit": {"amount": 6, "unit": "calendar_days"}})],
    "month": [("received", "07-01T09:00", {"time_limit": {"amount": 1, "unit": "months"}})],
    "without": [("received", "07-01T09:00", {})],
    "asked-early": [("supplement_requested", "07-01T15:00", {"reason": "missing_paper"})],
    "asked": [RECEIVED, STARTED, ASKED],
    "gave": [RECEIVED, STARTED, ASKED, ("supplement_provided", "07-04T08:00", {})],
    "restarts": [RECEIVED, ASKED, ("supplement_provided", "07-03T08:00", {"restart": True})],
    "lapsed": [RECEIVED, ASKED, ("supplement_lapsed", "07-04T08:00", {})],
    "pays": [RECEIVED, ("payment_requested", "07-01T13:45", {"amount_vnd": 5000})],
    "paid": [RECEIVED, ("payment_requested", "07-01T13:45", {}), ("payment_made", "07-02T14:00", {"online": True})],
    "rests": [RECEIVED, STARTED, ("suspended", "07-02T10:00", {"reason": "court"})],
    "resumed": [RECEIVED, STARTED, ("suspended", "07-02T10:00", {"reason": "court"}), ("resumed", "07-03T10:00", {})],
    "halted": [RECEIVED, STARTED, ("halted", "07-02T10:00", {"reason": "court"})],
    "letter": [RECEIVED, STARTED, ("rescheduled", "07-02T10:00", {"due": "2025-07-16T17:00:00+07:00"})],
    "refused": [("refused", "07-01T09:00", {"reason": "wrong_place"})],
    "withdrawn": [RECEIVED, ("withdrawn", "07-02T09:00", {})],
    "done": [RECEIVED, STARTED, ("completed", "07-02T09:00", {})],
    "recalled": [RECEIVED, STARTED, ("completed", "07-02T09:00", {}), ("recalled", "07-03T09:00", {"reason": "typo"})],
    "returned": [RECEIVED, STARTED, ("returned", "07-02T09:00", {})],
    "handed": [RECEIVED, STARTED, ("handed_over", "07-02T09:00", {"competent": "19789"})],
    "handed-asked": [RECEIVED, STARTED, ASKED, ("handed_over", "07-03T09:00", {"competent": "19789"})],
}


def lives(prefix: str, receiver: str, competent: str) -> Iterator[Row]:
    """A dossier of each fate, all reported by the receiver."""
    # The catalogue knows no such procedure: without a limit in an event there is none.
    birth = {"procedure": "none-such", "channel": "online", "receiver": receiver, "competent": competent}
    for place, (fate, facts) in enumerate(FATES.items()):
        code = f"{prefix}-{fate}"
        yield event("submitted", code, f"07-01T08:{place:02}", unit=receiver, **birth)
        for fact, at, data in facts:
            yield event(fact, code, at, unit=receiver, **data)
