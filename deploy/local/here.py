"""A command about the stack of the state directory: `python -m deploy.local.here services.audit.main verify`."""

import os
import sys
from pathlib import Path

from pydantic import ValidationError

from deploy.local import generations, statedir
from deploy.local.beside import running_here, stack_here
from deploy.local.errors import StackError
from deploy.local.programs import PROGRAMS
from deploy.local.settings import StackSettings
from deploy.operators.settings import complaint

COULD_NOT_RUN = 2  # as audit's: 1 would say that figures differ


def main() -> None:
    """Becomes the module that is named, told where the stack is as it was started."""
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(f"{__doc__}\nIt wants the module of a command, then what that is told.")
    try:
        _say_which()
        code = _code(tuple(sys.argv[1:2]))
        told = environment()
    except StackError as error:
        print(error, file=sys.stderr)
        sys.exit(COULD_NOT_RUN)
    except ValidationError as error:
        sys.exit(complaint(error))
    python, options = sys.executable, ["-m", "deploy.local.command"]
    if code is not None:
        # By its path, not by its directory: what is named on the command line lies where the command was given.
        python, options, told = generations.interpreter(code), ["-P", "-m"], {**told, "PYTHONPATH": str(code)}
    os.execve(python, [python, *options, *sys.argv[1:]], told)


def _say_which() -> None:
    """Which stack will be looked at, where that takes its time or is doubtful; NotRunningError where there is none."""
    if os.environ.get("MOTCUA_KAFKA"):
        return
    asked, directory = os.environ.get("MOTCUA_PORT_BASE"), StackSettings().directory
    if not _is_kept() and statedir.read(directory) is not None:
        print(f"Not the stack in {directory}, but what answers at ports {asked}+.", file=sys.stderr)
        return
    stack = running_here(lambda line: None)
    if sys.argv[2:3] == ["verify"]:
        print(f"Recounting the stack in {directory}, ports {stack.settings.port_base}+.", file=sys.stderr)


def _code(module: tuple[str, ...]) -> Path | None:
    """Whose code it is that judges the stack's dossiers, where it is not this one."""
    if not _is_kept():
        return None
    running = next((each for each in PROGRAMS if each.arguments and each.arguments[:1] == module), None)
    return None if running is None else stack_here(lambda line: None).generations.code(running)


def _is_kept() -> bool:
    """Whether the stack of the state directory is the one that is meant."""
    marker = statedir.read(StackSettings().directory)
    return marker is not None and os.environ.get("MOTCUA_PORT_BASE", "") in ("", str(marker.port_base))


def environment() -> dict[str, str]:
    """What the stack's own services were told, below what is said now; where another one is meant, only the latter."""
    if not _is_kept():
        return dict(os.environ)
    stack = stack_here(lambda line: None)
    told = {**stack.environment, "MOTCUA_LIVE_GEN": str(stack.generations.live.gen)}
    # An empty setting is one that is not set.
    said = {name: value for name, value in os.environ.items() if value or not name.startswith("MOTCUA_")}
    # A key that is said now, itself or by its file, goes before what was said of it then, its file or itself.
    anew = {name.removesuffix("_FILE") for name in said}
    kept = {name: value for name, value in told.items() if name.removesuffix("_FILE") not in anew}
    return {**kept, **said}


if __name__ == "__main__":
    main()
