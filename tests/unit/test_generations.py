"""Generations as values: which program runs as which, what a comparison tells, when counters are explained."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec import structs

from contracts import lifecycle
from contracts.lifecycle import CHAIN_START, Countable, Entry, Lifecycle, Stand, Step, decode_countable, encode
from contracts.topics import PARTITIONS
from deploy.local import (
    beside,
    counters,
    dumps,
    generation,
    generation_report,
    generations,
    here,
    recovery,
    recovery_files,
    statedir,
)
from deploy.local.errors import GenerationError, NotReadyError
from deploy.local.generations import Generation, Generations
from deploy.local.keeper import Seen
from deploy.local.programs import PROGRAMS, Program, program
from deploy.local.settings import REPOSITORY
from deploy.local.stack import Stack
from deploy.operators import topics as topic_tool
from deploy.operators.errors import NotThereYetError
from deploy.operators.generation import comparing, removal, saying, standings
from deploy.operators.generation.comparing import Comparison, Figures
from deploy.operators.generation.figures import State
from deploy.operators.generation.found import SAMPLE_DOSSIERS, Difference, Dossiers, members_of
from deploy.operators.generation.lifecycles import Record
from deploy.operators.generation.since import Since
from services.metrics.domain.position import Position
from services.processing.domain.generation import GEN

BASE = 8000
# A directory that holds code.
CODE = str(REPOSITORY)
LIVE, NEXT = Generation(GEN, GEN), Generation(GEN + 1, GEN + 1, CODE)


def test_a_stack_of_which_nobody_said_anything_runs_the_folds_own_generation_alone() -> None:
    alone = generations.BEGIN
    assert [each.name for each in PROGRAMS if each.kind == "beside" and alone.runs(each)] == []
    assert alone.environment(program("processing"), BASE) == {"MOTCUA_LIVE_GEN": str(GEN)}
    assert alone.environment(program("intake"), BASE) == {}
    assert alone.code(program("processing")) is None


def test_what_is_built_beside_has_its_own_number_and_door_and_only_the_live_one_ticks() -> None:
    """Starting one changes nothing for a program that runs."""
    before, both = Generations(LIVE), Generations(LIVE, NEXT)
    for each in PROGRAMS:
        if each.kind != "beside":
            assert both.environment(each, BASE) == before.environment(each, BASE)
            assert both.code(each) == before.code(each)
    told = both.environment(program("processing-beside"), BASE)
    assert (told["MOTCUA_GEN"], told["MOTCUA_LIVE_GEN"]) == (str(GEN + 1), str(GEN))
    assert told["MOTCUA_PROCESSING_WORKER_PORT"] == "8022"
    assert str(both.code(program("processing-beside"))) == CODE
    counting = Generations(LIVE, NEXT, counters=True).environment(program("counters-beside"), BASE)
    assert counting["MOTCUA_METRICS_BESIDE"] == "1"
    assert counting["MOTCUA_GEN"] == str(GEN)


def test_a_switch_exchanges_roles_and_a_second_leads_back() -> None:
    once = generations.switched(Generations(LIVE, NEXT))
    assert once.live.gen == GEN + 1
    for judge in ("processing", "processing-api", "audit"):
        assert str(once.code(program(judge))) == CODE
    assert once.code(program("metrics")) is None
    assert once.environment(program("metrics-api"), BASE)["MOTCUA_LIVE_GEN"] == str(GEN + 1)
    assert once.environment(program("processing-beside"), BASE)["MOTCUA_GEN"] == str(GEN)
    twice = generations.switched(once)
    assert (twice.live.gen, twice.live.code) == (LIVE.gen, LIVE.code)
    assert twice.live.was_live


def test_a_newer_checkout_does_not_go_on_with_an_earlier_generation_unless_its_code_is_named() -> None:
    """A stack whose code was updated in place says what to do instead of folding by other rules."""
    older = Generations(Generation(GEN + 1, GEN + 1))
    with pytest.raises(GenerationError, match="former --code DIR"):
        older.code(program("processing"))
    assert older.code(program("metrics")) is None


def test_a_former_generation_whose_code_was_updated_away_keeps_nothing_from_running() -> None:
    """Switched, then the main checkout was updated: the one beside is of a fold that is nowhere, until somebody names it."""
    updated = Generations(Generation(GEN, GEN), Generation(GEN + 1, GEN + 1))
    assert not updated.runs(program("processing-beside"))
    assert updated.runs(program("metrics-beside")), "its counters may be asked still"
    for each in PROGRAMS:
        if updated.runs(each):
            assert updated.code(each) is None
    assert "former --code DIR" in (generations.lacking(Generation(GEN + 1, GEN + 1)) or "")
    named = generations.named(updated, GEN + 1, REPOSITORY)
    assert named.live == updated.live
    assert named.runs(program("processing-beside"))
    assert str(named.code(program("processing-beside"))) == CODE


def test_code_in_a_directory_that_is_gone_is_not_to_be_had(tmp_path: Path) -> None:
    """Python would find this code there instead, and judge by the wrong fold without a word."""
    moved = Generation(GEN + 1, GEN + 1, str(tmp_path / "moved"))
    with pytest.raises(GenerationError, match=r"whose code is in .*/moved no more: .*former --code DIR"):
        Generations(moved).code(program("audit"))
    assert not Generations(LIVE, moved).runs(program("processing-beside"))
    assert generations.lacking(Generation(GEN, GEN, str(tmp_path / "moved"))) is None, "that fold is here"


@pytest.mark.parametrize(("live", "fold", "present", "expected"), [
    (1, 1, {1}, 2), (1, 2, {1}, 2), (1, 5, {1}, 5), (3, 2, {1, 3}, 4), (1, 2, {1, 2, 3}, 4),
])  # fmt: skip
def test_a_generation_takes_the_folds_number_or_the_first_free_one(
    live: int, fold: int, present: set[int], expected: int
) -> None:
    assert generations.following(Generations(Generation(live, 1)), fold, frozenset(present)) == expected


def test_no_number_is_taken_twice_because_dumps_hold_what_was_removed() -> None:
    """Built, removed and begun again: another number, also after the state was written down and read."""
    left = generations.without(Generations(LIVE, Generation(5, 2)), Generation(5, 2))
    assert (left.live, left.beside) == (LIVE, None)
    assert generations.following(left, 2, frozenset({1})) == 6
    again = generations.without(structs.replace(left, beside=Generation(3, 2)), Generation(3, 2))
    assert generations.following(again, 2, frozenset({1})) == 6
    switched = generations.switched(structs.replace(left, beside=Generation(6, 2)))
    assert generations.following(generations.without(switched, LIVE), 2, frozenset({6})) == 7


def test_which_generations_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    for each in (
        generations.BEGIN,
        Generations(LIVE, NEXT, True),
        Generations(NEXT, structs.replace(LIVE, was_live=True), removed=9, going=True),
    ):
        generations.write(tmp_path, each)
        assert generations.read(tmp_path) == each
    # As releases wrote it that did not yet know what was removed.
    (tmp_path / generations.FILE).write_text(
        '{"live":{"gen":1,"fold":1,"code":null,"was_live":false},"beside":null,"counters":false}'
    )
    assert generations.read(tmp_path) == Generations(Generation(1, 1))


def _standing_stack(
    directory: Path,
    patched: pytest.MonkeyPatch,
    running: Generations,
    prepare: Callable[[str], list[str]] = lambda cluster_id: [],
) -> tuple[Stack, list[str]]:
    """A stack of which nothing runs but what is said, and which programs it starts and waits for, as commands find it."""
    seen = {"processing": Seen("processing", "STOPPED", None, 0), "metrics": Seen("metrics", "RUNNING", 7, 0)}
    kept = SimpleNamespace(pid=1, seen=lambda: seen, unwritten=dict, stop_program=lambda name: None)
    statedir.claim(directory, statedir.Marker("wall", "dGhpcyBpcyBhIGNsdXM", 24_000))
    generations.write(directory, running)
    stack, started = Stack(directory, 24_000), list[str]()

    def start(wanted: tuple[Program, ...]) -> None:
        started.extend(each.name for each in wanted)

    for name, with_what in (("_keeper", kept), ("_prepare", prepare), ("_start", start)):
        patched.setattr(stack, name, with_what)
    patched.setattr(beside, "stack_here", lambda say: stack)
    return stack, started


def test_whoever_goes_on_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One partition stopped makes a worker unready for good: only who was started anew is to get ready."""
    stack, started = _standing_stack(tmp_path, monkeypatch, Generations(LIVE), lambda cluster_id: ["audit"])
    stack.take(lambda now: structs.replace(now, beside=NEXT))
    assert started == ["audit", "processing-beside", "metrics-beside"]


