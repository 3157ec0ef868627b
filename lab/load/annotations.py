"""Marks in Grafana: when a run was, what went wrong in it, so that every dashboard shows them over its own lines."""

import json
import urllib.error
import urllib.request
from typing import Any

from contracts import direct
from lab.errors import UnreachableError
from lab.load.addresses import checked

CALL_SECONDS = 10.0
MARKS_MAX = 200
TAG = "load lab"


def marks(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The whole run, then each stretch in which something was wrong; milliseconds since 1970, as Grafana takes them."""
    began = document["run"]["started_at"]
    ended = began + max([document["run"]["real_seconds"], *(each["at"] for each in document["samples"])])
    told = [_mark(began, ended, f"{document['title']} (seed {document['run']['seed']})", [document["scenario"]])]
    for each in document["stretches"]:
        told.append(_mark(began + each["since"], began + each["until"], f"{each['on']}: {each['what']}", [each["what"]]))
    return told[:MARKS_MAX]


def mark(document: dict[str, Any], grafana: str, token: str) -> int:
    """Sends them; how many. UnreachableError when Grafana takes one not."""
    address = checked(grafana)
    wanted = marks(document)
    for each in wanted:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        request = urllib.request.Request(f"{address}/api/annotations", json.dumps(each).encode(), headers)
        try:
            with direct.OPENER.open(request, timeout=CALL_SECONDS):
                pass
        except urllib.error.HTTPError as error:
            raise UnreachableError(f"Grafana answers {error.code} to an annotation: is the token an editor's?") from error
        except OSError as error:
            raise UnreachableError(f"Grafana at {address} does not answer: {type(error).__name__}") from error
    return len(wanted)


def _mark(since: float, until: float, text: str, tags: list[str]) -> dict[str, Any]:
    return {"time": round(since * 1000), "timeEnd": round(until * 1000), "tags": [TAG, *tags], "text": text}
