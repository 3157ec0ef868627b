"""Every setting of intake, from the environment (prefix `MOTCUA_`)."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

KIB = 1024
MIB = 1024 * KIB


class Settings(BaseSettings):
    """Defaults suit one machine; each bound names its unit."""

    model_config = SettingsConfigDict(env_prefix="MOTCUA_", env_ignore_empty=True, extra="ignore", frozen=True)

    port_base: int = 8000
    host: str = "127.0.0.1"
    kafka: str | None = None
    clock: Literal["wall", "log"] = "wall"
    keys_file: Path | None = None
    dev_keys: bool = False
    reference_dir: Path = Path("deploy/reference")

    intake_port: int | None = None
    intake_batch_events_max: int = Field(default=1000, ge=1)
    intake_body_bytes_max: int = Field(default=4 * MIB, ge=KIB)
    intake_event_bytes_max: int = Field(default=64 * KIB, ge=KIB, le=512 * KIB)
    intake_body_seconds: float = Field(default=30.0, gt=0)
    intake_requests_in_flight_max: int = Field(default=64, ge=1)
    intake_requests_waiting_max: int = Field(default=1000, ge=0)
    intake_turn_seconds: float = Field(default=1.0, gt=0)
    intake_events_in_flight_max: int = Field(default=50_000, ge=1000)
    intake_quota_events_per_second: float = Field(default=20_000.0, gt=0)
    intake_quota_burst_events: int = Field(default=100_000, ge=1000)
    # Together below the five seconds after which a sender must have heard of a broker that is gone.
    intake_delivery_seconds: float = Field(default=3.0, gt=0, le=4.0)
    intake_answer_seconds: float = Field(default=4.5, gt=0, le=4.8)
    intake_linger_ms: int = Field(default=5, ge=0, le=100)
    intake_recheck_seconds: float = Field(default=2.0, gt=0)
    intake_kafka_call_seconds: float = Field(default=2.0, gt=0)

    @property
    def bootstrap(self) -> str:
        """Kafka's address."""
        return self.kafka or f"127.0.0.1:{self.port_base + 92}"

    @property
    def port(self) -> int:
        """The port to listen on."""
        return self.intake_port or self.port_base + 1
