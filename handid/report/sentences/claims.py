"""What became of the claims that were written down before a run."""

import pandas as pd

from handid.report.claims import power
from handid.report.sentences.verdicts import counted


def claims(table: pd.DataFrame, components: pd.DataFrame) -> str:
    """How many rows of a verdict held, each claim in a line, and what could have been seen.

    Args:
        table: as claims.judged returns it.
        components: as claims.variances returns them; may be empty.
    """
    counts = table["held"].value_counts()
    held, failed = int(counts.get("yes", 0)), int(counts.get("no", 0))
    open_ = len(table) - held - failed
    lines = [
        f"**{held} of {counted(len(table), 'comparison')} held, {failed} came out the other way**, "
        f"and {open_} {'is' if open_ == 1 else 'are'} not settled: intervals over people and "
        "trainings, Holm's correction over all comparisons.",
        "",
    ]
    for sentence, part in table.groupby("claim", sort=False):
        answers = "; ".join(_row(row) for _, row in part.iterrows())
        lines.append(f"- *{sentence}* {answers}.")
    return "\n".join([*lines, *_seen(table, components)])


def _row(row: pd.Series) -> str:
    answer = {"yes": "Yes", "no": "No, the other way", "not shown": "Not shown"}[row["held"]]
    return (
        f"{answer} on {row['backbone']}, {row['task']}, {row['people']} people: "
        f"{row['value']:+.1f} points [{row['low']:.1f}, {row['high']:.1f}]"
    )


def _seen(table: pd.DataFrame, components: pd.DataFrame) -> list[str]:
    """What a row of as many people and trainings would have found four times in five."""
    curve = power(components)
    people, seeds = int(table["people"].max()), int(table["seeds"].max())
    near = curve[(curve["people"] <= people) & (curve["seeds"] <= seeds)]
    if near.empty:
        return ["", "With one training of each nothing is known of what a study could have seen."]
    row = near.sort_values(["people", "seeds"]).iloc[-1]
    return [
        "",
        f"{row['people']:.0f} people and {counted(int(row['seeds']), 'training')} see a difference "
        f"of {row['points']:.1f} points four times in five if it is the only comparison; smaller "
        "ones, and one of many after Holm's correction, less often.",
    ]
