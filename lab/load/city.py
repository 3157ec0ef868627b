"""The city under load: a stack of its own, wiped before and after, or the addresses of one that somebody runs."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import redis
from msgspec import Struct

from deploy.local import processes, programs
from deploy.local.settings import PORTS
from lab.errors import LabError, ScenarioError
from lab.load import leftovers
from lab.load.addresses import checked
from lab.load.scenario import Fault
from lab.stack import REPOSITORY, DemoStack

STALL_SECONDS = 0.4
# A service that was killed is looked for so often, thirty seconds in all.
LOOK_SECONDS = 0.1
LOOKS_MAX = 300
VERIFY_WITHIN_SECONDS = 300.0
REDIS_SECONDS = 10.0


class LoadStack(DemoStack):
    """The lab's own stack; nothing else lives in its directory."""

    own_directory = Path(".local-load")
    mark = "load-lab"
    # Without those that only look on: what they take would be counted as the city's.
    services = ("redis", "kafka", "processing", "processing-api", "metrics", "metrics-api", "intake", "audit")

    @property
    def lab_directory(self) -> Path:
        """Where the lab's own programs keep their files."""
        return self.directory / "lab"

    def _remove(self) -> None:
        self.check_own()
        if self.lab_directory.is_dir():
            # Their pid files go with the directory.
            with leftovers.hold(self.lab_directory):
                leftovers.end(self.lab_directory)
        super()._remove()


class City(Struct, frozen=True):
    """Where the city is reached; `stack` is None when somebody else runs it: then nothing of it is killed or measured."""

    intake: str
    metrics: str
    dossiers: str
    stack: LoadStack | None

    @staticmethod
    def own(stack: LoadStack) -> "City":
        """A stack of one's own."""
        return City(stack.intake, stack.metrics, f"http://127.0.0.1:{stack.port_base + 2}", stack)

    @staticmethod
    def at(intake: str, metrics: str, dossiers: str) -> "City":
        """Somebody's; AddressError unless it is of this machine or a named test host."""
        return City(checked(intake), checked(metrics), checked(dossiers), None)

    @property
    def bootstrap(self) -> str | None:
        """Kafka's address, if it is this stack's."""
        return None if self.stack is None else f"127.0.0.1:{self.stack.port_base + PORTS['kafka']}"

    def pid(self, name: str) -> int | None:
        """The process of a service, if it is this stack's and alive."""
        if self.stack is None:
            return None
        pid = processes.read_pid(self.stack.directory / f"{name}.pid")
        if pid is None or not processes.is_alive(pid) or not processes.belongs_to(pid, self.stack.directory):
            return None
        return pid

    def pids(self) -> dict[str, int]:
        """All that live."""
        found = {name: self.pid(name) for name in programs.NAMES}
        return {name: pid for name, pid in found.items() if pid is not None}

    async def suffer(self, fault: Fault) -> None:
        """Lets it happen; returns when it is over (of a kill: when the service runs again), not when it has healed."""
        if self.stack is None:
            raise ScenarioError("faults happen to a stack of the lab's own alone: give no addresses, or a scenario without")
        if fault.what == "flush":
            await asyncio.to_thread(self._flush)
            return
        if (pid := self.pid(fault.of)) is None:
            raise LabError(f"{fault.of} does not run: nothing to {fault.what}")
        if fault.what == "kill":
            os.kill(pid, signal.SIGKILL)
            await self._started_again(fault.of, pid)
            return
        await _stopped(pid, fault)

    async def _started_again(self, name: str, before: int) -> None:
        """Until somebody has started it anew; whether it ever is, is for verdicts to say."""
        for _ in range(LOOKS_MAX):
            await asyncio.sleep(LOOK_SECONDS)
            if self.pid(name) not in (None, before):
                return

    def _flush(self) -> None:
        assert self.stack is not None
        with redis.Redis(port=self.stack.port_base + 79, socket_timeout=REDIS_SECONDS) as found:
            found.flushall()

    async def verify(self, json_file: Path) -> int:
        """Audit's own verdict on the whole archive: 0 clean, 1 differences, 2 could not run."""
        assert self.stack is not None
        environment = {**self.stack.environment(), "MOTCUA_DEV_KEYS": "1"}
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.audit.main", "verify", "--sample", "200", "--seed", "1",
            "--json", str(json_file),
            cwd=REPOSITORY, env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            return await asyncio.wait_for(running.wait(), VERIFY_WITHIN_SECONDS)
        except TimeoutError:
            running.kill()
            return 2


async def _stopped(pid: int, fault: Fault) -> None:
    """Frozen for some seconds, or again and again for a moment, as a disk that is too slow makes a broker."""
    loop = asyncio.get_running_loop()
    until = loop.time() + fault.seconds
    try:
        while (left := until - loop.time()) > 0:
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(left if fault.what == "freeze" else min(left, STALL_SECONDS))
            os.kill(pid, signal.SIGCONT)
            if fault.what == "stall":
                await asyncio.sleep(min(max(0.0, until - loop.time()), STALL_SECONDS))
    except ProcessLookupError:
        return
    finally:
        if processes.is_alive(pid):
            os.kill(pid, signal.SIGCONT)
