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
    if marker is None or os.environ.get("MOTCUA_PORT_BASE", str(marker.port_base)) != str(marker.port_base):
        return dict(os.environ)
    stack = stack_here(lambda line: None)
    return {**stack.environment, "MOTCUA_LIVE_GEN": str(stack.generations.live.gen), **os.environ}


if __name__ == "__main__":
    main()
