"""Every setting of processing, from the environment (prefix `MOTCUA_`)."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.processing.domain.generation import GEN

MIB = 1024 * 1024


class Settings(BaseSettings):
    """Defaults suit one machine; each bound names its unit."""

    model_config = SettingsConfigDict(env_prefix="MOTCUA_", env_ignore_empty=True, extra="ignore", frozen=True)

    port_base: int = 8000
    host: str = "127.0.0.1"
    kafka: str | None = None
    redis: str | None = None
    clock: Literal["wall", "log"] = "wall"
    live_gen: int = 1
    # Under whose names this process reads and writes; without one, the fold's own. A later one than that is the same fold
    # told anew beside what is there.
    gen: int | None = None
    keys_file: Path | None = None
    dev_keys: bool = False
    reference_dir: Path = Path("deploy/reference")
    # For tests: `exit_before_commit:<n>` ends the worker, as kill -9 would, when its n-th commit has been produced
    # and acknowledged and is about to be stored.
    fault: str = Field(default="", pattern=r"^(exit_before_commit:[1-9][0-9]{0,8})?$")

    processing_port: int | None = None
    processing_worker_port: int | None = None
    # What one commit of a partition holds at most: reported records, and dossiers within a tick or activation.
    processing_chunk_records: int = Field(default=5000, ge=1, le=50_000)
    processing_slice_dossiers: int = Field(default=500, ge=1, le=10_000)
    # About 10 kB each; shared by the partitions that this process owns.
    processing_cache_dossiers: int = Field(default=30_000, ge=0)
    processing_gather_ms: int = Field(default=10, ge=0, le=1000)
    processing_session_seconds: float = Field(default=6.0, ge=6.0, le=300.0)
    processing_delivery_seconds: float = Field(default=120.0, gt=0, le=240.0)
    processing_call_seconds: float = Field(default=10.0, gt=0)
    # How long Kafka or Redis may be gone, and a body of reference data missing, before the process gives up.
    processing_patience_seconds: float = Field(default=60.0, gt=0, le=240.0)
    processing_watch_seconds: float = Field(default=1.0, gt=0)
    processing_lag_commit_seconds: float = Field(default=5.0, gt=0)
    # A partition stands still when more of its last records than this were rejected; 100: never. Who has looked at the
    # dead letters starts the worker again, with another bound if need be.
    processing_rejected_percent_max: float = Field(default=100.0, gt=0, le=100.0)
    processing_rejected_window_records: int = Field(default=1000, ge=1000, le=1_000_000)
    processing_queue_mib: int = Field(default=64, ge=1)
    processing_page_rows: int = Field(default=100, ge=1, le=1000)
    processing_page_scan_records: int = Field(default=5000, ge=100)

    @field_validator("gen")
    @classmethod
    def _not_before_the_fold(cls, gen: int | None) -> int | None:
        if gen is not None and gen < GEN:
            raise ValueError(f"this code is generation {GEN} of the fold, it must not go on with what an earlier one wrote")
        return gen

    @property
    def generation(self) -> int:
        """The generation whose topics, keys and groups are used."""
        return self.gen or GEN

    @property
    def bootstrap(self) -> str:
        """Kafka's address."""
        return self.kafka or f"127.0.0.1:{self.port_base + 92}"

    @property
    def redis_url(self) -> str:
        """Redis' address."""
        return self.redis or f"redis://127.0.0.1:{self.port_base + 79}/0"

    @property
    def api_port(self) -> int:
        """The port of the API."""
        return self.processing_port or self.port_base + 2

    @property
    def worker_port(self) -> int:
        """The port of the worker's own door: health, readiness, metrics."""
        return self.processing_worker_port or self.port_base + 12
