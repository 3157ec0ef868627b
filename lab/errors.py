"""What can go wrong in the lab, named for its remedy.

LabError
├── FactsError         the facts file needs a correction
├── UnsolvableError    figures contradict each other
├── RefusedError       the generator is at fault
├── UnreachableError   a service is down
├── NotCountedError    processing or metrics stands still
├── NotMovedError      a day that matters is needed
├── ForeignStateError  another state directory is needed
├── ScenarioError      the scenario's file needs a correction
├── LinksError         a program is missing, or a proxy does not answer
├── TooSlowError       a process of the generator needs more time, or a quieter machine
└── AddressError       another address, or leave to use it, is needed
"""


class LabError(RuntimeError):
    """The demo cannot go on; the sentence says what to do."""


class FactsError(LabError):
    """The facts file needs a correction; says which and where."""


class UnsolvableError(LabError):
    """The figures contradict each other or leave no room; says which."""


class RefusedError(LabError):
    """Intake refused an event: the generator is at fault, sending again cannot help."""


class UnreachableError(LabError):
    """A service did not answer for too long: look at its log and start again."""


class NotCountedError(LabError):
    """What was stored was not counted in time: look at processing and metrics."""


class NotMovedError(LabError):
    """A correction moved nothing: name another day."""


class ForeignStateError(LabError):
    """The state directory holds somebody's own archive: name another one."""


class ScenarioError(LabError):
    """A scenario's file needs a correction; says which member and why."""


class LinksError(LabError):
    """Links cannot be made: a program is missing, or a proxy does not answer."""


class TooSlowError(LabError):
    """A process of the generator did not say in time what it was asked: the machine is too busy, or it hangs."""


class AddressError(LabError):
    """Load may not be sent to this address; says how to allow it."""
