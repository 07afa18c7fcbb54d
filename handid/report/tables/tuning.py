"""The values that a tuning chose, and what became of claims, for readers."""

import pandas as pd


def chosen(best: pd.DataFrame) -> pd.DataFrame:
    """One row per system and backbone: its trial, its validation, and the values that it had.

    Args:
        best: one row per system and backbone: method, backbone, trial, validation (percent) and
            changes, a dict.
    """
    return pd.DataFrame(
        {
            "method": best["method"],
            "backbone": best["backbone"],
            "trial": best["trial"],
            "validation mAP, %": best["validation"],
            "values": [
                ", ".join(f"{k} {_short(v)}" for k, v in c.items()) for c in best["changes"]
            ],
        }
    )


def verdict(judged: pd.DataFrame) -> pd.DataFrame:
    """One row per claim, backbone, task and number of people, as claims.judged returns them."""
    difference = [
        f"{row.value:+.1f} [{row.low:.1f}, {row.high:.1f}]" for row in judged.itertuples()
    ]
    return pd.DataFrame(
        {
            "claim": judged["claim"],
            "held": judged["held"],
            "difference, points": difference,
            "p (Holm)": ["< 0.001" if p < 0.001 else f"{p:.3f}" for p in judged["p_holm"]],
            "backbone": judged["backbone"],
            "test set": judged["test_set"],
            "task": judged["task"],
            "people": judged["people"],
            "seeds": judged["seeds"],
        }
    )


def _short(value: object) -> str:
    return f"{value:.2g}" if isinstance(value, float) else str(value)
