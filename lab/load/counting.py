"""Verdicts about counts: what was counted, refused, judged late and explained is what the plan says, whoever was slow."""

from contracts import instants
from lab.load.accounts import (
    astray,
    difference,
    given_up_and_archived,
    never_archived,
    never_sent,
    planned,
    unfinished,
    waiting,
)
from lab.load.outcome import Outcome
from lab.load.verdict import Verdict, Word

NOT_COUNTED = "the counters did not come to the end of the log"
# By audit's exit status: with any other it could not run and says nothing.
AUDIT_WORDS: dict[int, Word] = {0: "kept", 1: "broken"}
# What the plan knows exactly of each unit: what happened, and what came of it.
FLOWS = (
    "submitted", "received", "received_direct", "received_online", "received_post", "completed", "returned", "withdrawn",
    "refused", "handed_over",
)  # fmt: skip
ADDS_UP = "every minute has its reason, and they add up"
NONE_ASKED = "none asked"
NO_DUES = "not judged: published figures are replayed without dues of the lab's own, so that no dossier is asked for"
LATE = ("completed_late", "overdue_open")
OPEN = ("open",)
LOST, DOUBLE, OVERDUE, STANDS = "lost", "double", "wrongly overdue", "open and late"
REFUSED, DEADLINES, EXPLAINED, JUDGED = "refused wrongly", "deadlines", "deadlines explained", "judged one by one"
# Of which a run tells how many.
AUDIT = "audit"
COUNTS = (LOST, DOUBLE, OVERDUE, STANDS, REFUSED, DEADLINES, EXPLAINED, JUDGED)
# What cannot be told of the city while the generator itself has not said everything.
WAITS = (LOST, OVERDUE, DEADLINES, EXPLAINED, JUDGED)


def counted(outcome: Outcome) -> list[Verdict]:
    """All of them, what counts first."""
    return [
        _lost(outcome), _double(outcome), _overdue(outcome), _stands(outcome), _refused(outcome), _deadlines(outcome),
        *_explained(outcome), *_judged(outcome), *_audited(outcome),
    ]  # fmt: skip


def _lost(outcome: Outcome) -> Verdict:
    """What waits in an outbox when time is over is not lost, but neither can it be said that nothing is."""
    counters, gone = difference(outcome, FLOWS), outcome.counts["given_up"]
    there = given_up_and_archived(outcome)
    parts = [f"{outcome.planned:,} events planned, {outcome.counts['stored']:,} stored"]
    # Who gives up does not know what was stored all the same, its answer lost.
    parts += (
        [f"{gone:,} given up" + (f", of which {there:,} stand in the archive all the same" if there else "")] if gone else []
    )
    gone -= there
    parts += [f"{unknown:,} of which no sender says where they are"] if (unknown := astray(outcome)) else []
    parts += [f"{absent:,} called stored and not in the archive"] if (absent := never_archived(outcome)) else []
    if is_unfinished := unfinished(outcome):
        lost = max(gone, absent)
        never = max(0, outcome.planned - outcome.counts["due"])
        parts += [f"{held:,} still waiting when time was over"] if (held := waiting(outcome) - never) else []
        parts += [f"{never:,} never reported"] if never else []
        parts += [f"{outcome.silent_edges} edges did not say what they hold"] if outcome.silent_edges else []
        parts += [] if outcome.all_counted else [NOT_COUNTED]
    else:
        lost = max(counters.missing, gone, absent)
        parts += [f"{counters.missing:,} missing in the counters ({counters.first})"] if counters.missing else []
    word: Word = "broken" if lost or is_unfinished else "invalid" if unknown else "kept"
    return Verdict(name=LOST, promise="0", measured=f"{lost:,}: {', '.join(parts)}", word=word, figure=lost)


def _double(outcome: Outcome) -> Verdict:
    """One that is lost and one that is double cancel in a counter, and do not in the archive."""
    counters, unsent = difference(outcome, FLOWS), never_sent(outcome)
    double, again = max(counters.too_many, unsent or 0), outcome.total.get("duplicates", 0)
    measured = f"{double:,}" + (f" ({counters.first})" if counters.too_many else "")
    measured += f"; {unsent:,} records of the archive that {_of_whom(outcome)}" if unsent else ""
    measured += "; nobody has looked how often each event stands in the archive" if unsent is None else ""
    measured += f"; {again:,} repeats recognised and dropped"
    word: Word = "broken" if double else "invalid" if unsent is None else "kept"
    return Verdict(name=DOUBLE, promise="0", measured=measured, word=word, figure=double)


def _of_whom(outcome: Outcome) -> str:
    return "nobody sent" if outcome.manner == "outbox" else "say what another one says"


def _overdue(outcome: Outcome) -> Verdict:
    """A dossier counted late that was not: by the plan, which knows no link, all the same on whatever link."""
    late = difference(outcome, LATE)
    wrong, link = late.too_many, outcome.total.get("late_by_link", 0)
    measured = f"{wrong:,}{f' ({late.first})' if wrong else ''}; {planned(outcome, LATE):,} late by the units themselves; "
    measured += f"{link:,} in time that a link made come late"
    return Verdict(name=OVERDUE, promise="0", measured=measured, word="broken" if wrong else "kept", figure=wrong)


