"""What an interval allows a sentence to say, and the words that several sentences share."""

from collections.abc import Iterable, Sequence
from enum import Enum

import numpy as np
import pandas as pd

LEVEL = 0.05  # of a p value, after Holm's correction


class Verdict(Enum):
    """What is known of a difference; the value is how a sentence says it."""

    HIGHER = "higher; the 95 % interval excludes zero"
    LOWER = "lower; the 95 % interval excludes zero"
    UNCLEAR = "unclear: the 95 % interval includes zero"
    NO_INTERVAL = "unclear: one person gives no interval"
    ONE_OF_MANY = (  # true also where p is above 0.05 without a correction
        "unclear: the 95 % interval excludes zero, but p after Holm's correction is above 0.05"
    )


def verdict(low: float, high: float) -> Verdict:
    """What the interval of a difference says: a bound at zero (to 6 decimals) includes zero.

    Args:
        low: lower bound, in any unit; NaN for no interval.
        high: upper bound.
    """
    if np.isnan(low) or np.isnan(high):
        return Verdict.NO_INTERVAL
    if round(low, 6) > 0:
        return Verdict.HIGHER
    return Verdict.LOWER if round(high, 6) < 0 else Verdict.UNCLEAR


def yes_or_no(over_reference: Verdict, over_controls: Iterable[Verdict]) -> str:
    """Whether a system helps: "Yes", "No" or "Unclear".

    Yes: it is higher than its reference and than every control. No: it is lower than its reference,
    or higher while a control is shown to be better than it. Otherwise unclear.

    Args:
        over_reference: the system minus its reference.
        over_controls: the system minus each control.
    """
    controls = set(over_controls)
    if over_reference is Verdict.HIGHER and controls <= {Verdict.HIGHER}:
        return "Yes"
    beaten = over_reference is Verdict.HIGHER and Verdict.LOWER in controls
    return "No" if beaten or over_reference is Verdict.LOWER else "Unclear"


def joint(answers: Iterable[str]) -> str:
    """One word for several answers: theirs if all agree, else "It depends"."""
    words = set(answers)
    return words.pop() if len(words) == 1 else "It depends"


def of_row(row: pd.Series, chance: float = 0.0) -> Verdict:
    """The verdict on a row of differences, after Holm's correction for the others of its table.

    Args:
        row: low and high; p_holm where it is one of several.
        chance: what an interval is to exclude.
    """
    plain = verdict(row["low"] - chance, row["high"] - chance)
    clear = plain in (Verdict.HIGHER, Verdict.LOWER)
    return Verdict.ONE_OF_MANY if clear and row.get("p_holm", np.nan) > LEVEL else plain


_SHORT = {
    Verdict.HIGHER: "higher",
    Verdict.LOWER: "lower",
    Verdict.UNCLEAR: "includes zero",
    Verdict.NO_INTERVAL: "no interval",
    Verdict.ONE_OF_MANY: "p after Holm's correction above 0.05",
}
_LEVELS = {
    Verdict.HIGHER: "higher",
    Verdict.LOWER: "lower",
    Verdict.UNCLEAR: "unclear",
    Verdict.NO_INTERVAL: "not compared",
    Verdict.ONE_OF_MANY: "unclear after Holm's correction",
}


def of_levels(row: pd.Series) -> str:
    """What one level is beside another, with its p, from their difference (report.apart)."""
    return f"{_LEVELS[of_row(row)]}{p_of(row)}"


def range_of(row: pd.Series) -> str:
    """An interval with a blank before it, " (95 % interval 1.0 to 2.0)"; empty for none."""
    if np.isnan(row["low"]):
        return ""
    return f" (95 % interval {row['low']:.1f} to {row['high']:.1f})"


def line(row: pd.Series) -> str:
    """A labelled difference as one line of a list, with its interval and its verdict."""
    verdict = f"{of_row(row).value}{p_of(row)}"
    return f"- {row['label']}: **{row['value']:+.1f}**{range_of(row)}: {verdict}"


def p_of(row: pd.Series) -> str:
    """A row's p value and, of several, Holm's, with a blank before them; empty for none."""
    p, adjusted = row.get("p", np.nan), row.get("p_holm", np.nan)
    if np.isnan(p):
        return ""
    beside = f", Holm {_p(adjusted)}" if adjusted > p else ""
    return f" (p {_p(p)}{beside})"


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def brief(row: pd.Series) -> str:
    """A difference within a sentence: "over x +2.0 (95 % interval 1.0 to 3.0; higher)"."""
    low, high = row["low"], row["high"]
    bounds = "" if np.isnan(low) else f"95 % interval {low:.1f} to {high:.1f}; "
    return f"{row['name']} {row['value']:+.1f} ({bounds}{_SHORT[of_row(row)]})"


def span(values: Iterable[float], form: str = ".1f") -> str:
    """Several figures: "2.0", or "1.0 to 2.0" where they differ."""
    values = list(values)
    texts = [format(value, form) for value in (min(values), max(values))]
    return " to ".join(dict.fromkeys(texts))


def listed(names: Sequence[str]) -> str:
    """Names as English lists them: "a", "a and b", "a, b and c"; with commas inside, "a, x; b"."""
    if any("," in name for name in names):
        return "; ".join(names)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 view", "2 views"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def not_lower(near: int, others: int) -> str:
    """How many of the systems beside the first one may equal it."""
    after = "shown to be lower after Holm's correction"
    if not others:
        return "nothing stands beside it"
    if not near:
        return f"the other one is {after}" if others == 1 else f"all {others} others are {after}"
    return f"{near} of {counted(others, 'other')} {'is' if near == 1 else 'are'} not {after}"


def about_seeds(rows: pd.DataFrame) -> str:
    """What the intervals of trained systems hold, and which part is the seeds'.

    Args:
        rows: of differences or of rows.mean_over_seeds: seeds, seed_part.
    """
    seeds = int(rows["seeds"].max())
    if seeds == 1:
        return (
            "One seed per training: the interval covers the choice of test people, not of the seed."
        )
    parts = span(100 * rows["seed_part"].dropna(), ".0f")
    return (
        f"Trained rows are means over {seeds} seeds: the interval covers the choice of test people "
        f"and of seeds; the seeds' part of its variance is {parts} %."
    )
