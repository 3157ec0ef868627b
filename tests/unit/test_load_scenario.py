"""Scenarios are checked before anything is started, and what is wrong is said in a sentence."""

from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from lab.errors import AddressError, ScenarioError
from lab.links.profiles import read_profiles
from lab.load import addresses, main
from lab.load import scenario as scenarios
from lab.load.fresh import LINE_BROKEN
from lab.load.rehearsal import rehearse

pytestmark = pytest.mark.slow

SMOKE = Path(__file__).resolve().parents[1] / "load_scenarios" / "smoke.toml"


def test_every_shipped_scenario_can_be_read_and_says_what_is_simulated() -> None:
    """The eight that were asked for, by their names, and those that came later."""
    wanted = {"hue-fortnight", "july-1", "monday-morning", "mountain-link", "day-long-cut", "reconnect-storm", "nation"}
    wanted |= {"find-the-knee", "month-end", "nation-reconnects", "knee-mountain", "city-breaks"}
    assert set(scenarios.names()) == wanted
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
        ("speed = 720", "speed = inf", "<= 1000000"),
        ("share = 0.5", "share = inf", "<= 1000000"),
        ('"7" = 1.5', '"07" = 1.5', "[0-9]"),
        ('"7" = 1.5', '"25" = 1.5', "[0-9]"),
        ('"7" = 1.5', '"7" = -1.5', ">= 0"),
        ("dossiers = 160", 'dossiers = 160\nweekdays = { "Tuesday" = 1 }', "[0-6]"),
        ("dossiers = 160", 'dossiers = 160\ndates = { "2025-02-30" = 1 }', "2025-02-30 is no day"),
        ("dossiers = 160", 'dossiers = 160\ndates = { "2025-07-02" = 1 }', "2025-07-02 is not within the period"),
        ("limits_working_hours = [1]", "limits_working_hours = []", "length >= 1"),
        ("limits_working_hours = [1]", "limits_working_hours = [5000]", "<= 80"),
        ("ordinary = 0.7, supplement = 0.1, payment = 0.05, handed_over = 0.05, withdrawn = 0.05, refused = 0.05", "",
         "no kind of dossier has a weight"),
        ("ordinary = 0.7", "ordinary = -0.7", ">= 0"),
        ("answer_seconds = 5", "answer_seconds = 5\nheartbeat_seconds = 0.000001", ">= 1"),
        ("[mix]", "[mix]\nbatch_share = 0.5", "say something together only"),
        ("[mix]", '[[faults]]\nat = 2025-07-01T08:00:00\nwhat = "freeze"\nof = "kafka"\n[mix]', "needs `seconds`"),
        ("[mix]", '[[faults]]\nat = 2025-07-01T08:00:00\nwhat = "kill"\nof = "kafka"\nseconds = 3\n[mix]', "over at once"),
        ("[mix]", '[[faults]]\nat = 2025-07-01T08:00:00\nwhat = "flush"\nof = "kafka"\n[mix]', "empties Redis, not kafka"),
        ('name = "smoke"', 'name = "a/b"', "a-z0-9"),
        ("[arrivals]", "[promises]\nfreshness_p99_ms = { satellite = 1 }\n\n[arrivals]", "satellite, which no centre uses"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, was: str, becomes: str, said: str) -> None:
    """Each with the member or the rule."""
    text = SMOKE.read_text()
    assert was in text
    file = tmp_path / "bad.toml"
    file.write_text(text.replace(was, becomes, 1))
    with pytest.raises(ScenarioError, match=f"{file}.*".replace("\\", ".")) as raised:
        scenarios.read(str(file))
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("speed = 720", "speed = 1", "would take 7200 s, more than 900: raise"),
        ("ordinary = 0.7", "extraordinary = 0.7", "lives extraordinary: choose among ordinary"),
        ("[mix]", '[mix]\nprocedures = { "0.000" = 1 }', "procedures 0.000 are not in the catalogue"),
        ('units = ["19789", "19753"]', 'units = ["99999"]', "units 99999 are not in the reference data"),
        ("dossiers = 160", 'dossiers = 160\nfacts = "nothing.toml"', "No such file"),
        ("dossiers = 160", 'dossiers = 160\nfacts = "hue-2025-07.toml"', "must hold the days of hue-2025-07.toml"),
        ("dossiers = 160", "dossiers = 100000", "more than 400,000: fewer dossiers"),
        ('"7" = 1.5, "8" = 1.0', '"7" = 0, "8" = 0', "nobody comes"),
    ],
)
def test_what_only_a_plan_shows_is_refused_before_a_city_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], was: str, becomes: str, said: str
) -> None:
    """With exit status 2 and one sentence; nothing has been started, wiped or laid down by then."""
    text = SMOKE.read_text()
    assert was in text
    file = tmp_path / "bad.toml"
    file.write_text(text.replace(was, becomes, 1))
    begun: list[object] = []
    monkeypatch.setattr(main, "run", begun.append)
    assert main.main(["run", str(file), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert len(told.splitlines()) == 1
    assert not begun
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", scenarios.names())
def test_every_shipped_scenario_passes_its_rehearsal(name: str) -> None:
    """Also the last step of the knee has its day."""
    rehearse(scenarios.read(name), 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "what it had stored is removed"),
        (["--keep"], "MOTCUA_STATE_DIR=mine MOTCUA_PORT_BASE=26000 make wipe"),
        (["--intake", "http://127.0.0.1:9", "--metrics", "http://127.0.0.1:9", "--dossiers", "http://127.0.0.1:9"],
         "what the lab had started is ended"),
    ],
)  # fmt: skip
def test_whoever_interrupts_a_run_is_told_what_is_left_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    """A city of the lab's own is gone, one that is kept runs, and somebody's was never touched."""

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "run", interrupt)
    assert main.main(["run", str(SMOKE), "--state-dir", "mine", "--port-base", "26000", *options]) == 130
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "sought", "member"),
    [("find-the-knee", "a rate", "first_events_per_second"), ("knee-mountain", "a number of centres", "first_centres")],
)
def test_a_search_cannot_be_scaled(name: str, sought: str, member: str) -> None:
    """It would draw the same steps and call them smaller; what is to be set instead is said."""
    with pytest.raises(ScenarioError, match=f"{name} seeks {sought} and cannot be scaled: set .knee. {member} in"):
        scenarios.scaled(scenarios.read(name), 0.5)


