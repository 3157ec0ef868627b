"""Asks an application that runs in this process, without a socket."""

from typing import Any

from fastapi import FastAPI


async def get(app: FastAPI, path: str, query: str = "") -> tuple[int, str]:
    """Status and body of an answer."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query.encode()}
    await app({**scope, "headers": [], "http_version": "1.1", "scheme": "http"}, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent).decode()
