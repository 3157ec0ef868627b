"""Keys: what a bearer may say, what a broken file may not do, and that development keys stay at home."""

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from contracts.keys import (
    FixedKeys,
    Key,
    KeyRing,
    KeySettingsError,
    KeysFile,
    UnreadableKeysError,
    development_keys,
    open_keys,
    read_keys,
)


def entry(name: str, key: str, codes: list[str], operator: bool = False) -> dict[str, object]:
    return {"name": name, "sha256": sha256(key.encode()).hexdigest(), "codes": codes, "operator": operator}


def write(path: Path, *entries: dict[str, object]) -> None:
    path.write_text(json.dumps({"keys": list(entries)}))
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1_000_000))


@pytest.mark.parametrize("header", ["Bearer s3cret", "bearer s3cret", "BEARER  s3cret ", " Bearer s3cret"])
def test_a_known_key_is_found_whatever_the_case_of_its_scheme(header: str) -> None:
    ring = KeyRing({sha256(b"s3cret").digest(): Key("phu-xuan", frozenset({"19753"}))})
    assert ring.holder(header) == Key("phu-xuan", frozenset({"19753"}))


@pytest.mark.parametrize(
    "header",
    [
        *(None, "", "Bearer", "Bearer ", "s3cret", "Basic s3cret", "Bearer s3cret2", "Bearer s3cre", "Bearer s3\u00e9cret"),
        *("Bearer s3cret s3cret", "Bearer s3cret\n", "Bearer " + "x" * 5000),
    ],
)
def test_anything_else_is_nobody(header: str | None) -> None:
    assert KeyRing({sha256(b"s3cret").digest(): Key("phu-xuan")}).holder(header) is None


def test_a_key_speaks_for_its_codes_alone_and_the_operators_for_no_unit(tmp_path: Path) -> None:
    write(tmp_path / "keys.json", entry("centre", "a", ["19753", "19774"]), entry("boss", "b", [], operator=True))
    ring = read_keys(tmp_path / "keys.json")
    centre, boss = ring.holder("Bearer a"), ring.holder("Bearer b")
    assert centre is not None
    assert boss is not None
    assert [centre.speaks_for(code) for code in ("19753", "19774", "19777", "")] == [True, True, False, False]
    assert (centre.operator, boss.operator, boss.speaks_for("19753")) == (False, True, False)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "null", '{"keys": [{}]}', '{"keys": [], "more": 1}', "\xff", "[" * 100_000]
    + [json.dumps({"keys": [entry("a", "k", []) | {"sha256": bad}]}) for bad in ("", "xyz", "00", "0" * 63)]
    + [json.dumps({"keys": [entry("a b", "k", [])]}), json.dumps({"keys": [entry("a", "k", ["19 753"])]})]
    + [json.dumps({"keys": [entry("a", "k", []), entry("b", "k", [])]})]
    + [json.dumps({"keys": [entry("a", "k", []), entry("a", "l", [])]})],
)
def test_a_file_that_is_not_as_it_must_be_is_refused_without_quoting_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys.json").write_text(text, encoding="latin-1")
    with pytest.raises(UnreadableKeysError) as refused:
        read_keys(tmp_path / "keys.json")
    assert sha256(b"k").hexdigest() not in str(refused.value)


@pytest.mark.parametrize(("changed", "said"), [
    ({"sha256": "…"}, "entry 2 is not as it must be (`sha256`: the SHA-256 of a key, 64 hexadecimal digits), in {"),
    ({"name": "a b"}, "entry 2 is not as it must be (`name`), in {"),
    ({"codes": ["19 753"]}, "entry 2 is not as it must be (`codes`), in {"),
    ({"secret": 1}, "entry 2 is not as it must be, in {"),
])  # fmt: skip
def test_the_entry_that_is_wrong_is_named(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [entry("a", "k", []), entry("b", "l", []) | changed]}))
    with pytest.raises(UnreadableKeysError) as refused:
        read_keys(tmp_path / "keys.json")
    assert str(refused.value).startswith(said)
    source = KeysFile(tmp_path / "keys.json")
    source.ring()
    assert source.fault is not None
    assert source.fault.startswith(f"the keys file keys.json cannot be used ({said}")


def test_a_changed_file_is_read_again_and_a_broken_one_keeps_the_former_keys(tmp_path: Path) -> None:
    path, now = tmp_path / "keys.json", [0.0]
    write(path, entry("one", "1", ["19753"]))
    keys = KeysFile(path, recheck_seconds=1.0, clock=lambda: now[0])
    assert keys.ring().holder("Bearer 1") is not None

    write(path, entry("two", "2", ["19774"]))
    assert keys.ring().holder("Bearer 2") is None, "looked at once in recheck_seconds, not at each request"
    now[0] = 1.0
    assert keys.ring().holder("Bearer 2") is not None
    assert keys.ring().holder("Bearer 1") is None

    path.write_text("{")
    now[0] = 2.0
    assert keys.ring().holder("Bearer 2") is not None
    assert keys.fault is not None
    assert "stay in force" in keys.fault

    path.unlink()
    now[0] = 3.0
    assert keys.ring().holder("Bearer 2") is not None
    assert keys.fault is not None

    write(path, entry("three", "3", []))
    now[0] = 4.0
    assert keys.ring().holder("Bearer 3") is not None
    assert keys.fault is None


def test_development_keys_are_one_for_each_code_and_the_operators() -> None:
    ring = development_keys(["19753", "D01"])
    assert ring.holder("Bearer dev-19753") == Key("dev-19753", frozenset({"19753"}))
    assert ring.holder("Bearer dev-D01") == Key("dev-D01", frozenset({"D01"}))
    assert ring.holder("Bearer dev-operator") == Key("dev-operator", frozenset(), operator=True)
    assert ring.holder("Bearer dev-19774") is None


@pytest.mark.parametrize(("keys_file", "host"), [(Path("keys.json"), "127.0.0.1"), (None, "0.0.0.0"), (None, "10.1.2.3")])
def test_development_keys_are_refused_beside_real_ones_and_beyond_this_machine(keys_file: Path | None, host: str) -> None:
    with pytest.raises(KeySettingsError, match="MOTCUA_DEV_KEYS"):
        open_keys(keys_file, dev_keys=True, host=host, codes=["19753"])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_development_keys_are_taken_on_this_machine(host: str) -> None:
    keys = open_keys(None, dev_keys=True, host=host, codes=["19753"])
    assert keys.fault is None
    assert keys.ring().holder("Bearer dev-19753") is not None


def test_without_any_key_setting_nobody_is_known_and_the_fault_names_the_setting() -> None:
    keys = open_keys(None, dev_keys=False, host="127.0.0.1", codes=["19753"])
    assert isinstance(keys, FixedKeys)
    assert keys.ring().holder("Bearer dev-19753") is None
    assert keys.fault is not None
    assert "MOTCUA_KEYS_FILE" in keys.fault
