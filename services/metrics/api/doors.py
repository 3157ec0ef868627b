"""The doors: units, one unit, its days, the dictionary, the stream, the scrape; one method each."""

from collections.abc import Callable

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.metrics.api import answers, exposition, queries
from services.metrics.api.instruments import Instruments
from services.metrics.api.problems import ProblemError
from services.metrics.api.snapshots import Snapshot, Snapshots
from services.metrics.api.stream import Stream
from services.metrics.api.told import Told
from services.metrics.api.watch import Watch

JSON = "application/json"


class Ports(Struct, frozen=True):
    """What the doors work with; built once, in `serving`."""

    snapshots: Snapshots
    watch: Watch
    told: Told
    stream: Stream
    instruments: Instruments
    now: Callable[[], int]


class Doors:
    """Each method takes a request to its answer; what ends one early is a ProblemError."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def units(self, request: Request) -> Response:
        """Every unit of a role, in total, for a day or a range."""
        query = queries.totals(request)
        snapshot = await self._ports.snapshots.read(answers.hashes_for(query))
        head = self._ports.told.head(snapshot)
        figures = answers.by_unit(snapshot.hashes.values(), query.role)
        rows = answers.unit_rows(figures, query, self._ports.told.units, self._ports.told.day(snapshot))
        return _json({**head, "role": query.role, "units": rows, "total": answers.total_of(rows, answers.names_for(query))})

    async def unit(self, request: Request) -> Response:
        """One unit, also by field and by channel."""
        query, code = queries.totals(request), request.path_params["code"]
        plain, parts = answers.hashes_for(query), answers.hashes_for(query, "split", "daysplit")
        snapshot = await self._ports.snapshots.read((*plain, *parts))
        head = self._ports.told.head(snapshot)
        figures = answers.by_unit((snapshot.hashes[name] for name in plain), query.role)
        self._check_known(code, code in figures)
        by_field, by_channel = answers.in_parts((snapshot.hashes[name] for name in parts), query, code)
        counters = answers.told(figures.get(code, {}), answers.names_for(query))
        return _json(
            {**head, **self._named(code, query.role, snapshot), **counters, "by_field": by_field, "by_channel": by_channel}
        )

    async def days(self, request: Request) -> Response:
        """One unit, day by day."""
        code = request.path_params["code"]
        latest = self._ports.told.day(await self._ports.snapshots.read())
        query = queries.days(request, latest)
        snapshot = await self._ports.snapshots.read((*answers.hashes_for(query), "restated"))
        head = self._ports.told.head(snapshot)
        rows = answers.day_rows(snapshot.hashes, snapshot.hashes["restated"], query, code)
        self._check_known(code, any(number for row in rows for number in row["counters"].values()))
        return _json({**head, **self._named(code, query.role, snapshot), "days": rows})

    async def counters(self, request: Request) -> Response:
        """The dictionary."""
        queries.parameters(request)
        return _json(answers.dictionary())

    async def stream(self, request: Request) -> Response:
        """Server-sent events."""
        role = queries.role_of(queries.parameters(request, "role"))
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._ports.stream.events(role), headers=headers, media_type="text/event-stream")

    async def dossiers(self, request: Request) -> Response:
        """The exact series, read at each scrape."""
        queries.parameters(request)
        snapshots, told = self._ports.snapshots, self._ports.told
        # The day's name is in the positions; should it change before the figures are read, they are read once more.
        wanted = exposition.hashes_for(await snapshots.read())
        snapshot = await snapshots.read(wanted)
        if exposition.hashes_for(snapshot) != wanted:
            snapshot = await snapshots.read(exposition.hashes_for(snapshot))
        page = exposition.page(snapshot, told.units, self._ports.watch.spool, self._ports.now())
        self._ports.instruments.scrape_series.set(page.series)
        return Response(page.text(), media_type=exposition.CONTENT_TYPE)

    def _check_known(self, code: str, has_figures: bool) -> None:
        if not has_figures and not self._ports.told.units.knows(code):
            raise ProblemError(404, "unknown_unit", "neither the reference data nor any figure knows this code")

    def _named(self, code: str, role: str, snapshot: Snapshot) -> dict[str, str]:
        units, day = self._ports.told.units, self._ports.told.day(snapshot)
        return {"role": role, "unit": code, "name": units.name(code, day), "kind": units.kind(code, day)}


def _json(told: object) -> Response:
    return Response(msgspec.json.encode(told), media_type=JSON)
