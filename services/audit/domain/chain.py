"""The chain of one lifecycle partition: every accepted record tied to the one before, re-sent ones equal to the first."""

from array import array

from contracts.lifecycle import CHAIN_START, chain
from services.audit.domain.findings import Difference, Findings

Src = tuple[int, int]
# A crash sends again what was not stored yet: a commit's records, a small part of this. A worker that was frozen sends it
# after all that its successor has sent meanwhile.
KEPT_RECORDS = 100_000
_BYTES = 8


class Chain:
    """Follows `prev` and `chain`; remembers the digests of the last records, so that what is sent again can be compared."""

    def __init__(self, partition: int, findings: Findings, kept_records: int = KEPT_RECORDS) -> None:
        self.partition = partition
        self._kept_records = kept_records
        self.src: Src | None = None
        self.digest = CHAIN_START
        self._unbroken = findings["chain.unbroken"]
        self._resent = findings["chain.resent"]
        # Of the kept records, the digest before each; `_first` leads from a reported offset to its first record.
        self._digests = array("Q")
        self._first = array("Q")
        self._dropped_records = self._dropped_offsets = 0

    def is_resent(self, src: Src) -> bool:
        """Whether this src was accepted before, or one after it."""
        return self.src is not None and src <= self.src

    def accept(self, offset: int, value: bytes, header: bytes | None, src: Src, prev: Src | None) -> None:
        """Ties a new record on; after a difference it goes on from what the record itself says, so that one fault is one."""
        self._unbroken.examined += 1
        expected = chain(self.digest, value)
        self._keep(src)
        if prev == self.src and header == expected.hex().encode():
            self.digest = expected
        else:
            self.digest = self._differ(offset, expected, header, prev)
        self.src = src

    def _differ(self, offset: int, expected: bytes, header: bytes | None, prev: Src | None) -> bytes:
        said = _digest_of(header)
        if prev != self.src:
            detail, wanted, found = "`prev` is not the src before it", _show(self.src), _show(prev)
        elif said != expected:
            detail, wanted, found = "the chain is broken", expected.hex(), "none" if said is None else said.hex()
        else:
            return expected
        self._unbroken.differ(Difference(detail, self.partition, offset, expected=wanted, found=found))
        return expected if said is None else said

    def _keep(self, src: Src) -> None:
        if len(self._digests) >= 2 * self._kept_records:
            self._forget()
        if not self._digests:
            self._dropped_offsets = max(self._dropped_offsets, src[0])
        while len(self._first) + self._dropped_offsets <= src[0]:
            self._first.append(self._dropped_records + len(self._digests))
        self._digests.append(int.from_bytes(self.digest, "big"))

    def _forget(self) -> None:
        self._dropped_records += len(self._digests) - self._kept_records
        del self._digests[: -self._kept_records]
        gone = 0
        while gone < len(self._first) and self._first[gone] < self._dropped_records:
            gone += 1
        del self._first[:gone]
        self._dropped_offsets += gone

    def compare(self, offset: int, value: bytes, src: Src) -> None:
        """A re-sent record against the first of its src."""
        self._resent.examined += 1
        detail = f"what was sent again for src {_show(src)} is not what was sent first"
        at = src[0] - self._dropped_offsets
        if at < 0:
            detail = (
                f"src {_show(src)} was sent again after more than {self._kept_records:,} records, and what was sent first "
                f"is not remembered: MOTCUA_AUDIT_RESENT_RECORDS"
            )
        else:
            place = self._first[at] + src[1] - self._dropped_records
            if place < len(self._digests):
                before = self._digests[place].to_bytes(_BYTES, "big")
                after = self._digests[place + 1 : place + 2]
                following = after[0].to_bytes(_BYTES, "big") if after else self.digest
                if chain(before, value) == following:
                    return
        self._resent.differ(Difference(detail, self.partition, offset))


def _digest_of(header: bytes | None) -> bytes | None:
    try:
        digest = bytes.fromhex((header or b"").decode())
    except ValueError:
        return None
    return digest if len(digest) == _BYTES else None


def _show(src: Src | None) -> str:
    return "null" if src is None else f"{src[0]}.{src[1]}"
