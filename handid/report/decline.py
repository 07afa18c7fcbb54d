"""What poor photographs cost: rank-1 by severity, the area below it, and where half of it is lost.

Scores in, tables out; intervals are over people and, of several trainings, over seeds
(handid.statistics).
"""

from collections.abc import Iterable, Sequence
from math import isinf, nan

import numpy as np
import pandas as pd

from handid import statistics
from handid.report.rows import WHAT, Score, labels, mean_over_seeds, of

WHOLE = "whole"
_SYSTEM = [column for column in WHAT if column != "image"]
_ABOUT = [*_SYSTEM, "kind", "degraded", "unit", "harmless", "label"]


def curves(scores: Iterable[Score], steps: pd.DataFrame) -> pd.DataFrame:
    """Rank-1 by severity, from the photograph as it is.

    Args:
        scores: of the whole photograph and of each image of `steps`.
        steps: study.degraded.steps: image, kind, degraded, severity, unit, harmless, amount.

    Returns:
        One row per system, kind, degraded side and severity: those columns, what rows.WHAT says,
        label (of the system), value, low, high in percent. The photograph as it is has amount 0 and
        the harmless severity.
    """
    rows = mean_over_seeds(of(scores).query("metric == 'rank1'")).drop(columns="metric")
    alike = [part.drop(columns="image") for _, part in rows.groupby("test_set", sort=False)]
    rows = rows.assign(label=pd.concat([labels(part, part["method"]) for part in alike]))
    pairs = ["kind", "degraded", "unit", "harmless"]
    start = steps.drop_duplicates(["kind", "degraded"])[pairs]
    start = start.assign(image=WHOLE, severity=start["harmless"], amount=0.0)
    asked = pd.concat([start, steps])
    places = asked.assign(place=asked.groupby(["kind", "degraded"], sort=False).ngroup())
    joined = places.merge(rows, on="image")
    order = ["place", "test_set", "label", "amount"]
    return joined.sort_values(order, kind="stable").drop(columns="place").reset_index(drop=True)


def losses(scores: Iterable[Score], steps: pd.DataFrame) -> pd.DataFrame:
    """Of each curve the area below it and the severity at which half of rank-1 is lost.

    The area is the mean of rank-1 over the severities from none to the worst one asked, by the
    trapezoid rule over the amount. Half is lost where the curve, straight between severities, first
    falls to half of its beginning; its interval is where the interval of the remaining share
    (statistics.ratio) does.

    Returns:
        One row per system, kind and degraded side: what rows.WHAT says but the image, label, kind,
        degraded, unit, harmless; area, area_low, area_high in percent; half, half_low, half_high, a
        severity each, NaN where half is not lost up to the worst one; worst, that severity.
    """
    scores = list(scores)
    answers = _answers(scores)
    rows = []
    for about, part in curves(scores, steps).groupby(_ABOUT, sort=False, dropna=False):
        row = dict(zip(_ABOUT, about, strict=True))
        area = _area([answers[(*about[: len(_SYSTEM)], i)] for i in part["image"]], part["amount"])
        rows.append(row | area | _half(part) | {"worst": part["severity"].iloc[-1]})
    return pd.DataFrame(rows)


def orders(scores: Iterable[Score], steps: pd.DataFrame) -> pd.DataFrame:
    """Whether the order of systems on good photographs is that on poor ones.

    Poor is the first severity at which the system that leads on whole photographs has lost half of
    its rank-1, or the worst one asked. Both orders are of rank-1.

    Returns:
        One row per test set, kind and degraded side: severity, unit, lost (whether the leader has
        lost half there), leader, leader_value and its value there; best, the highest system there,
        and its value; tau, Kendall's rank correlation of the two orders, NaN for one system; value,
        low, high: the best minus the leader there, points, 0 without an interval if they are one;
        p of statistics.sign_flip and p_holm, adjusted for all rows.
    """
    scores = list(scores)
    answers, rows = _answers(scores), []
    keys = ["test_set", "synthetic", "kind", "degraded", "unit"]
    for about, part in curves(scores, steps).groupby(keys, sort=False):
        rows.append(dict(zip(keys, about, strict=True)) | _order(part, answers))
    table = pd.DataFrame(rows)
    return table.assign(p_holm=statistics.holm(table["p"]))


def _order(part: pd.DataFrame, answers: dict[tuple, pd.DataFrame]) -> dict[str, object]:
    """A row of `orders`, from the curves of all systems."""
    good = part[part["amount"] == 0].set_index("label")
    first = str(good["value"].idxmax())
    own = part[part["label"] == first].set_index("amount")["value"]
    whole = own.iloc[0]
    below = own.index[((own <= whole / 2) & (whole > 0)).to_numpy()]  # nothing cannot lose half
    amount = below[0] if len(below) else own.index[-1]
    poor = part[part["amount"] == amount].set_index("label")
    best = str(poor["value"].idxmax())
    order: dict[str, object] = {
        "lost": len(below) > 0,
        "severity": poor["severity"].iloc[0],
        "leader": first,
        "leader_value": poor.loc[first, "value"],
        "best": best,
        "best_value": poor.loc[best, "value"],
        "tau": _tau(good["value"], poor["value"].reindex(good.index)),
    }
    if best == first:
        return order | _NO_DIFFERENCE
    pair = [answers[tuple(poor.loc[name, [*_SYSTEM, "image"]])] for name in (best, first)]
    return order | _difference(*pair)


