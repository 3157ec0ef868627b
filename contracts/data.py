"""What each fact about a dossier carries in `data`: closed, typed, without a citizen's name anywhere."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

# `$` alone also matches before a last newline; `(?!\n)` shuts that gap, in JSON Schema dialects alike.
Code = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,32}$(?!\n)")]
DossierCode = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$(?!\n)")]
Procedure = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$(?!\n)")]
# A code, too: it is shown in public, and no free text may be.
Field = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$(?!\n)")]
Point = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._/-]{1,64}$(?!\n)")]
Reason = Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,32}$(?!\n)")]
EventId = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,64}$(?!\n)")]
Channel = Literal["direct", "online", "post"]
LimitUnit = Literal["working_hours", "working_days", "calendar_days", "months"]
# A bare date or an RFC 3339 date-time; informative only, no clock reads it.
RespondBy = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2}))?$(?!\n)"
    ),
]
DateTime = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})$(?!\n)"
    ),
]

LIMIT_AMOUNT_MAX = 3650


class TimeLimit(Struct, frozen=True, forbid_unknown_fields=True):
    """A procedure's legal time limit; `working_days: 0` means the same day."""

    amount: Annotated[int, Meta(ge=0, le=LIMIT_AMOUNT_MAX)]
    unit: LimitUnit


class Submitted(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    procedure: Procedure
    channel: Channel
    receiver: Code
    competent: Code
    assisted_by: Point | None = None
    parent: DossierCode | None = None
    field: Field | None = None
    time_limit: TimeLimit | None = None


class Received(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    procedure: Procedure | None = None
    channel: Channel | None = None
    receiver: Code | None = None
    competent: Code | None = None
    assisted_by: Point | None = None
    parent: DossierCode | None = None
    field: Field | None = None
    time_limit: TimeLimit | None = None
    digitised: bool | None = None


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """`processing_started`, `supplement_lapsed`, `resumed`, `withdrawn` carry no data: `{}`."""


class Reasoned(Struct, frozen=True, forbid_unknown_fields=True):
    """`refused`, `suspended`, `halted`, `recalled`: a reason code, never a sentence."""

    reason: Reason


class SupplementRequested(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    reason: Reason
    respond_by: RespondBy | None = None


class SupplementProvided(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    restart: bool | None = None


class PaymentRequested(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    amount_vnd: Annotated[int, Meta(ge=0, le=10**15)] | None = None


class PaymentMade(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    online: bool | None = None


class Completed(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    electronic_result: bool | None = None


class Returned(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    channel: Channel | None = None


class HandedOver(Struct, frozen=True, forbid_unknown_fields=True):
    competent: Code


class Rescheduled(Struct, frozen=True, forbid_unknown_fields=True):
    due: DateTime


class Annulled(Struct, frozen=True, forbid_unknown_fields=True):
    event: EventId
    reason: Reason


Data = (
    Submitted | Received | Nothing | Reasoned | SupplementRequested | SupplementProvided | PaymentRequested
    | PaymentMade | Completed | Returned | HandedOver | Rescheduled | Annulled
)  # fmt: skip

# What can be a dossier's first event.
BIRTHS = (Submitted, Received)

# The closed list of facts; docs/EVENTS.md has their arrows and members.
FACTS: dict[str, type[Data]] = {
    "submitted": Submitted,
    "received": Received,
    "refused": Reasoned,
    "processing_started": Nothing,
    "supplement_requested": SupplementRequested,
    "supplement_provided": SupplementProvided,
    "supplement_lapsed": Nothing,
    "payment_requested": PaymentRequested,
    "payment_made": PaymentMade,
    "suspended": Reasoned,
    "resumed": Nothing,
    "halted": Reasoned,
    "withdrawn": Nothing,
    "completed": Completed,
    "returned": Returned,
    "recalled": Reasoned,
    "handed_over": HandedOver,
    "rescheduled": Rescheduled,
    "annulled": Annulled,
}
