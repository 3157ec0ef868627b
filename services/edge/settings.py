"""Every setting of the edge, from the environment (prefix `MOTCUA_`)."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.keys import DEV_EDGE, DEV_PREFIX, KEY

KIB = 1024
MIB = 1024 * KIB


class Settings(BaseSettings):
    """Defaults suit one centre; each bound names its unit."""

    model_config = SettingsConfigDict(env_prefix="MOTCUA_", env_ignore_empty=True, extra="ignore", frozen=True)

    port_base: int = 8000
    state_dir: Path = Path(".local")
    host: str = "127.0.0.1"
    clock: Literal["wall", "log"] = "wall"
    keys_file: Path | None = None
    dev_keys: bool = False
    reference_dir: Path = Path("deploy/reference")

    edge_port: int | None = None
    edge_unit: str | None = None
    edge_intake_url: str | None = None
    edge_intake_key_file: Path | None = None
    edge_store_dir: Path | None = None
    edge_high_water_file: Path | None = None
    edge_signing_key_file: Path | None = None

    edge_batch_events_max: int = Field(default=1000, ge=1, le=1000)
    edge_body_bytes_max: int = Field(default=4 * MIB, ge=KIB)
    # Below intake's 64 KiB: what is added here must still fit there.
    edge_event_bytes_max: int = Field(default=63 * KIB, ge=KIB, le=63 * KIB)
    edge_body_seconds: float = Field(default=30.0, gt=0)
    # A body holds about twice its bytes until it is kept: in compose an edge has 256 MiB.
    edge_requests_in_flight_max: int = Field(default=16, ge=1)
    edge_requests_waiting_max: int = Field(default=1000, ge=0)
    edge_turn_seconds: float = Field(default=2.0, gt=0)
    # The log of changes has about 4 MiB and one commit; the reserve below must be able to take it in twice.
    edge_commit_kib: int = Field(default=4 * 1024, ge=64, le=4 * 1024)
    edge_waiting_kib: int = Field(default=64 * 1024, ge=4 * 1024)
    edge_store_seconds: float = Field(default=10.0, gt=0)

    edge_outbox_events_max: int = Field(default=2_000_000, ge=1)
    edge_outbox_mib: int = Field(default=2048, ge=1)
    edge_outbox_age_max_seconds: float = Field(default=30 * 86400.0, gt=0)
    edge_outbox_sources_max: int = Field(default=1000, ge=1)
    # Of the last events delivered it is remembered where they lie in the archive; about 150 bytes each.
    edge_receipts_events_max: int = Field(default=100_000, ge=0, le=1_000_000)
    edge_alarm_percent_max: float = Field(default=80.0, gt=0, le=100)
    edge_reserve_kib: int = Field(default=32 * 1024, ge=0)

    edge_send_batch_events_max: int = Field(default=500, ge=1, le=1000)
    edge_send_body_bytes_max: int = Field(default=2 * MIB, ge=64 * KIB, le=4 * MIB)
    edge_send_requests_max: int = Field(default=4, ge=1, le=64)
    edge_send_target_seconds: float = Field(default=2.0, gt=0)
    edge_window_events_max: int = Field(default=4000, ge=1000)
    # About a month of what a large ward reports of one partition in twelve.
    edge_held_events_max: int = Field(default=20_000, ge=1000, le=200_000)
    edge_connect_seconds: float = Field(default=10.0, gt=0)
    edge_answer_seconds: float = Field(default=40.0, gt=0)
    edge_back_off_first_seconds: float = Field(default=0.5, gt=0)
    edge_back_off_most_seconds: float = Field(default=60.0, gt=0)
    edge_retry_after_most_seconds: float = Field(default=600.0, gt=0)
    edge_heartbeat_seconds: float = Field(default=30.0, gt=0)
    edge_requeue_seconds: float = Field(default=900.0, gt=0)

    @property
    def port(self) -> int:
        """The port to listen on."""
        return self.edge_port or self.port_base + 4

    @property
    def intake_url(self) -> str:
        """Where intake is."""
        return (self.edge_intake_url or f"http://127.0.0.1:{self.port_base + 1}").rstrip("/")

    @property
    def store_dir(self) -> Path:
        """The outbox's own directory."""
        return self.edge_store_dir or self.state_dir / "edge"

    @property
    def high_water_file(self) -> Path:
        """Beside that directory, not in it: a restored copy of the directory must not bring it along."""
        return self.edge_high_water_file or self.state_dir / "edge.high-water"

    @property
    def signing_key_file(self) -> Path:
        """The key by which the city knows files of this outbox."""
        return self.edge_signing_key_file or self.state_dir / "edge.signing-key"

    def intake_key(self) -> str:
        """The key that the edge shows to intake; ValueError or OSError when there is none."""
        if self.edge_intake_key_file is not None:
            if KEY.fullmatch(key := self.edge_intake_key_file.read_text("utf-8").strip()) is None:
                raise ValueError("the file named by MOTCUA_EDGE_INTAKE_KEY_FILE does not hold one key alone")
            return key
        if self.dev_keys:
            return DEV_EDGE if self.edge_unit is None else f"{DEV_PREFIX}{self.edge_unit}"
        raise ValueError("no key for intake: set MOTCUA_EDGE_INTAKE_KEY_FILE (or MOTCUA_DEV_KEYS=1)")
