"""One partition folded in memory: the hand-written twin of the worker's store, for golden logs and slice tests."""

from collections.abc import Iterator

from contracts import instants
from contracts.events import Activated, Headers, Opened, RefusedError, Ticked, from_record
from services.processing.domain import fold, line
from services.processing.domain.dossier import Dossier, Retired, decode, encode
from services.processing.domain.effects import Effect, Moment
from services.processing.domain.line import Position, Sent
from services.processing.domain.rules import Rules


class MemoryLine:
    """Feeds reported records to the fold one by one and returns what would be sent."""

    def __init__(self, bodies: dict[str, Rules], forget: bool = False) -> None:
        self.bodies = bodies
        self.rules: Rules | None = None
        self.position = Position()
        self.states: dict[str, Dossier | Retired] = {}
        self.due: dict[str, int] = {}
        # forget: every state passes through its stored bytes, as after a restart
        self.forget = forget

    def take(self, value: bytes, headers: Headers, recorded_at: int) -> list[Sent]:
        at = self._moment(recorded_at)
        try:
            reported = from_record(value, headers)
        except RefusedError as refused:
            return [self._event(at, fold.unreadable(refused, None, None, at))]
        match reported:
            case Opened():
                return [self._close(at, reported, self.position.log_clock)]
            case Ticked():
                return [*self._tick(at, reported), self._close(at, reported, self.position.log_clock)]
            case Activated():
                return list(self._activate(at, reported))
        assert self.rules is not None
        effect = fold.arrive(self._state(reported.subject), reported, at, self.rules)
        self.position, sent = line.after_event(self.position, at, reported, effect)
        self._keep(reported.subject, effect)
        return [sent]

    def _event(self, at: Moment, effect: Effect) -> Sent:
        self.position, sent = line.after_event(self.position, at, None, effect)
        return sent

    def _tick(self, at: Moment, tick: Ticked) -> Iterator[Sent]:
        assert self.rules is not None
        clock = line.clock_after(self.position, tick, at.recorded_at)
        due = sorted((self._dated(code, clock) or moment, code) for code, moment in self.due.items() if moment <= clock)
        for _, code in due:
            dossier = self._state(code)
            assert isinstance(dossier, Dossier)
            effect = fold.pass_time(dossier, at, at.log_clock, clock, self.rules)
            if effect is None:
                self._schedule(code, fold.due_again(dossier, clock, at.first_clock or clock, self.rules))
                continue
            self.position, sent = line.after_dossier(
                self.position, at, code, effect, log_clock=clock, digest=self.position.digest
            )
            self._keep(code, effect)
            yield sent
        self._clock = clock

    def _dated(self, code: str, clock: int) -> int | None:
        """The instant at which a dossier is due in the first tick, worked out anew; None in any other."""
        if self.position.log_clock is not None:
            return None
        dossier = self._state(code)
        assert isinstance(dossier, Dossier)
        assert self.rules is not None
        return fold.due_again(dossier, None, clock, self.rules)

    def _activate(self, at: Moment, activated: Activated) -> Iterator[Sent]:
        after = self.bodies[activated.digest]
        for code in sorted(code for code, state in self.states.items() if isinstance(state, Dossier)):
            assert self.rules is not None
            dossier = self._state(code)
            assert isinstance(dossier, Dossier)
            effect = fold.activate(dossier, at, self.rules, after)
            if effect is None:
                self._schedule(code, fold.due_again(dossier, at.log_clock, at.first_clock, after))
                continue
            self.position, sent = line.after_dossier(
                self.position, at, code, effect, log_clock=at.log_clock, digest=activated.digest
            )
            self._keep(code, effect)
            yield sent
        self.rules = after
        yield self._close(at, activated, self.position.log_clock)

    _clock: int | None = None

    def _close(self, at: Moment, control: Opened | Activated | Ticked, log_clock: int | None) -> Sent:
        clock = self._clock if isinstance(control, Ticked) else log_clock
        self.position, sent = line.after_control(self.position, at, control, log_clock=clock)
        return sent

    def _moment(self, recorded_at: int) -> Moment:
        position = self.position
        return Moment(
            offset=position.offset,
            recorded_at=recorded_at,
            log_clock=position.log_clock,
            first_clock=position.first_clock,
        )

    def _state(self, code: str) -> Dossier | Retired | None:
        state = self.states.get(code)
        if state is not None and self.forget:
            return decode(code, encode(state))
        return state

    def _keep(self, code: str, effect: Effect) -> None:
        if effect.dossier is None:
            return
        self.states[code] = effect.dossier
        self._schedule(code, None if isinstance(effect.dossier, Retired) else effect.due_at)

    def _schedule(self, code: str, moment: int | None) -> None:
        if moment is None:
            self.due.pop(code, None)
        else:
            self.due[code] = moment


def shown(position: Position) -> str:
    """A position in a line, for a failing test's reader."""
    clock = None if position.log_clock is None else instants.show(position.log_clock)
    return f"offset {position.offset}, chain {position.chain.hex()}, log clock {clock}"