def test_nothing_is_written_down_that_cannot_run_and_nothing_is_lost_that_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A switch to a fold whose code is nowhere leaves all as it was; a change is made of what is written at that moment."""
    updated = Generations(LIVE, structs.replace(NEXT, code=None, was_live=True))
    stack, _ = _standing_stack(tmp_path, monkeypatch, updated)
    with pytest.raises(GenerationError, match="former --code DIR"):
        stack.take(generations.switched)
    assert stack.generations == updated
    generations.write(tmp_path, structs.replace(updated, counters=True, removed=4))
    stack.take(lambda now: structs.replace(now, counters=False))
    assert stack.generations == structs.replace(updated, removed=4)


def test_code_of_a_former_fold_is_named_for_whichever_generation_is_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack, _ = _standing_stack(tmp_path, monkeypatch, Generations(LIVE, structs.replace(NEXT, code=None, was_live=True)))
    monkeypatch.setattr(generations, "fold_of", lambda code: GEN + 1)
    assert generation.main(["former", "--code", str(tmp_path / "former")]) == 0
    assert beside.beside(stack.generations).code == str(tmp_path / "former")
    assert stack.generations.live == LIVE
    monkeypatch.setattr(generations, "fold_of", lambda code: GEN + 7)
    assert generation.main(["former", "--code", str(tmp_path)]) == 1
    assert f"generation {GEN} of fold {GEN} and generation {GEN + 1} of fold {GEN + 1}" in capsys.readouterr().err


def test_the_fold_once_more_is_the_live_one_also_in_an_older_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a checkout that is named; never an earlier fold than the live one."""
    stack, _ = _standing_stack(tmp_path, monkeypatch, Generations(structs.replace(NEXT, was_live=True), removed=GEN))
    monkeypatch.setattr(removal, "present", lambda bootstrap: frozenset({GEN + 1}))
    monkeypatch.setattr(removal, "keys", lambda url, gen: 0)
    for name in ("create_missing", "check"):
        monkeypatch.setattr(topic_tool, name, lambda *_: [])
    assert generation.main(["start", "--no-wait"]) == 0
    assert stack.generations.beside == Generation(GEN + 2, GEN + 1, NEXT.code)


