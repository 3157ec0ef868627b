"""The board: one page without anything from outside, and the policy by which browsers hold it to that."""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Final


def _only(tag: str) -> str:
    """The one style or script of the page, by its digest: no other may be used."""
    [inside] = re.findall(f"<{tag}>(.*?)</{tag}>", BOARD, re.DOTALL)
    return f"'sha256-{b64encode(sha256(inside.encode()).digest()).decode()}'"


BOARD: Final = (Path(__file__).parent / "board" / "index.html").read_text()
POLICY: Final = (
    f"default-src 'none'; connect-src 'self'; img-src data:; style-src {_only('style')}; script-src {_only('script')}; "
    "base-uri 'none'; form-action 'none'"
)