@pytest.mark.parametrize(("options", "scale"), [([], 0.25), (["--scale", "1"], 1.0)])
def test_a_scale_that_a_file_says_holds_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], scale: float
) -> None:
    """A file for a small machine."""
    (tmp_path / "quarter.toml").write_text(SMOKE.read_text().replace("processes = 2", "processes = 2\nscale = 0.25"))
    scales = []

    def look(found: scenarios.Scenario, _: int) -> None:
        scales.append(found.scale)
        raise ScenarioError("enough")

    monkeypatch.setattr(main, "rehearse", look)
    assert main.main(["run", str(tmp_path / "quarter.toml"), *options]) == main.COULD_NOT_RUN
    assert scales == [scale]


@pytest.mark.parametrize("base", ["abc", "0", "65500", "-1", "8000.5"])
def test_ports_that_there_are_not_are_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], base: str
) -> None:
    """And a list of scenarios needs no port at all."""
    monkeypatch.setenv("MOTCUA_PORT_BASE", base)
    assert main.main(["list"]) == 0
    with pytest.raises(SystemExit) as ended:
        main.main(["run", str(SMOKE)])
    assert ended.value.code == 2
    assert "is no port base" in capsys.readouterr().err


def test_what_a_scenario_can_say_is_said_by_one_that_is_shipped() -> None:
    """Else nobody ever sees it judged: fairness, a day's weight, a pile of dossiers, all communes of the nation cut off."""
    shipped = [scenarios.read(name) for name in scenarios.names()]
    assert any(each.promises.slowest_link_share for each in shipped)
    assert any(each.arrivals.dates for each in shipped)
    assert any(each.mix.procedures and each.mix.batch_share for each in shipped)
    reconnecting = [each for each in shipped if [act.becomes for act in each.course if act.link == "all"] == ["cut", "good"]]
    assert max(sum(group.count for group in each.centres) for each in reconnecting) == 3_321


def test_every_link_of_every_scenario_is_promised_something() -> None:
    """Freshness, and fairness, draining where one is gone, what comes after where all are; a slow disk for both."""
    for found in (each for name in scenarios.names() if (each := scenarios.read(name)).knee is None):
        promised = found.promises
        assert {*promised.freshness_p99_ms} - {"all"} | set(found.links if "all" in promised.freshness_p99_ms else ()) == {
            *found.links
        }, found.name
        assert promised.slowest_link_share, found.name
        is_gone = any(act.becomes in LINE_BROKEN for act in found.course)
        assert (promised.drain_seconds is not None) == is_gone, found.name
        is_all = any(act.link == "all" and act.becomes in LINE_BROKEN for act in found.course)
        assert (promised.freshness_again_p99_ms is not None) == is_all, found.name
        # What is due while a line is gone waits as long: a promise below that could not be kept.
        assert max(promised.freshness_p99_ms.values()) > 1000 * (promised.drain_seconds or 0), found.name
        assert (promised.acceptance_p99_ms is not None) == any(group.edges for group in found.centres), found.name
    stalled = {each.of for name in scenarios.names() for each in scenarios.read(name).faults if each.what == "stall"}
    assert stalled == {"redis", "kafka"}


