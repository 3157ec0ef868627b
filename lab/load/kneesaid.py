"""The knee in a sentence: an interval of all repeats, how many of them agree, what broke it."""

from math import inf

from lab.load.scenario import Knee


def interval_of(ends: list[tuple[float, float | None]]) -> tuple[float, float | None] | None:
    """From what every repeat kept to what every repeat broke at."""
    if not ends:
        return None
    highs = [high for _, high in ends if high is not None]
    return min(low for low, _ in ends), max(highs) if len(highs) == len(ends) else None


def sentence(
    ends: list[tuple[float, float | None]], interval: tuple[float, float | None] | None, stages: dict[str, int],
    spoiled: int, unfinished: int, knee: Knee,
) -> str:  # fmt: skip
    """Where it lies, by which repeats, and what broke it; `spoiled`, `unfinished`: repeats that somebody else ended."""
    promise, whole, unit = f"p99 ≤ {knee.freshness_p99_ms:,.0f} ms", knee.repeats, knee.unit
    others = _others(spoiled, unfinished, knee)
    if interval is None:
        return f"nothing can be said of {promise}{others}"
    low, high = interval
    by_repeat = ", ".join(f"{one:,.0f} to {'–' if other is None else f'{other:,.0f}'}" for one, other in ends)
    none = sum(1 for one, _ in ends if not one)
    if high is None:
        broke = [other for _, other in ends if other is not None]
        place = f"above {low:,.0f} {unit}, where no knee was found"
        if broke:
            place = f"above {low:,.0f} {unit}: {len(broke)} of {len(ends)} repeats broke, by {max(broke):,.0f} {unit}"
    elif not low:
        first = "step" if knee.is_of_centres else "rate"
        place = f"below {high:,.0f} {unit}: in {none} of {len(ends)} repeats not even the first {first} was kept"
    else:
        place = f"the knee lies between {low:,.0f} and {high:,.0f} {unit}; {_agreement(ends, unit)}"
    blame = ", ".join(f"{stage} ({times} of {whole})" for stage, times in sorted(stages.items(), key=lambda p: -p[1]))
    blame = f"; what broke it: {blame}" if blame else "; nothing broke within the steps"
    return f"{place} ({promise}; kept to broken, by repeats: {by_repeat}){blame}{others}"


def _others(spoiled: int, unfinished: int, knee: Knee) -> str:
    whole = knee.repeats
    told = f"; in {spoiled} of {whole} repeats the generator was late or others had the machine" if spoiled else ""
    return told + (f"; {unfinished} of {whole} repeats did not come to their end in time" if unfinished else "")


def _agreement(ends: list[tuple[float, float | None]], unit: str) -> str:
    """How many repeats can mean the same rate: the others have shown another one, and so may the next."""
    if len(ends) == 1:
        return "by one repeat, which nobody has confirmed"
    together = max(
        ([each for each in ends if each[0] <= low < (each[1] or inf)] for low, _ in ends), key=len
    )  # fmt: skip
    if len(together) <= 1:
        return f"no two of {len(ends)} repeats agree, so that another one may lie elsewhere"
    least, most = max(low for low, _ in together), min(high or inf for _, high in together)
    at = f"{least:,.0f} to {most:,.0f} {unit} are within each of theirs"
    if len(together) == len(ends):
        return f"all {len(ends)} repeats agree: {at}"
    return f"{len(together)} of {len(ends)} repeats agree: {at}, and not within those of the others"
