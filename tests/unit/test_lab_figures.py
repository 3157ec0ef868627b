"""The lab asks metrics about the days of its facts; about those before the period where something is said of them."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from lab.figures import Figures
from lab.fortnight.facts import HUE_2025_07, read

INVENTED = Path(__file__).with_name("facts") / "invented-2025-09.toml"


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (HUE_2025_07, {"": "from=2025-07-01&to=2025-07-14", "2025-07-14": "day=2025-07-14"}),
        (INVENTED, {"": "from=2025-09-01&to=2025-09-30", "before": "from=2000-01-01&to=2025-08-31"}),
    ],
)
def test_each_answer_is_about_the_days_that_were_meant(path: Path, asked: dict[str, str]) -> None:
    async def units(request: web.Request) -> web.Response:
        return web.json_response({"query": request.query_string})

    async def answers() -> dict[str, Any]:
        app = web.Application()
        app.router.add_get("/v1/units", units)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            port = runner.addresses[0][1]
            async with aiohttp.ClientSession() as session:
                return await Figures(session, f"http://127.0.0.1:{port}", print).answers(read(path))
        finally:
            await runner.cleanup()

    assert asyncio.run(answers()) == {about: {"query": f"role=receiver&{days}"} for about, days in asked.items()}
