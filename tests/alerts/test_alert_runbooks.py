"""Commands of runbooks: whoever runs containers finds a line for them, and what it names is there."""

import re
import shlex
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
import yaml

from deploy.local import programs
from deploy.local.settings import PORTS
from deploy.operators import main as operators
from services.processing.domain.takeover import Verdict
from services.processing.worker.bound import REASON as TOO_MANY_REJECTED
from tests.alerts.rules import REPOSITORY, RUNBOOKS

PAGES = sorted(RUNBOOKS.glob("*.md"))
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PUBLISHED = {
    int(re.findall(r"-(\d+)\}", port)[0]) for each in SERVICES.values() for port in each.get("ports", ())
}  # fmt: skip
# A centre's outbox runs in the centre, where compose is not.
AT_THE_CENTRE = {8000 + PORTS["edge"]}
LINE = re.compile(r"docker compose [a-z]")
OPERATIONS = REPOSITORY / "docs" / "OPERATIONS.md"
PID_FILE = re.compile(r"\.local/([a-z-]+)\.pid")
CURL = re.compile(r"\bcurl [^`\n;|]*")
OF_PLAIN_PROCESSES = re.compile(
    r"\bmake (?:status|logs|up|verify|rejected|reference-\w+|rebuild-counters|recover|generation)\b"
)
RUN = re.compile(r"docker compose (?:run --rm|exec) ([^`\n#;|]*)")
WITH_A_WORD = ("-v", "--entrypoint")
OTHERS = re.compile(r"docker compose (?:up|restart|ps|kill|logs)([^`\n;|#)]*)")
SCALED = re.compile(r"--scale ([a-z-]+)=")
# A line of docker's, up to where another one or prose begins.
DOCKER = re.compile(r"\bdocker\s+[^`\n;|&#()]*")
ENDS = {"kill", "stop", "pause", "rm", "down"}
STARTS = {"up", "start"}
WITH_A_VALUE = {
    "-p", "--project-name", "-f", "--file", "--profile", "--env-file", "--project-directory",
    "-s", "--signal", "-t", "--timeout", "--scale", "--wait-timeout",
}  # fmt: skip
TOLD_TO_OPERATORS = [*PAGES, *sorted((REPOSITORY / "docs").glob("*.md")), REPOSITORY / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_whoever_runs_containers_finds_a_line(page: Path) -> None:
    """A door that compose does not publish, and a target of make that addresses plain processes, have a line beside them."""
    text = page.read_text()
    doors = {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", text)} - PUBLISHED - AT_THE_CENTRE
    if doors or OF_PLAIN_PROCESSES.search(text):
        assert LINE.search(text), f"no line for containers beside {sorted(doors) or 'make'}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_door_of_no_container_is_asked_from_within(page: Path) -> None:
    """The ports of workers are asked by the check that their containers have."""
    text = page.read_text()
    for port in {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", text)} - PUBLISHED - AT_THE_CENTRE:
        [name] = [name for name, each in SERVICES.items() if str(port) in each.get("healthcheck", {}).get("test", ())]
        check = " ".join(SERVICES[name]["healthcheck"]["test"][1:])
        assert f"docker compose exec {name} {check}" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_question_has_a_bound(page: Path) -> None:
    """A process that hangs takes the connection and never answers: without a bound the one who asks hangs with it."""
    assert [asked for asked in CURL.findall(page.read_text()) if not re.search(r" -m \d+ ", asked)] == []


@pytest.mark.parametrize("page", [*PAGES, OPERATIONS], ids=lambda page: page.stem)
def test_a_watcher_s_door_is_that_of_containers_and_that_of_plain_processes(page: Path) -> None:
    """Compose publishes Prometheus and Alertmanager at 9090 and 9091; as plain processes they are elsewhere."""
    for line in page.read_text().splitlines():
        for name, offset in (("prometheus", PORTS["prometheus"]), ("alertmanager", PORTS["alertmanager"])):
            [published] = [port.rpartition("-")[2].partition("}")[0] for port in SERVICES[name]["ports"]]
            if f":{published}" in line:
                assert f"plain processes: port base + {offset}, so {8000 + offset}" in line, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_hang_of_a_plain_process_is_ended_by_its_own_kill(page: Path) -> None:
    """`make up` waits for what hangs, and `make down` takes the whole city and its watchers away for one process."""
    text = page.read_text()
    assert set(PID_FILE.findall(text)) <= set(programs.NAMES)
    if page.stem != "ServiceDown":
        assert "make down" not in text
    for paragraph in text.split("\n\n"):
        if "docker compose restart" in paragraph and re.search(r"\bhangs\b", paragraph):
            assert "kill -KILL $(cat .local/" in paragraph


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_told_to_redis_has_a_line_for_plain_processes(page: Path) -> None:
    """Their server came with the Python packages, at a port of its own; whether it answers, `make status` says."""
    text = page.read_text()
    if re.search(r"redis redis-cli (?!ping)", text):
        found = [REPOSITORY.glob(path) for path in re.findall(r"\.venv/lib/\S+/valkey-cli", text)]
        assert found
        assert all(any(each) for each in found)
        assert f"-p {8000 + PORTS['redis']} " in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_line_for_containers_names_what_there_is(page: Path) -> None:
    """Services of docker-compose.yml, and commands of the operators' tool."""
    text = page.read_text()
    for line in RUN.findall(text):
        service, *words = _without_options(shlex.split(line))
        assert service in SERVICES, line
        if service == "operators" and "--entrypoint" not in line:
            _is_a_command([word for word in words if word != "…"])
    for rest in OTHERS.findall(text):
        words = [word for word in rest.split() if re.fullmatch(r"[a-z][a-z-]*", word)]
        assert set(words) <= set(SERVICES), words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_second_container_can_start_and_is_watched(page: Path) -> None:
    """Two cannot publish one port; and a worker that Prometheus does not scrape would be missing to PartitionsUnowned."""
    text = page.read_text()
    for name in SCALED.findall(text):
        assert "ports" not in SERVICES[name], f"{name} publishes a port"
        assert "targets/services.yml" in text or "ProcessingLag" in text


@pytest.mark.parametrize("page", TOLD_TO_OPERATORS, ids=lambda page: page.stem)
def test_what_is_ended_by_hand_is_started_by_hand(page: Path) -> None:
    """The engine leaves away whatever was killed, stopped or sent a signal by `kill`: the same paragraph has the `up`."""
    text = page.read_text()
    # What a page runs beside the engine's own is no service of the city.
    by_hand = set(re.findall(r"--name (\S+)", text))
    assert [each for paragraph in re.split(r"\n\n|```", text) for each in _left_away(paragraph, by_hand)] == []


@pytest.mark.parametrize(
    "line",
    [
        "docker compose -p city kill processing", "docker compose --profile '*' stop", "docker  compose kill processing",
        "docker compose -f docker-compose.yml -f next.yml kill -s HUP prometheus", "docker container kill motcua-redis-1",
        "docker compose pause processing", "docker compose rm -sf processing", "docker compose down",
        "docker compose up -d --scale processing=0", "docker compose up -d --scale=processing=0",
        "docker compose kill processing; docker compose up -d audit", "docker compose stop; docker compose up -d audit",
    ],
)  # fmt: skip
def test_what_is_left_away_is_seen_however_it_is_said(line: str) -> None:
    """And is not, where an `up` of the same services follows; what is wiped for good has none."""
    assert _left_away(f"`{line}`", set())
    assert not _left_away(f"`{line}`, then `docker compose unpause processing`, `docker compose up --wait`", set())
    assert not _left_away("`docker compose down -v` leaves nothing; `docker compose exec -T prometheus kill -HUP 1`", set())


def test_what_a_runbook_tells_to_raise_is_passed_to_its_container() -> None:
    """A variable that compose does not hand on is raised in vain; those of the edge are raised in the centre."""
    passed = {name for each in SERVICES.values() for name in each.get("environment", {})}
    passed |= set(re.findall(r"\$\{(MOTCUA_\w+)", (REPOSITORY / "docker-compose.yml").read_text()))
    told = {name for page in PAGES for name in re.findall(r"\bMOTCUA_[A-Z_]+\b", page.read_text())}
    # Second workers of a generation or beside the shown counters are set up by hand (docs/GENERATIONS.md).
    by_hand = {"MOTCUA_GEN", "MOTCUA_METRICS_BESIDE"}
    assert {name for name in told if not name.startswith("MOTCUA_EDGE_")} - by_hand <= passed
    assert len(told & passed) >= 6


def test_a_reason_that_names_a_partition_is_found_by_it() -> None:
    """Who is woken looks for the word that the worker says: by one page all stops and none but stops are sent on."""
    page, stopped = ((RUNBOOKS / f"{name}.md").read_text() for name in ("NotReady", "ProcessingStopped"))
    stops = {*get_args(Verdict), TOO_MANY_REJECTED} - {"go_on", "wipe"}
    for reason in stops:
        assert f"`{reason}: partition …`" in page
        assert f"`{reason}`" in stopped
    [sentence] = re.findall(r"[^.]*: not what this alert tells of, but ", page)
    assert set(re.findall(r"`(\w+): partition …`", sentence)) == stops
    assert "`…: partition …`" not in sentence
    assert "`taken_again: partition …`, of processing:" in page


def test_a_lag_that_no_alert_tells_of_has_a_page() -> None:
    """More than a minute and less than two, for hours: neither comes and goes, nor is it an API that does not answer."""
    page = (RUNBOOKS / "FreshnessBudgetBurnsFast.md").read_text()
    [line] = re.findall(r"^- A lag of one to two minutes .*$", page, re.MULTILINE)
    assert re.findall(r"\[(\w+)\]\((\w+)\.md\)", line) == [("ProcessingLag",) * 2, ("CountingLag",) * 2]


def _left_away(paragraph: str, by_hand: set[str]) -> list[str]:
    """The lines by which something is ended and not started by a later one."""
    lines = [_parsed(found.group()) for found in DOCKER.finditer(paragraph)]
    return [
        " ".join((each.verb, *each.options, *each.services))
        for at, each in enumerate(lines)
        if each.is_an_end and not (each.services and by_hand.issuperset(each.services))
        if not any(later.undoes(each) for later in lines[at + 1 :])
    ]


class _Line(NamedTuple):
    """A line of docker's: what it does, how, and to whom (nobody named: compose does it to all, docker alone to none)."""

    of_compose: bool
    verb: str
    options: tuple[str, ...]
    services: tuple[str, ...]

    @property
    def is_an_end(self) -> bool:
        ends = self.verb in ENDS and (self.of_compose or bool(self.services)) and "-v" not in self.options
        return ends or any(word.endswith("=0") for word in self.options)

    def undoes(self, ended: "_Line") -> bool:
        """Whether all that was ended is started by this."""
        is_one = self.verb == "unpause" if ended.verb == "pause" else self.verb in STARTS and not self.is_an_end
        return is_one and (not self.services or (bool(ended.services) and set(ended.services) <= set(self.services)))


def _parsed(line: str) -> _Line:
    words = line.replace("'", "").replace('"', "").split()[1:]
    verb = ""
    options: list[str] = []
    names: list[str] = []
    while words:
        word = words.pop(0)
        if word.startswith("-"):
            options.append(word)
            if word in WITH_A_VALUE and verb != "rm" and words:
                options.append(words.pop(0))
        elif not verb:
            verb = word if word not in {"compose", "container"} else ""
        else:
            names.append(word)
    return _Line("compose" in line.split()[:2], verb, tuple(options), tuple(names))


def _without_options(words: list[str]) -> list[str]:
    """The service and what it is told."""
    while words[0].startswith("-"):
        words = words[2 if words[0] in WITH_A_WORD else 1 :]
    return words


def _is_a_command(words: list[str]) -> None:
    """The operators' tool takes these words."""
    parsed = operators._parser().parse_args(words)
    assert parsed.command == words[0]
