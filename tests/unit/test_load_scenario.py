"""Scenarios are checked before anything is started, and what is wrong is said in a sentence."""

from pathlib import Path

import pytest

from lab.errors import AddressError, ScenarioError
from lab.links.profiles import read_profiles
from lab.load import addresses
from lab.load import scenario as scenarios

SMOKE = Path(__file__).resolve().parents[1] / "load_scenarios" / "smoke.toml"


def test_every_shipped_scenario_can_be_read_and_says_what_is_simulated() -> None:
    """The eight of the issue, by their names."""
    wanted = {"hue-fortnight", "july-1", "monday-morning", "mountain-link", "day-long-cut", "reconnect-storm", "nation"}
    assert set(scenarios.names()) == wanted | {"find-the-knee"}
    for name in scenarios.names():
        found = scenarios.read(name)
        assert found.name == name
        assert found.simulated


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ('name = "smoke"', 'nam = "smoke"', "nam"),
        ("version = 1", "version = 2", "version is 2, and this lab reads version 1"),
        ("ends = 2025-07-01T09:00:00", "ends = 2025-07-01T06:00:00", "`ends` must lie after `starts`"),
        ('link = "fibre"', 'link = "string"', "'string' is none of fibre, city-4g"),
        ('count = 5\nshare = 0.5\nunits = ["19789"', 'count = 6000\nshare = 0.5\nunits = ["19789"', "more than 5000"),
        ("edges = 1", "edges = 9", "<= 6"),
        ("edges = 1", "edges = 6", "more `edges` than `count`"),
        ('units = ["20107", "20122"]\n', "", "name them in `units`"),
        ("at = 2025-07-01T08:00:00", "at = 2025-07-01T18:00:00", "not within the period"),
        ('at = 2025-07-01T08:00:00\nlink = "city-4g"', 'at = 2025-07-01T08:00:00\nlink = "satellite"', "has no centre"),
        ('becomes = "cut"', 'becomes = "broken"', "broken"),
        ("late_share = 0.15", "late_share = 1.5", "<= 1"),
        ("speed = 720", "speed = 0", "> 0"),
        ("dossiers = 160", "dossiers = 10000000", "<= 100000"),
        ("[arrivals]", "[promises]\nfreshness_p99_ms = { satellite = 1 }\n\n[arrivals]", "satellite, which no centre uses"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, was: str, becomes: str, said: str) -> None:
    """Each with the member or the rule."""
    text = SMOKE.read_text()
    assert was in text
    file = tmp_path / "bad.toml"
    file.write_text(text.replace(was, becomes, 1))
    with pytest.raises(ScenarioError, match=f"{file}.*".replace("\\", ".")) as raised:
        scenarios.read(str(file))
    assert said in str(raised.value)


def test_no_toml_and_no_file_are_said_too(tmp_path: Path) -> None:
    """A name that nobody knows is answered with those that there are."""
    (tmp_path / "bad.toml").write_text("this is = = no toml")
    with pytest.raises(ScenarioError, match=r"bad\.toml"):
        scenarios.read(str(tmp_path / "bad.toml"))
    with pytest.raises(ScenarioError, match=r"choose one of .*mountain-link"):
        scenarios.read("moutain-link")


def test_every_kind_of_link_says_whose_figures_it_has() -> None:
    """Nobody measured is a source, too, when it is said."""
    profiles = read_profiles(scenarios.DIRECTORY / "links.toml")
    assert len(profiles) >= 8
    assert all(len(each.source) > 10 for each in profiles.values())


def test_loss_leaves_tcp_what_mathis_says() -> None:
    """1,460 bytes, 400 ms, two in a hundred: 1460 × 8 × 1.22 / (0.4 × √0.02) = 251.9 kbps of 400."""
    mountain = read_profiles(scenarios.DIRECTORY / "links.toml")["mountain"]
    assert mountain.rate_kbps(400) == pytest.approx(251.9, abs=0.1)
    assert mountain.rate_kbps(100) == 100


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8001", "http://localhost:8001", "http://127.8.8.8:1", "http://[::1]:8001"]
)
def test_load_goes_to_this_machine(address: str) -> None:
    """All of loopback."""
    assert addresses.checked(address) == address


@pytest.mark.parametrize(
    "address",
    ["http://192.168.1.5:8001", "http://10.0.0.1", "http://example.com", "http://8.8.8.8:80", "http://localhost.example.com",
     "http://0.0.0.0:8001", "https://127.0.0.1:8001", "127.0.0.1:8001", "http://127.0.0.1:8001/v1/events", "http://127.0.0.1@evil.com/"],
)  # fmt: skip
def test_and_to_no_other(address: str) -> None:
    """Private or public."""
    with pytest.raises(AddressError):
        addresses.checked(address)


def test_unless_a_host_is_named_on_purpose(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its exact name."""
    monkeypatch.setenv("MOTCUA_LOAD_HOSTS", "test-city.internal, other")
    assert addresses.checked("http://test-city.internal:8001/") == "http://test-city.internal:8001"
    with pytest.raises(AddressError, match="MOTCUA_LOAD_HOSTS"):
        addresses.checked("http://internal:8001")