def _stands(outcome: Outcome) -> Verdict:
    """What is open is counted so, and who was late is told: a city that counts nobody late wrongs nobody, and is wrong."""
    stays, late = difference(outcome, OPEN), difference(outcome, LATE)
    wrong = stays.missing + stays.too_many + late.missing
    told = f"{planned(outcome, OPEN):,} open and {planned(outcome, LATE):,} late are planned"
    if unfinished(outcome):
        # A completion that waits in an outbox leaves its dossier open, and nobody is wrong.
        return Verdict(name=STANDS, promise="as planned", measured=f"{told}; not all events are counted", word="invalid")
    first = stays.first or late.first
    return Verdict(
        name=STANDS, promise="as planned", measured=f"{wrong:,} counted otherwise{f' ({first})' if wrong else ''}; {told}",
        word="broken" if wrong else "kept", figure=wrong,
    )  # fmt: skip


def _refused(outcome: Outcome) -> Verdict:
    """Every planned event is a good one."""
    refused, rejected = sum(outcome.refused.values()), outcome.total.get("rejected", 0)
    codes = ", ".join(f"{code} {count}" for code, count in outcome.refused.most_common(3))
    measured = f"{refused + rejected:,}: {refused:,} at the door{f' ({codes})' if codes else ''}, {rejected:,} dead letters"
    word: Word = "broken" if refused + rejected else "kept"
    return Verdict(name=REFUSED, promise="0", measured=measured, word=word, figure=refused + rejected)


def _deadlines(outcome: Outcome) -> Verdict:
    if not outcome.dues:
        return Verdict(name=DEADLINES, promise="as the lab works them out", measured=_why_none(outcome), word="shown")
    right = sum(
        told is not None and instants.parse(told) == outcome.dues[subject] for subject, told in outcome.dues_told.items()
    )
    wrong = len(outcome.dues) - right
    return Verdict(
        name=DEADLINES, promise="as the lab works them out", measured=f"{right} of {len(outcome.dues)} asked are equal",
        word="broken" if wrong else "kept", figure=wrong,
    )  # fmt: skip


def _explained(outcome: Outcome) -> list[Verdict]:
    """Whether what the ledger tells of a deadline adds up to it."""
    asked = outcome.ledgers
    if not asked and outcome.scenario.arrivals.facts is None:
        return []
    if not asked:
        return [Verdict(name=EXPLAINED, promise=ADDS_UP, measured=_why_none(outcome), word="shown")]
    wrong = {subject: why for subject, why in asked.items() if why is not None}
    measured = f"{len(asked) - len(wrong)} of {len(asked)} asked ledgers add up"
    measured += "".join(f"; {subject}: {why}" for subject, why in list(wrong.items())[:1])
    return [Verdict(
        name=EXPLAINED, promise=ADDS_UP, measured=measured,
        word="broken" if wrong else "kept", figure=len(wrong),
    )]  # fmt: skip


def _judged(outcome: Outcome) -> list[Verdict]:
    """Of a unit's counters one wrongly late and one wrongly in time cancel; of a dossier they do not."""
    if not outcome.stands:
        return []
    wrong = [
        f"; {subject}: {outcome.stands[subject]} planned, {told or 'unknown'} told"
        for subject, told in outcome.stands_told.items() if told != outcome.stands[subject]
    ]  # fmt: skip
    measured = "".join([f"{len(outcome.stands) - len(wrong)} of {len(outcome.stands)} asked stand so", *wrong[:1]])
    # A completion that waits in an outbox leaves its dossier open, and may leave it overdue.
    word: Word = "invalid" if wrong and unfinished(outcome) else "broken" if wrong else "kept"
    return [Verdict(
        name=JUDGED, promise="late, overdue or in time as planned", measured=measured, word=word, figure=len(wrong),
    )]  # fmt: skip


def _why_none(outcome: Outcome) -> str:
    return NONE_ASKED if outcome.scenario.arrivals.facts is None else NO_DUES


def _audited(outcome: Outcome) -> list[Verdict]:
    if outcome.audit is None:
        return []
    code, failed = outcome.audit["exit"], outcome.audit["failed"]
    counts = outcome.audit["counts"]
    words = {0: "clean", 1: f"differences: {', '.join(failed[:4])}"}
    told = words.get(code) or f"could not run: {outcome.audit['why'] or f'it ended with {code}'}"
    seen = f"{counts.get('reported_records', 0):,} records, {counts.get('sequence_numbers', 0):,} numbers of edges"
    measured = f"{told}; {seen}" if counts else told
    return [Verdict(name=AUDIT, promise="every stage equals the next", measured=measured,
                    word=AUDIT_WORDS.get(code, "invalid"), figure=float(code))]  # fmt: skip
