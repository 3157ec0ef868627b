"""A stack brought up whole: servers, then topics and the opened archive, then the services that need them."""

from deploy.local.programs import SERVERS
from deploy.local.stack import Stack
from deploy.operators import acts
from deploy.operators.settings import OperatorSettings


def up_and_open(stack: Stack, services: tuple[str, ...] | None = None) -> None:
    """`Stack.up` with the operators' part in between; servers asked for alone are left empty."""

    servers_alone = services is not None and set(services) <= set(SERVERS)
    if servers_alone:
        stack.up(services)
        return
    settings = OperatorSettings(
        port_base=stack.settings.port_base,
        kafka=stack.settings.bootstrap,
        clock=stack.settings.clock,
        live_gen=stack.generations.live.gen,
    )
    body = acts.files(settings)  # before anything is started: a mistyped line costs one sentence

    def open_province() -> None:
        acts.make_topics(settings)
        opened = acts.open_archive(settings, body)
        stack.say(f"  archive         open, CLOCK={settings.clock}, rules {opened.ruled_by}")
        if opened.is_outdated:
            stack.say("  archive         the reference files have changed: `make reference-activate` lets them rule")

    stack.up(services, after_servers=open_province)
