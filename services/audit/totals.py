"""The reader of metrics' Redis: positions, totals and days at one instant, in one step."""

from dataclasses import dataclass

import redis

from contracts import topics
from services.audit.archive import CouldNotRunError
from services.audit.domain.recount import Tally
from services.audit.settings import Settings

# Reads only; everything in one script, so that no batch of metrics falls between two hashes.
_SCRIPT = """
local function all(key) return redis.call('HGETALL', ARGV[1] .. key) end
local days, out = redis.call('SMEMBERS', ARGV[1] .. 'days'), {}
for n = 0, tonumber(ARGV[2]) - 1 do out[#out + 1] = all('p:' .. n) end
out[#out + 1] = all('total')
out[#out + 1] = all('split')
out[#out + 1] = days
for _, day in ipairs(days) do
  out[#out + 1] = all('day:' .. day)
  out[#out + 1] = all('daysplit:' .. day)
end
return out
"""


@dataclass(frozen=True)
class Snapshot:
    """What metrics held at one instant."""

    positions: tuple[dict[str, str], ...]
    figures: Tally

    def next(self, partition: int) -> int:
        """The lifecycle offset up to which it has counted."""
        return int(self.positions[partition].get("next") or 0)

    def behind(self) -> list[int]:
        """Partitions that have not yet reached the end they found when they were taken over."""
        return [
            number
            for number, position in enumerate(self.positions)
            if not position or int(position.get("next") or 0) < int(position.get("target") or 0)
        ]


def snapshot(settings: Settings) -> Snapshot:
    """Positions and figures of the live generation; CouldNotRunError when Redis does not answer, or holds no figures."""
    seconds = settings.audit_answer_seconds
    try:
        with redis.Redis.from_url(
            settings.redis_url, decode_responses=True, socket_timeout=seconds, socket_connect_timeout=seconds
        ) as client:
            parts = client.eval(_SCRIPT, 0, f"motcua:metrics:g{settings.live_gen}:", str(topics.PARTITIONS))
    except redis.RedisError as error:
        # The address may carry a password: only what comes after it is shown.
        where = settings.redis_url.rsplit("@", 1)[-1]
        raise CouldNotRunError(
            f"Redis at {where} did not answer within {seconds:g} s ({type(error).__name__}): is it up?"
        ) from error
    try:
        return _parse(parts)
    except ValueError as error:
        raise CouldNotRunError(f"what metrics holds in Redis is no figure: {error}") from error


def _parse(parts: list[list[str]]) -> Snapshot:
    positions = tuple(_position(flat) for flat in parts[: topics.PARTITIONS])
    total, split, days, *by_day = parts[topics.PARTITIONS :]
    figures = Tally(_figures(total), _figures(split))
    for number, day in enumerate(days):
        figures.day[day] = _figures(by_day[2 * number])
        figures.daysplit[day] = _figures(by_day[2 * number + 1])
    return Snapshot(positions, figures)


def _position(flat: list[str]) -> dict[str, str]:
    position = _pairs(flat)
    for name in ("next", "target"):
        int(position.get(name) or 0)
    return position


def _pairs(flat: list[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _figures(flat: list[str]) -> dict[str, int]:
    return {name: int(number) for name, number in _pairs(flat).items()}
