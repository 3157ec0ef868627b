"""Where a local stack lies: its state directory, its ports, its clock, taken from MOTCUA_ variables."""

import os
import sys
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

REPOSITORY = Path(__file__).resolve().parents[2]
OLDEST_PYTHON = (3, 11)

Clock = Literal["wall", "log"]

# Offsets from the port base. Workers have a door of their own for /metrics, /healthz and /readyz.
PORTS: dict[str, int] = {
    "intake": 1,
    "processing-api": 2,
    "metrics-api": 3,
    "edge": 4,
    "audit": 5,
    "processing": 12,
    "metrics": 13,
    "processing-beside": 22,
    "metrics-beside": 23,
    "counters-beside": 24,
    "redis": 79,
    "prometheus": 90,
    "alertmanager": 91,
    "kafka": 92,
}
CONTROLLER_PORT = 93
# What begins so is a setting: ours, and OpenTelemetry's own.
PREFIXES = ("MOTCUA_", "OTEL_")


class StackSettings(BaseSettings):
    """Settings of a local stack; a relative state directory is taken from the repository, not from where make runs."""

    model_config = SettingsConfigDict(env_prefix="MOTCUA_", env_ignore_empty=True, extra="ignore")

    # The highest leaves room for every offset below.
    port_base: int = Field(default=8000, ge=1, le=65_400)
    state_dir: Path = Path(".local")
    clock: Clock = "wall"
    host: str = "127.0.0.1"
    keys_file: Path | None = None
    # Development keys unless there is a file; said outright, the two exclude each other.
    dev_keys: bool | None = None
    ready_within_seconds: float = 120.0
    watch_seconds: int = Field(default=15, ge=1, le=300)

    @property
    def directory(self) -> Path:
        """The state directory as an absolute path."""
        chosen = self.state_dir.expanduser()
        return (chosen if chosen.is_absolute() else REPOSITORY / chosen).resolve()

    def port(self, service: str) -> int:
        """The port of a service of this stack."""
        return self.port_base + PORTS[service]

    @property
    def bootstrap(self) -> str:
        """Kafka's address."""
        return f"127.0.0.1:{self.port('kafka')}"

    @property
    def redis_url(self) -> str:
        """Redis' address."""
        return f"redis://127.0.0.1:{self.port('redis')}/0"

    def environment(self) -> dict[str, str]:
        """Every setting that the processes of this stack see: what was set outside, then what the stack decides."""
        moved = moved_ports()
        given = {name: value for name, value in os.environ.items() if name.startswith(PREFIXES) and name not in moved}
        decided = {
            "MOTCUA_STATE_DIR": str(self.directory),
            "MOTCUA_PORT_BASE": str(self.port_base),
            "MOTCUA_CLOCK": self.clock,
            "MOTCUA_HOST": self.host,
            "MOTCUA_KAFKA": self.bootstrap,
            "MOTCUA_REDIS": self.redis_url,
            "MOTCUA_DEV_KEYS": "0" if self.keys_file or self.dev_keys is False else "1",
            "MOTCUA_AUDIT_DISKS": f"state={self.directory}",
        }
        if self.keys_file:
            decided["MOTCUA_KEYS_FILE"] = str(self.keys_file.expanduser().resolve())
        # Compiled modules are kept, whatever the outside thinks of it: else each process compiles everything anew.
        return {**given, **decided, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": ""}


def moved_ports() -> list[str]:
    """Settings by which one service alone would listen elsewhere: the ports of a local stack lie together."""
    return sorted(name for name in os.environ if name.startswith("MOTCUA_") and name.endswith("_PORT"))


def python() -> str:
    """The interpreter that every Python process of the stack runs on: this one."""
    return sys.executable
