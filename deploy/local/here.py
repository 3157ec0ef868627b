"""A command about the stack of the state directory: `python -m deploy.local.here services.audit.main verify`."""

import os
import sys

from pydantic import ValidationError

from deploy.local import statedir
from deploy.local.beside import stack_here
from deploy.local.errors import StackError
from deploy.local.settings import StackSettings
from deploy.operators.settings import complaint


def main() -> None:
    """Becomes the module that is named, told where the stack is as it was started."""
    try:
        told = environment()
    except StackError as error:
        sys.exit(str(error))
    except ValidationError as error:
        sys.exit(complaint(error))
    os.execve(sys.executable, [sys.executable, "-m", *sys.argv[1:]], told)


def environment() -> dict[str, str]:
    """What the stack's own services were told, below what is said now; where another one is meant, only the latter."""
    marker = statedir.read(StackSettings().directory)
    if marker is None or os.environ.get("MOTCUA_PORT_BASE", "") not in ("", str(marker.port_base)):
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
