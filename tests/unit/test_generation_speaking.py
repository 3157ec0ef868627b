"""A fold's own process that answers for dossiers: whatever it does instead, whoever compares is told within a bound."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from deploy.operators.errors import NotAnsweredError
from deploy.operators.generation.speaking import WORDS_BYTES_MAX, Fold, Speaker

pytestmark = pytest.mark.timeout(60)

WITHIN_SECONDS = 40.0
ANSWER = 'print(\'{"at": "1.0", "log_clock": 5, "digest": "d", "answers": {"A": {"state": 2}}}\', flush=True)'


def _fold(directory: Path, *lines: str) -> Fold:
    """A checkout whose code does this instead of answering."""
    package = directory / "services" / "processing"
    package.mkdir(parents=True)
    for each in (package.parent, package):
        (each / "__init__.py").touch()
    (package / "answers.py").write_text("\n".join(("import sys, time", *lines)))
    return Fold(2, directory)


def _asked(fold: Fold, within_seconds: float = WITHIN_SECONDS, codes: Sequence[str] = ("A",)) -> object:
    with Speaker(fold, {}, within_seconds) as speaker:
        speaker.ask(0, codes)
        return speaker.told().answers["A"]


def test_one_that_writes_more_than_a_pipe_holds_beside_its_answer_is_heard(tmp_path: Path) -> None:
    """Nobody reads what it complains of, and it is not held up by that."""
    fold = _fold(tmp_path, "sys.stderr.write('a warning\\n' * 100_000)", "sys.stdin.readline()", ANSWER)
    assert _asked(fold) == {"state": 2}


def test_a_question_longer_than_a_pipe_reaches_one_that_first_writes(tmp_path: Path) -> None:
    """Both pipes are full at once, and neither side waits for the other."""
    fold = _fold(tmp_path, "sys.stderr.write('a' * 300_000)", "assert len(sys.stdin.readline()) > 300_000", ANSWER)
    assert _asked(fold, codes=["H57.19753-250701-0001"] * 15_000) == {"state": 2}


@pytest.mark.slow
def test_one_that_never_answers_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    fold = _fold(tmp_path, "print('waiting for Kafka', file=sys.stderr, flush=True)", "time.sleep(600)")
    with pytest.raises(NotAnsweredError, match=r"generation 2 .*not answered for 8 s, its last words: waiting for Kafka"):
        _asked(fold, within_seconds=8.0)


def test_half_an_answer_is_none(tmp_path: Path) -> None:
    fold = _fold(tmp_path, "print('{\"at\":', end='', flush=True)", "time.sleep(600)")
    with pytest.raises(NotAnsweredError, match="not answered for 1 s"):
        _asked(fold, within_seconds=1.0)


@pytest.mark.parametrize(("lines", "told"), [
    (("sys.exit('no rules with this digest')",), "it ended, its last words: no rules with this digest"),
    (("sys.exit(0)",), "it ended, without a word"),
    (("print('hello', flush=True)", "time.sleep(600)"), "its answer is none"),
    ((f"sys.stderr.write('x' * {4 * WORDS_BYTES_MAX} + '\\nthe last of many')", "sys.exit(1)"), "the last of many"),
])  # fmt: skip
def test_one_that_ends_or_says_something_else_is_told_of_in_one_sentence(
    tmp_path: Path, lines: tuple[str, ...], told: str
) -> None:
    with pytest.raises(NotAnsweredError, match=told):
        _asked(_fold(tmp_path, *lines))
