"""Who may read what: receiver and competent bodies their dossiers, the operator everything."""

from collections.abc import Set
from typing import Literal

from contracts.keys import Key

Verdict = Literal["allowed", "unknown_dossier", "unit_not_allowed"]


def may_read_dossier(key: Key, concerned: Set[str]) -> Verdict:
    """What a key may see of a dossier that concerns these bodies.

    Without any body the dossier is not born yet: nobody but the operator is told that something of its code has come in.
    """
    if key.operator or key.codes & concerned:
        return "allowed"
    return "unit_not_allowed" if concerned else "unknown_dossier"


def may_read_list(key: Key, unit: str, successors: Set[str]) -> bool:
    """Whether a key may see the worklists of a unit: its own, that of a body that has succeeded it, the operator's."""
    return key.operator or unit in key.codes or bool(key.codes & successors)
