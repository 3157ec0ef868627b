"""What an operator can do with a province's Kafka: make and check topics, open the archive, activate rules."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import msgspec

from contracts import national_holidays, reference, reference_files, topics
from contracts.events import Activated, Control, Opened
from contracts.reference import Reference
from deploy.operators import archive
from deploy.operators import topics as topic_tool
from deploy.operators.errors import CodesLostError, FilesError, NotOpenError, RedisUnavailableError, UnknownRulesError
from deploy.operators.log import BODY_BYTES_MAX, Log
from deploy.operators.settings import OperatorSettings
from deploy.operators.standing import Standing


@dataclass(frozen=True)
class Openness:
    """How the opening went: `written` partitions got something; `rules` are in force, None where that is not known yet."""

    rules: str | None
    written: int
    files: str

    @property
    def ruled_by(self) -> str:
        """In words."""
        return self.rules or "of the archive"

    @property
    def is_outdated(self) -> bool:
        """Whether the files are known to be others than the rules in force."""
        return self.rules not in (None, self.files)


def make_topics(settings: OperatorSettings) -> list[str]:
    """Creates what is missing and checks all of it; the names created."""
    Log(settings.bootstrap).wait(settings.kafka_within_seconds)
    wanted = topics.all_topics(settings.live_gen)
    created = topic_tool.create_missing(settings.bootstrap, wanted, settings.replication_factor)
    topic_tool.check(settings.bootstrap, wanted, settings.replication_factor)
    return created


def open_archive(settings: OperatorSettings, body: Reference) -> Openness:
    """Publishes the reference body and writes records 0 and 1 of each partition, where they are not there yet."""
    log = Log(settings.bootstrap)
    log.wait(settings.kafka_within_seconds)
    digest = publish(log, body)
    wanted = Opened(clock=settings.clock, cluster=log.cluster_id())
    opening = archive.plan(log.beginnings(), wanted, digest)
    if opening.missing:
        log.append(opening.missing, "opening")
    begun = opening.digest if opening.missing else None
    return Openness(rules=_in_force(settings) or begun, written=len(opening.missing), files=digest)


@dataclass(frozen=True)
class Activation:
    """Rules that were let rule: their digest, where each partition was told, codes that the former ones lack, and which
    those are, None where nobody says; whether their codes should have been compared before, and were not."""

    digest: str
    offsets: dict[int, int]
    added: frozenset[str] = frozenset()
    former: str | None = None
    is_uncompared: bool = False


def activate(settings: OperatorSettings, body: Reference) -> str:
    """Publishes the reference body and lets it rule from here on; its digest."""
    return activate_files(settings, body, really=True).digest


def activate_files(settings: OperatorSettings, body: Reference, really: bool) -> Activation:
    """As `activate`, telling where, so that somebody can watch it being worked off. CodesLostError when the rules in force
    know codes that the body lacks, unless that is meant `really`: units that end keep their rows. Nobody is kept from it
    where nobody says which codes those are, a refolding is under way, say."""
    log = Log(settings.bootstrap)
    log.wait(settings.kafka_within_seconds)
    former = _in_force(settings)
    known = None if really else _codes(log.bodies(), former)
    if known is not None and (lost := known - body.codes()):
        raise CodesLostError(str(settings.reference_dir), sorted(lost))
    activation = _let_rule(settings, log, publish(log, body), former)
    return replace(activation, is_uncompared=not really and known is None)


def activate_digest(settings: OperatorSettings, digest: str) -> Activation:
    """Lets a body rule that was published before; UnknownRulesError when none has this digest."""
    log = Log(settings.bootstrap)
    log.wait(settings.kafka_within_seconds)
    if digest not in log.published():
        raise UnknownRulesError(f"{topics.REFERENCE.name} holds no body with the digest {digest}")
    return _let_rule(settings, log, digest, _in_force(settings))


def ruling(settings: OperatorSettings) -> str:
    """The digest of the rules under which every partition is folded now; UnknownRulesError when they differ."""
    found = Standing(settings.bootstrap, settings.redis_url, settings.live_gen).folded()
    digests = {each.digest for each in found.values()}
    if len(digests) != 1 or None in digests:
        raise UnknownRulesError(
            "The partitions do not stand under the same rules (yet): wait until processing has caught up (make status)"
        )
    return str(digests.pop())


def _in_force(settings: OperatorSettings) -> str | None:
    """As `ruling`; None where nobody has folded anything yet, or nobody says."""
    try:
        return ruling(settings)
    except (RedisUnavailableError, UnknownRulesError):
        return None


def _let_rule(settings: OperatorSettings, log: Log, digest: str, former: str | None) -> Activation:
    wanted = Opened(clock=settings.clock, cluster=log.cluster_id())
    if archive.plan(log.beginnings(), wanted, digest).missing:
        raise NotOpenError
    added = _added(log.bodies(), former, digest)
    told: dict[int, tuple[Control, ...]] = {each: (Activated(digest),) for each in range(topics.REPORTED.partitions)}
    return Activation(digest, log.append(told, "activation"), added, former)


def _added(bodies: dict[str, bytes], former: str | None, digest: str) -> frozenset[str]:
    """Codes that the former rules lack; none where nobody says which those are, or another release wrote one of them."""
    before, now = _codes(bodies, former), _codes(bodies, digest)
    return frozenset() if before is None or now is None else now - before


def _codes(bodies: dict[str, bytes], digest: str | None) -> frozenset[str] | None:
    try:
        return reference.decode(bodies[digest or ""]).codes()
    except (KeyError, msgspec.MsgspecError):
        return None


def publish(log: Log, body: Reference) -> str:
    """Adds a body to reference.data unless it is there; its digest. A body goes first, then the record that names it."""
    value = reference.encode(body)
    digest = reference.digest(value)
    if digest not in log.published():
        log.publish(digest, value)
    return digest


def files(settings: OperatorSettings) -> Reference:
    """The checked body of the present reference files; FilesError says what is wrong in them."""
    with _named(settings):
        body = reference_files.read(settings.reference_dir)
    if (size := len(reference.encode(body))) > BODY_BYTES_MAX:
        raise FilesError(
            str(settings.reference_dir),
            f"together they are a body of {size:,} bytes, and one has at most {BODY_BYTES_MAX:,}.",
        )
    return body


def tiles(settings: OperatorSettings, body: Reference) -> int:
    """How many units have a place on the board's map; FilesError says what is wrong in its file. It stops nothing else."""
    with _named(settings):
        return len(reference_files.tiles(settings.reference_dir, {unit.code for unit in body.units}))


def estimates(settings: OperatorSettings, body: Reference) -> str:
    """From when on the files' days off are estimates, in a sentence, with those of the first such year."""
    with _named(settings):
        until = reference_files.announced_until(settings.reference_dir)
    if until is None:
        return "days off may be estimates: calendar.toml has no announced_until that says until when they are not"
    national, _ = national_holidays.written_out()
    # The file's own days, which have another reason, are as somebody has entered them.
    later = sorted(day for day, why in body.calendar.days_off.items() if day > until and national.get(day) == why)
    those = ", ".join(day for day in later if day[:4] == later[0][:4])
    said = f"days off after {until} are estimates until calendar.toml has the announced ones"
    return f"{said}; the next: {those}" if those else said


@contextmanager
def _named(settings: OperatorSettings) -> Iterator[None]:
    try:
        yield
    except (OSError, reference_files.ReferenceFilesError) as error:
        raise FilesError(str(settings.reference_dir), str(error)) from error
