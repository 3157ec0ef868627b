"""What the operators' tool is told by MOTCUA_ variables."""

from pathlib import Path
from typing import Literal

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.keys import DEV_OPERATOR, DEV_PREFIX, KEY
from deploy.operators.errors import KeyFileError

_REPOSITORY = Path(__file__).resolve().parents[2]


def complaint(error: ValidationError) -> str:
    """A sentence for each variable that is set to something that it cannot be."""
    return "\n".join(
        f"MOTCUA_{'_'.join(map(str, fault['loc'])).upper()} is set to something that it cannot be: {fault['msg']}."
        for fault in error.errors()
    )


def _key_in(file: Path, instead_of: str) -> str:
    try:
        if KEY.fullmatch(key := file.read_text("utf-8").strip()) is not None:
            return key
        raise ValueError("it does not hold one key alone")
    except (OSError, ValueError) as error:
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        raise KeyFileError(str(file), f"MOTCUA_{instead_of}", reason) from error


class OperatorSettings(BaseSettings):
    """Settings of the operators' tool."""

    model_config = SettingsConfigDict(env_prefix="MOTCUA_", env_ignore_empty=True, extra="ignore")

    port_base: int = 8000
    kafka: str = ""
    redis: str = ""
    clock: Literal["wall", "log"] = "wall"
    live_gen: int = 1
    reference_dir: Path = _REPOSITORY / "deploy" / "reference"
    replication_factor: int = 1
    kafka_within_seconds: float = 60.0
    # Where the operators' acts are written down.
    state_dir: Path = Path(".local")
    processing_url: str = ""
    intake_url: str = ""
    # One that processing knows as an operator's, and one that speaks for the centres whose events are handed in again;
    # without them the local stack's own, `dev-operator` and the `dev-<code>` of each. A file is taken where one is not set.
    operator_key: str = ""
    operator_key_file: Path | None = None
    events_key: str = ""
    events_key_file: Path | None = None

    @property
    def bootstrap(self) -> str:
        """Kafka's address."""
        return self.kafka or f"127.0.0.1:{self.port_base + 92}"

    @property
    def redis_url(self) -> str:
        """Redis' address."""
        return self.redis or f"redis://127.0.0.1:{self.port_base + 79}/0"

    @property
    def processing_door(self) -> str:
        """Where processing's API answers."""
        return (self.processing_url or f"http://127.0.0.1:{self.port_base + 2}").rstrip("/")

    @property
    def processing_key(self) -> str:
        """The operator's key; KeyFileError when it is to be read from a file that holds none."""
        if not self.operator_key and self.operator_key_file is not None:
            return _key_in(self.operator_key_file, "OPERATOR_KEY")
        return self.operator_key or DEV_OPERATOR

    def intake_key(self, unit: str) -> str:
        """The key that speaks for a unit; KeyFileError when it is to be read from a file that holds none."""
        if not self.events_key and self.events_key_file is not None:
            return _key_in(self.events_key_file, "EVENTS_KEY")
        return self.events_key or f"{DEV_PREFIX}{unit}"

    @property
    def intake_door(self) -> str:
        """Where intake takes events."""
        return (self.intake_url or f"http://127.0.0.1:{self.port_base + 1}").rstrip("/")
