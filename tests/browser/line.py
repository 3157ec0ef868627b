"""The line between a browser and the board: bytes go through, fast or slowly, until it is cut or dies without a word."""

import contextlib
import selectors
import socket
import threading
import time
from typing import Final

CHUNK_BYTES: Final = 64 * 1024
LOOK_SECONDS: Final = 0.05


class Line:
    """Listens on a free port and hands everything on to another; one thread."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        # Bytes that came from the other end, headers and all: what a browser has loaded.
        self.loaded_bytes = 0
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._far: set[socket.socket] = set()
        self._is_cut = self._is_quiet = self._is_over = False
        self._bytes_per_second: int | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Every connection ends; a new one is closed at once."""
        with self._lock:
            self._is_cut = True
            for each in list(self._pairs):
                self._end(each)

    def mend(self) -> None:
        """Bytes go through again."""
        self._is_cut = self._is_quiet = False

    def hush(self) -> None:
        """Connections stay, and nothing comes through any more: a line that died without a word."""
        self._is_quiet = True

    def slow(self, bytes_per_second: int) -> None:
        """All connections together get so much from the other end from now on."""
        self._bytes_per_second = bytes_per_second

    def close(self) -> None:
        """Ends it."""
        self._is_over = True
        self._thread.join(5)
        self.cut()
        self._listening.close()

    def _run(self) -> None:
        while not self._is_over:
            with selectors.DefaultSelector() as ready:
                ready.register(self._listening, selectors.EVENT_READ)
                with self._lock:
                    for each in () if self._is_quiet else self._pairs:
                        ready.register(each, selectors.EVENT_READ)
                found = {key.fd for key, _ in ready.select(LOOK_SECONDS)}
            with self._lock:
                if self._listening.fileno() in found:
                    self._take()
                for each in [one for one in self._pairs if one.fileno() in found]:
                    if each in self._pairs:
                        self._hand_on(each)

    def _take(self) -> None:
        near, _ = self._listening.accept()
        if self._is_cut:
            near.close()
            return
        try:
            far = socket.create_connection(("127.0.0.1", self._to), timeout=5)
        except OSError:
            near.close()
            return
        self._pairs[near], self._pairs[far] = far, near
        self._far.add(far)

    def _hand_on(self, came_from: socket.socket) -> None:
        slow = self._bytes_per_second if came_from in self._far else None
        try:
            told = came_from.recv(int(slow * LOOK_SECONDS) if slow else CHUNK_BYTES)
            if told:
                self.loaded_bytes += len(told) if came_from in self._far else 0
                if slow:
                    time.sleep(len(told) / slow)
                self._pairs[came_from].sendall(told)
                return
        except OSError:
            pass
        self._end(came_from)

    def _end(self, one: socket.socket) -> None:
        other = self._pairs.pop(one, None)
        for each in filter(None, (one, other)):
            self._pairs.pop(each, None)
            self._far.discard(each)
            with contextlib.suppress(OSError):
                each.close()
