"""A province as a city of the lab's own, which audit recounts and whose processes the lab looks at; runs on it."""

from pathlib import Path

from deploy.local.checks import free_port_base, give_back
from deploy.local.settings import PORTS, REPOSITORY
from lab.links.captive import Portal
from lab.links.wires import Wires
from lab.load.city import City, LoadStack
from lab.load.conductor import Lab
from lab.load.generator import Manner
from lab.load.outcome import Outcome
from lab.load.scenario import Scenario
from tests.province import Province

SERVICES = ("processing", "processing-api", "metrics", "metrics-api", "intake")


class ProvinceCity(City, frozen=True):
    """Its Kafka is that of all provinces, at a port of its own."""

    kafka: str

    @property
    def bootstrap(self) -> str:
        """Kafka's address."""
        return self.kafka


def city_of(province: Province, **checkouts: Path) -> City:
    """All its services, started; those that are named run from another checkout."""
    named = {name.replace("_", "-"): code for name, code in checkouts.items()}
    started = {name: province.start_from(named.get(name, REPOSITORY), name, False, {}) for name in SERVICES}
    bases = set()
    for name, service in started.items():
        service.wait_ready()
        (province.directory / f"{name}.pid").write_text(str(service.pid))
        bases.add(int(service.base_url.rpartition(":")[2]) - PORTS[name])
    [base] = bases
    own = City.own(LoadStack(province.directory, base, province.environment))
    return ProvinceCity(own.intake, own.metrics, own.dossiers, own.stack, province.kafka)


async def run(
    city: City, scenario: Scenario, directory: Path, manner: Manner = "outbox", door: str | None = None,
    is_wired: bool = False,
) -> Outcome:  # fmt: skip
    """The scenario's run with its links; `door`: where they lead if not to intake."""
    async with Portal() as portal:
        base = free_port_base()
        lab = Lab(city, directory / "lab", base, print, door, Wires(base) if is_wired else None)
        try:
            await lab.open(scenario, portal)
            return await lab.run(scenario, 1, "a", manner)
        finally:
            lab.close()
            give_back(base)
