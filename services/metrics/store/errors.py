"""What can be wrong with the stored figures.

StoreError
├── TornError            the figures cannot be trusted: wipe them and count again
├── RefusedError         somebody else has taken or moved the partition: read the position again
├── WipingError          somebody wipes the figures just now: help, then read the position again
└── UnavailableError     Redis did not answer, or not now: nothing is known about what was sent
"""


class StoreError(Exception):
    """Any of them."""


class TornError(StoreError):
    """Figures or positions are not what was last written. `build` is the build to wipe, "" when there is none."""

    def __init__(self, reason: str, build: str) -> None:
        super().__init__(reason)
        self.build = build


class RefusedError(StoreError):
    """The position, its epoch or the build are not those that the writer holds; `is_fenced`: it has a newer owner."""

    def __init__(self, is_fenced: bool) -> None:
        super().__init__("a newer owner has the partition" if is_fenced else "Redis holds another build or position")
        self.is_fenced = is_fenced


class WipingError(StoreError):
    """The figures of `build` are being wiped."""

    def __init__(self, build: str) -> None:
        super().__init__("the figures are being wiped")
        self.build = build


class UnavailableError(StoreError):
    """No answer, or one that says later."""
