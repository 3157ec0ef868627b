"""The operators' tool: `python -m deploy.operators.main topics|open|check|activate`."""

import argparse
import sys

from contracts import reference, topics
from deploy.operators import acts
from deploy.operators.errors import OperatorError
from deploy.operators.settings import OperatorSettings


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 when it is done or all is well, 1 with one sentence when not."""
    parser = argparse.ArgumentParser(prog="python -m deploy.operators.main", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("topics", help="create the topics that are missing, then check all of them against the contract")
    commands.add_parser("open", help="open the archive: records 0 and 1 of each partition, with the present reference files")
    commands.add_parser("check", help="check the reference files and say their digest; Kafka is not asked")
    commands.add_parser("activate", help="publish the present reference files and let them rule from here on")
    chosen = parser.parse_args(arguments).command
    settings = OperatorSettings()
    try:
        {"topics": _topics, "open": _open, "check": _check, "activate": _activate}[chosen](settings)
    except OperatorError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _topics(settings: OperatorSettings) -> None:
    created = acts.make_topics(settings)
    present = len(topics.all_topics(settings.live_gen))
    print(f"{present} topics are as the contract says" + (f" (created: {', '.join(created)})" if created else ""))


def _open(settings: OperatorSettings) -> None:
    opened = acts.open_archive(settings, acts.files(settings))
    done = f"opened in {opened.written} partitions" if opened.written else "was open already"
    print(f"archive {done}: CLOCK={settings.clock}, rules {opened.rules}")
    if opened.rules != opened.files:
        print(f"the reference files are {opened.files} now: they rule only once `make reference-activate` has been run")


def _check(settings: OperatorSettings) -> None:
    body = acts.files(settings)
    digest = reference.digest(reference.encode(body))
    print(
        f"{settings.reference_dir}: {len(body.units)} units, {len(body.departments)} departments, "
        f"{len(body.procedures)} procedures, {len(body.calendar.days_off)} days off; digest {digest}"
    )


def _activate(settings: OperatorSettings) -> None:
    digest = acts.activate(settings, acts.files(settings))
    print(f"rules {digest} are activated in all {topics.REPORTED.partitions} partitions")


if __name__ == "__main__":
    sys.exit(main())