def test_verify_judges_by_the_code_of_the_live_generation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by its path, whatever the directory in which somebody asks; every other command is of this code."""
    _standing_stack(tmp_path, monkeypatch, Generations(structs.replace(NEXT, code=str(tmp_path), was_live=True)))
    (tmp_path / "services").mkdir()
    monkeypatch.setenv("MOTCUA_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("MOTCUA_PORT_BASE", raising=False)
    monkeypatch.setattr(here, "stack_here", lambda say: Stack(tmp_path, 24_000))
    ran: list[tuple[list[str], str | None]] = []
    monkeypatch.setattr(os, "execve", lambda _, words, told: ran.append((words[1:], told.get("PYTHONPATH"))))
    monkeypatch.setattr("sys.argv", ["here", "services.audit.main", "verify", "--json", "verdict.json"])
    here.main()
    assert ran == [(["-P", "-m", "services.audit.main", "verify", "--json", "verdict.json"], str(tmp_path))]
    monkeypatch.setattr("sys.argv", ["here", "deploy.operators.main", "rejected"])
    here.main()
    assert ran[1][0] == ["-m", "deploy.local.command", "deploy.operators.main", "rejected"]


def test_a_generation_that_is_being_removed_is_left_alone_by_others_until_it_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of it runs meanwhile, nobody switches to it, and a removal that was interrupted is repeated."""
    stack, started = _standing_stack(tmp_path, monkeypatch, Generations(LIVE, structs.replace(NEXT, was_live=True)))
    told: list[int] = []

    def removed(*_: object) -> removal.Removed:
        told.extend(generation.main([command]) for command in ("switch", "compare", "start"))
        with pytest.raises(GenerationError, match=f"Generation {NEXT.gen} is being removed"):
            stack.take(lambda now: generations.switched(generation._staying(now)))
        stack.take(lambda now: now)
        if len(told) == 3:
            raise KeyboardInterrupt
        return removal.Removed(1, 2, 3)

    monkeypatch.setattr(removal, "generation", removed)
    assert generation.main(["drop"]) == 1
    assert beside.beside(stack.generations).gen == NEXT.gen
    assert f"Generation {NEXT.gen} is being removed" in capsys.readouterr().err
    assert generation.main(["drop"]) == 0
    assert stack.generations == Generations(LIVE, removed=NEXT.gen)
    assert (told, started) == ([1] * 6, [])


