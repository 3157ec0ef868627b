"""The AsyncAPI document: true to the topics, the facts and the schemas, and without a loose end."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts import events, topics
from contracts.data import FACTS
from tests.contract.published import CONTRACTS, examples, is_valid, read, schema_files

PATH = CONTRACTS / "asyncapi.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(PATH.read_text(encoding="utf-8"))
CHANNELS: dict[str, Any] = DOCUMENT["channels"]
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]
OPERATIONS: dict[str, Any] = DOCUMENT["operations"]
GEN = 7
TOPICS = {topic.name.replace(f"g{GEN}", "g{gen}"): topic for topic in topics.all_topics(GEN)}
# By hand, as the services were agreed on: who writes a topic, who reads it.
WRITERS_AND_READERS = {
    "dossier.reported": ({"intake", "processing", "operators"}, {"processing", "audit", "intake", "metrics", "operators"}),
    "dossier.lifecycle.g{gen}": ({"processing"}, {"metrics", "audit", "processing", "operators"}),
    "dossier.rejected.g{gen}": ({"processing"}, {"processing", "operators", "audit"}),
    "reference.data": ({"operators"}, {"processing", "metrics", "audit", "operators"}),
    "centre.status": ({"intake", "operators"}, {"metrics", "audit"}),
}
REPOSITORY = CONTRACTS.parent
CODE = {
    **{path.name: path for path in (REPOSITORY / "services").iterdir() if (path / "__init__.py").exists()},
    "operators": REPOSITORY / "deploy" / "operators",
}
# By what `contracts.topics` calls each of them.
CALLED = {"REPORTED": "reported", "lifecycle": "lifecycle", "rejected": "rejected", "REFERENCE": "reference",
          "CENTRE_STATUS": "centre_status"}  # fmt: skip


def test_it_is_asyncapi_3_with_the_sections_that_a_reader_needs() -> None:
    """Only members that AsyncAPI 3.0 knows, or `x-` ones."""
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert set(DOCUMENT) <= {"asyncapi", "info", "defaultContentType", "channels", "operations", "components"}
    assert {"title", "version"} <= set(DOCUMENT["info"])
    known = {"address", "title", "summary", "description", "parameters", "bindings", "messages"}
    for channel in CHANNELS.values():
        assert {name for name in channel if not name.startswith("x-")} <= known
        assert {"address", "messages", "bindings"} <= set(channel)
        assert set(channel.get("parameters", ())) == ({"gen"} if "{gen}" in channel["address"] else set())
    for operation in OPERATIONS.values():
        assert set(operation) <= {"action", "channel", "description", "messages"}
    for message in MESSAGES.values():
        assert set(message) <= {"name", "title", "description", "contentType", "headers", "payload", "bindings"}


def test_every_topic_is_there_with_the_settings_that_are_checked_at_start() -> None:
    """Partitions, clean-up, retention: the document and `contracts.topics` say the same of each."""
    assert {channel["address"] for channel in CHANNELS.values()} == set(TOPICS)
    for channel in CHANNELS.values():
        topic, kafka = TOPICS[channel["address"]], channel["bindings"]["kafka"]
        assert kafka["topic"] == channel["address"]
        assert kafka["partitions"] == topic.partitions
        assert {name: setting(value) for name, value in kafka["topicConfiguration"].items()} == topic.settings
        assert channel["x-timestamp-type"] == topic.settings.get("message.timestamp.type", "CreateTime")
        assert channel["x-key"]
        assert channel["x-partitioner"]


def test_writers_and_readers_are_the_agreed_ones_and_each_has_its_operation() -> None:
    """Nobody writes or reads a topic that the document does not say it does."""
    for name, channel in CHANNELS.items():
        writers, readers = WRITERS_AND_READERS[channel["address"]]
        assert (set(channel["x-writers"]), set(channel["x-readers"])) == (writers, readers)
        said = {key for key, operation in OPERATIONS.items() if operation["channel"]["$ref"] == f"#/channels/{name}"}
        assert said == {f"{one}_writes_{name}" for one in writers} | {f"{one}_reads_{name}" for one in readers}
    for key, operation in OPERATIONS.items():
        assert operation["action"] == ("send" if "_writes_" in key else "receive")


@pytest.mark.parametrize("who", CODE)
def test_a_service_s_code_names_the_topics_that_the_document_gives_to_it(who: str) -> None:
    """Who begins to read or to write another topic says so in the document."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in CODE[who].rglob("*.py")]
    named = {name for tree in trees for name in names_of_topics(tree)}
    said = {name for name, channel in CHANNELS.items() if who in {*channel["x-writers"], *channel["x-readers"]}}
    assert {CALLED[name] for name in named & set(CALLED)} == said


