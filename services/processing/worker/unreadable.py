"""What can still be read of a record that breaks the contract: who reported it, and of which day it is."""

import re
from collections.abc import Sequence

from contracts import instants

_SOURCE = re.compile(rb"/units/([A-Za-z0-9._-]{1,32})(?:/[A-Za-z0-9._-]{1,64})?")
Headers = Sequence[tuple[str, bytes | None]]


def source_in(headers: Headers) -> str | None:
    """The unit code in `source`, None when there is none of its form."""
    found = _SOURCE.fullmatch(_last(headers, "ce_source"))
    return None if found is None else found[1].decode()


def day_in(headers: Headers) -> str | None:
    """The business day of `time`, None when that is no instant."""
    try:
        return instants.day_of(instants.parse(_last(headers, "ce_time").decode()))
    except (ValueError, OverflowError):
        return None


def _last(headers: Headers, name: str) -> bytes:
    return next((text for found, text in reversed(headers) if found == name and text is not None), b"")
