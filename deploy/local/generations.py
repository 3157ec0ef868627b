"""Which generations of the fold a local stack runs: the live one, and one beside it; written down in its state directory."""

import subprocess
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from deploy.local.errors import GenerationError
from deploy.local.programs import Program
from deploy.local.settings import PORTS, python
from services.processing.domain.generation import GEN

FILE = "generations.json"
ASK_CODE_SECONDS = 30.0
# Who judges dossiers, and so runs the code of the generation itself; audit judges them by a plainer code of the same rules.
_FOLDS = ("processing", "processing-api", "audit")
CONCERNED = ("processing", "processing-api", "metrics", "metrics-api", "audit")


class Generation(Struct, frozen=True, forbid_unknown_fields=True):
    """A generation: the number in its names, the number of the fold that works it out, and the directory of that fold's code
    where it is not this one. `was_live`: somebody has read from it."""

    gen: int
    fold: int
    code: str | None = None
    was_live: bool = False


class Generations(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a stack runs. `counters`: the counters of the live one are built once more, beside. `removed`: the highest number
    that was taken away. `going`: the one beside is being taken away, so nothing of it runs, and it never gets live."""

    live: Generation
    beside: Generation | None = None
    counters: bool = False
    removed: int = 0
    going: bool = False

    def runs(self, program: Program) -> bool:
        """Whether the stack has this program now."""
        if program.kind != "beside":
            return True
        if program.name == "counters-beside":
            return self.counters
        if self.beside is None or self.going:
            return False
        return program.name != "processing-beside" or lacking(self.beside) is None

    def environment(self, program: Program, port_base: int) -> dict[str, str]:
        """What a program is told of generations."""
        if program.kind == "beside":
            gen = self.beside.gen if self.beside is not None and program.name != "counters-beside" else self.live.gen
            port = str(port_base + PORTS[program.name])
            told = {"MOTCUA_LIVE_GEN": str(self.live.gen), "MOTCUA_GEN": str(gen)}
            part = "PROCESSING" if program.name == "processing-beside" else "METRICS"
            told[f"MOTCUA_{part}_WORKER_PORT"] = port
            return told | ({"MOTCUA_METRICS_BESIDE": "1"} if program.name == "counters-beside" else {})
        if program.name not in CONCERNED:
            return {}
        live = str(self.live.gen)
        return {"MOTCUA_LIVE_GEN": live} | ({"MOTCUA_GEN": live} if self.live.gen != self.live.fold else {})

    def code(self, program: Program) -> Path | None:
        """The directory of the code that a program runs, None for this one; GenerationError when it is not to be had."""
        whose = self.live if program.name in _FOLDS else self.beside if program.name == "processing-beside" else None
        return None if whose is None else code_of(whose)


def lacking(of: Generation) -> str | None:
    """None when the code of a generation is to be had, else what to do."""
    if of.fold == GEN:
        return None
    if of.code is None:
        return (
            f"Generation {of.gen} was worked out by fold {of.fold}, and the code here is fold {GEN}: keep the "
            f"former release in a directory of its own and name it with make generation ARGS='former --code DIR'."
        )
    # Python would find this code instead, and say nothing.
    if not (Path(of.code) / "services").is_dir():
        return (
            f"Generation {of.gen} was worked out by fold {of.fold}, whose code is in {of.code} no more: name the directory "
            f"where it is with make generation ARGS='former --code DIR'."
        )
    return None


def code_of(of: Generation) -> Path | None:
    """The directory of a generation's code, None for this one; GenerationError when it is not to be had."""
    if (lack := lacking(of)) is not None:
        raise GenerationError(lack)
    return None if of.fold == GEN or of.code is None else Path(of.code)


# What a stack runs that nobody has told anything.
BEGIN = Generations(Generation(GEN, GEN))


def read(directory: Path) -> Generations | None:
    """What is written down, None where nothing is."""
    try:
        return msgspec.json.decode((directory / FILE).read_bytes(), type=Generations)
    except (FileNotFoundError, NotADirectoryError):
        return None  # that a directory is none is said where it is claimed
    except (OSError, msgspec.MsgspecError) as error:
        raise GenerationError(f"{directory / FILE} cannot be read: {error}") from error


def write(directory: Path, generations: Generations) -> None:
    """Writes it down in one step: whoever reads sees the former or the latter."""
    new = directory / f"{FILE}.new"
    new.write_bytes(msgspec.json.encode(generations) + b"\n")
    new.replace(directory / FILE)


def switched(generations: Generations) -> Generations:
    """The one beside becomes the live one, and the live one goes on beside it: switching once more leads back."""
    live, beside = generations.live, generations.beside
    assert beside is not None, "asked before"
    return structs.replace(
        generations, live=structs.replace(beside, was_live=True), beside=structs.replace(live, was_live=True)
    )


def named(generations: Generations, fold: int, code: Path) -> Generations:
    """The live one and the one beside, as far as they are of that fold, are worked out by the code in a directory."""
    both = {"live": generations.live, "beside": generations.beside}
    mine = {name: structs.replace(of, code=str(code)) for name, of in both.items() if of is not None and of.fold == fold}
    return structs.replace(generations, **mine)


def without(generations: Generations, gone: Generation) -> Generations:
    """What is left when the one beside is taken away."""
    return structs.replace(generations, beside=None, going=False, removed=max(generations.removed, gone.gen))


def following(generations: Generations, fold: int, present: frozenset[int]) -> int:
    """The number of a generation that begins now: the fold's own, or the first free one behind it. None is taken twice:
    dumps hold what was built under it before, and whoever puts one back would go on from another fold's positions."""
    gen = max(generations.live.gen + 1, generations.removed + 1, fold)
    while gen in present:
        gen += 1
    return gen


def fold_of(code: Path) -> int:
    """The number of the fold whose code lies in a directory."""
    asked = [interpreter(code), "-c", "from services.processing.domain.generation import GEN; print(GEN)"]
    try:
        told = subprocess.run(asked, cwd=code, capture_output=True, text=True, timeout=ASK_CODE_SECONDS)
        return int(told.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise GenerationError(f"{code} holds no code of processing that says its generation: name a checkout.") from error


def interpreter(code: Path | None) -> str:
    """The Python that code runs on: its own, if it has one."""
    own = None if code is None else code / ".venv" / "bin" / "python"
    return str(own) if own is not None and own.exists() else python()
