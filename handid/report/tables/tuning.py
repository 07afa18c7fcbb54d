"""The values that a tuning chose, for readers."""

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


def _short(value: object) -> str:
    return f"{value:.2g}" if isinstance(value, float) else str(value)
