"""What the operators' tool is told by MOTCUA_ variables."""

from pathlib import Path
from typing import Literal

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

_REPOSITORY = Path(__file__).resolve().parents[2]


def complaint(error: ValidationError) -> str:
    """A sentence for each variable that is set to something that it cannot be."""
    return "\n".join(
        f"MOTCUA_{'_'.join(map(str, fault['loc'])).upper()} is set to something that it cannot be: {fault['msg']}."
        for fault in error.errors()
    )


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
    # without the second the local stack's `dev-<code>` of each.
    operator_key: str = "dev-operator"
    events_key: str = ""

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
    def intake_door(self) -> str:
        """Where intake takes events."""
        return (self.intake_url or f"http://127.0.0.1:{self.port_base + 1}").rstrip("/")
