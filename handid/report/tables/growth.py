"""Searches in a growing gallery, as tables: what was measured, what is foretold, and the check."""

import pandas as pd

from handid.report.growth import METRICS, Growth


def growth(found: Growth) -> pd.DataFrame:
    """One row per size of the gallery: each metric measured and foretold, with intervals."""
    shown = found.curves.assign(
        cell=[_cell(row) for _, row in found.curves.iterrows()],
        column=found.curves["metric"].map(METRICS) + ", " + found.curves["kind"],
    )
    columns = list(dict.fromkeys(shown["column"]))
    table = shown.pivot(index="size", columns="column", values="cell")[columns].fillna("–")
    table.columns.name = None
    table.insert(0, "people enrolled", [f"{size:,}" for size in table.index])
    return table.reset_index(drop=True)


def growth_checks(found: Growth) -> pd.DataFrame:
    """One row per metric: foretold from some people, measured among others, and the difference."""
    lines = [
        {
            "figure": METRICS[row["metric"]],
            "fitted on": f"{found.n_fitted:,}",
            "tested at": f"{row['size']:,}",
            "family": row["family"],
            "foretold": _cell(row, "foretold"),
            "measured": _cell(row, "measured"),
            "foretold minus measured": _cell(row, "difference", ends=("low", "high"), form="+.1f"),
        }
        for _, row in found.checks.iterrows()
    ]
    return pd.DataFrame(lines)


def _cell(
    row: pd.Series,
    name: str = "value",
    *,
    ends: tuple[str, str] | None = None,
    form: str = ".1f",
) -> str:
    """A figure with its interval; a dash where there is none."""
    if pd.isna(row[name]):
        return "–"
    prefix = "" if name == "value" else f"{name}_"
    low, high = (row[end] for end in ends or (f"{prefix}low", f"{prefix}high"))
    text = f"{row[name]:{form}}"
    return text if pd.isna(low) else f"{text} [{low:{form}}, {high:{form}}]"
