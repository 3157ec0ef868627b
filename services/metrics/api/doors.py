"""The doors: units, one unit, its days, the dictionary, the stream, the scrape; one method each."""

import re
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from contracts.face.problems import ProblemError
from services.metrics.api import answers, courses, exposition, queries
from services.metrics.api.centres import Heard
from services.metrics.api.courses import Courses
from services.metrics.api.front import Front
from services.metrics.api.instruments import Instruments
from services.metrics.api.rules import Rules
from services.metrics.api.snapshots import Figures, Snapshot, Snapshots
from services.metrics.api.stream import Stream
from services.metrics.api.told import Told
from services.metrics.api.watch import Watch

JSON = "application/json"
# As the reference data and every `source` have it: a text of another form is nobody's, and not worth a question to Redis.
_CODE: Final = re.compile(r"[A-Za-z0-9._-]{1,32}")


class Ports(Struct, frozen=True):
    """What the doors work with; built once, in `serving`."""

    snapshots: Snapshots
    rules: Rules
    watch: Watch
    told: Told
    stream: Stream
    front: Front
    instruments: Instruments
    now: Callable[[], int]


class Doors:
    """Each method takes a request to its answer; what ends one early is a ProblemError."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._exposition = exposition.Exposition(ports.told.units, ports.snapshots.gen)
        self._courses = Courses(ports.snapshots, ports.told.units)

    async def units(self, request: Request) -> Response:
        """Every unit of a role, in total, for a day or a range."""
        query, told = queries.totals(request), self._ports.told
        heard = told.centres.heard()
        await self._ports.watch.look_now()
        snapshot = await self._ports.snapshots.read(answers.of_role(query), answers.SEEN)
        head, [[figures], [seen]] = told.head(snapshot), snapshot.found
        first, last = self._span(query, snapshot)
        rows = answers.unit_rows(answers.by_unit(figures), query, told.units, first, last)
        total = answers.total_of(rows, answers.names_for(query))
        rows = told.centres.marked(rows, seen, heard)
        return _json({**head, "role": query.role, **told.centres.overall(heard), "units": rows, "total": total})

    async def unit(self, request: Request) -> Response:
        """One unit, also by field and by channel."""
        query, code = queries.totals(request), _code(request)
        heard = self._ports.told.centres.heard()
        await self._ports.watch.look_now()
        snapshot = await self._ports.snapshots.read(*answers.of_unit(query, code))
        head, [plain, [parts], [anything], [seen]] = self._ports.told.head(snapshot), snapshot.found
        self._check_known(code, anything)
        by_field, by_channel = answers.in_parts(parts, query)
        counters = answers.told(answers.added(plain), answers.names_for(query))
        return _json(
            {
                **head,
                **self._named(code, query, snapshot, seen, heard),
                **counters,
                "by_field": by_field,
                "by_channel": by_channel,
            }
        )

    async def days(self, request: Request) -> Response:
        """One unit, day by day."""
        latest = self._ports.told.day(await self._ports.snapshots.read())
        query, code = queries.days(request, latest), _code(request)
        heard = self._ports.told.centres.heard()
        await self._ports.watch.look_now()
        snapshot = await self._ports.snapshots.read(*answers.of_days(query, code))
        head, [by_day, [restated], [anything], [seen]] = self._ports.told.head(snapshot), snapshot.found
        self._check_known(code, anything)
        rows = answers.day_rows(by_day, restated, query, code)
        return _json({**head, **self._named(code, query, snapshot, seen, heard), "days": rows})

    async def course(self, request: Request) -> Response:
        """One counter of every unit, day by day."""
        told = self._ports.told
        heard = told.centres.heard()
        await self._ports.watch.look_now()
        now = await self._ports.snapshots.read(answers.SEEN)
        counter, query = queries.course(request, told.day(now), courses.COURSE_DAYS_DEFAULT)
        courses.check(counter, query)
        # Whoever has figures has reported, or is a body that the reference data knows.
        [[seen]] = now.found
        snapshot, course = await self._courses.of(counter, query, now, sorted({*told.units.codes, *seen}))
        shown = {"days": course.days, "units": course.units, "total": course.total}
        head = {**told.head(snapshot), "role": query.role, "counter": counter}
        return _json({**head, **told.centres.overall(heard), **shown})

    async def counters(self, request: Request) -> Response:
        """The dictionary."""
        queries.parameters(request)
        return _json(answers.dictionary())

    async def stream(self, request: Request) -> Response:
        """Server-sent events."""
        role = queries.role_of(queries.parameters(request, "role"))
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Accept-Encoding"}
        is_packed = "gzip" in request.headers.get("Accept-Encoding", "")
        if is_packed:
            headers["Content-Encoding"] = "gzip"
        events = self._ports.stream.events(role, is_packed)
        return StreamingResponse(events, headers=headers, media_type="text/event-stream")

    async def dossiers(self, request: Request) -> Response:
        """The exact series, read at each scrape."""
        queries.parameters(request)
        snapshots, told = self._ports.snapshots, self._ports.told
        deliveries = told.centres.deliveries()
        # The day's name is in the positions; should it change before the figures are read, they are read once more.
        day = told.day(await snapshots.read())
        snapshot = await snapshots.read(*exposition.wanted(day))
        if (now := told.day(snapshot)) != day:
            day = now
            snapshot = await snapshots.read(*exposition.wanted(day))
        seen = snapshot.found[exposition.SEEN_AT][0]
        page = self._exposition.page(snapshot, day, deliveries, told.centres.silences(seen))
        self._ports.instruments.scrape_series.set(page.series)
        return Response(page.text(), media_type=exposition.CONTENT_TYPE)

    def _check_known(self, code: str, anything: Figures) -> None:
        if not anything and not self._ports.told.units.knows(code):
            raise _unknown()

    def _span(self, query: queries.Query, snapshot: Snapshot) -> tuple[str, str]:
        """The days whose units are shown: those asked for, else that of the log clock."""
        day = self._ports.told.day(snapshot)
        return (query.days[0], query.days[-1]) if query.days else (day, day)

    def _named(self, code: str, query: queries.Query, snapshot: Snapshot, seen: Figures, heard: Heard) -> answers.Row:
        units, (_, day) = self._ports.told.units, self._span(query, snapshot)
        named = {"role": query.role, "unit": code, "name": units.name(code, day), "kind": units.kind(code, day)}
        return self._ports.told.centres.marked([named], seen, heard)[0]


def _code(request: Request) -> str:
    code: str = request.path_params["code"]
    if _CODE.fullmatch(code) is None:
        raise _unknown()
    return code


def _unknown() -> ProblemError:
    return ProblemError(404, "unknown_unit", "neither the reference data nor any figure knows this code")


def _json(told: object) -> Response:
    return Response(msgspec.json.encode(told), media_type=JSON)
