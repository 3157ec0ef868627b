"""Every setting of audit, from the environment (prefix `MOTCUA_`)."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Defaults suit one machine; each bound names its unit."""

    model_config = SettingsConfigDict(env_prefix="MOTCUA_", extra="ignore", frozen=True)

    port_base: int = 8000
    host: str = "127.0.0.1"
    kafka: str | None = None
    redis: str | None = None
    live_gen: int = 1
    metrics_url: str | None = None

    audit_answer_seconds: float = Field(default=10.0, gt=0)
    # How long a log may bring nothing before its end, and how long metrics may trail, before audit gives up.
    audit_silence_seconds: float = Field(default=30.0, gt=0)
    audit_rebuilding_seconds: float = Field(default=60.0, ge=0)
    audit_attempts_max: int = Field(default=4, ge=1)
    audit_attempt_pause_seconds: float = Field(default=1.0, ge=0)
    audit_batch_records: int = Field(default=5000, ge=1)
    audit_queue_kib: int = Field(default=32 * 1024, ge=1024)
    audit_days_max: int = Field(default=3, ge=0)
    audit_units_max: int = Field(default=10, ge=0)

    @property
    def bootstrap(self) -> str:
        """Kafka's address."""
        return self.kafka or f"127.0.0.1:{self.port_base + 92}"

    @property
    def redis_url(self) -> str:
        """Redis' address."""
        return self.redis or f"redis://127.0.0.1:{self.port_base + 79}/0"

    @property
    def api_url(self) -> str:
        """Address of the metrics API."""
        return (self.metrics_url or f"http://127.0.0.1:{self.port_base + 3}").rstrip("/")
