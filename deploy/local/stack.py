"""One local stack: Kafka, Redis and the services as plain processes under supervisor."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contracts.face import logs
from deploy.local import (
    checks,
    classes,
    debs,
    generations,
    jars,
    kafka,
    processes,
    programs,
    statedir,
    valkey,
    vitals,
    watchers,
)
from deploy.local.errors import GenerationError, NotNowError, NotReadyError, OtherStackError, WatcherMissingError
from deploy.local.generations import Generations
from deploy.local.keeper import Keeper, Kept
from deploy.local.logs import last_lines
from deploy.local.programs import Program
from deploy.local.readiness import reason_not_ready
from deploy.local.settings import PORTS, REPOSITORY, Clock, StackSettings

POLL_SECONDS = 0.2
# A process that has died this often before it was ready will not get ready by waiting.
LIVES = 4
# Whoever waits is told for whom, first after so long, then each half minute.
FIRST_TOLD_SECONDS = 10.0
TOLD_EVERY_SECONDS = 30.0
DOWN_WITHIN_SECONDS = 90.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Row:
    """A service as `status` shows it; `reason` is empty when it is ready, `port` 0 when it has no door."""

    name: str
    pid: int | None
    port: int
    ready: bool
    reason: str
    resident_bytes: int | None


class Stack:
    """A stack of one state directory and one port base; `up` and `down` may be called again at any time.

    `say` gets the progress lines. Its processes are told what is set here and `environment`, or, where `kept` says what they
    were told at the last `up`, that alone. Whoever wants the topics and the opened archive asks the operators' tool, as
    `deploy.local.main` does between the servers and the services.
    """

    def __init__(
        self,
        state_dir: Path | None = None,
        port_base: int | None = None,
        clock: Clock | None = None,
        say: Say = lambda line: None,
        environment: dict[str, str] | None = None,
        watch_seconds: int | None = None,
        kept: dict[str, str] | None = None,
    ) -> None:
        given = {"state_dir": state_dir, "port_base": port_base, "clock": clock, "watch_seconds": watch_seconds}
        self.settings = StackSettings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
        self.say = say
        self._environment = {**(self.settings.environment() if kept is None else kept), **(environment or {})}
        self._keeper = Keeper(self.directory, REPOSITORY)

    @property
    def directory(self) -> Path:
        """The state directory."""
        return self.settings.directory

    @property
    def environment(self) -> dict[str, str]:
        """The MOTCUA_ variables that every process of this stack sees."""
        return dict(self._environment)

    @property
    def names(self) -> tuple[str, ...]:
        """The programs of this stack: all but watchers that are not installed on this machine."""
        return tuple(each.name for each in self._programs())

    @property
    def generations(self) -> Generations:
        """Which generations of the fold it runs."""
        return generations.read(self.directory) or generations.BEGIN

    @property
    def left_out(self) -> tuple[str, ...]:
        """The watchers that are not installed on this machine."""
        return tuple(name for name in programs.WATCHERS if name not in self.names)

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of the services that live, from their pid files, or from supervisor where these are gone."""
        unwritten = self._keeper.unwritten()
        found = {name: processes.read_pid(self.pid_file(name)) or unwritten.get(name) for name in programs.NAMES}
        return {name: pid for name, pid in found.items() if pid is not None and self._is_ours(pid)}

    def pid_file(self, name: str) -> Path:
        """Where a service's process id is written."""
        return self.directory / f"{name}.pid"

    def log_file(self, name: str) -> Path:
        """Where a service's output goes."""
        return self.directory / "logs" / f"{name}.log"

    def address(self, name: str) -> str:
        """Where a service is reached."""
        if name == "kafka":
            return self.settings.bootstrap
        if name == "redis":
            return self.settings.redis_url
        return f"http://127.0.0.1:{self.settings.port(name)}" if name in PORTS else ""

    def up(self, services: tuple[str, ...] | None = None, after_servers: Callable[[], None] = lambda: None) -> None:
        """Starts what is missing and waits until all of it is ready; what runs is left running.

        `after_servers` is called when the servers are ready and before the first service is started.
        """
        wanted = self._programs() if services is None else programs.chosen(services)
        if absent := [each.name for each in wanted if each.name in self.left_out]:
            raise WatcherMissingError(absent)
        if without := [each.name for each in wanted if each.name not in self.names]:
            raise NotNowError(without[0])
        with statedir.only_one(self._checked(wanted)):
            cluster_id = statedir.claim(
                self.directory,
                statedir.Marker(self.settings.clock, kafka.new_cluster_id(), self.settings.port_base),
            ).cluster_id
            generations.write(self.directory, self.generations)
            statedir.keep_environment(self.directory, self._environment)
            self._prepare(cluster_id)
            servers = tuple(each for each in wanted if each.kind == "server")
            self._start(servers)
            after_servers()
            self._start(tuple(each for each in wanted if each.kind != "server"))

    def take(self, change: Callable[[Generations], Generations]) -> None:
        """Runs what the change makes of its generations from here on: written down in one step, then whoever is concerned is
        started anew and waited for. Whoever goes on is not: with one partition stopped a worker is unready, and well."""
        marker = statedir.read(self.directory)
        if marker is None or self._keeper.pid is None:
            raise GenerationError(f"The stack in {self.directory} does not run: start it first (make up).")
        with statedir.only_one(self.directory):
            wanted = change(self.generations)
            generations.code_of(wanted.live)
            generations.write(self.directory, wanted)
            anew = self._prepare(marker.cluster_id)
            self._start(tuple(each for each in self._programs() if each.kind == "beside" or each.name in anew))
            for name in set(programs.NAMES) - set(self.names):
                self.pid_file(name).unlink(missing_ok=True)

    def note(self, change: Callable[[Generations], Generations]) -> None:
        """Writes down what the change makes of its generations, for the next `up`."""
        with statedir.only_one(self.directory):
            generations.write(self.directory, change(self.generations))

    def rest(self, *names: str) -> None:
        """Stops programs, also those that the stack has no more; the next `take` or `up` starts those that it still has."""
        for name in names:
            self.stop(name)

    def down(self) -> bool:
        """Stops everything that this stack runs; its state stays. False when there was none."""
        if not self._is_there():
            return False
        with statedir.only_one(self.directory):
            self._end_all()
        return True

    def stop(self, name: str) -> None:
        """Stops one service and leaves it stopped until the next `up`; also one that has lost its supervisor."""
        if self._keeper.pid is not None:
            self._keeper.stop_program(programs.program(name).name)
        elif (pid := self.pids.get(name)) is not None:
            self._end_orphan(name, pid)
        self.pid_file(name).unlink(missing_ok=True)

    def start(self, name: str) -> None:
        """Starts one service that was stopped and waits until it is ready; the rest is left as it is."""
        self._keeper.start_program(programs.program(name).name)
        self.wait_ready((name,))

    def wipe(self) -> bool:
        """Stops everything, then removes the state directory whole; False when there was none."""
        if not self._is_there():
            return statedir.wipe(self.directory)
        # Nobody starts anything in between.
        with statedir.only_one(self.directory):
            self._end_all()
            return statedir.wipe(self.directory)

    def status(self) -> list[Row]:
        """Every service of the stack, whether it runs or not."""
        pids = self.pids
        rows = []
        for name in self.names:
            pid = pids.get(name)
            reason = "is not running" if pid is None else reason_not_ready(self.settings, name, self._environment)
            if pid is not None and reason is not None:
                reason = f"{reason}; {vitals.words(pid)}"
            rows.append(
                Row(
                    name=name,
                    pid=pid,
                    port=PORTS.get(name, 0) and self.settings.port(name),
                    ready=reason is None,
                    reason=reason or "",
                    resident_bytes=None if pid is None else processes.resident_bytes(pid),
                )
            )
        return rows

    @property
    def keeper_pid(self) -> int | None:
        """Supervisor's own process id while it runs."""
        return self._keeper.pid

    def wait_ready(self, names: tuple[str, ...], within_seconds: float | None = None) -> None:
        """Waits until these services are ready; NotReadyError says which is not, why, and where its log lies."""
        limit = self.settings.ready_within_seconds if within_seconds is None else within_seconds
        deadline = time.monotonic() + limit
        for name in names:
            began = time.monotonic()
            told_again = began + FIRST_TOLD_SECONDS
            lives: set[int] = set()
            while (reason := reason_not_ready(self.settings, name, self._environment)) is not None:
                seen = self._keeper.seen().get(name)
                if seen is not None and seen.pid is not None:
                    lives.add(seen.pid)
                if len(lives) > LIVES or seen is None or seen.state == "FATAL":
                    raise NotReadyError(f"{name} ends again and again: {self._last_words(name)}")
                if seen.pid is not None:
                    reason = f"{reason}; {vitals.words(seen.pid)}"
                if time.monotonic() > deadline:
                    raise NotReadyError(f"{name} is not ready after {limit:.0f} s: it {reason}. {self._last_words(name)}")
                if time.monotonic() > told_again:
                    self.say(f"  {name:<15} {reason} (see {self.log_file(name)})")
                    told_again += TOLD_EVERY_SECONDS
                time.sleep(POLL_SECONDS)
            self.say(f"  {name:<15} ready after {time.monotonic() - began:4.1f} s   {self.address(name)}".rstrip())

    def _programs(self) -> tuple[Program, ...]:
        running = self.generations
        absent = {each.name for each in programs.PROGRAMS if each.kind == "watcher" and debs.find(each.name) is None}
        # As its processes are told, whoever gives the command now.
        has_real_keys = self._environment.get("MOTCUA_KEYS_FILE") or self._environment.get("MOTCUA_DEV_KEYS") == "0"
        if has_real_keys and not self._environment.get("MOTCUA_EDGE_INTAKE_KEY_FILE"):
            absent.add("edge")  # nobody has given it a key
        present = (each for each in programs.PROGRAMS if each.name not in absent)
        return tuple(each for each in present if running.runs(each))

    def _last_words(self, name: str) -> str:
        file = self.log_file(name)
        lines = [logs.sentence(line.strip()) for line in last_lines(file, 20) if line.strip()]
        return f"{lines[-1][:300] if lines else 'it wrote nothing'} (see {file}, then run the same command again)"

    def _check_settings(self) -> None:
        settings, before = self.settings, statedir.kept_environment(self.directory) or {}
        checks.check_host(settings.host)
        checks.check_written(self.directory, self._environment)
        checks.check_keys(settings.keys_file, settings.dev_keys, settings.host)
        checks.check_forgotten(self.directory, before, self._environment, settings.dev_keys)

    def _checked(self, wanted: tuple[Program, ...]) -> Path:
        self._check_settings()
        told = self._environment.get("MOTCUA_KEYS_FILE")
        checks.check_keys_file(Path(told) if told else None)
        marker = statedir.read(self.directory)
        if self._keeper.pid is None:
            self._end_orphans()
        elif marker is None:
            raise OtherStackError(
                f"A stack runs in {self.directory}, and its files are gone: stop it with make down, then make up again."
            )
        elif marker.port_base != self.settings.port_base:
            raise OtherStackError(
                f"The stack in {self.directory} runs with MOTCUA_PORT_BASE={marker.port_base}: "
                f"use that, choose another MOTCUA_STATE_DIR, or stop it with make down."
            )
        self._forget_stale_pids()
        missing = [each.name for each in wanted if each.name not in self.pids]
        checks.check_ports(self.settings.host, self.settings.port_base, missing)
        return self.directory

    def _prepare(self, cluster_id: str) -> list[str]:
        """Tells supervisor what there is; the programs that it has started anew for it."""
        present = jars.ensure_jars(self.say)
        classes.ensure_classes(present, self.say)
        kafka.prepare(self.settings, present, cluster_id)
        valkey.prepare(self.settings)
        watchers.prepare(self.settings)
        own_commands = {
            "kafka": kafka.command(self.settings, present),
            "redis": valkey.command(self.settings),
            **watchers.commands(self.settings),
        }
        running = self.generations
        anew = self._keeper.start(
            Kept(
                name=each.name,
                command=own_commands.get(each.name) or each.command(generations.interpreter(running.code(each))),
                environment=self._told(each, running),
                stop_within_seconds=each.stop_within_seconds,
                # Whoever comes and goes changes nothing for the others.
                priority=programs.PROGRAMS.index(each) + 1,
                directory=running.code(each),
            )
            for each in self._programs()
        )
        if anew:
            self.say(f"  settings have changed: started {', '.join(anew)} anew")
        if running.beside is not None and not running.going and (lack := generations.lacking(running.beside)) is not None:
            self.say(f"  processing-beside is left out. {lack}")
        return anew

    def _told(self, program: Program, running: Generations) -> dict[str, str]:
        if program.kind in ("server", "watcher"):
            # A changed setting of a service is no reason to start the servers anew: they get none of them.
            plain = {"MOTCUA_STATE_DIR": str(self.directory)}
            return {**plain, **kafka.ENVIRONMENT} if program.name == "kafka" else plain
        # Of generations the state directory alone decides; whom they do not concern, they do not start anew.
        own = {name: value for name, value in self._environment.items() if name not in ("MOTCUA_GEN", "MOTCUA_LIVE_GEN")}
        return {**own, **running.environment(program, self.settings.port_base)}

    def _start(self, wanted: tuple[Program, ...]) -> None:
        seen = self._keeper.seen()
        for each in wanted:
            if not seen[each.name].running:
                self.say(f"  {each.name:<15} starting")
                self._keeper.start_program(each.name)
        # What is built beside takes its time; nobody waits for it here.
        self.wait_ready(tuple(each.name for each in wanted if each.kind != "beside"))

    def _is_there(self) -> bool:
        # Somebody may have removed the files of a stack that runs.
        return statedir.read(self.directory) is not None or self._keeper.pid is not None

    def _end_all(self) -> None:
        # Who reads and writes says goodbye to Kafka and Redis while these are still there.
        others = set(programs.NAMES) - set(programs.SERVERS)
        self._keeper.shut_down([others, *([name] for name in reversed(programs.SERVERS))], DOWN_WITHIN_SECONDS)
        self._end_orphans()
        for name in programs.NAMES:
            self.pid_file(name).unlink(missing_ok=True)

    def _forget_stale_pids(self) -> None:
        for name in programs.NAMES:
            pid = processes.read_pid(self.pid_file(name))
            if self.pid_file(name).exists() and (pid is None or not self._is_ours(pid)):
                named = "no process" if pid is None else f"a process ({pid}) that is gone or not of this stack"
                self.say(f"  {name}.pid named {named}: removed")
                self.pid_file(name).unlink(missing_ok=True)

    def _end_orphans(self) -> None:
        # Supervisor itself may have been killed: what it had started lives on and would hold the ports.
        for name, pid in reversed(self.pids.items()):
            self._end_orphan(name, pid)

    def _end_orphan(self, name: str, pid: int) -> None:
        self.say(f"  {name} ({pid}) was left behind without its supervisor: ending it")
        processes.end(pid, float(programs.program(name).stop_within_seconds))

    def _is_ours(self, pid: int) -> bool:
        return processes.is_alive(pid) and processes.belongs_to(pid, self.directory)
