"""Small tables that several test files read."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from handid import findings, record

D_R, D_L = "11k dorsal right", "11k dorsal left"


def row(method="CLIP-FT", metric="rank1", value=90.0, **other):
    """One tidy row; its interval is 4 points below to 2 above unless given."""
    target = other.pop("target", D_R)
    made = {
        "method": method,
        "backbone": "ViT-B/16",
        "train_set": target,
        "test_set": target,
        "metric": metric,
        "value": value,
        "low": value - 4,
        "high": value + 2,
        "n_queries": 971,
        "n_gallery": 290,
        "n_subjects": 71,
        "seed": 0,
        "synthetic": False,
    }
    return {**made, **other}


def tidy(*rows):
    return pd.DataFrame([*rows], columns=record.COLUMNS)


def above(*bars, **other):
    """Rows of evidence.margins: (floor, value, low, high) each."""
    made = [row("CLIP-ZS", value=v, low=lo, high=hi, **other) for _, v, lo, hi in bars]
    return pd.DataFrame(made).assign(over=[name for name, *_ in bars], seeds=1)


def asked(*figures, **other):
    """Rows of evidence.questions: (question, correct, low, high, chance) each."""
    names = ["question", "correct", "low", "high", "chance"]
    made = pd.DataFrame(figures, columns=names)
    plain = {"backbone": "mini-ViT", "weights": "mini", "set": "11k", "synthetic": True}
    return made.assign(n_images=100, **(plain | other))


NONE = asked()


def drawn(method="CLIP-ZS", backbone="ViT-B/16", target=D_R, runs=10):
    hits = {"run": np.repeat(range(runs), 4), "first_hit": [1, 2, 6, 1] * runs}
    per_query = pd.DataFrame(hits | {"ap": [1, 0.5, 0.2, 1] * runs})
    head = {"method": method, "backbone": backbone, "test_set": target}
    return SimpleNamespace(rows=pd.DataFrame([head]), per_query=per_query)


def audit(*views, **changed):
    """What study.audit gives for the complete real sets, but for what is changed."""
    real = findings.PUBLISHED_COUNTS.query("view in @views").reset_index(drop=True)
    return real.assign(**{"train images": 1000}).assign(**changed)


def gains(*bars, seeds=1):
    """Labelled differences (value, low, high)."""
    return pd.DataFrame(
        [
            {"label": f"system {n}", "value": v, "low": lo, "high": hi, "seeds": seeds}
            for n, (v, lo, hi) in enumerate(bars)
        ]
    )


def areas(maps, untrained, random):
    """Areas as study's maps give them: a value a query, and of random orders a list a query."""
    orders = {"map": [[m] for m in maps], "untrained": [[u] for u in untrained], "random": random}
    return pd.DataFrame(
        [
            {"query": query, "order": name, "draw": draw, "area": area}
            for name, queries in orders.items()
            for query, drawn in enumerate(queries)
            for draw, area in enumerate(drawn)
        ]
    )


AREAS = areas([0.2, 0.4], [0.5, 0.3], [[0.5, 0.7], [0.7, 0.7]])
