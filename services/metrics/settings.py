"""Every setting of metrics, from the environment (prefix `MOTCUA_`)."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Defaults suit one machine; each bound names its unit."""

    model_config = SettingsConfigDict(env_prefix="MOTCUA_", env_ignore_empty=True, extra="ignore", frozen=True)

    port_base: int = 8000
    host: str = "127.0.0.1"
    kafka: str | None = None
    redis: str | None = None
    clock: Literal["wall", "log"] = "wall"
    live_gen: int = 1
    # Which generation the worker counts, if not the live one; the API always shows that.
    gen: int | None = Field(default=None, ge=1)
    # `1`: the worker counts into a second state beside the one that is shown.
    metrics_beside: bool = False
    reference_dir: Path = Path("deploy/reference")
    # For tests: `exit_before_commit:<n>` ends the worker, as kill -9 would, when what is counted is about to be stored
    # for the n-th time.
    fault: str = Field(default="", pattern=r"^(exit_before_commit:[1-9][0-9]{0,8})?$")

    metrics_port: int | None = None
    metrics_worker_port: int | None = None
    # The pause between two looks at what waits to be stored; a live record is visible that much later.
    metrics_flush_seconds: float = Field(default=0.05, ge=0.005, le=30.0)
    # Records counted and not stored yet: below the first every look stores them; in a backlog they gather up to the
    # second or for `metrics_backlog_seconds`; at the third nothing more is read until they are stored.
    metrics_backlog_records: int = Field(default=20_000, ge=1)
    metrics_gather_records: int = Field(default=100_000, ge=1)
    metrics_pending_records_max: int = Field(default=200_000, ge=1)
    metrics_backlog_seconds: float = Field(default=5.0, gt=0, le=60.0)
    # Pieces remembered by their bytes, about 600 bytes each.
    metrics_memo_pieces: int = Field(default=200_000, ge=1, le=1_000_000)
    metrics_fetch_bytes: int = Field(default=1024 * 1024, ge=16 * 1024, le=64 * 1024 * 1024)
    metrics_session_seconds: float = Field(default=6.0, ge=6.0, le=300.0)
    metrics_call_seconds: float = Field(default=5.0, gt=0, le=60.0)
    # How long Redis or Kafka's coordinator may be gone before the process ends, to be started anew.
    metrics_patience_seconds: float = Field(default=60.0, gt=0, le=600.0)
    metrics_watch_seconds: float = Field(default=1.0, gt=0, le=60.0)
    # A centre's heartbeat says nothing about now when it is older; an edge sends one every 30 s.
    metrics_heartbeat_old_seconds: float = Field(default=120.0, gt=0, le=86_400.0)
    # A unit from which nothing has come for so much of its own working time is silent.
    metrics_silence_working_minutes: int = Field(default=120, ge=1, le=4_800)
    # Units with a rhythm of their own: `20050=480,19753=60`. It changes nothing but when they are called silent.
    metrics_silence_units: str = Field(
        default="", pattern=r"^([A-Za-z0-9._-]{1,32}=[1-9][0-9]{0,3}(,[A-Za-z0-9._-]{1,32}=[1-9][0-9]{0,3})*)?$"
    )
    # Where browsers reach processing's API, to which the board links; without one, that port on the board's own host.
    metrics_worklists_url: str | None = Field(default=None, pattern=r"^https?://[A-Za-z0-9._:/\[\]-]{1,200}$")
    metrics_lag_commit_seconds: float = Field(default=5.0, gt=0)

    @property
    def generation(self) -> int:
        """The generation that the worker counts."""
        return self.gen or self.live_gen

    @property
    def group(self) -> str:
        """The worker's consumer group."""
        return f"motcua-metrics-g{self.generation}{'-beside' if self.metrics_beside else ''}"

    @property
    def silence_minutes_of(self) -> dict[str, int]:
        """Unit -> the working minutes after which it is silent, where it has a rhythm of its own."""
        parts = (part.rsplit("=", 1) for part in self.metrics_silence_units.split(",") if part)
        return {unit: int(minutes) for unit, minutes in parts}

    @property
    def bootstrap(self) -> str:
        """Kafka's address."""
        return self.kafka or f"127.0.0.1:{self.port_base + 92}"

    @property
    def redis_url(self) -> str:
        """Redis' address."""
        return self.redis or f"redis://127.0.0.1:{self.port_base + 79}/0"

    @property
    def worklists_url(self) -> str:
        """Where browsers reach processing's API; `:<port>` is one of the host that they have the board from."""
        return (self.metrics_worklists_url or f":{self.port_base + 2}").rstrip("/")

    @property
    def api_port(self) -> int:
        """The port of the API."""
        return self.metrics_port or self.port_base + 3

    @property
    def worker_port(self) -> int:
        """The port of the worker's own door: health, readiness, metrics."""
        return self.metrics_worker_port or self.port_base + 13
