"""The chain of one lifecycle partition: every accepted record tied to the one before, re-sent ones equal to the first."""

from array import array

from contracts.lifecycle import CHAIN_START, chain
from services.audit.domain.findings import Difference, Findings

Src = tuple[int, int]
_BYTES = 8


class Chain:
    """Follows `prev` and `chain`; remembers 8 bytes a record and 8 an offset, so that what is sent again can be compared."""

    def __init__(self, partition: int, findings: Findings) -> None:
        self.partition = partition
        self.src: Src | None = None
        self.digest = CHAIN_START
        self._unbroken = findings["chain.unbroken"]
        self._resent = findings["chain.resent"]
        self._digests = array("Q")
        self._first = array("Q")

    def is_resent(self, src: Src) -> bool:
        """Whether this src was accepted before, or one after it."""
        return self.src is not None and src <= self.src

    def accept(self, offset: int, value: bytes, header: bytes | None, src: Src, prev: Src | None) -> None:
        """Ties a new record on; after a difference it goes on from what the record itself says, so that one fault is one."""
        self._unbroken.examined += 1
        expected = chain(self.digest, value)
        said = _digest_of(header)
        if prev != self.src:
            self._unbroken.differ(
                Difference(
                    "`prev` is not the src before it", self.partition, offset, expected=_show(self.src), found=_show(prev)
                )
            )
        elif said != expected:
            found = "none" if said is None else said.hex()
            self._unbroken.differ(
                Difference("the chain is broken", self.partition, offset, expected=expected.hex(), found=found)
            )
        self.digest = expected if said is None else said
        while len(self._first) <= src[0]:
            self._first.append(len(self._digests))
        self._digests.append(int.from_bytes(self.digest, "big"))
        self.src = src

    def compare(self, offset: int, value: bytes, src: Src) -> None:
        """A re-sent record against the first of its src."""
        self._resent.examined += 1
        place = self._first[src[0]] + src[1]
        before = CHAIN_START if place == 0 else self._digests[place - 1].to_bytes(_BYTES, "big")
        if place >= len(self._digests) or chain(before, value) != self._digests[place].to_bytes(_BYTES, "big"):
            self._resent.differ(
                Difference(f"what was sent again for src {_show(src)} is not what was sent first", self.partition, offset)
            )


def _digest_of(header: bytes | None) -> bytes | None:
    try:
        digest = bytes.fromhex((header or b"").decode())
    except ValueError:
        return None
    return digest if len(digest) == _BYTES else None


def _show(src: Src | None) -> str:
    return "null" if src is None else f"{src[0]}.{src[1]}"
