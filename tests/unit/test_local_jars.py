"""Kafka's jars: complete under their name, or not there; half a download is found and fetched again."""

import hashlib
from pathlib import Path

import pytest

from deploy.local import jars
from deploy.local.errors import DownloadError

CONTENT = {"kafka.jar": b"broker", "clients.jar": b"clients", "slf4j.jar": b"log"}


@pytest.fixture(autouse=True)
def _pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = tmp_path / "sums"
    pinned.write_text("".join(f"{hashlib.sha256(value).hexdigest()}  {name}\n" for name, value in CONTENT.items()))
    monkeypatch.setattr(jars, "PINNED", pinned)


class Mirror:
    """A source of jars that counts its calls and damages the first `bad` of them."""

    def __init__(self, bad: int = 0, error: OSError | None = None) -> None:
        self.calls = 0
        self._bad = bad
        self._error = error

    def __call__(self, directory: Path) -> None:
        self.calls += 1
        if self._error is not None:
            raise self._error
        for name, value in CONTENT.items():
            (directory / name).write_bytes(value[: len(value) // 2] if self.calls <= self._bad else value)


def test_jars_are_fetched_once(tmp_path: Path) -> None:
    mirror, said = Mirror(), list[str]()
    for _ in range(3):
        directory = jars.ensure_jars(said.append, tmp_path / "cache", mirror)
    assert mirror.calls == 1
    assert {each.name: each.read_bytes() for each in directory.iterdir()} == CONTENT
    assert len(said) == 1


@pytest.mark.parametrize("damage", ["cut", "gone", "changed"])
def test_half_a_download_is_said_and_repaired(tmp_path: Path, damage: str) -> None:
    directory = jars.ensure_jars(lambda line: None, tmp_path / "cache", Mirror())
    jar = directory / "clients.jar"
    if damage == "gone":
        jar.unlink()
    else:
        jar.write_bytes({"cut": b"cli", "changed": b"CLIENTS"}[damage])
    said: list[str] = []
    assert jars.ensure_jars(said.append, tmp_path / "cache", Mirror()) == directory
    assert jar.read_bytes() == CONTENT["clients.jar"]
    assert said == [
        f"Kafka's jars in {directory} are not those that are pinned (the first: clients.jar): fetching them again."
    ]


def test_a_jar_that_nobody_pinned_runs_nowhere(tmp_path: Path) -> None:
    """It is not copied; where it lies beside the others, they are fetched anew, without it."""
    found, into = tmp_path / "found", tmp_path / "into"
    for each in (found, into):
        each.mkdir()
    for name in (*CONTENT, "0-evil.jar"):
        (found / name).write_bytes(b"anything")
    jars._copy_pinned(found.iterdir(), into)
    assert {each.name for each in into.iterdir()} == CONTENT.keys()
    mirror = Mirror()
    directory = jars.ensure_jars(lambda line: None, tmp_path / "cache", mirror)
    (directory / "0-evil.jar").write_bytes(b"anything")
    assert jars.faults(directory, jars.pinned_sums()) == ["0-evil.jar"]
    assert jars.ensure_jars(lambda line: None, tmp_path / "cache", mirror) == directory
    assert {each.name for each in directory.iterdir()} == CONTENT.keys()
    assert mirror.calls == 2


def test_a_download_that_arrives_broken_is_tried_again(tmp_path: Path) -> None:
    mirror = Mirror(bad=2)
    directory = jars.ensure_jars(lambda line: None, tmp_path / "cache", mirror)
    assert mirror.calls == 3
    assert jars.faults(directory, jars.pinned_sums()) == []


@pytest.mark.parametrize("mirror", [Mirror(bad=99), Mirror(error=OSError("no route to host"))])
def test_without_a_network_there_is_one_sentence_and_no_half_directory(tmp_path: Path, mirror: Mirror) -> None:
    with pytest.raises(DownloadError, match=r"could not be fetched from Maven Central \(.+\): look at the network"):
        jars.ensure_jars(lambda line: None, tmp_path / "cache", mirror)
    assert mirror.calls == jars.ATTEMPTS
    assert [each.name for each in (tmp_path / "cache").iterdir()] == ["jars.lock"]


def test_what_an_interrupted_download_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / "cache" / f"kafka-{jars.KAFKA_VERSION}.part-abc"
    left.mkdir(parents=True)
    jars.ensure_jars(lambda line: None, tmp_path / "cache", Mirror())
    assert not left.exists()