_NO_DIFFERENCE = {"value": 0.0, "low": nan, "high": nan, "p": nan}


def _answers(scores: Iterable[Score]) -> dict[tuple, pd.DataFrame]:
    """What each system answered on an image: right by query (run, path, subject) and seed."""
    groups: dict[tuple, dict[int, pd.Series]] = {}
    for score in scores:
        first, queries = score.rows.iloc[0], score.per_query.set_index(["run", "path", "subject"])
        right = queries["first_hit"].eq(1.0).astype(float)
        groups.setdefault(tuple(first[[*_SYSTEM, "image"]]), {})[first["seed"]] = right
    return {key: pd.DataFrame(seeds).sort_index() for key, seeds in groups.items()}


def _area(answers: Sequence[pd.DataFrame], amounts: pd.Series) -> dict[str, float]:
    """Mean over the amounts, by the trapezoid rule, with its interval over people and seeds."""
    right = np.stack([one.to_numpy() for one in answers])  # [S, Q, seeds]
    places = amounts.to_numpy(float)
    steps = np.diff(places)[:, None, None]  # as np.trapezoid, which NumPy 1.26 lacks
    areas = (steps * (right[1:] + right[:-1]) / 2).sum(axis=0) / (places[-1] - places[0])
    people = answers[0].index.get_level_values("subject")
    over_people = statistics.interval(areas.mean(axis=1), people, kind="mean")
    low, high, _ = statistics.with_seeds(areas.mean(axis=0), *over_people)
    low, high = np.clip([low, high], 0, 1)
    figures = {"area": areas.mean(), "area_low": low, "area_high": high}
    return {name: 100 * value for name, value in figures.items()}


def _half(part: pd.DataFrame) -> dict[str, float]:
    """Where a curve, and the bounds of the share that is left, fall to one half."""
    figures = [tuple(row) for row in part[["value", "low", "high"]].to_numpy(float)]
    whole = figures[0]
    if not whole[0]:
        return {"half": nan, "half_low": nan, "half_high": nan}
    bounds = [(1.0, 1.0), *(statistics.ratio(figure, whole) for figure in figures[1:])]
    shares = {"half": [figure[0] / whole[0] for figure in figures]}
    shares |= {"half_low": [low for low, _ in bounds], "half_high": [high for _, high in bounds]}
    amounts = part["amount"].to_numpy(float)
    return {name: _severity(_crossing(amounts, values), part) for name, values in shares.items()}


def _crossing(amounts: np.ndarray, shares: Sequence[float]) -> float:
    """The first amount at which straight lines between shares reach one half; NaN if none does."""
    for i in range(1, len(shares)):
        if shares[i] <= 0.5:
            before, after = shares[i - 1], shares[i]
            way = 1.0 if isinf(before) else (before - 0.5) / (before - after)
            return float(amounts[i - 1] + way * (amounts[i] - amounts[i - 1]))
    return nan


def _severity(amount: float, part: pd.DataFrame) -> float:
    """The severity of an amount on the side of a curve's severities."""
    harmless, worst = part["harmless"].iloc[0], part["severity"].iloc[-1]
    if isinf(harmless):
        return 1 / amount
    return harmless + (amount if worst >= harmless else -amount)


def _tau(first: pd.Series, second: pd.Series) -> float:
    """Kendall's tau-b of two orders; NaN where there is no order."""
    pairs = [(a, b) for a in range(len(first)) for b in range(a)]
    signs = [np.sign([s.iloc[a] - s.iloc[b] for s in (first, second)]) for a, b in pairs]
    both = np.array(signs).reshape(-1, 2)
    ties = (both != 0).sum(axis=0)
    return float(both.prod(axis=1).sum() / np.sqrt(ties.prod())) if ties.all() else nan


def _difference(answer: pd.DataFrame, base: pd.DataFrame) -> dict[str, float]:
    """Mean of paired differences, points, with its interval over people and seeds, and its p.

    Each training is compared with the one of its seed, or with the mean of all; p is over people.
    """
    each = [answer[seed] - base.get(seed, base.mean(axis=1)) for seed in answer]
    difference = answer.mean(axis=1) - base.mean(axis=1)
    people = difference.index.get_level_values("subject")
    over_people = statistics.interval(difference, people, kind="difference")
    low, high, _ = statistics.with_seeds([one.mean() for one in each], *over_people)
    figures = {"value": difference.mean(), "low": low, "high": high}
    p = statistics.sign_flip(difference, people)
    return {name: 100 * value for name, value in figures.items()} | {"p": p}