def test_nothing_is_removed_where_the_live_folds_code_is_not_to_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be found when all is gone, and what is gone not struck off."""
    running = Generations(structs.replace(NEXT, code=None), LIVE, counters=True)
    stack, _ = _standing_stack(tmp_path, monkeypatch, running)

    def removed(*_: object) -> removal.Removed:
        raise AssertionError("something was removed")

    for what in ("generation", "counters"):
        monkeypatch.setattr(removal, what, removed)
    assert (generation.main(["abort"]), counters.main(["abort"])) == (1, 1)
    assert stack.generations == running


def test_a_worker_that_gets_ready_no_more_keeps_no_removed_generation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One partition stopped, so nobody is waited for with success: what the dump held is removed before that."""
    stack, started = _standing_stack(tmp_path, monkeypatch, Generations(LIVE))

    def up(services: tuple[str, ...], after_servers: Callable[[], None]) -> None:
        after_servers()
        raise NotReadyError("processing is not ready after 120 s")

    for name, with_what in (("up", up), ("stop", lambda name: None), ("start", started.append)):
        monkeypatch.setattr(stack, name, with_what)
    for each in ("lay_ready", "put_back"):
        monkeypatch.setattr(recovery_files, each, lambda *_: None)
    monkeypatch.setattr(recovery, "_chosen", lambda *_: SimpleNamespace(name="redis-1.rdb"))
    monkeypatch.setattr(removal, "held", lambda url: {GEN, GEN + 4})
    monkeypatch.setattr(removal, "present", lambda bootstrap: frozenset({GEN}))
    monkeypatch.setattr(removal, "keys", lambda url, gen: 7)
    assert recovery.main([]) == 1
    said = capsys.readouterr()
    assert f"Generation {GEN + 4}, which the dump still held, is removed once more: 7 keys." in said.out
    assert "not ready" in said.err


def test_counters_that_stand_still_are_replaced_only_when_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing can be compared then, which is no reason to keep them for ever. The newest dump is of the new ones."""
    stack, _ = _standing_stack(tmp_path, monkeypatch, Generations(LIVE, counters=True))
    stopped, swapped = Figures(0, {}, {}, {3: "its counting has stopped: gap"}), list[int]()
    dumped = list[list[int]]()

    def make(*_: object) -> SimpleNamespace:
        dumped.append(list(swapped))
        return SimpleNamespace(name="redis-1.rdb")

    monkeypatch.setattr(dumps, "make", make)
    monkeypatch.setattr(beside, "standing", lambda *_: None)
    monkeypatch.setattr(beside, "follow", lambda *_, **__: None)
    monkeypatch.setattr(comparing, "counters", lambda *_: stopped)
    monkeypatch.setattr(removal, "counters", lambda *_: removal.Removed(0, 0, 0))
    monkeypatch.setattr(counters, "_swap", lambda url, gen: swapped.append(gen))
    assert counters.main([]) == counters.DIFFERENT
    assert "partition   3 is not compared" in capsys.readouterr().out
    assert (swapped, stack.generations.counters, dumped) == ([], True, [])
    assert counters.main(["--replace"]) == 0
    assert (swapped, stack.generations.counters, dumped) == ([GEN], False, [[GEN]])


def test_a_switch_that_is_interrupted_says_what_makes_it_whole_and_the_next_one_who_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing goes on by itself then: what was stopped is started by `make up` alone."""

    def prepare(cluster_id: str) -> list[str]:
        if interrupted:
            raise KeyboardInterrupt
        return []

    _standing_stack(tmp_path, monkeypatch, Generations(LIVE, structs.replace(NEXT, was_live=True)), prepare)
    monkeypatch.setattr(beside, "has_caught_up", lambda of: True)
    monkeypatch.setattr(dumps, "make", lambda *_: SimpleNamespace(name="redis-1.rdb"))

    interrupted = True
    assert generation.main(["switch"]) == 1
    assert f"`make up` now: generation {NEXT.gen} is live already" in capsys.readouterr().err
    interrupted = False
    assert generation.main(["switch"]) == 0
    assert "processing, processing-api, metrics, metrics-api, audit did not run" in capsys.readouterr().out


