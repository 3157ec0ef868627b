"""Keys of a new province: every body's and the operator's, readable by the services, never made twice."""

import json
import stat
from pathlib import Path

import pytest

from contracts import reference_files
from contracts.keys import read_keys
from deploy.operators import keymaking
from deploy.operators.errors import OperatorError

BODY = reference_files.read(Path(__file__).resolve().parents[2] / "deploy" / "reference")
CODES = {each.code for each in (*BODY.units, *BODY.departments)}


def test_each_body_gets_a_key_that_speaks_for_it_alone(tmp_path: Path) -> None:
    """What is handed out opens, by the file that the services read, the doors of its own code; one opens those of all."""
    assert keymaking.make(tmp_path, BODY) == len(CODES) + 2
    ring = read_keys(tmp_path / keymaking.HASHED)
    plain = json.loads((tmp_path / keymaking.PLAIN).read_bytes())
    assert set(plain) == {"operator", "every-centre", *CODES}
    assert len(set(plain.values())) == len(plain)
    for name, key in plain.items():
        holder = ring.holder(f"Bearer {key}")
        assert holder is not None
        assert holder.operator == (name == "operator")
        assert holder.codes == {"operator": frozenset(), "every-centre": CODES}.get(name, {name})


def test_nobody_else_can_read_the_plain_keys_and_the_services_file_has_none(tmp_path: Path) -> None:
    """Mode 600; the hashed file holds no key; what services show stands alone in a file of its own."""
    keymaking.make(tmp_path, BODY)
    plain = json.loads((tmp_path / keymaking.PLAIN).read_bytes())
    for name in ("operator", "every-centre"):
        assert (tmp_path / f"{name}.key").read_text() == plain[name] + "\n"
    for file in (keymaking.PLAIN, "operator.key", "every-centre.key"):
        assert stat.S_IMODE((tmp_path / file).stat().st_mode) == 0o600
    hashed = (tmp_path / keymaking.HASHED).read_text()
    assert not [key for key in json.loads((tmp_path / keymaking.PLAIN).read_bytes()).values() if key in hashed]


def test_plain_keys_lie_where_the_hashed_ones_do_not(tmp_path: Path) -> None:
    """Also those of a former release, which lay beside them; whoever asks again changes nothing."""
    hashed, plain = tmp_path / "keys", tmp_path / "secrets"
    keymaking.make(hashed, BODY)
    before = {path.name: path.read_bytes() for path in hashed.iterdir()}
    for _ in range(2):
        assert keymaking.make(hashed, BODY, plain) == 0
        assert [path.name for path in hashed.iterdir()] == [keymaking.HASHED]
        moved = {path.name: path.read_bytes() for path in (*hashed.iterdir(), *plain.iterdir())}
        assert moved == before
        assert {stat.S_IMODE(path.stat().st_mode) for path in plain.iterdir()} == {0o600}
    made = keymaking.make(tmp_path / "new", BODY, tmp_path / "plain")
    assert made == len(CODES) + 2
    assert [path.name for path in (tmp_path / "new").iterdir()] == [keymaking.HASHED]
    assert {path.name for path in (tmp_path / "plain").iterdir()} == {path.name for path in plain.iterdir()}


def test_an_edge_gets_a_copy_of_the_one_key_that_it_shows(tmp_path: Path) -> None:
    """Of a former release's, too; an exchanged one comes after, one that was taken away goes."""
    hashed, plain, edge = tmp_path / "keys", tmp_path / "secrets", tmp_path / "edge-key"
    keymaking.make(hashed, BODY, plain)
    for said in (None, "exchanged\n", "exchanged\n"):
        if said is not None:
            (plain / "every-centre.key").write_text(said)
        assert keymaking.make(hashed, BODY, plain, edge) == 0
        [copy] = edge.iterdir()
        assert copy.name == "every-centre.key"
        assert copy.read_bytes() == (plain / copy.name).read_bytes()
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    (plain / "every-centre.key").unlink()
    assert keymaking.make(hashed, BODY, plain, edge) == 0
    assert not list(edge.iterdir())
    assert keymaking.make(tmp_path / "new", BODY, tmp_path / "plain", tmp_path / "edge") == len(CODES) + 2
    assert (tmp_path / "edge" / "every-centre.key").exists()


def test_a_plain_key_that_differs_from_its_namesake_is_named_and_left(tmp_path: Path) -> None:
    """As after a way back on which a key was exchanged; what is the same is moved, and what people chose is taken."""
    hashed, plain = tmp_path / "keys", tmp_path / "secrets"
    keymaking.make(hashed, BODY, plain)
    for path in plain.iterdir():
        (hashed / path.name).write_bytes(path.read_bytes())
    (hashed / "operator.key").write_text("exchanged\n")
    kept = (plain / "operator.key").read_bytes()
    for _ in range(2):
        with pytest.raises(OperatorError, match=rf"^operator\.key in {hashed} and in {plain} are not the same: keep"):
            keymaking.make(hashed, BODY, plain)
        assert {path.name for path in hashed.iterdir()} == {keymaking.HASHED, "operator.key"}
        assert (plain / "operator.key").read_bytes() == kept
    (hashed / "operator.key").replace(plain / "operator.key")
    assert keymaking.make(hashed, BODY, plain) == 0


def test_keys_that_are_there_are_never_touched(tmp_path: Path) -> None:
    """A second start makes none."""
    keymaking.make(tmp_path, BODY)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert keymaking.make(tmp_path, BODY) == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_directory_that_cannot_be_written_to_is_one_sentence(tmp_path: Path) -> None:
    """No traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match="cannot be written into"):
        keymaking.make(tmp_path / "file" / "keys", BODY)
