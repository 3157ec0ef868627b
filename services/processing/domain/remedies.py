"""What heals a dead letter, in a sentence for operators: another try, or what has to come first."""

from typing import Final

# Not kept, and no fault of the event's: once the cause is gone the same event may come again.
REPLAYED: Final = frozenset({"internal_error", "too_many"})
# An event of their own; it is not told whether the sender or a program in between wrote it wrong.
_CORRECTED: Final = "the sender corrects it and reports it under a new id; as it stands it can never be taken"
RETIRED: Final = "nothing: the dossier's history has been retired, its counts stand"
_REMEDIES: Final = {
    "internal_error": "replay it, once a corrected fold runs",
    "too_many": "replay it, once the missing event or annulments have made room in this dossier",
    "unknown_unit": "reference data: add the code for the day of `time`, then `make reference-activate`; it heals by itself",
    "not_responsible": "the missing hand-over to the unit that reported it, or reference data that name it as successor; it "
    "heals by itself. Reported by mistake: an annulment by the same source",
    "id_reused": "the sender reports it under a new id; if the first under this id was the wrong one, it annuls that",
    "retired": RETIRED,
}
# Which event a fact follows on: the arrows of the wire's contract, told from behind.
_BEFORE: Final = {
    "received": "`submitted`, or a `received` with the data of a birth",
    "refused": "`submitted`",
    "processing_started": "`received`",
    "supplement_requested": "`submitted` or `received`",
    "supplement_provided": "`supplement_requested`",
    "supplement_lapsed": "`supplement_requested`",
    "payment_requested": "`received`",
    "payment_made": "`payment_requested`",
    "suspended": "`processing_started`",
    "resumed": "`suspended`",
    "halted": "`received`",
    "withdrawn": "`submitted` or `received`",
    "completed": "`received`",
    "returned": "`completed` or `received`",
    "recalled": "`completed`",
    "handed_over": "`submitted` or `received`",
    "rescheduled": "`received`, with a due that had not passed",
}
CONTROL: Final = "a control record failed on one dossier: a new generation of the fold works it off anew"
HEALED: Final = "nothing: it has healed, and stands {}"


def heals(code: str, standing: str | None, fact: str | None) -> str:
    """What would heal a dead letter of this code, by how it stands now and what was reported; None: not known."""
    if standing in ("tick", "control"):
        return CONTROL
    if standing not in ("rejected", None):
        return HEALED.format(standing)
    if code == "no_arrow":
        before = _BEFORE.get(fact or "")
        missing = "the event that it follows on" if before is None else f"the event that it follows on, {before}"
        return f"{missing}, whenever it comes: it heals by itself. Reported by mistake: an annulment by the same source"
    return _REMEDIES.get(code, _CORRECTED)
