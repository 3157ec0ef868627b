"""The board's files: read once, told apart by their digest, and held by a policy to what lies here."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

BOARD: Final = Path(__file__).parent / "board"
PAGE: Final = "index.html"
# Where units stand on the map, as the reference files say.
TILES: Final = "tiles.json"
# Where the page says at which address worklists are.
WORKLISTS: Final = "@worklists@"
KINDS: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
JSON: Final = "application/json"
Tiles = Mapping[str, tuple[int, int]]
# Nothing from outside, and nothing that stands in the page itself.
POLICY: Final = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True)
class File:
    """One file as browsers get it."""

    kind: str
    content: bytes
    tag: str


class Front:
    """Answers for the board's files, and for no other."""

    def __init__(self, worklists: str, tiles: Tiles) -> None:
        self._files = _read(worklists) | {TILES: _file(JSON, msgspec.json.encode(tiles))}

    def answer(self, name: str, request: Request) -> Response | None:
        """The file; without its bytes where the browser holds them; None when there is none of that name."""
        file = self._files.get(name)
        if file is None:
            return None
        # Asked again at each load, answered in a few bytes: a new version is on every wall at its next look.
        headers = {
            "Cache-Control": "no-cache", "ETag": file.tag, "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
        }  # fmt: skip
        if file.tag in request.headers.get("If-None-Match", ""):
            return Response(status_code=304, headers=headers)
        return Response(file.content, headers=headers, media_type=file.kind)


def _read(worklists: str) -> dict[str, File]:
    found = {}
    for path in sorted(BOARD.rglob("*")):
        if (kind := KINDS.get(path.suffix)) is None:
            continue
        content = path.read_bytes()
        if path.name == PAGE:
            content = content.replace(WORKLISTS.encode(), worklists.encode())
        found[path.relative_to(BOARD).as_posix()] = _file(kind, content)
    return found


def _file(kind: str, content: bytes) -> File:
    return File(kind, content, f'"{blake2b(content, digest_size=12).hexdigest()}"')