def test_every_fact_and_every_control_record_is_a_message_of_the_reported_topic() -> None:
    """Their names are the types; the value is the member `data` of the structured form."""
    reported = {name: MESSAGES[name] for name in CHANNELS["reported"]["messages"]}
    assert {message["name"] for message in reported.values()} == set(events.TYPES) | events.CONTROL_TYPES
    for fact in FACTS:
        assert reported[fact]["name"] == f"{events.TYPE_PREFIX}{fact}{events.TYPE_SUFFIX}"
        assert reported[fact]["payload"]["schema"]["$ref"] == f"./events/{fact}.schema.json#/properties/data"
    for message in reported.values():
        target, pointer = message["payload"]["schema"]["$ref"].split("#")
        assert pointer == "/properties/data"
        assert read(CONTRACTS / target)["properties"]["type"] == {"const": message["name"]}


def test_intake_takes_ticks_but_neither_openings_nor_rules() -> None:
    """Who may write which control record is part of the contract."""
    written = {key: {one["$ref"].rpartition("/")[2] for one in OPERATIONS[key]["messages"]} for key in WRITING_REPORTED}
    assert written == {
        "intake_writes_reported": {*FACTS, "clock_ticked"},
        "processing_writes_reported": {"clock_ticked"},
        "operators_writes_reported": {"archive_opened", "rules_activated"},
    }


def test_every_reference_resolves_and_nothing_is_unused() -> None:
    """No `$ref` leads nowhere; every message is in a channel, every schema in use."""
    targets = set(references(DOCUMENT))
    for target in targets:
        resolve(target)
    assert {f"#/components/messages/{name}" for name in MESSAGES} <= targets
    assert {f"#/components/parameters/{name}" for name in DOCUMENT["components"]["parameters"]} <= targets
    used = {(CONTRACTS / target.partition("#")[0]).resolve() for target in targets if target.startswith("./")}
    assert used == set(schema_files())


@pytest.mark.parametrize("path", examples("valid/kafka"), ids=lambda path: path.stem)
def test_the_headers_of_golden_records_are_as_their_message_says(path: Path) -> None:
    """The header lists are closed, and a golden record is of one of them."""
    example = read(path)
    headers = dict(example["headers"])
    name = {"event": headers.get("ce_type", "...").split(".")[-2], "control": path.stem.partition(".")[2]}.get(
        path.stem.partition(".")[0], path.stem.partition(".")[0]
    )
    message = MESSAGES[name]
    schema = message["headers"]["schema"]["$ref"].removeprefix("./").removesuffix(".schema.json")
    assert is_valid(schema, headers), json.dumps(headers)
    assert message["contentType"] == ("application/octet-stream" if name == "dead_letter" else "application/json")


def names_of_topics(tree: ast.Module) -> Iterator[str]:
    """What a module takes from `contracts.topics`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "contracts.topics":
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "topics":
            yield node.attr


def setting(value: Any) -> str:
    """A Kafka setting as the broker says it."""
    return ",".join(value) if isinstance(value, list) else str(value)


def references(value: Any) -> Iterator[str]:
    """Every `$ref` in the document."""
    if isinstance(value, dict) and isinstance(value.get("$ref"), str):
        yield value["$ref"]
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from references(one)


def resolve(target: str) -> Any:
    """What a `$ref` points at; KeyError or FileNotFoundError when nothing is there."""
    file, _, pointer = target.partition("#")
    value = read(CONTRACTS / file) if file else DOCUMENT
    for part in pointer.split("/")[1:]:
        value = value[part]
        if isinstance(value, dict) and set(value) == {"$ref"} and value["$ref"].startswith("#"):
            value = resolve(value["$ref"])
    return value


WRITING_REPORTED = [key for key in OPERATIONS if key.endswith("_writes_reported")]
