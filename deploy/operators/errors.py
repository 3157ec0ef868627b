"""What can stop the operators' tool, each with its remedy.

OperatorError
├── KafkaUnavailableError     look at the brokers, run it again
├── RedisUnavailableError     look at Redis, run it again
├── NotWorkedOffError         look at the service that is behind; what was stored stays stored
├── UnknownRulesError         name a digest that is there, or activate a directory
├── TopicDiffersError         set the topic right by hand: an archive is never altered in passing
├── ArchiveError              this archive cannot be opened as asked
│   ├── ForeignArchiveError       the topic holds something else
│   ├── OtherClockError           it is driven by the other clock
│   ├── OtherClusterError         it lies in another cluster
│   └── NotOpenError              open it first
├── FilesError                the reference files are wrong: correct them
├── CodesLostError            look whether these are the right files, or say that it is meant
├── DoorError                 a service did not answer as it should: look at it, run it again
├── KeyFileError              a file that is named holds no key: write one into it, or set the key itself
├── JournalError              what is done cannot be written down, so nothing is done
├── NoLetterError             there is no such dead letter
├── LeavesBehindError         bring in what lies at that edge, or say that it is meant
├── CarriedFileError          a carried file cannot be taken, or not now
├── NotThereYetError          wait until what is built beside has come that far
├── NoFiguresError            wait until the counters of both are sound, then compare again
├── NotAnsweredError          a fold's own code did not say how dossiers stand: look at what it wrote
└── InUseError                a generation that somebody reads or builds is not removed
"""


class OperatorError(Exception):
    """The tool cannot do what was asked; the text is for the operator."""


class KafkaUnavailableError(OperatorError):
    def __init__(self, bootstrap: str, doing: str, reason: str) -> None:
        super().__init__(f"Kafka at {bootstrap} could not {doing}: {reason}. Look at the brokers, then run it again.")


class RedisUnavailableError(OperatorError):
    def __init__(self, url: str, reason: str) -> None:
        address = url.rsplit("@", 1)[-1]  # without the password that may stand before it
        super().__init__(
            f"Redis at {address} does not say how far the services are: {reason}. Look at it, then run it again."
        )


class NotWorkedOffError(OperatorError):
    def __init__(self, service: str, partitions: list[int], within_seconds: float) -> None:
        super().__init__(
            f"The activation is stored, and {service} has not worked it off after {within_seconds:.0f} s in partition(s) "
            f"{', '.join(str(each) for each in partitions)}: look at its log (make logs). It goes on without this command."
        )


class UnknownRulesError(OperatorError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}.")


class TopicDiffersError(OperatorError):
    def __init__(self, differences: list[str]) -> None:
        super().__init__(
            "Topics are not as the contract says: " + "; ".join(differences) + ". Set them right, then run it again."
        )
        self.differences = differences


class ArchiveError(OperatorError):
    """This archive cannot be opened as asked."""


class ForeignArchiveError(ArchiveError):
    def __init__(self, partition: int, offset: int, found: str) -> None:
        super().__init__(
            f"dossier.reported[{partition}] holds at offset {offset} {found} where the opening of an archive belongs: "
            f"this topic was not opened by this tool and is left as it is."
        )
        self.partition = partition


class OtherClockError(ArchiveError):
    def __init__(self, partition: int, kept: str, asked: str) -> None:
        super().__init__(
            f"The archive (dossier.reported[{partition}]) is driven by CLOCK={kept} for ever and cannot be driven by "
            f"CLOCK={asked}: set MOTCUA_CLOCK={kept}."
        )


class OtherClusterError(ArchiveError):
    def __init__(self, partition: int, kept: str, asked: str) -> None:
        super().__init__(
            f"The archive (dossier.reported[{partition}]) was opened in cluster {kept} and this is cluster {asked}: "
            f"look for the right brokers."
        )


class NotOpenError(ArchiveError):
    def __init__(self) -> None:
        super().__init__(
            "The archive is not opened yet: open it first (make up does), that activates the present files too."
        )


class FilesError(OperatorError):
    def __init__(self, directory: str, reason: str) -> None:
        super().__init__(f"The reference files in {directory} are not right: {reason}")


class CodesLostError(OperatorError):
    def __init__(self, directory: str, codes: list[str]) -> None:
        shown = f"{', '.join(codes[:5])}{f' and {len(codes) - 5} more' if len(codes) > 5 else ''}"
        super().__init__(
            f"Nothing is activated: the files in {directory} lack codes that the rules in force know ({shown}). Are they "
            f"the right ones? A unit that ends keeps its row and gets a valid_to (docs/OPERATIONS.md); or say --really."
        )


class DoorError(OperatorError):
    def __init__(self, door: str, reason: str) -> None:
        super().__init__(f"{door} did not answer as it should: {reason}")


class KeyFileError(OperatorError):
    def __init__(self, file: str, instead_of: str, reason: str) -> None:
        super().__init__(
            f"There is no key in {file} ({instead_of}_FILE): {reason}. Write it there, or set {instead_of} instead: "
            f"docs/DEAD_LETTERS.md says how, also for keys that an older release has made."
        )


class JournalError(OperatorError):
    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file}: {reason}. Nothing more is done than what it says.")


class NoLetterError(OperatorError):
    def __init__(self, partition: int, offset: int) -> None:
        super().__init__(f"There is no dead letter at {partition}:{offset}: `list` prints the places.")


class LeavesBehindError(OperatorError):
    def __init__(self, source: str, what: str) -> None:
        super().__init__(
            f"{source} is not retired: {what}. Bring in first what lies there (docs/EDGE.md), or say --really: the audit "
            f"lists what is known of it from then on."
        )


class CarriedFileError(OperatorError):
    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file}: {reason}.")


class NotThereYetError(OperatorError):
    def __init__(self, gen: int, partition: int) -> None:
        super().__init__(
            f"Generation {gen} has not come far enough in partition {partition}: wait until it has caught up "
            f"(make generation), then run it again."
        )


class NoFiguresError(OperatorError):
    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The counters of {name} cannot be compared: {reason}. Look at its log, then run it again.")


class NotAnsweredError(OperatorError):
    def __init__(self, gen: int, reason: str) -> None:
        super().__init__(f"The code of generation {gen} does not say how dossiers stand: {reason}.")


class InUseError(OperatorError):
    def __init__(self, gen: int, reason: str) -> None:
        super().__init__(f"Generation {gen} is not removed: {reason}.")
