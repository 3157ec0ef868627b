"""The schemas: well-formed, closed, complete, and of the same patterns as the codec."""

import json
import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from jsonschema import Draft202012Validator

from contracts import events, heartbeats, lifecycle, reference
from contracts.data import FACTS
from tests.contract.published import CONTRACTS, event_is_valid, examples, name_of, read, registry, schema_files

ENVELOPE = read(CONTRACTS / "events/envelope.schema.json")["$defs"]

# Struct -> where its members are described: a schema of records, then the way to the object within it.
STRUCTS: list[tuple[type[msgspec.Struct], tuple[str, ...]]] = [
    (lifecycle.Lifecycle, ("lifecycle",)),
    (lifecycle.Stand, ("lifecycle", "$defs", "stand")),
    (lifecycle.Entry, ("lifecycle", "$defs", "counted")),
    (lifecycle.Step, ("lifecycle", "$defs", "step")),
    (heartbeats.Kept, ("heartbeat",)),
    (heartbeats.Refused, ("heartbeat", "properties", "refused", "items")),
    (events.Opened, ("archive_opened", "properties", "data")),
    (events.Activated, ("rules_activated", "properties", "data")),
    (events.Ticked, ("clock_ticked", "properties", "data")),
    (reference.Reference, ("reference",)),
    (reference.Unit, ("reference", "$defs", "body")),
    (reference.Procedure, ("reference", "properties", "procedures", "items")),
    (reference.Calendar, ("reference", "properties", "calendar")),
]


@pytest.mark.parametrize("path", schema_files(), ids=name_of)
def test_every_schema_is_one_of_2020_12_and_says_what_it_is(path: Path) -> None:
    """A stranger can open any of the files and read what it describes."""
    schema = read(path)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"]


@pytest.mark.parametrize("path", schema_files(), ids=name_of)
def test_every_reference_resolves_and_every_definition_is_used(path: Path) -> None:
    """No `$ref` leads nowhere and no definition lies about."""
    schema = read(path)
    resolver = registry().resolver(path.as_uri())
    for target in references(schema):
        resolver.lookup(target)
    used = {target.rpartition("#")[2] for one in schema_files() for target in references(read(one))}
    for name in schema.get("$defs", {}):
        assert f"/$defs/{name}" in used, f"{name} is defined and never used"


@pytest.mark.parametrize("path", schema_files(), ids=name_of)
def test_every_object_is_closed(path: Path) -> None:
    """Unknown members are refused at each level; a map of free names says the form of its values."""
    free = {"dead_letter.schema.json": [{"type": ["string", "null"]}]}
    for node in nodes(read(path)):
        if node.get("type") == "object" and "additionalProperties" not in node:
            raise AssertionError(f"an open object: {node}")
        if node.get("type") == "object" and "properties" in node and node["additionalProperties"] is not False:
            assert node["additionalProperties"] in free.get(path.name, []), f"an open object: {node}"


def test_there_is_one_schema_for_each_fact_and_no_other() -> None:
    """The closed list of facts is the list of files, each naming its own type."""
    files = {path.name.removesuffix(".schema.json") for path in CONTRACTS.glob("events/*.schema.json")}
    assert files - {"envelope"} == set(FACTS)
    for kind, fact in events.TYPES.items():
        assert read(CONTRACTS / f"events/{fact}.schema.json")["properties"]["type"] == {"const": kind}


@pytest.mark.parametrize("fact", FACTS)
def test_the_attributes_of_every_fact_are_those_of_the_codec(fact: str) -> None:
    """Attributes are named once; required ones are required everywhere."""
    schema = read(CONTRACTS / f"events/{fact}.schema.json")
    assert set(schema["properties"]) == events.ATTRIBUTES
    assert set(schema["required"]) == set(events.REQUIRED)


@pytest.mark.parametrize("fact", FACTS)
def test_the_members_of_data_are_those_of_the_codec_with_their_patterns(fact: str) -> None:
    """What `data` may hold, what it must hold and in which form: the schema and the Struct say the same."""
    data = read(CONTRACTS / f"events/{fact}.schema.json")["properties"]["data"]
    fields = msgspec.structs.fields(FACTS[fact])
    assert set(data["properties"]) == {field.encode_name for field in fields}
    assert set(data.get("required", ())) == {field.encode_name for field in fields if field.required}
    for name, hint in get_type_hints(FACTS[fact], include_extras=True).items():
        node = resolved(data["properties"][name])
        assert [one["pattern"] for one in node if "pattern" in one] == patterns(hint), name
        assert any(takes_null(one) for one in node) == (type(None) in get_args(hint)), name


