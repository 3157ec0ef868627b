"""`/docs` works where no other host can be reached."""

import re

from tests.unit.intake_world import World

REFERENCE = re.compile(r"""(?:src|href|url)\s*[=:]\s*["']([^"']+)["']""")
ELSEWHERE = re.compile(r"https?://|^//")


def test_the_page_of_the_interface_asks_no_other_host() -> None:
    """Every script, style and picture that it names is a path of the service itself, and is there."""
    world = World()
    page = world.get("/docs")
    named = REFERENCE.findall(page.body.decode())
    assert page.status == 200
    assert any(each.endswith(".js") for each in named), named
    assert any(each.endswith(".css") for each in named), named
    assert [each for each in named if ELSEWHERE.search(each)] == []
    for path in named:
        assert world.get(path).status == 200, path


def test_what_is_not_among_its_files_is_a_problem_like_any_other() -> None:
    answer = World().get("/static-offline-docs/nothing.js")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