def test_every_part_of_the_city_breaks_in_some_scenario() -> None:
    """Each in its own way, all of them in one morning, far enough apart that each has the time to heal."""
    broken = {(each.what, each.of) for name in scenarios.names() for each in scenarios.read(name).faults}
    assert broken >= {("kill", each) for each in ("kafka", "redis", "processing", "metrics")}
    assert broken >= {("flush", "redis"), ("stall", "redis"), ("stall", "kafka")}
    morning = scenarios.read("city-breaks")
    assert {(each.what, each.of) for each in morning.faults} == broken - {("stall", "kafka")}
    moments = sorted({each.at for each in morning.faults})
    apart = [(later - sooner).total_seconds() for sooner, later in pairwise(moments)]
    assert min(apart) / morning.time.speed >= 15


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
    assert mountain.tcp_kbps(400) == pytest.approx(251.9, abs=0.1)
    assert mountain.tcp_kbps(100) == 100


@pytest.mark.parametrize(
    ("kbps", "shared_by", "gets"),
    [(400, 1, 400), (384, 3, 128), (1500, 3, 504), (20, 1, 24), (18, 1, 16), (2, 1, 8), (8, 30, 8)],
)
def test_a_connection_gets_its_part_of_a_line_in_the_proxys_steps(kbps: int, shared_by: int, gets: int) -> None:
    """And a report shows what it gets, not what was asked for."""
    fibre = read_profiles(scenarios.DIRECTORY / "links.toml")["fibre"]
    assert msgspec.structs.replace(fibre, shared_by=shared_by).rate_kbps(kbps) == gets


def test_what_the_shipped_links_say_a_proxy_can_give() -> None:
    """But for what loss takes and what others share; nobody is told 20 where it is 24."""
    for name, link in read_profiles(scenarios.DIRECTORY / "links.toml").items():
        lossless = msgspec.structs.replace(link, loss_percent=0.0, shared_by=1)
        for kbps in (link.up_kbps, link.down_kbps):
            assert lossless.rate_kbps(kbps) == pytest.approx(kbps, rel=0.01), name


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8001", "http://localhost:8001", "http://127.8.8.8:1", "http://[::1]:8001"]
)
def test_load_goes_to_this_machine(address: str) -> None:
    """All of loopback."""
    assert addresses.checked(address) == address


@pytest.mark.parametrize(
    "address",
    ["http://192.168.1.5:8001", "http://10.0.0.1", "http://example.com", "http://8.8.8.8:80", "http://localhost.example.com",
     "http://0.0.0.0:8001", "https://127.0.0.1:8001", "127.0.0.1:8001", "http://127.0.0.1:8001/v1/events", "http://127.0.0.1@evil.com/",
     "http://me@127.0.0.1:8001", "http://[::1", "http://127.0.0.1:abc", "http://127.0.0.1:99999", "http://127.0.0.1:0",
     "http://127.0.0.1:8001?x=1", "http://127.0.0.1:8001/#x"],
)  # fmt: skip
def test_and_to_no_other(address: str) -> None:
    """Private or public."""
    with pytest.raises(AddressError):
        addresses.checked(address)


def test_unless_a_host_is_named_on_purpose(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its whole name, which is the same in capitals."""
    monkeypatch.setenv("MOTCUA_LOAD_HOSTS", "Test-City.internal, other")
    assert addresses.checked("http://test-city.internal:8001/") == "http://test-city.internal:8001"
    assert addresses.checked("http://TEST-city.internal:8001") == "http://TEST-city.internal:8001"
    with pytest.raises(AddressError, match="MOTCUA_LOAD_HOSTS"):
        addresses.checked("http://internal:8001")


def test_a_search_for_a_rate_has_no_faults_beside_it() -> None:
    """They would come again in each step, at another moment than they say."""
    storm = next(each for name in scenarios.names() if (each := scenarios.read(name)).faults and each.knee is None)
    with pytest.raises(ScenarioError, match="no faults and no course beside it"):
        rehearse(structs.replace(scenarios.read("find-the-knee"), faults=storm.faults), 1)