def test_the_patterns_of_the_envelope_are_those_of_the_codec() -> None:
    """`fullmatch` of the codec's pattern is what the schema's pattern says."""
    for name, pattern in (
        ("id", events._ID), ("source", events._SOURCE), ("subject", events._SUBJECT), ("sequence", events._SEQUENCE),
        ("incarnation", events._UUID), ("traceparent", events._TRACE), ("tracestate", events._TRACE),
    ):  # fmt: skip
        published = ENVELOPE[name]["pattern"]
        assert published.endswith(end := r"$(?!\n)"), name
        assert ungrouped(published[1 : -len(end)]) == ungrouped(pattern.pattern), name


def test_the_patterns_of_a_heartbeat_are_those_of_the_codec() -> None:
    """The same for the source, the incarnation and the instants of a heartbeat."""
    schema = read(CONTRACTS / "records/heartbeat.schema.json")["properties"]
    for name, hint in get_type_hints(heartbeats.Heartbeat, include_extras=True).items():
        node = schema[name]
        if "$ref" in node:
            node = ENVELOPE[node["$ref"].rpartition("/")[2]]
        assert [node["pattern"]] == patterns(hint) if "pattern" in node else patterns(hint) == []


@pytest.mark.parametrize(("model", "place"), STRUCTS, ids=[f"{place[0]}:{model.__name__}" for model, place in STRUCTS])
def test_the_members_of_records_are_those_of_the_codec(model: type[msgspec.Struct], place: tuple[str, ...]) -> None:
    """No member without a schema, none in a schema that no codec writes; required in both or in neither."""
    node = read(CONTRACTS / f"records/{place[0]}.schema.json")
    for step in place[1:]:
        node = node[step]
    fields = [field for field in msgspec.structs.fields(model) if field.name != "offset"]
    assert set(node["properties"]) == {field.encode_name for field in fields}
    assert set(node.get("required", ())) == {field.encode_name for field in fields if field.required}


def test_every_pattern_compiles_and_is_anchored() -> None:
    """JSON Schema searches: a pattern without anchors would take anything around it."""
    for path in schema_files():
        for node in nodes(read(path)):
            if isinstance(pattern := node.get("pattern"), str):
                re.compile(pattern)
                assert pattern.startswith("^")
                assert pattern.endswith(r"$(?!\n)")


def test_the_guide_names_every_fact_and_every_code_and_its_example_is_valid() -> None:
    """What a stranger reads first is as true as the schemas."""
    guide = (CONTRACTS.parent / "docs/EVENTS.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", guide)
    for link in links:
        assert (CONTRACTS.parent / "docs" / link).exists(), link
    assert {f"../contracts/events/{fact}.schema.json" for fact in FACTS} <= set(links)
    codes = {read(path)["expect"] for path in examples("invalid/events")}
    assert codes <= set(re.findall(r"`([a-z_]+)`", guide))
    assert event_is_valid(json.loads(guide.partition("```json")[2].partition("```")[0]))


def nodes(value: Any) -> list[dict[str, Any]]:
    """Every object within a schema."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return ([value] if isinstance(value, dict) else []) + [node for one in inner for node in nodes(one)]


def references(schema: Any) -> list[str]:
    """Every `$ref` within a schema."""
    return [node["$ref"] for node in nodes(schema) if isinstance(node.get("$ref"), str)]


def resolved(node: dict[str, Any]) -> list[dict[str, Any]]:
    """A member's schema without `anyOf` and `$ref`."""
    if "anyOf" in node:
        return [one for choice in node["anyOf"] for one in resolved(choice)]
    return [ENVELOPE[node["$ref"].rpartition("/")[2]]] if "$ref" in node else [node]


def ungrouped(pattern: str) -> str:
    """A pattern without the round brackets, which the codec places for its own use."""
    return re.sub(r"\(\?:|[()]", "", pattern)


def takes_null(node: dict[str, Any]) -> bool:
    kinds = node.get("type")
    return kinds == "null" or (isinstance(kinds, list) and "null" in kinds)


def patterns(hint: Any) -> list[str]:
    """The patterns that msgspec checks for a type."""
    own = [meta.pattern for meta in getattr(hint, "__metadata__", ()) if getattr(meta, "pattern", None)]
    return own or [pattern for one in get_args(hint) for pattern in patterns(one)]
