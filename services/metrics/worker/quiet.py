"""The client's chatter, bounded: a broker that is down makes aiokafka write tens of lines a second."""

import logging
from typing import Final

from contracts.face.sparing import Sparingly

AGAIN_SECONDS: Final = 5.0
CHATTY: Final = ("aiokafka", "faust", "mode")


def be_quiet() -> None:
    """Only warnings of the clients, each seldom."""
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for handler in logging.getLogger().handlers:
        handler.addFilter(Sparingly(CHATTY, AGAIN_SECONDS))
