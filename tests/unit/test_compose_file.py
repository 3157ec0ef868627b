"""docker-compose.yml as it stands: pinned, bounded, checked, without a secret, in the words of the settings."""

import re
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local import watchers
from deploy.operators import main as operators
from lab import keys as lab_keys
from lab.load import addresses
from services.metrics.settings import Settings as MetricsSettings
from tests import servers
from tests.servers import Servers
from tests.settings_page import rows

REPOSITORY = Path(__file__).resolve().parents[2]
TEXT = (REPOSITORY / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
# Built here; every other one is named with its patch.
OWN = {"motcua:local", "motcua-lab:local"}
PINNED = re.compile(r"[a-z0-9./-]+:v?\d+\.\d+\.\d+(-[a-z0-9-]+)?")
STAYING = [name for name, each in SERVICES.items() if each["restart"] != "no"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_pinned_and_bounded(name: str) -> None:
    """Nobody else's image moves by itself, and nothing may take the machine's memory or all its processes, however short it
    runs."""
    image = SERVICES[name]["image"]
    assert image in OWN or PINNED.fullmatch(image), image
    assert SERVICES[name]["mem_limit"]
    assert 128 <= SERVICES[name]["pids_limit"] <= 1024


def test_our_images_are_made_from_pinned_ones() -> None:
    """A build of next year has the same interpreter; stages that are named here are our own."""
    text = (REPOSITORY / "deploy" / "Dockerfile").read_text()
    stages = re.findall(r"(?m)^FROM (\S+)(?: AS (\S+))?$", text)
    named = {name for _, name in stages if name}
    foreign = [base for base, _ in stages if base not in named]
    assert len(foreign) >= 2
    assert all(PINNED.fullmatch(base) for base in foreign), foreign


def test_redis_is_full_before_its_container_is() -> None:
    """Then it refuses to write and says so; the kernel would kill it. A quarter is left for what it copies and sends."""
    command = SERVICES["redis"]["command"]
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
    redis, container = (_bytes(said) for said in (command[command.index("--maxmemory") + 1], SERVICES["redis"]["mem_limit"]))
    assert redis * 4 <= container * 3


def test_prometheus_remembers_as_long_as_an_objective_is() -> None:
    """Thirty days and a day; a plain stack's, too."""
    [kept] = [each for each in SERVICES["prometheus"]["command"] if "retention.time" in each]
    assert kept.endswith(f"={watchers.KEPT}")
    assert int(watchers.KEPT.removesuffix("d")) >= 31


def test_a_bound_that_the_manual_raises_can_be_raised() -> None:
    """By a variable, as the compose file is the release's."""
    pages = [*(REPOSITORY / "docs").glob("*.md"), *(REPOSITORY / "docs" / "runbooks").glob("*.md")]
    told = set(re.findall(r"MOTCUA_[A-Z]+_MEMORY", "".join(page.read_text() for page in pages)))
    assert {"MOTCUA_REDIS_MEMORY", "MOTCUA_PROMETHEUS_MEMORY", "MOTCUA_AUDIT_MEMORY"} <= told
    bounds = " ".join(each["mem_limit"] for each in SERVICES.values())
    assert told == set(re.findall(r"\$\{(MOTCUA_[A-Z]+_MEMORY):-", bounds))


def _bytes(said: str) -> int:
    """Of `${NAME:-3gb}` what stands when nobody says otherwise."""
    default = re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", said)
    number, unit = re.fullmatch(r"(\d+)([mg])b?", default).groups()  # type: ignore[union-attr]  # else the test fails
    return int(number) * {"m": 2**20, "g": 2**30}[unit]


# What an image needs to become its own user.
TAKEN_BACK = {"redis": ["CHOWN", "DAC_OVERRIDE", "SETGID", "SETUID"]}


@pytest.mark.parametrize("name", SERVICES)
def test_whatever_can_do_without_is_allowed_nothing(name: str) -> None:
    """A root file system that cannot be written, but for those of the servers; no capability, no way to new ones."""
    each = SERVICES[name]
    assert each.get("read_only", False) is (name not in ("kafka", "redis"))
    assert each["cap_drop"] == ["ALL"]
    assert each.get("cap_add", []) == TAKEN_BACK.get(name, [])
    assert each["security_opt"] == ["no-new-privileges:true"]


METADATA, QUORUM = b"\x00\x03\x00\x01", b"\x00\x37\x00\x00"
ONE, THREE, NONE = (b"\0\0\0\x85\0\0\0\0\0\0\0" + number for number in (b"\1", b"\3", b"\0"))
LED, ASTRAY = (
    b"\0\0\0\x44\0\0\0\0\0\0\0\2\x13__cluster_metadata\2\0\0\0\0\0" + error + b"\0\0\0\1" for error in (b"\0", b"\6")
)


@pytest.mark.parametrize(
    ("answers", "is_well"),
    [
        ({METADATA: ONE, QUORUM: LED}, True),
        ({METADATA: THREE, QUORUM: LED}, True),
        ({METADATA: NONE, QUORUM: LED}, False),
        ({METADATA: ONE, QUORUM: ASTRAY}, False),
        ({METADATA: ONE}, False),
        ({}, False),
    ],
    ids=["well", "one of three", "fenced", "another leads", "no controller", "an open port"],
)
def test_a_broker_that_is_fenced_or_has_no_controller_is_not_well(answers: dict[bytes, bytes], is_well: bool) -> None:
    """Its healthcheck, as the engine runs it, before whoever answers so: what is not in the list is never answered."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            held = []
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                held.append(connection)
                connection.sendall(answers.get(connection.recv(1024)[4:8], b""))

        threading.Thread(target=answer, daemon=True).start()
        port = listening.getsockname()[1]
        # Who is never answered does not wait for long; who is, may wait for a busy machine.
        assert (_kafka_health(f"127.0.0.1:{port}", 20 if is_well else 0.5) == 0) is is_well
        listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.kafka
def test_a_broker_that_works_is_well(servers: Servers) -> None:
    """A real one understands what it is asked; nobody is none."""
    assert _kafka_health(servers.kafka) == 0
    assert _kafka_health("127.0.0.1:1") != 0


def _kafka_health(address: str, within_seconds: float = 2) -> int:
    kind, *command = SERVICES["kafka"]["healthcheck"]["test"]
    assert kind == "CMD"
    host, port = address.split(":")
    assert " -t 2 " in command[-1]
    assert not re.search(r"\b(timeout|head|od|tr)\b", command[-1]), "its zombies would stay: Java clears none away"
    said = command[-1].replace("$$", "$").replace("/127.0.0.1/9092", f"/{host}/{port}")
    asked = [*command[:-1], said.replace(" -t 2 ", f" -t {within_seconds} ")]
    return subprocess.run(asked, capture_output=True, timeout=60).returncode


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_container_says_has_a_bound_on_disk(name: str) -> None:
    """Kafka and Redis lie on the same disk: no log may fill it."""
    logging = SERVICES[name]["logging"]
    assert logging["driver"] == "local"
    assert {"max-size", "max-file"} <= logging["options"].keys()


def test_servers_are_the_ones_that_tests_run_against() -> None:
    """A promise that was tried on another version is none."""
    assert SERVICES["kafka"]["image"] == servers.KAFKA_IMAGE
    assert SERVICES["redis"]["image"] == servers.REDIS_IMAGE


@pytest.mark.parametrize("name", STAYING)
def test_what_runs_on_is_checked_and_started_again(name: str) -> None:
    """`--wait` waits for all of them."""
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


def test_doors_are_open_on_this_machine_alone() -> None:
    """Each published port is bound to the loopback address, and can be moved."""
    published = [port for each in SERVICES.values() for port in each.get("ports", ())]
    assert len(published) >= 3
    assert all(re.fullmatch(r"127\.0\.0\.1:\$\{MOTCUA_[A-Z]+_PORT:-\d+\}:\d+", port) for port in published)


def test_variables_are_those_of_the_settings() -> None:
    """A misspelled variable would be ignored in silence."""
    told = {name for each in SERVICES.values() for name in each.get("environment", {}) if name.startswith("MOTCUA_")}
    assert told
    source = (REPOSITORY / "deploy" / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text()
    grafanas = set(re.findall(r"\$\{(MOTCUA_[A-Z_]+)\}", source))
    assert grafanas
    assert told <= {f"MOTCUA_{name.upper()}" for name in rows()} | grafanas | {lab_keys.NAMED_BY, addresses.NAMED_BY}


def test_what_may_be_said_otherwise_is_else_what_the_settings_say() -> None:
    """A default of compose's own would be another system than the one that docs/SETTINGS.md describes."""
    told = dict(re.findall(r"(MOTCUA_[A-Z_]+): \$\{\1:-([^${}]*)\}", TEXT))
    assert {"MOTCUA_INTAKE_QUOTA_EVENTS_PER_SECOND", "MOTCUA_AUDIT_RECORDS_MAX", "MOTCUA_CLOCK"} <= told.keys()
    for name, default in told.items():
        own = rows()[name.removeprefix("MOTCUA_").lower()][0].default
        assert type(own)(default) == own, name


def test_a_generation_is_said_to_all_of_them_or_to_none() -> None:
    """Whoever folds, counts, answers or audits under another number than the rest would be another system."""
    told = {name: each.get("environment", {}) for name, each in SERVICES.items() if each["image"] == "motcua:local"}
    assert all(each["MOTCUA_GEN"] is None and each["MOTCUA_LIVE_GEN"] == "${MOTCUA_LIVE_GEN:-1}" for each in told.values())


def test_the_boards_links_follow_the_door_of_processing() -> None:
    """Whoever moves that door moves the worklists to which the board leads."""
    [port] = SERVICES["processing-api"]["ports"]
    moved = re.findall(r"\$\{MOTCUA_PROCESSING_PORT:-\d+\}", port)
    url = SERVICES["metrics-api"]["environment"]["MOTCUA_METRICS_WORKLISTS_URL"]
    assert url == f"${{MOTCUA_METRICS_WORKLISTS_URL:-http://127.0.0.1:{moved[0]}}}"
    assert MetricsSettings(metrics_worklists_url="http://127.0.0.1:8002").worklists_url == "http://127.0.0.1:8002"


def test_whoever_tells_of_itself_is_scraped_where_it_listens() -> None:
    """A service that is added and not scraped would be one that nobody misses."""
    targets = REPOSITORY / "deploy" / "prometheus" / "targets"
    jobs = {each["labels"]["job"]: each["targets"] for each in yaml.safe_load((targets / "services.yml").read_text())}
    listens = {
        name: re.findall(r"\d{4}", " ".join(each["healthcheck"]["test"]))
        for name, each in SERVICES.items()
        if name in STAYING and name not in ("kafka", "redis", "grafana")
    }
    assert jobs == {name: [f"{name}:{port}"] for name, [port] in listens.items()}
    for file, service in (("dossiers", "metrics-api"), ("alertmanagers", "alertmanager")):
        assert yaml.safe_load((targets / f"{file}.yml").read_text()) == [{"targets": jobs[service]}]


def test_what_is_mounted_is_there() -> None:
    """A directory that does not exist is made by the engine, empty and root's."""
    mounted = [volume.split(":")[0] for each in SERVICES.values() for volume in each.get("volumes", ())]
    files = {name for name in mounted if name.startswith("./")}
    assert len(files) >= 4
    assert all((REPOSITORY / name).is_dir() for name in files)
    assert {name for name in mounted if not name.startswith("./")} == set(COMPOSE["volumes"])


def test_plain_keys_are_seen_by_those_alone_that_show_one() -> None:
    """The others, which strangers reach, know hashes; and none but `keys` may write either."""
    mounted = {name: [volume.split(":") for volume in each.get("volumes", ())] for name, each in SERVICES.items()}
    assert {name for name, volumes in mounted.items() if any(source == "secrets" for source, *_ in volumes)} == {
        "keys", "audit", "operators", "verify", "demo", "load",
    }  # fmt: skip
    # Centres' software reaches the edge: it sees the one key that it shows.
    assert {name for name, volumes in mounted.items() if any(source == "edge-key" for source, *_ in volumes)} == {
        "keys", "edge",
    }  # fmt: skip
    writing = {
        name
        for name, volumes in mounted.items()
        for source, _, *mode in volumes
        if source in ("keys", "secrets", "edge-key") and not mode
    }
    assert writing == {"keys"}
    asked = operators._parser().parse_args(SERVICES["keys"]["command"][1:])
    assert (asked.into, asked.plain_into, asked.edge_into) == (Path("/keys"), Path("/secrets"), Path("/edge-key"))
    named = {
        value for each in SERVICES.values() for name, value in each.get("environment", {}).items() if "KEY_FILE" in name
    }
    assert named == {"/secrets/operator.key", "/secrets/every-centre.key", "/edge-key/every-centre.key"}
    # A key that is set where compose is called is passed on by its name alone, beside the file that it goes before.
    passed = {
        (name, key) for name, each in SERVICES.items() for key, value in each.get("environment", {}).items() if value is None
    }
    assert {(name, key) for name, key in passed if key.endswith("_KEY")} == {
        ("operators", "MOTCUA_OPERATOR_KEY"), ("operators", "MOTCUA_EVENTS_KEY"),
    }  # fmt: skip
    text = (REPOSITORY / "deploy" / "Dockerfile").read_text()
    assert re.search(r"chown motcua .*/keys .*/secrets .*/edge-key ", text), "else a new volume is root's"


def test_a_plain_up_starts_what_counts_and_watches_and_no_load() -> None:
    """Everything else is asked for by its profile."""
    profiles = {name: each["profiles"] for name, each in SERVICES.items() if "profiles" in each}
    assert profiles == {
        "grafana": ["grafana"], "demo": ["demo"], "load": ["load"], "operators": ["operators"], "verify": ["operators"],
    }  # fmt: skip


# What docs/LOGS_AND_TRACES.md says of one process, said for all containers.
TRACES = {
    "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS",
}  # fmt: skip


def test_traces_are_what_whoever_calls_compose_says_and_nothing_is_said_for_them() -> None:
    """An endpoint alone turns them on, as the manual says: a default beside it would turn them off, or be an address."""
    manual = (REPOSITORY / "docs" / "LOGS_AND_TRACES.md").read_text().replace("`…_", "`OTEL_EXPORTER_OTLP_")
    assert {name for name in TRACES if f"`{name}`" not in manual} == set()
    for each in (each for each in SERVICES.values() if each["image"] == "motcua:local"):
        told = {name: value for name, value in each["environment"].items() if name.startswith("OTEL_")}
        assert told == dict.fromkeys(TRACES)


def test_no_key_stands_in_it() -> None:
    """Keys are made at the first start; development keys are for plain processes alone."""
    assert "DEV_KEYS" not in TEXT
    assert not re.search(r"(?i)(password|secret|token)\s*[:=]", TEXT)


def test_an_upgrade_builds_before_it_starts_and_forgets_no_service() -> None:
    """`up` builds nothing when an image is there: the former program would stand beside new rules."""
    upgrade = (REPOSITORY / "docs" / "OPERATIONS.md").read_text().split("\n## Upgrade\n")[1].split("\n## ")[0]
    built_and_begun = "".join(re.findall(r"```sh\n(.*?)```", upgrade, re.DOTALL)[:2])
    lines = [line.strip().removesuffix(" &&") for line in built_and_begun.splitlines() if line.strip()]
    [tagged] = [number for number, line in enumerate(lines) if line == "docker tag motcua:local motcua:former"]
    [built] = [number for number, line in enumerate(lines) if line.endswith("docker compose --profile '*' build")]
    [(begun, one_by_one)] = [at for at in enumerate(lines) if at[1].startswith("for each") and " up " in at[1]]
    assert tagged < built < begun
    replaced = set(one_by_one.split(" in ")[1].split(";")[0].split())
    assert replaced == {name for name in STAYING if SERVICES[name]["image"] == "motcua:local"}
    assert lines[-1] == "docker compose run --rm verify"


def test_whoever_brings_images_of_their_own_finds_each_named_and_each_profile() -> None:
    """With the patch that was tried, whether compose pulls it or one of ours is made from it."""
    told = (REPOSITORY / "docs" / "OPERATIONS.md").read_text().split("\n## Images and profiles\n")[1].split("\n## ")[0]
    stages = re.findall(r"(?m)^FROM (\S+)", (REPOSITORY / "deploy" / "Dockerfile").read_text())
    images = {each["image"] for each in SERVICES.values()} | {base for base in stages if ":" in base}
    assert {image for image in images if f"`{image}`" not in told} == set()
    [loop] = re.findall(r"for image in (.*); do", told)
    assert set(loop.split()) == images - OWN - {SERVICES["grafana"]["image"]}
    profiles = {profile for each in SERVICES.values() for profile in each.get("profiles", ())}
    assert {profile for profile in profiles if f"| `{profile}` |" not in told} == set()
