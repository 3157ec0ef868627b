"""The page: one file that needs nothing else, neither a network nor a second file."""

import json
from pathlib import Path
from typing import Any

from lab.load.report.said import said

HERE = Path(__file__).parent
# Histograms as bytes are for machines; the page has their curves.
LEFT_OUT = ("histogram",)


def page(documents: list[dict[str, Any]]) -> str:
    """One run, or two of the same scenario side by side (the second as in the paper era)."""
    told = [_shown(each) for each in documents]
    # "</" would end the script in which it stands.
    data = json.dumps(told, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    parts = {
        "/*UPLOT_CSS*/": (HERE / "uplot.min.css").read_text(),
        "/*UPLOT_JS*/": (HERE / "uplot.min.js").read_text(),
        "/*PAGE_JS*/": (HERE / "page.js").read_text(),
        "/*DATA*/": data,
        "TITLE": documents[0]["title"],
    }
    text = (HERE / "page.html").read_text()
    for mark, part in parts.items():
        text = text.replace(mark, part)
    return text


def _shown(document: dict[str, Any]) -> dict[str, Any]:
    latencies = {
        name: {key: value for key, value in each.items() if key not in LEFT_OUT}
        for name, each in document["latencies"].items()
    }
    headline = said(document)
    return {**document, "latencies": latencies, "headline": {"word": headline.word, "text": headline.sentence}}
