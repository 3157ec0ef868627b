"""One kept connection to another service's API: every answer within a bound, asked once more when the line was ended."""

import http.client
from collections.abc import Mapping
from urllib.parse import urlsplit

from services.audit.archive import CouldNotRunError


class Door:
    """`name` says whose it is in what people are told."""

    def __init__(self, name: str, base_url: str, seconds: float) -> None:
        self.name, self.base_url = name, base_url
        self._seconds = seconds
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body; CouldNotRunError when none comes."""
        for is_last in (False, True):
            try:
                if self._connection is None:
                    self._connection = self._connect()
                self._connection.request("GET", path, headers=dict(headers))
                answer = self._connection.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException) as error:
                # A kept connection may have been ended meanwhile: once more on a new one.
                self.close()
                if is_last:
                    raise CouldNotRunError(
                        f"{self.name} at {self.base_url} did not answer within {self._seconds:g} s: is it up?"
                    ) from error
        raise AssertionError

    def close(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> http.client.HTTPConnection:
        place = urlsplit(self.base_url)
        kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
        return kind(place.hostname or "127.0.0.1", place.port, timeout=self._seconds)
