"""The processes of a local stack as a table: what each is, which door it has, how it is known to be ready."""

from dataclasses import dataclass
from typing import Literal

from deploy.local.errors import UnknownServiceError
from deploy.local.settings import python

# `beside`: builds what nobody reads yet, and runs only while a generation or the counters are being built.
Kind = Literal["server", "service", "watcher", "aide", "beside"]


@dataclass(frozen=True)
class Program:
    """One process: `arguments` follow the interpreter; servers and watchers have a command of their own."""

    name: str
    kind: Kind
    stop_within_seconds: int
    arguments: tuple[str, ...] = ()

    def command(self, interpreter: str | None = None) -> tuple[str, ...]:
        """The command line of a service."""
        return (interpreter or python(), "-m", *self.arguments)


# In the order in which they are started; they are stopped in the reverse one.
PROGRAMS: tuple[Program, ...] = (
    Program("redis", "server", 20),
    Program("kafka", "server", 30),
    Program("processing", "service", 20, ("services.processing.main", "worker")),
    Program("processing-api", "service", 10, ("services.processing.main", "api")),
    Program("metrics", "service", 20, ("services.metrics.main", "worker")),
    Program("metrics-api", "service", 10, ("services.metrics.main", "api")),
    Program("intake", "service", 15, ("services.intake.main",)),
    # A centre's outbox for trying things out: where development keys are taken, it speaks for every unit.
    Program("edge", "service", 15, ("services.edge.main",)),
    Program("audit", "service", 10, ("services.audit.main", "serve")),
    # Watchers are started where they are installed, and left out where they are not.
    Program("alertmanager", "watcher", 5),
    Program("prometheus", "watcher", 10),
    # Has no door: it makes a dump of Redis now and then.
    Program("dumps", "aide", 5, ("deploy.local.dumps",)),
    Program("processing-beside", "beside", 20, ("services.processing.main", "worker")),
    Program("metrics-beside", "beside", 20, ("services.metrics.main", "worker")),
    Program("counters-beside", "beside", 20, ("services.metrics.main", "worker")),
)
NAMES = tuple(program.name for program in PROGRAMS)
SERVERS = tuple(program.name for program in PROGRAMS if program.kind == "server")
WATCHERS = tuple(program.name for program in PROGRAMS if program.kind == "watcher")


def program(name: str) -> Program:
    """The program of that name; UnknownServiceError when there is none."""
    for each in PROGRAMS:
        if each.name == name:
            return each
    raise UnknownServiceError(name, NAMES)


def chosen(names: tuple[str, ...] | None) -> tuple[Program, ...]:
    """The programs of these names in starting order, all of them for None."""
    if names is None:
        return PROGRAMS
    wanted = {program(name).name for name in names}
    return tuple(each for each in PROGRAMS if each.name in wanted)