@pytest.mark.parametrize(("since", "told"), [
    (Since(0, 500), None),
    (Since(20_000, 30_000), None),
    (Since(20_001, 30_000), "20,001 records were reported since then, and at most 20,000 may be"),
    # In a large archive one in a hundred.
    (Since(90_000, 9_000_000), None),
    (Since(90_001, 9_000_000), "90,001 records were reported since then, and at most 90,000 may be"),
    (Since(3, 500, (4, 11)), "rules were activated since then (partitions 4, 11)"),
    (Since(-1, 500), "it is of another archive: it went further than this one"),
])  # fmt: skip
def test_a_comparison_holds_for_so_many_records_and_not_beyond_an_activation(since: Since, told: str | None) -> None:
    assert generation_report.reason_outdated(since) == told


def test_a_report_says_how_it_came_out_and_up_to_where(tmp_path: Path) -> None:
    """As a comparison tells it; what cannot be read is no comparison."""
    figures = Figures(10, {}, {0: 5, 11: -1})
    generation_report.keep(tmp_path / "reports" / "of.json", Comparison((1, 2), figures, Dossiers(), None, 8, 1.0).told())
    assert generation_report.read(tmp_path / "reports" / "of.json") == generation_report.Report(True, {0: 5, 11: -1})
    (tmp_path / "half.json").write_text('{"equal": true')
    assert generation_report.read(tmp_path / "half.json") is None
    assert generation_report.read(tmp_path / "none.json") is None


def test_members_of_answers_are_named_down_to_the_single_one() -> None:
    first = {"state": 2, "history": [{"fact": "received", "due": "a"}], "only": 1}
    second = {"state": 2, "history": [{"fact": "received", "due": "b"}, {"fact": "completed"}]}
    assert list(members_of(first, second)) == [
        ("history[0].due", "a", "b"), ("history[1]", None, {"fact": "completed"}), ("only", 1, None),
    ]  # fmt: skip


def test_differences_are_all_counted_and_some_are_told() -> None:
    found = Dossiers()
    found.take(Difference(0, f"d{number}", (("history[3].due", 1, 2), ("history[4].due", 1, 2))) for number in range(50))
    assert (found.differ, len(found.sample)) == (50, SAMPLE_DOSSIERS)
    assert found.by_member == {"history.due": 50}


def _record(src: tuple[int, int], timeliness: str) -> Countable:
    stand = Stand(field="f", channel="direct", receiver="U", competent="V", state=9)
    step = Step(fact="completed", competent="V", timeliness=timeliness)  # type: ignore[arg-type]
    entry = Entry(offset=src[0], standing="applied", source="U", day="2025-07-01", step=step)
    record = Lifecycle(
        src=src, prev=None, last=True, outcome="applied", recorded_at=1, dossier="D", now=stand, done=(entry,)
    )
    return decode_countable(encode(record))


def test_a_dossier_that_counts_otherwise_is_named_with_what_that_moves() -> None:
    """Late here and in time there: one counter less and one more, for both bodies; sent twice counts once."""
    one, other = standings.Book(), standings.Book()
    for book, timeliness in ((one, "late"), (other, "on_time")):
        record = _record((7, 0), timeliness)
        book.take(record)
        book.take(record)
    [found] = standings.compare(3, one, other)
    assert (found.partition, found.code) == (3, "D")
    assert found.members == (("record 7: step.timeliness", "late", "on_time"),)
    assert found.counters == {
        "receiver|U|completed_late": -1, "receiver|U|completed_on_time": 1,
        "competent|V|completed_late": -1, "competent|V|completed_on_time": 1,
    }  # fmt: skip
    assert list(standings.compare(3, one, one)) == []


