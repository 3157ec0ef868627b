"""The two doors of the workbench: processing's, which tells of dead letters, and intake's, which takes events."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from contracts import direct
from deploy.operators.deadletters import letters
from deploy.operators.deadletters.letters import Group, Place, Row, Selection, Whole
from deploy.operators.errors import DoorError, NoLetterError
from deploy.operators.settings import OperatorSettings

REQUEST_SECONDS: Final = 30.0
PAGES_MAX: Final = 5_000
LOOK_AGAIN_SECONDS: Final = 0.2
TRIES_MAX: Final = 3
TRY_AGAIN_SECONDS: Final = 1.0
BATCH: Final = "application/cloudevents-batch+json"
_NO_LETTERS: Final = "the answer is not one of dead letters"
# Which standing the events have that a dossier's answer lists under a name; misfits say their own.
_LISTED: Final = {"history": "applied", "annulled": "annulled", "annulments": "applied", "repeats": "duplicate"}
_T = TypeVar("_T")


class Doors:
    """Every call is bounded; DoorError names the door and what it said."""

    def __init__(self, settings: OperatorSettings) -> None:
        self._settings = settings

    def rejected(self, selection: Selection) -> Iterator[Row]:
        """The dead letters that are meant, page by page, in the order of their topic."""
        query = {"code": selection.code, "unit": selection.unit}
        return (row for page in self._pages("/v1/rejected", query, "rejected", Row) for row in page if selection.takes(row))

    def groups(self, code: str, unit: str, week: str) -> Iterator[list[Group]]:
        """The groups of the dead letters that are meant, piece by piece; what is empty leaves all in."""
        return self._pages("/v1/rejected/groups", {"code": code, "unit": unit, "week": week}, "groups", Group)

    def letter(self, place: Place) -> Whole:
        """The dead letter at a place; NoLetterError when there is none."""
        status, told = self._ask("GET", f"/v1/rejected/{place[0]}:{place[1]}")
        if (status, told.get("code")) == (404, "unknown_letter"):
            raise NoLetterError(*place)
        if status != 200:
            raise DoorError(self._settings.processing_door, _said(status, told))
        try:
            return msgspec.convert(told, Whole)
        except ValueError as error:
            raise DoorError(self._settings.processing_door, _NO_LETTERS) from error

    def standing(self, dossier: str, source: str, event: str) -> str | None:
        """How an event of a dossier stands now, None when it is not kept there."""
        status, told = self._ask("GET", f"/v1/dossiers/{quote(dossier, safe='')}")
        if status == 404:
            return None
        if status == 410:
            return "retired"
        if status != 200:
            raise DoorError(self._settings.processing_door, _said(status, told))
        for name, standing in _LISTED.items():
            if any((each["source"], each["id"]) == (source, event) for each in told[name]):
                return standing
        return next(
            (str(each["standing"]) for each in told["misfits"] if (each["source"], each["id"]) == (source, event)), None
        )

    def wait_counted(self, places: dict[int, int], within_seconds: float) -> bool:
        """Whether processing has counted in these offsets of its partitions, by then at the latest."""
        deadline = time.monotonic() + within_seconds
        while True:
            counted = self._told("/v1/parked")["as_of"]["partitions"]
            if all(counted[str(partition)] >= offset for partition, offset in places.items()):
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(LOOK_AGAIN_SECONDS)

    def hand_in(self, unit: str, event: dict[str, Any]) -> dict[str, Any]:
        """One event through intake's door; the item of its answer, `status` is `retry` when nothing could be stored."""
        return self.hand_in_all(unit, [msgspec.json.encode(event)])[0]

    def hand_in_all(self, unit: str, events: list[bytes]) -> list[dict[str, Any]]:
        """Events of one unit through intake's door in one request; an item for each, all `retry` when nothing was taken."""
        headers = {"Authorization": f"Bearer {self._settings.intake_key(unit)}", "Content-Type": BATCH}
        url = self._settings.intake_door + "/v1/events"
        status, told = _call("POST", url, headers, b"[" + b",".join(events) + b"]")
        results = told.get("results")
        if isinstance(results, list) and len(results) == len(events):
            return [dict(item) for item in results]
        if status in (429, 503):
            return [{"status": "retry", "code": told.get("code", "unavailable")} for _ in events]
        raise DoorError(self._settings.intake_door, _said(status, told, "EVENTS_KEY"))

    def _pages(self, path: str, query: dict[str, str], name: str, form: type[_T]) -> Iterator[list[_T]]:
        cursor: str | None = ""
        for _ in range(PAGES_MAX):
            page = self._patiently(f"{path}?{urlencode({**query, 'cursor': cursor})}")
            try:
                yield letters.read(page[name], form)
                cursor = page["next"]
            except (ValueError, KeyError) as error:
                raise DoorError(self._settings.processing_door, _NO_LETTERS) from error
            if cursor is None:
                return
        raise DoorError(self._settings.processing_door, f"there are more than {PAGES_MAX} pages: select by code or unit")

    def _patiently(self, path: str) -> dict[str, Any]:
        """One page more of many: what has been told so far is not thrown away because one of them took too long."""
        for _ in range(TRIES_MAX - 1):
            status, told = self._ask("GET", path)
            if status == 200:
                return told
            if status != 503:
                break
            time.sleep(TRY_AGAIN_SECONDS)
        return self._told(path)

    def _told(self, path: str) -> dict[str, Any]:
        status, told = self._ask("GET", path)
        if status != 200:
            raise DoorError(self._settings.processing_door, _said(status, told))
        return told

    def _ask(self, method: str, path: str) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self._settings.processing_key}"}
        return _call(method, self._settings.processing_door + path, headers)


def _call(method: str, url: str, headers: dict[str, str], body: bytes | None = None) -> tuple[int, dict[str, Any]]:
    asked = urllib.request.Request(url, data=body, headers=headers, method=method)
    try:
        with direct.OPENER.open(asked, timeout=REQUEST_SECONDS) as answer:
            return answer.status, _members(answer.read(), url)
    except urllib.error.HTTPError as error:
        return error.code, _members(error.read(), url)
    except OSError as error:
        raise DoorError(url, f"no answer: {getattr(error, 'reason', error)}") from error


def _members(body: bytes, url: str) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError as error:
        raise DoorError(url, "the answer is not JSON") from error
    return told if isinstance(told, dict) else {}


def _said(status: int, told: dict[str, Any], key: str = "OPERATOR_KEY") -> str:
    said = f"{status} {told.get('code', '')}: {told.get('detail', '')}"
    if status != 401:
        return said
    return f"{said}. MOTCUA_{key}_FILE names the file of the key to show, MOTCUA_{key} is one itself (docs/DEAD_LETTERS.md)"
