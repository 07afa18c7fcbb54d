"""What poor photographs cost, as tables: areas and half losses by system, and orders of systems."""

from math import isnan

import pandas as pd


def losses(table: pd.DataFrame) -> pd.DataFrame:
    """One row per degradation and system: area and half loss, query only and both.

    Args:
        table: of handid.report.decline.losses, of one test set.
    """
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for _, row in table.iterrows():
        line = lines.setdefault((row["kind"], row["label"]), {})
        line[f"area, {row['degraded']}"] = (
            f"{row['area']:.1f} [{row['area_low']:.1f}, {row['area_high']:.1f}]"
        )
        line[f"half lost at, {row['degraded']}"] = _half(row)
    rows = [{"degradation": kind, "method": label} | line for (kind, label), line in lines.items()]
    return pd.DataFrame(rows)


def _half(row: pd.Series) -> str:
    """The severity with its interval; "beyond 6" where half is not lost up to 6."""
    beyond = f"beyond {row['worst']:.3g}"
    if not row["unit"]:
        return "no" if isnan(row["half"]) else "yes"
    ends = [beyond if isnan(end) else f"{end:.3g}" for end in (row["half_low"], row["half_high"])]
    return f"{beyond if isnan(row['half']) else format(row['half'], '.3g')} [{', '.join(ends)}]"


def orders(table: pd.DataFrame) -> pd.DataFrame:
    """One row per degradation and side: who leads on good photographs and who on poor ones.

    Args:
        table: of handid.report.decline.orders, of one test set.
    """
    lines = [
        {
            "degradation": row["kind"],
            "degraded": row["degraded"],
            "poor is": f"{row['severity']:g}" if row["unit"] else "done",
            "leads on good ones": f"{row['leader']} ({row['leader_value']:.1f} % there)",
            "leads on poor ones": f"{row['best']} ({row['best_value']:.1f} %)",
            "Kendall's tau": "–" if isnan(row["tau"]) else f"{row['tau']:.2f}",
        }
        for _, row in table.iterrows()
    ]
    return pd.DataFrame(lines)
