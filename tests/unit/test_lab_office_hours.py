"""Units with office hours of their own, some with others from a day on, in one period: each due is by the right ones."""

import csv
import json
from collections import Counter
from datetime import date, datetime, time
from pathlib import Path
from random import Random
from shutil import copytree

import pytest

from contracts import reference_files
from lab import verdict
from lab.errors import UnsolvableError
from lab.fortnight import facts as published
from lab.fortnight import writing
from lab.fortnight.writing import Reported
from tests.unit.lab_folded import Folded

pytestmark = pytest.mark.slow

SHIPPED = Path(__file__).resolve().parents[2] / "deploy" / "reference"
FACTS = Path(__file__).with_name("facts") / "invented-2025-09.toml"
CHANGES = {"2025-08-20": "2025-08-19", "2025-09-05": "2025-09-04", "2025-09-15": "2025-09-14"}
SATURDAYS = "saturday_morning"
# Of bodies: from which day on they keep Saturday mornings, and until which.
Saturdays = dict[str, tuple[date, date]]


def mixed(directory: Path, seed: int) -> tuple[Path, Saturdays]:
    """The shipped reference data; some bodies open on Saturdays always, some from a day on, some until then."""
    copytree(SHIPPED, directory)
    chance, told = Random(seed), {}
    for name in ("units.csv", "departments.csv"):
        with (SHIPPED / name).open(encoding="utf-8", newline="") as opened:
            rows = list(csv.DictReader(opened))
        written = []
        for row in rows:
            kind, day = chance.choice(("never", "always", "from", "until")), chance.choice(list(CHANGES))
            eve = CHANGES[day]
            match kind:
                case "always":
                    written.append(row | {"hours": SATURDAYS})
                    told[row["code"]] = (date.min, date.max)
                case "from":
                    written += [row | {"valid_to": eve}, row | {"valid_from": day, "hours": SATURDAYS}]
                    told[row["code"]] = (date.fromisoformat(day), date.max)
                case "until":
                    written += [row | {"valid_to": eve, "hours": SATURDAYS}, row | {"valid_from": day}]
                    told[row["code"]] = (date.min, date.fromisoformat(eve))
                case _:
                    written.append(row)
        with (directory / name).open("w", encoding="utf-8", newline="") as opened:
            writer = csv.DictWriter(opened, rows[0].keys())
            writer.writeheader()
            writer.writerows(written)
    return directory, told


def _saturdays(reported: list[Reported], saturdays: Saturdays) -> Counter[str]:
    """How much is reported to have happened on Saturdays, by whom; none of it while the body is shut."""
    told: Counter[str] = Counter()
    for each in reported:
        event = json.loads(each.event)
        at, kind = datetime.fromisoformat(event["time"]), event["type"].split(".")[3]
        if at.weekday() != 5 or kind == "submitted":
            continue
        since, until = saturdays[each.code]
        assert since <= at.date() <= until
        assert time(7) <= at.time() < time(11, 30)
        told["department" if each.code.startswith("so-") else kind] += 1
    return told


def test_each_due_is_that_of_the_hours_of_its_body_and_day(tmp_path: Path) -> None:
    """Figures come out of the fold, with dossiers carried over a change of hours, and departments of other hours."""
    facts = published.read(FACTS)
    told: Counter[str] = Counter()
    for seed in range(1, 5):
        directory, saturdays = mixed(tmp_path / f"{seed}", seed)
        reported = writing.fortnight(facts, directory, seed)
        folded = Folded(reported, facts, directory)
        assert set(folded.outcomes) == {"applied", "tick", "control"}
        units = sorted({unit.code for unit in reference_files.read(directory).units})
        answers = {
            "": folded.answer(units, "2025-09-01", "2025-09-30"), "before": folded.answer(units, "2000-01-01", "2025-08-31")
        }  # fmt: skip
        assert [row for row in verdict.rows(facts, answers) if not row.equal] == []
        told += _saturdays(reported, saturdays)
        told["reported by departments"] += sum(each.code.startswith("so-") for each in reported)
    assert told["received"] > 40
    assert told["completed"] > 10
    assert told["reported by departments"] > 20


def test_a_unit_receives_nothing_on_a_day_on_which_only_others_work(tmp_path: Path) -> None:
    """A fact that says otherwise is refused by name; nought is no such fact."""
    directory, saturdays = mixed(tmp_path / "mixed", 1)
    shut = next(code for code in ("19774", "19777", "19789", "19960", "20044", "20182") if code not in saturdays)
    text = FACTS.read_text(encoding="utf-8")
    path = tmp_path / "facts.toml"
    for count in (0, 3):
        fact = f'[[facts]]\nwhat = "received"\nunit = "{shut}"\nday = 2025-09-06\ncount = {count}\n\n[assumed]'
        path.write_text(text.replace("[assumed]", fact, 1), encoding="utf-8")
        if not count:
            assert writing.planned(published.read(path), directory, 1)
            continue
        with pytest.raises(UnsolvableError, match=f"{shut} is shut on 2025-09-06, nothing is received then"):
            writing.planned(published.read(path), directory, 1)
