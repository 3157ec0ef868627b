"""A command that Ctrl-C ends with a sentence, while it loads, too: `python -m deploy.local.command deploy.local.main up`."""

import runpy
import sys

INTERRUPTED = 130
SAID = "Interrupted. `make status` says what runs; the same command may be given again."


def main() -> None:
    """Runs the module that is named as if it had been named to Python itself."""
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(f"{__doc__}\nIt wants the module of a command, then what that is told.")
    del sys.argv[0]
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except KeyboardInterrupt:
        print(SAID, file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
