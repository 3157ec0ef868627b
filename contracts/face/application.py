"""A service's application as all of them begin: OpenAPI at `/docs` without any other host, spans that are ours to switch."""

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from contracts.face import tracing
from contracts.face.heads import Heads
from contracts.face.lingering import Lingering
from contracts.face.serving import Lifespan

VERSION = "1"


def application(title: str, description: str = "", lifespan: Lifespan | None = None) -> FastAPI:
    """OpenAPI at `/docs`, whose script and style the service itself serves: a centre's network may reach no other host.
    Whatever answers GET answers HEAD; whoever is refused hears why."""
    app = FastAPIOffline(
        title=title,
        version=VERSION,
        description=description,
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=tracing.telemetry(),
    )
    app.add_middleware(Heads)
    app.add_middleware(Lingering)
    return app
