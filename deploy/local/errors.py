"""What can be wrong before or while a local stack starts: one class, one sentence, one remedy each.

StackError
├── OldPythonError          run it with a newer Python
├── PortInUseError          choose another MOTCUA_PORT_BASE
├── TwoKindsOfKeysError     unset MOTCUA_DEV_KEYS or MOTCUA_KEYS_FILE
├── KeysFileError           mend the keys file, or name another
├── UnwritableSettingError  choose a value without the sign that is named
├── UnaskedHostError        leave MOTCUA_HOST at 127.0.0.1, or say 0.0.0.0
├── ForgottenSettingError   say again what the stack was told before
├── StateDirError           choose another MOTCUA_STATE_DIR
│   ├── ForeignStateDirError    the directory holds something else
│   ├── OtherClockError         the archive in it is driven by the other clock
│   └── OtherStackError         a stack with another port base runs from it, or another `up` is at work
├── DownloadError           jars or packages could not be fetched: look at the network, run it again
├── WatcherMissingError     install Prometheus and Alertmanager
├── NotRunningError         start the stack, or name the directory of one that runs
├── NotReadyError           a process did not get ready: look at its log
├── GenerationError         a generation cannot be started, switched or removed like that: the text says what to do first
├── DumpError               there is no such dump, or it is not whole: choose another
├── NotNowError             the stack has this program only under a condition: the text names it
└── UnknownServiceError     name one that exists
"""

from pathlib import Path


class StackError(Exception):
    """The local stack cannot do what was asked; the text is one sentence for the person who asked."""


class OldPythonError(StackError):
    def __init__(self, found: tuple[int, int], needed: tuple[int, int]) -> None:
        super().__init__(
            f"Một Cửa needs Python {needed[0]}.{needed[1]} or newer and this is {found[0]}.{found[1]}: "
            f"install a newer one, or name it: PYTHON=/path/to/python3 make setup."
        )


class PortInUseError(StackError):
    def __init__(self, port: int, service: str, suggested_base: int) -> None:
        super().__init__(
            f"Port {port}, meant for {service}, is in use by another program: stop that one, "
            f"or choose another place for the whole stack: MOTCUA_PORT_BASE={suggested_base} before the same command."
        )
        self.port = port
        self.service = service


class TwoKindsOfKeysError(StackError):
    def __init__(self) -> None:
        super().__init__("MOTCUA_DEV_KEYS=1 and MOTCUA_KEYS_FILE exclude each other: unset one of them, then make up again.")


class KeysFileError(StackError):
    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"The keys file {file} (MOTCUA_KEYS_FILE) cannot be used: {reason}.")


class UnwritableSettingError(StackError):
    def __init__(self, name: str, sign: str) -> None:
        super().__init__(f"{name} contains {sign}, which files of the local stack cannot hold: choose a value without it.")


class UnaskedHostError(StackError):
    def __init__(self, host: str) -> None:
        super().__init__(
            f"MOTCUA_HOST={host} is not where the local stack asks its services whether they are ready, 127.0.0.1: "
            "leave it there, or set it to 0.0.0.0 when others are to reach them."
        )


class ForgottenSettingError(StackError):
    def __init__(self, directory: Path, name: str, value: str, otherwise: str) -> None:
        super().__init__(
            f"The stack in {directory} was started with {name}={value}, and now nothing is said of it: "
            f"set it again, or {otherwise}."
        )


class OpenDoorError(StackError):
    def __init__(self, host: str) -> None:
        super().__init__(
            f"MOTCUA_HOST={host} opens the doors to others, and development keys are known to everybody: "
            "set MOTCUA_KEYS_FILE, or leave MOTCUA_HOST at 127.0.0.1."
        )


class StateDirError(StackError):
    """This state directory cannot be used as asked."""


class ForeignStateDirError(StateDirError):
    def __init__(self, directory: Path) -> None:
        super().__init__(
            f"{directory} holds files that no local stack has put there, so it is neither used nor wiped: "
            f"choose an empty or new directory with MOTCUA_STATE_DIR."
        )


class OtherClockError(StateDirError):
    def __init__(self, directory: Path, kept: str, asked: str) -> None:
        super().__init__(
            f"The archive in {directory} is driven by CLOCK={kept} and cannot be driven by CLOCK={asked}: "
            f"set MOTCUA_CLOCK={kept}, choose another MOTCUA_STATE_DIR, or wipe it with make wipe."
        )


class OtherStackError(StateDirError):
    """Somebody else is at work in this state directory."""


class DownloadError(StackError):
    """What is fetched once per user could not be fetched."""


class NotRunningError(StackError):
    def __init__(self, directory: Path) -> None:
        super().__init__(
            f"No stack runs in {directory}: start one by make up, or name the directory of one that runs with "
            f"MOTCUA_STATE_DIR."
        )


class NotReadyError(StackError):
    """A process of the stack did not get ready in time."""


class UnknownServiceError(StackError):
    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"There is no service called {name!r} in the local stack: it has {', '.join(known)}.")


class NotNowError(StackError):
    def __init__(self, name: str) -> None:
        super().__init__(
            "edge has no key of its own: set MOTCUA_EDGE_INTAKE_KEY_FILE, then make up again."
            if name == "edge"
            else f"{name} runs only while it builds something beside: make generation or make rebuild-counters starts it."
        )


class WatcherMissingError(StackError):
    def __init__(self, names: list[str]) -> None:
        super().__init__(f"{' and '.join(names)} cannot be started, being installed nowhere: run make prometheus.")


class GenerationError(StackError):
    """A generation cannot be started, switched or removed as asked; the text says what to do."""


class DumpError(StackError):
    """A dump of Redis cannot be made or put back; the text says why."""
