"""How a service's application is served: one process, quiet, told to stop by a signal."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import uvicorn
from fastapi import FastAPI

from contracts.face.protocol import Bounded

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def serve(app: FastAPI, host: str, port: int, stop_seconds: int) -> None:
    """Serves until SIGTERM or SIGINT; requests under way then have `stop_seconds` to end."""
    uvicorn.run(
        app,
        host=host,
        port=port,
        http=Bounded,
        loop="asyncio",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=stop_seconds,
    )
