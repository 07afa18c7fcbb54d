"""What a tuning says: whether all had as many trials, and whether more would change the order."""

import pandas as pd

from handid.report.sentences.verdicts import counted, listed


def tuning(trials: pd.DataFrame, curves: pd.DataFrame) -> str:
    """Whether all systems had as many trials, and their order had settled; a line per backbone.

    Args:
        trials: one row per trial: system, method, backbone, diverged (a sentence, or "").
        curves: expected best validation: method, backbone, trials, best.
    """
    if curves.empty:
        return "**Unclear**: no trial was drawn, only the recipes' own values were tried."
    parts = {str(name): part for name, part in curves.groupby("backbone", sort=False)}
    changes = {name: _changed(part) for name, part in parts.items()}
    settled = not any(changes.values())
    counts = trials.groupby(["system", "backbone"]).size()
    least, most = int(counts.min()), int(counts.max())
    answer = f"Yes: {counted(most, 'trial')} each" if least == most else f"No: {least} to {most}"
    diverged = int(trials["diverged"].ne("").sum())
    lines = [
        f"**{answer}**, the recipe's own values first; {counted(diverged, 'trial')} diverged. "
        f"Twice the trials {'did not change' if settled else 'changed'} the order of systems by "
        "expected best validation.",
        "",
    ]
    for name, part in parts.items():
        most = int(part["trials"].max())
        last = part[part["trials"] == most].sort_values("best", ascending=False, kind="stable")
        best = ", ".join(f"{row.method} {row.best:.1f}" for row in last.itertuples())
        swaps = changes[name]
        moved = f"; from {_half(part)} trials on, {listed(swaps)} changed places" if swaps else ""
        lines.append(f"- {name}, mAP in percent expected of the best of {most}: {best}{moved}.")
    return "\n".join(lines)


def _half(curves: pd.DataFrame) -> int:
    return max(1, int(curves["trials"].max()) // 2)


def _changed(curves: pd.DataFrame) -> list[str]:
    """Pairs of systems of one backbone whose order is another one with half of the trials."""
    by_number = {
        int(str(number)): part.set_index("method")["best"]
        for number, part in curves.groupby("trials")
    }
    half, whole = by_number[_half(curves)], by_number[max(by_number)]
    names = list(whole.index)
    return [
        f"{one} and {other}"
        for place, one in enumerate(names)
        for other in names[place + 1 :]
        if (half[one] - half[other]) * (whole[one] - whole[other]) < 0
    ]
