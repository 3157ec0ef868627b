"""Every setting of audit, from the environment (prefix `MOTCUA_`)."""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.keys import DEV_OPERATOR
from services.audit.domain.chain import KEPT_RECORDS
from services.audit.domain.sequences import given_up

# `/units/19753@incarnation=7-9`, or one number alone; of an edge that gives none, the incarnation is `none`.
_LOST = r"/units/[A-Za-z0-9._-]{1,32}(/[A-Za-z0-9._-]{1,64})?@(none|[0-9A-Fa-f-]{0,36})=[1-9][0-9]{0,15}(-[1-9][0-9]{0,15})?"


class Settings(BaseSettings):
    """Defaults suit one machine; each bound names its unit."""

    model_config = SettingsConfigDict(env_prefix="MOTCUA_", env_ignore_empty=True, extra="ignore", frozen=True)

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
    # How long `verify` waits for a dead letter whose lifecycle record is there; the service misses it at its second look.
    audit_letters_seconds: float = Field(default=15.0, ge=0)
    audit_batch_records: int = Field(default=5000, ge=1)
    audit_queue_kib: int = Field(default=32 * 1024, ge=1024)
    # What one look of the service asks the APIs for at most, in turn; `verify` asks for all of it.
    audit_days_max: int = Field(default=3, ge=0)
    audit_units_max: int = Field(default=10, ge=0)
    audit_sample_dossiers: int = Field(default=500, ge=0)
    audit_sample_asked_max: int = Field(default=50, ge=0)
    # Of what chooses the sample; none: by chance, and told.
    audit_seed: int | None = Field(default=None, ge=0)
    audit_every_seconds: float = Field(default=30.0, gt=0)
    # After a look that came to no verdict: an outage that is over should not be told for much longer.
    audit_again_seconds: float = Field(default=5.0, gt=0)
    # 12 bytes each, 12 more with a sequence: beyond, the service says so instead of taking more memory.
    audit_records_max: int = Field(default=50_000_000, ge=1000)
    # Of each of twelve partitions, up to 64 bytes a record: so far back what is sent again is held against what was sent
    # first. A million are 0.8 GB.
    audit_resent_records: int = Field(default=KEPT_RECORDS, ge=1000, le=1_000_000)
    # Numbers that edges gave to events which are lost for good, as operators have found out; listed for ever.
    audit_given_up: str = Field(default="", pattern=rf"^({_LOST}(,{_LOST})*)?$")
    # Where the logs and Redis lie, as this process sees it: `name=/directory,name=/directory`.
    audit_disks: str = ""
    audit_port: int | None = None
    processing_url: str | None = None
    keys_file: Path | None = None
    dev_keys: bool = False
    reference_dir: Path = Path("deploy/reference")
    # Opens the dossiers' door; without one, and without development keys, answers about dossiers are not compared.
    audit_key: str | None = None
    audit_key_file: Path | None = None

    @field_validator("audit_given_up")
    @classmethod
    def _none_backwards(cls, text: str) -> str:
        for each in given_up(text):
            if each.last < each.first:
                raise ValueError(f"{each.last} comes before {each.first}")
        return text

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

    @property
    def dossiers_url(self) -> str:
        """Address of processing's API."""
        return (self.processing_url or f"http://127.0.0.1:{self.port_base + 2}").rstrip("/")

    @property
    def dossiers_key(self) -> str | None:
        """The operator's key for it: the one given, else that of development, which other stacks refuse.

        OSError or ValueError when the file named for it cannot be read.
        """
        if self.audit_key_file is not None:
            return self.audit_key_file.read_text("utf-8").strip()
        return self.audit_key or (DEV_OPERATOR if self.keys_file is None else None)

    @property
    def has_given_key(self) -> bool:
        """Whether somebody has named a key, so that a door that refuses it is a mistake."""
        return self.audit_key is not None or self.audit_key_file is not None

    @property
    def port(self) -> int:
        """The port of the service."""
        return self.audit_port or self.port_base + 5
