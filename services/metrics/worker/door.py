"""What the worker's door says: whether records are counted now, why not, what else there is to know; its figures."""

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from contracts.face import workers
from contracts.face.problems import ProblemError
from services.metrics.worker.health import Health


class Door:
    """`health` may be replaced: while the worker starts, somebody else knows how it is."""

    def __init__(self, health: Callable[[], Health], registry: CollectorRegistry) -> None:
        self.health = health
        self._registry = registry

    def open(self, host: str, port: int) -> None:
        """Serves until the process ends; OSError when the port is somebody else's."""
        app = workers.door("Một Cửa: metrics worker", self._readiness, lambda: generate_latest(self._registry))
        workers.open_door(app, host, port)

    def _readiness(self) -> dict[str, Any]:
        health = self.health()
        told = {"ready": health.is_ready, "reasons": health.reasons, "notes": health.notes}
        if not health.is_ready:
            raise ProblemError(503, "not_ready", "nothing is counted now, or not everything", members=told)
        return told
