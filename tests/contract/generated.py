"""Events for property tests: right ones from the contract's own words, and the same with one thing spoilt."""

from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from contracts.data import FACTS

CODES = st.from_regex(r"[A-Za-z0-9._-]{1,32}", fullmatch=True)
LONG_CODES = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)
TEXTS = st.text(
    st.characters(exclude_characters=[chr(code) for code in (*range(32), 127)], exclude_categories=["Cs"]),
    min_size=1,
    max_size=64,
)
REASONS = st.from_regex(r"[a-z0-9_]{1,32}", fullmatch=True)
POINTS = st.from_regex(r"[A-Za-z0-9._/-]{1,64}", fullmatch=True)
TRACES = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=512)
CHANNELS = st.sampled_from(["direct", "online", "post"])
UNITS = ("working_hours", "working_days", "calendar_days", "months")
LIMITS = st.fixed_dictionaries({"amount": st.integers(1, 3650), "unit": st.sampled_from(UNITS)}) | st.just(
    {"amount": 0, "unit": "working_days"}
)
INSTANTS = st.builds(
    "{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}{}{}".format,
    st.integers(2001, 2024), st.integers(1, 12), st.integers(1, 28), st.sampled_from("Tt"),
    st.integers(0, 23), st.integers(0, 59), st.integers(0, 59),
    st.sampled_from(["", ".5", ".000001", ".999999"]), st.sampled_from(["Z", "z", "+07:00", "-00:00", "-23:59", "+14:00"]),
)  # fmt: skip
DAYS = st.dates().map(lambda day: day.isoformat())
FLAGS = st.booleans()

# Member -> what it may be; those of `received` are all optional.
BIRTH: dict[str, st.SearchStrategy[Any]] = {
    "procedure": LONG_CODES, "channel": CHANNELS, "competent": CODES, "assisted_by": POINTS, "parent": LONG_CODES,
    "field": LONG_CODES, "time_limit": LIMITS,
}  # fmt: skip
OPTIONAL_OF: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "submitted": {name: BIRTH[name] for name in ("assisted_by", "parent", "field", "time_limit")},
    "received": {**BIRTH, "digitised": FLAGS},
    "supplement_requested": {"respond_by": DAYS | INSTANTS},
    "supplement_provided": {"restart": FLAGS},
    "payment_requested": {"amount_vnd": st.integers(0, 10**15)},
    "payment_made": {"online": FLAGS},
    "completed": {"electronic_result": FLAGS},
    "returned": {"channel": CHANNELS},
}
REASONED = {"reason": REASONS}
REQUIRED_OF: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "submitted": {name: BIRTH[name] for name in ("procedure", "channel", "competent")},
    **dict.fromkeys(("refused", "supplement_requested", "suspended", "halted", "recalled"), REASONED),
    "handed_over": {"competent": CODES},
    "rescheduled": {"due": INSTANTS},
    "annulled": {"event": TEXTS, "reason": REASONS},
}
UUIDS = st.uuids().map(str)
ATTRIBUTES: dict[str, st.SearchStrategy[Any]] = {
    "datacontenttype": st.just("application/json"),
    "sequence": st.from_regex(r"[0-9]{1,19}", fullmatch=True),
    "incarnation": UUIDS | UUIDS.map(str.upper),
    "recordedtime": INSTANTS,
    "traceparent": TRACES,
    "tracestate": TRACES,
}


@st.composite
def right_events(draw: st.DrawFn) -> dict[str, Any]:
    """A structured event that keeps the contract; optional things are there, absent or null."""
    fact = draw(st.sampled_from(sorted(FACTS)))
    code = draw(CODES)
    data = {name: draw(strategy) for name, strategy in REQUIRED_OF.get(fact, {}).items()}
    if fact == "submitted" or (fact == "received" and draw(FLAGS)):
        data["receiver"] = code
    data |= draw(st.fixed_dictionaries({}, optional=or_null(OPTIONAL_OF.get(fact, {}))))
    point = draw(st.just("") | LONG_CODES.map("/{}".format))
    return {
        "specversion": "1.0",
        "id": draw(TEXTS),
        "source": f"/units/{code}{point}",
        "type": f"vn.motcua.dossier.{fact}.v1",
        "subject": draw(LONG_CODES),
        "time": draw(INSTANTS),
        "data": data,
        **draw(st.fixed_dictionaries({}, optional=or_null(ATTRIBUTES))),
    }


ODDITIES: st.SearchStrategy[Any] = (
    st.sampled_from(
        ["", " ", "x", "1.0", "a\n", "a" * 33, "a" * 65, "a" * 513, "/units/1", "/units/", "direct", "working_days",
         "2025-02-30T00:00:00Z", "2024-07-01T00:00:00", "2024-07-01T00:00:00Z", "2024-07-01", "é", "\x7f", "\u0661"]
    )
    | st.sampled_from([None, True, False, 0, 1, -1, 3651, 10**15 + 1, 10**30, 0.5, [], {}, ["x"], {"amount": 0}])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=70)
    | LIMITS
    | st.fixed_dictionaries({"amount": st.integers(-1, 1), "unit": st.sampled_from((*UNITS, "weeks"))})
)  # fmt: skip


@st.composite
def spoilt_events(draw: st.DrawFn) -> Any:
    """A right event with one or two members replaced, removed or added, at the top or in `data`: mostly wrong."""
    # Deep copies: what a strategy gives out is drawn again and must not be changed.
    event = deepcopy(draw(right_events()))
    for _ in range(draw(st.integers(1, 2))):
        place: dict[str, Any] = event
        if isinstance(event.get("data"), dict) and draw(FLAGS):
            place = event["data"]
            if isinstance(place.get("time_limit"), dict) and draw(FLAGS):
                place = place["time_limit"]
        name = draw(st.sampled_from([*sorted(place), "reason", "sequence", "extra", "digitised"]))
        if name in place and draw(FLAGS):
            del place[name]
        else:
            place[name] = deepcopy(draw(ODDITIES))
    return event


def or_null(strategies: dict[str, st.SearchStrategy[Any]]) -> dict[str, st.SearchStrategy[Any]]:
    """The same, each also null."""
    return {name: strategy | st.none() for name, strategy in strategies.items()}
