"""A command about the stack of the state directory: `python -m deploy.local.here services.audit.main verify`."""

import os
import sys
from pathlib import Path

from pydantic import ValidationError

from deploy.local import generations, statedir
from deploy.local.beside import stack_here
from deploy.local.errors import StackError
from deploy.local.programs import PROGRAMS
from deploy.local.settings import StackSettings
from deploy.operators.settings import complaint


def main() -> None:
    """Becomes the module that is named, told where the stack is as it was started."""
    try:
        code = _code(tuple(sys.argv[1:2]))
        told = environment()
    except StackError as error:
        sys.exit(str(error))
    except ValidationError as error:
        sys.exit(complaint(error))
    python, options = sys.executable, ["-m"]
    if code is not None:
        # By its path, not by its directory: what is named on the command line lies where the command was given.
        python, options, told = generations.interpreter(code), ["-P", "-m"], {**told, "PYTHONPATH": str(code)}
    os.execve(python, [python, *options, *sys.argv[1:]], told)


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
