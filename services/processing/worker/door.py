"""What the worker's door says: whether records are folded now and why not, and the worker's figures."""

from typing import Any

from contracts.face import workers
from contracts.face.problems import ProblemError
from services.processing.errors import MisconfiguredError
from services.processing.worker.state import State


def open_door(state: State, host: str, port: int) -> None:
    """Serves until the process ends; MisconfiguredError when the port is somebody else's."""

    def readiness() -> dict[str, Any]:
        if reasons := state.reasons():
            members = {"reasons": reasons}
            raise ProblemError(503, "not_ready", "nothing is folded now, or not everything", members=members)
        return {"status": "ready", "reasons": []}

    try:
        workers.open_door(workers.door("Một Cửa: processing worker", readiness, state.exposition), host, port)
    except OSError as error:
        raise MisconfiguredError(f"port {port} of {host} cannot be listened on: {error.strerror or error}") from error
