"""The doors, one method each: a dossier, its deadline, worklists, dead letters, parked events."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from time import monotonic
from typing import Any, Final

import msgspec
from confluent_kafka import murmur2
from msgspec import Struct, structs
from starlette.requests import Request
from starlette.responses import Response

from contracts import topics
from contracts.face.problems import ProblemError
from contracts.keys import Key, KeySource
from contracts.topics import PARTITIONS
from services.processing.api import cursors, figures, letters, views, whole, worklist
from services.processing.api.cursors import ParkedCursor, RejectedCursor, WorklistCursor
from services.processing.api.groups import PIECE_SECONDS, Groups
from services.processing.api.instruments import Instruments
from services.processing.api.letters import Row, Stand, Wanted
from services.processing.api.logs import Logs, LogsUnavailableError
from services.processing.api.pages import Page, Search
from services.processing.api.permission import may_read_dossier, may_read_list
from services.processing.api.problems import unavailable
from services.processing.api.queries import (
    REASON_FORM,
    UNIT_FORM,
    WEEK_FORM,
    choice_of,
    cursor_of,
    dossier_code,
    filter_of,
    letter_place,
    parameters,
    unit_code,
)
from services.processing.api.states import Snapshot, States, StatesUnavailableError
from services.processing.api.views import Judged
from services.processing.api.worklist import Question
from services.processing.domain import ledger
from services.processing.domain.dossier import Dossier, Retired
from services.processing.domain.worklists import LISTS, ROLES
from services.processing.log.reading import Place
from services.processing.settings import Settings

# Whoever asks has an answer within five seconds, be it that there is none.
ANSWER_SECONDS: Final = 4.5
IN_FLIGHT_MAX: Final = 256
# With a filter most parked dossiers may have no row: so many of them are looked at for one page.
PARKED_SCAN_DOSSIERS: Final = 500

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="mot-cua"'}
# Who asks may not be who asks next.
_PRIVATE = {"Cache-Control": "no-store"}


class Ports(Struct, frozen=True):
    """What the doors work with; built once, in serving."""

    settings: Settings
    keys: KeySource
    states: States
    logs: Logs
    instruments: Instruments
    now: Callable[[], int]


class Doors:
    """Each method takes a request to its answer; what ends one early is a ProblemError."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._in_flight = 0

    async def dossier(self, request: Request) -> Response:
        """How a dossier stands, and everything that is kept of it."""
        return await self._bounded(self._dossier(request, views.dossier_answer))

    async def deadline(self, request: Request) -> Response:
        """Why a dossier is due when it is."""
        return await self._bounded(self._dossier(request, views.deadline_answer))

    async def worklist(self, request: Request) -> Response:
        """Open dossiers of a unit that want something done."""
        return await self._bounded(self._worklist(request))

    async def rejected(self, request: Request) -> Response:
        """Dead letters, each with its standing now."""
        return await self._bounded(self._rejected(request))

    async def groups(self, request: Request) -> Response:
        """How many dead letters there are by code, unit and week."""
        return await self._bounded(self._groups(request))

    async def letter(self, request: Request) -> Response:
        """One dead letter with its bytes and what would heal it."""
        return await self._bounded(self._letter(request))

    async def parked(self, request: Request) -> Response:
        """Events that wait for the one that they follow on."""
        return await self._bounded(self._parked(request))

    # --- one dossier --------------------------------------------------------------------------------------------------

    async def _dossier(self, request: Request, answer: Callable[[Judged], dict[str, Any]]) -> Response:
        key = self._holder(request)
        parameters(request, ())
        code = dossier_code(request)
        partition = partition_of(code)
        snapshot = await self._ports.states.read({partition: (code,)})
        if snapshot.positions[partition] is None:
            raise unavailable(f"partition {partition} is being counted in from the start")
        beside, found = self._beside(snapshot), snapshot.dossiers[partition, code]
        if found is None:
            raise _unknown(beside)
        if isinstance(found, Retired):
            detail = "the history of this dossier has been retired; its counts stand"
            raise ProblemError(410, "retired", detail, members=beside)
        judged = (await self._judged(snapshot))[partition, code]

        def answered() -> Response:
            verdict = may_read_dossier(key, ledger.units_concerned(*judged))
            if verdict == "unknown_dossier":
                raise _unknown(beside)
            if verdict == "unit_not_allowed":
                detail = "the key speaks neither for the receiver nor for a competent body"
                raise ProblemError(403, "unit_not_allowed", detail)
            return _json(answer(judged) | {"gen": self._ports.settings.generation} | beside)

        # Folding a long history takes a while: nobody else waits for it.
        return await asyncio.to_thread(answered)

    # --- worklists ----------------------------------------------------------------------------------------------------

    async def _worklist(self, request: Request) -> Response:
        key = self._holder(request)
        question = _question(request, self._ports.settings.processing_page_rows)
        states, logs = self._ports.states, self._ports.logs
        first = await states.read()
        known = await worklist.ruled(first.positions, logs)
        unit = question.unit
        if not known.knows(unit):
            detail = "the rules in force know no unit or department of this code"
            raise ProblemError(404, "unknown_unit", detail, members=self._beside(first))
        if not may_read_list(key, unit, known.successors(unit)):
            raise ProblemError(403, "unit_not_allowed", "the key speaks neither for the unit nor for one that succeeded it")
        page = await worklist.page(states, logs, question, known)
        told = {
            "unit": unit,
            "role": question.role,
            "list": question.list,
            "total": page.total,
            "dossiers": await asyncio.to_thread(page.shown),
            "next": page.next and cursors.write(page.next),
        }
        return _json(told | self._beside(Snapshot(page.positions, {})))

    # --- lists --------------------------------------------------------------------------------------------------------

    async def _rejected(self, request: Request) -> Response:
        self._operator(request)
        query = parameters(request, ("code", "unit", "cursor"))
        search = await self._search(query)
        page = await self._page(search)
        rows = [letters.show(row, stand) for row, stand in await self._stands(page.rows)]
        following = page.next and cursors.write(page.next)
        return _json({"rejected": rows, "next": following, **self._beside(Snapshot(tuple(search.positions), {}))})

    async def _groups(self, request: Request) -> Response:
        self._operator(request)
        query = parameters(request, ("code", "unit", "week", "cursor"))
        groups = Groups(filter_of(query, "week", WEEK_FORM))
        search = await self._search(query)
        if behind := [number for number, position in enumerate(search.positions) if position is None]:
            # Whoever adds up would take for the whole what lacks these.
            raise unavailable(f"partitions {behind} are being counted in from the start")
        # Page by page, so that no piece holds or looks up more at once than a page of the list.
        records_left, stop_at = search.scan_records_max, monotonic() + PIECE_SECONDS
        while True:
            seconds_left = stop_at - monotonic()
            page = await self._page(structs.replace(search, scan_records_max=records_left, scan_seconds=seconds_left))
            groups.add(await self._stands(page.rows))
            records_left -= page.scanned
            if page.next is None or records_left <= 0 or monotonic() > stop_at:
                break
            search = structs.replace(search, start=page.next)
        following = page.next and cursors.write(page.next)
        return _json({"groups": groups.show(), "next": following, **self._beside(Snapshot(tuple(search.positions), {}))})

    async def _letter(self, request: Request) -> Response:
        self._operator(request)
        parameters(request, ())
        partition, offset = letter_place(request)
        first = await self._ports.states.read()
        if 0 <= partition < len(first.positions) and first.positions[partition] is None:
            raise unavailable(f"partition {partition} is being counted in from the start")
        row = await self._ports.logs.letter(Place(self._topic, partition, offset))
        beside = self._beside(first)
        if row is None or not letters.is_counted(row.letter.src, first.positions[partition]):
            detail = "no dead letter that is counted in lies at this place"
            raise ProblemError(404, "unknown_letter", detail, members=beside)
        [(_, stand)] = await self._stands([row])
        return _json(whole.show(row, stand, await self._since(row)) | beside)

    async def _parked(self, request: Request) -> Response:
        self._operator(request)
        query = parameters(request, ("unit", "cursor"))
        start = cursor_of(query, cursors.read_parked, ParkedCursor())
        unit = filter_of(query, "unit", UNIT_FORM)
        rows_max = self._ports.settings.processing_page_rows
        count = rows_max if unit is None else max(rows_max, PARKED_SCAN_DOSSIERS)
        found = await self._ports.states.parked_codes(start, count + 1)
        more, found = len(found) > count, found[:count]
        snapshot = await self._ports.states.read(_by_partition(found))
        judged = await self._judged(snapshot)
        rows, seen = await asyncio.to_thread(views.parked_rows, found, judged, unit, rows_max)
        ends_here = seen == len(found) and not more
        following = None if ends_here else ParkedCursor(*found[seen - 1])
        return _json({"parked": rows, "next": following and cursors.write(following), **self._beside(snapshot)})

    # --- what they share ----------------------------------------------------------------------------------------------

    @property
    def _topic(self) -> str:
        return topics.rejected(self._ports.settings.generation).name

    async def _search(self, query: Mapping[str, str]) -> Search:
        """What a query wants of the dead letters that are counted in by now.

        Their standings are read afterwards, and are at least as new.
        """
        start = cursor_of(query, cursors.read_rejected, RejectedCursor())
        wanted = Wanted(filter_of(query, "code", REASON_FORM), filter_of(query, "unit", UNIT_FORM))
        settings = self._ports.settings
        return Search(
            topic=self._topic,
            start=start,
            wanted=wanted,
            positions=(await self._ports.states.read()).positions,
            rows_max=settings.processing_page_rows,
            scan_records_max=settings.processing_page_scan_records,
        )

    async def _page(self, search: Search) -> Page:
        page = await self._ports.logs.letters(search)
        self._ports.instruments.letters_scanned.inc(page.scanned)
        return page

    async def _stands(self, rows: Sequence[Row]) -> list[tuple[Row, Stand]]:
        """Dead letters as they stand now, each by the dossier that its event belongs to."""
        snapshot = await self._ports.states.read(letters.codes_of(rows))
        judged = await self._judged(snapshot)

        def stands() -> list[tuple[Row, Stand]]:
            found = []
            for row in rows:
                place = (row.partition, row.reported.dossier or "")
                _, clock, rules = judged.get(place, (None, None, None))
                found.append((row, letters.stand(row, snapshot.dossiers.get(place), clock, rules)))
            return found

        return await asyncio.to_thread(stands)

    async def _since(self, row: Row) -> str | None:
        code = row.reported.dossier
        if code is None or not row.may_come_again:
            return None
        snapshot = await self._ports.states.read({row.partition: (code,)})
        _, clock, rules = (await self._judged(snapshot)).get((row.partition, code), (None, None, None))
        return await asyncio.to_thread(letters.since, row, snapshot.dossiers.get((row.partition, code)), clock, rules)

    async def _judged(self, snapshot: Snapshot) -> dict[tuple[int, str], Judged]:
        """The dossiers of a snapshot with the clock and the rules by which they are judged."""
        judged: dict[tuple[int, str], Judged] = {}
        for (partition, code), found in snapshot.dossiers.items():
            position = snapshot.positions[partition]
            if isinstance(found, Dossier) and position is not None and position.digest is not None:
                judged[partition, code] = (found, position.log_clock, await self._ports.logs.rules(position.digest))
        return judged

    def _beside(self, snapshot: Snapshot) -> dict[str, Any]:
        """`as_of` and `lag_seconds` of an answer."""
        now, logs = self._ports.now(), self._ports.logs
        try:
            lag = figures.lag_seconds(snapshot.positions, logs.ends, logs.first_recorded_at, now)
        except figures.NothingKnownError as error:
            raise unavailable("nothing is counted in yet, and Kafka has not answered so far") from error
        self._ports.instruments.lag_seconds.set(lag)
        return {"as_of": figures.as_of(snapshot.positions, now), "lag_seconds": lag}

    def _holder(self, request: Request) -> Key:
        sent = request.headers.getlist("authorization")
        if len(sent) == 1 and (key := self._ports.keys.ring().holder(sent[0])) is not None:
            return key
        detail = "send `Authorization: Bearer <key>` with a key that is registered"
        raise ProblemError(401, "no_valid_key", detail, headers=_CHALLENGE)

    def _operator(self, request: Request) -> None:
        if not self._holder(request).operator:
            raise ProblemError(403, "operator_only", "this door takes the operator's key alone")

    async def _bounded(self, answering: Coroutine[Any, Any, Response]) -> Response:
        if self._in_flight >= IN_FLIGHT_MAX:
            answering.close()
            raise unavailable(f"{IN_FLIGHT_MAX} requests are waiting already")
        self._count(1)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._ports.logs.look_now()
                return await answering
        except (StatesUnavailableError, LogsUnavailableError) as error:
            raise unavailable(str(error)) from error
        except TimeoutError as error:
            raise unavailable(f"no answer within {ANSWER_SECONDS:g} s") from error
        finally:
            answering.close()
            self._count(-1)

    def _count(self, step: int) -> None:
        self._in_flight += step
        self._ports.instruments.requests_in_flight.set(self._in_flight)


def partition_of(code: str) -> int:
    """The partition where every Kafka client with the murmur2 partitioner puts a dossier."""
    return int(murmur2(code.encode(), PARTITIONS))


def _question(request: Request, rows_max: int) -> Question:
    unit = unit_code(request)
    query = parameters(request, ("list", "role", "cursor"))
    name = choice_of(query, "list", LISTS)
    role = choice_of(query, "role", ROLES, ROLES[0])
    cursor: WorklistCursor | None = cursor_of(query, cursors.read_worklist, None)
    if cursor is not None and (cursor.list, cursor.role, cursor.unit) != (name, role, unit):
        raise ProblemError(422, "invalid_cursor", "`cursor` is the `next` of another list")
    return Question(name, role, unit, cursor, rows_max)


def _by_partition(found: Sequence[tuple[int, str]]) -> dict[int, list[str]]:
    codes: dict[int, list[str]] = {}
    for partition, code in found:
        codes.setdefault(partition, []).append(code)
    return codes


def _unknown(beside: Mapping[str, Any]) -> ProblemError:
    return ProblemError(404, "unknown_dossier", "no dossier of this code is counted in", members=beside)


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), headers=_PRIVATE, media_type="application/json")
