"""Fixtures of real servers and clean provinces.

`servers`           a real Kafka and Redis for the whole session (environment → containers → local stack → error).
`province`          a clean province with CLOCK=log: topics made anew, Redis empty, archive opened with the shipped
                    reference data. For one test.
`module_province`   the same, shared by the tests of a module.
`new_province`      makes one: new_province(clock="wall", reference=body, open_archive=False, MOTCUA_LIVE_GEN="2").
                    There is one province at a time: a new one ends the processes of the one before.
`own_province`      as `new_province`, on its own Kafka and Redis, which may be killed: province.servers.stack.pids["kafka"]
                    (supervisor brings them back).
`full_stack`        everything under supervisor, as `make up` gives it; for a module, since a stack costs also when it rests.
`port_base`         a base at which this test alone may listen, `module_port_base` this module: others have it afterwards.

    def test_what_is_stored_is_counted(province):
        intake = province.start("intake")                    # waits for /readyz
        worker = province.start("processing")                # .pid .base_url .log_file .kill() .stop() .freeze() .thaw()
        httpx_or_urllib(intake.base_url + "/v1/events", headers={"Authorization": "Bearer dev-19753"}, …)
        verdict = province.run("services.audit.main", "verify")   # .returncode .stdout .stderr

Mark tests that use them with `@pytest.mark.kafka`. Processes are ended afterwards, whatever happened.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from deploy.local.checks import free_port_base, give_back
from deploy.local.opening import up_and_open
from deploy.local.stack import Stack
from tests import effort
from tests import servers as ladder
from tests.endings import pytest_configure, pytest_configure_node, pytest_sessionfinish  # noqa: F401
from tests.province import Province, make_clean
from tests.servers import Servers

hypothesis.settings.load_profile(effort.PROFILE)
NewProvince = Callable[..., Province]
HERE = "127.0.0.1,localhost"


# What takes minutes in one piece comes first, what needs a Kafka that is kept for the rest comes last.
ORDER = ("faults", "e2e", "unit", "contract", "alerts", "containers", "grafana_pictures", "browser", "integration")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two test processes end at about the same time, and pure tests have the machine to themselves."""
    here = Path(__file__).parent
    items.sort(key=lambda item: ORDER.index(item.path.relative_to(here).parts[0]))


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A real Kafka and a real Redis."""
    with ladder.found(tmp_path_factory.mktemp("servers") / "state") as found:
        yield found


class _Provinces:
    """Makes provinces on the same servers, one after the other, and ends what they started."""

    def __init__(self, servers: Servers, directory: Path) -> None:
        self._servers = servers
        self._directory = directory
        self._made: list[Province] = []

    def __call__(self, clock: str = "log", reference: object = None, **more: object) -> Province:
        self.end()
        directory = self._directory / f"province-{len(self._made)}"
        province = make_clean(self._servers, directory, clock, reference, **more)  # type: ignore[arg-type]
        self._made.append(province)
        return province

    def end(self) -> None:
        for province in self._made:
            province.stop_all()


@pytest.fixture
def new_province(servers: Servers, tmp_path: Path) -> Iterator[NewProvince]:
    """Makes clean provinces, one at a time."""
    provinces = _Provinces(servers, tmp_path)
    yield provinces
    provinces.end()


@pytest.fixture
def province(new_province: NewProvince) -> Province:
    """A clean province with CLOCK=log."""
    return new_province()


@pytest.fixture(scope="module")
def module_province(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Province]:
    """A clean province with CLOCK=log for all tests of a module."""
    provinces = _Provinces(servers, tmp_path_factory.mktemp("module"))
    yield provinces()
    provinces.end()


@pytest.fixture
def own_province(tmp_path: Path) -> Iterator[NewProvince]:
    """Makes clean provinces on a Kafka and Redis of this test's own, which it may kill."""
    with ladder.local_stack(tmp_path / "state") as servers:
        provinces = _Provinces(servers, tmp_path)
        yield provinces
        provinces.end()


@pytest.fixture
def port_base() -> Iterator[int]:
    """A port base for one test."""
    base = free_port_base()
    yield base
    give_back(base)


@pytest.fixture(scope="module")
def module_port_base() -> Iterator[int]:
    """A port base for all tests of a module."""
    base = free_port_base()
    yield base
    give_back(base)


@pytest.fixture(scope="module")
def full_stack(tmp_path_factory: pytest.TempPathFactory, module_port_base: int) -> Iterator[Stack]:
    """Servers and services under supervisor, ready, with CLOCK=log."""
    directory, often = tmp_path_factory.mktemp("stack") / "state", {"MOTCUA_EDGE_HEARTBEAT_SECONDS": "0.5"}
    stack = Stack(directory, module_port_base, "log", say=print, environment=often, watch_seconds=1)
    try:
        up_and_open(stack)
        yield stack
    finally:
        stack.down()


@pytest.fixture(autouse=True, scope="session")
def _no_foreign_settings() -> None:
    """A developer's own settings must not reach the processes under test; the two addresses choose the servers,
    `MOTCUA_TEST_…` what is tested."""
    for name in [name for name in os.environ if name.startswith(("MOTCUA_", "OTEL_"))]:
        if name not in ("MOTCUA_KAFKA", "MOTCUA_REDIS") and not name.startswith("MOTCUA_TEST_"):
            del os.environ[name]
    # Servers under test are asked here, whatever proxy leads to the world outside.
    told = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = f"{told},{HERE}" if told else HERE
