"""The published contracts as the tests read them: schema files, golden examples, the instant at which these were sent."""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from contracts import instants

CONTRACTS: Final = Path(__file__).resolve().parents[2] / "contracts"
EXAMPLES: Final = CONTRACTS / "examples"
NOW: Final = instants.parse("2025-07-15T00:00:00+07:00")


def schema_files() -> list[Path]:
    """Every schema, those of definitions included."""
    return sorted([*CONTRACTS.glob("events/*.schema.json"), *CONTRACTS.glob("records/*.schema.json")])


def examples(folder: str) -> list[Path]:
    """Every golden example in a folder such as `valid/events`."""
    found = sorted((EXAMPLES / folder).glob("*.json"))
    assert found, f"no examples in {folder}"
    return found


def read(path: Path) -> Any:
    """A JSON file as Python values."""
    return json.loads(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    """What an example is called in a test report."""
    return path.stem


@cache
def registry() -> Registry[Any]:
    """All schemas by the address of their file, so that a relative `$ref` finds its neighbour."""
    resources = ((path.as_uri(), DRAFT202012.create_resource(read(path))) for path in schema_files())
    return Registry().with_resources(resources)


@cache
def validator(name: str) -> Any:
    """The validator of a schema such as `events/refused`, formats checked."""
    path = CONTRACTS / f"{name}.schema.json"
    return Draft202012Validator(
        {"$ref": path.as_uri()}, registry=registry(), format_checker=Draft202012Validator.FORMAT_CHECKER
    )


def is_valid(name: str, value: Any) -> bool:
    """Whether a schema takes a value."""
    return bool(validator(name).is_valid(value))


def schema_of_event(value: Any) -> str | None:
    """The schema of a structured event by its `type`, None when there is none."""
    kind = value.get("type") if isinstance(value, dict) else None
    name = f"events/{kind.split('.')[3]}" if isinstance(kind, str) and kind.count(".") == 4 else ""
    known = (CONTRACTS / f"{name}.schema.json").is_file() and read(CONTRACTS / f"{name}.schema.json")
    return name if known and known["properties"]["type"]["const"] == kind else None


def event_is_valid(value: Any) -> bool:
    """Whether the published schemas take a structured event."""
    name = schema_of_event(value)
    return name is not None and is_valid(name, value)
