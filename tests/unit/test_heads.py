"""HEAD is GET without its content, on a real server."""

import asyncio
import http.client
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
import uvicorn
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from contracts.face.application import application
from deploy.local.checks import free_port_base, give_back

ENDED = threading.Event()
ANSWER_SECONDS = 10
PAUSE_SECONDS = 0.05


async def without_end() -> AsyncIterator[bytes]:
    """A stream that its client must end."""
    while True:
        try:
            await asyncio.sleep(PAUSE_SECONDS)
        except asyncio.CancelledError:
            ENDED.set()
            raise
        yield b"more"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server with a page and a stream."""
    app = application("heads")
    app.add_api_route("/page", lambda: PlainTextResponse("twelve bytes"), response_class=Response)
    app.add_api_route("/stream", lambda: StreamingResponse(without_end()), response_class=Response)
    app.add_api_route("/told", lambda: Response(status_code=202), response_class=Response, methods=["POST"])
    base = free_port_base()
    server = uvicorn.Server(uvicorn.Config(app, port=base, log_config=None, http="httptools", loop="asyncio"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield base
    server.should_exit = True
    thread.join(ANSWER_SECONDS)
    give_back(base)


def ask(port: int, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    connection.request(method, path)
    answer = connection.getresponse()
    headers = {name.lower(): value for name, value in answer.getheaders() if name.lower() != "date"}
    found = answer.status, headers, b"" if path == "/stream" and method == "GET" else answer.read()
    connection.close()
    return found


@pytest.mark.parametrize("path", ["/page", "/openapi.json", "/docs"])
def test_it_says_what_get_says_and_sends_nothing(port: int, path: str) -> None:
    """The same status and headers, the length of what is not sent among them."""
    status, headers, body = ask(port, "GET", path)
    assert ask(port, "HEAD", path) == (status, headers, b"")
    assert int(headers["content-length"]) == len(body) > 0


def test_a_stream_without_end_ends_with_its_beginning(port: int) -> None:
    """The client has its answer, and nobody goes on writing."""
    assert ask(port, "HEAD", "/stream")[0::2] == (200, b"")
    assert ENDED.wait(ANSWER_SECONDS)


def test_where_there_is_no_get_there_is_no_head(port: int) -> None:
    """As for GET itself."""
    assert ask(port, "HEAD", "/told")[0] == ask(port, "GET", "/told")[0] == 405