def test_it_is_said_when_the_dossiers_found_do_not_explain_the_counters() -> None:
    """The difference of the totals is the sum over dossiers, or somebody has to look further."""
    counted = Dossiers()
    counted.take([Difference(0, "D", (("state", 2, 9),), {"receiver|U|open": -1})])
    figures = Figures(10, {("total", "receiver|U|open"): (5, 4)}, {0: 3})
    whole = Comparison((1, 2), figures, counted, None, 8, 1.0)
    assert whole.is_explained
    assert "all of it comes from the dossiers above" in "\n".join(saying.comparison(whole))
    other = replace(whole, figures=Figures(10, {("total", "receiver|U|open"): (5, 3)}, {0: 3}))
    assert not other.is_explained
    assert "do not explain" in "\n".join(saying.comparison(other))
    assert other.told()["counters"]["explained_by_dossiers"] is False


def test_dossiers_that_were_never_compared_are_no_sign_of_equality() -> None:
    """Under steady load two folds may never stand at the same place for one of them: then nobody knows, and says so."""
    answered = Dossiers()
    found = Comparison((1, 2), Figures(10, {}, {0: 5}), Dossiers(), answered, 0, 0.0)
    assert found.is_equal
    answered.moved = 3
    assert not found.is_equal
    assert found.told()["equal"] is False


class _Log:
    """The lifecycle of a generation as a comparison reads it: so many reported records of each partition, and no more."""

    def __init__(self, gen: int, ends: dict[int, int], asked: list[float]) -> None:
        self.gen, self.ends, self.asked = gen, ends, asked

    def through(self, number: int, start: int, reported: int, within_seconds: float) -> Iterator[Record]:
        chain = CHAIN_START
        for offset in range(reported + 1):
            if offset > self.ends[number]:
                self.asked.append(within_seconds)
                raise NotThereYetError(self.gen, number)
            prev = (offset - 1, 0) if offset else None
            value = encode(Lifecycle(src=(offset, 0), prev=prev, last=True, outcome="control", recorded_at=1))
            chain = lifecycle.chain(chain, value)
            if offset >= start:
                yield Record(value, chain.hex().encode(), decode_countable(value))


def _counted(reached: int, stopped: dict[int, str] | None = None) -> State:
    position = Position(next=reached + 1, src=(reached, 0), chain=_chain_at(reached), closed=reached)
    return State("a state", dict.fromkeys(range(PARTITIONS), position), {}, stopped or {})


def _chain_at(reached: int) -> bytes:
    log = _Log(1, {0: reached}, [])
    return bytes.fromhex([record.chain or b"" for record in log.through(0, 0, reached, 0.0)][-1].decode())


def test_partitions_in_which_the_live_one_stands_still_are_left_out_and_never_called_equal() -> None:
    """By its count or by its fold, which is waited for once; nothing of the totals is said then."""
    everywhere = dict.fromkeys(range(PARTITIONS), 9)
    asked: list[float] = []
    logs = _Log(1, {**everywhere, 5: 4, 7: 4}, asked), _Log(2, everywhere, asked)
    found = comparing._figures((_counted(4, {3: "gap"}), _counted(9)), logs)  # type: ignore[arg-type]
    assert found.left_out == {
        3: "its counting has stopped: gap",
        5: "its fold comes no further than reported record 4",
        7: "its fold comes no further than reported record 4",
    }
    assert asked == [comparing.BEHIND_SECONDS, comparing.BEHIND_TOO_SECONDS]
    assert found.positions == everywhere, "a switch asks what came since"
    left = Comparison((1, 2), found, Dossiers(), None, 8, 1.0)
    assert not left.is_equal
    assert not left.is_explained
    assert left.told()["counters"]["left_out"]["3"] == "its counting has stopped: gap"
    told = "\n".join(saying.comparison(left))
    assert "partition   5 is not compared" in told
    assert "0 figures compared" not in told


def test_the_one_beside_must_come_to_where_the_live_one_is() -> None:
    """Whoever stands still there is no one to switch to."""
    everywhere = dict.fromkeys(range(PARTITIONS), 9)
    logs = _Log(1, everywhere, []), _Log(2, {**everywhere, 5: 4}, [])
    with pytest.raises(NotThereYetError, match="Generation 2 has not come far enough in partition 5"):
        comparing._figures((_counted(9), _counted(4)), logs)  # type: ignore[arg-type]
    whole = comparing._figures((_counted(9), _counted(4)), (logs[0], logs[0]))  # type: ignore[arg-type]
    assert (whole.left_out, dict(whole.differences)) == ({}, {})
