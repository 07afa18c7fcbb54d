"""All figures of one comparison of people: rates, searches and costs with their intervals, curves.

Comparisons and searches in, tables out. Rates and costs that compare pairs of people get the
jackknife's interval, shares over people Clopper and Pearson's; each row has the floor below which
so many people support no value.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from handid import statistics
from handid.evidence import jackknife, likelihood_ratio, verification
from handid.evidence.calibration import Calibration
from handid.evidence.scores import Comparisons

PRIORS = np.linspace(-3, 3, 61)  # log10 odds of the cross-entropy plot
BITS = ("cllr", "cllr_min", "cllr_cal")

Ratios = tuple[np.ndarray, np.ndarray]


def ratios(calibration: Calibration, among: Comparisons) -> Ratios:
    """Log10 likelihood ratios; NaN for a failure, which gives no ratio."""
    return calibration.log10_lr(among.mated), calibration.log10_lr(among.nonmated)


def figures(
    among: Comparisons,
    threshold: float,
    searches: pd.DataFrame,
    search_threshold: float,
    ratios: Ratios | None,
) -> pd.DataFrame:
    """Every figure that can be had.

    Args:
        among: comparisons of test people.
        threshold: of one comparison; NaN for none.
        searches: person, kind ("mated", "absent" or "extra"), rank, score; NaN for a failure.
        search_threshold: of a search; NaN for none.
        ratios: log10 likelihood ratios of the comparisons; None for none.

    Returns:
        One row per figure: metric, value, low, high, floor; shares but for cllr, cllr_min and
        cllr_cal, which are bits and have the floor 0.
    """
    rows = _pairwise(among.mated, among.nonmated, among, {"eer": verification.eer})
    if np.isfinite(threshold):
        rows += _pairwise(
            among.mated,
            among.nonmated,
            among,
            {"fmr": lambda _, other: verification.fmr_at(other, threshold)},
        )
        rows += _share("fnmr", ~(among.mated >= threshold), among.people)
    rows += _identification(searches, search_threshold)
    if ratios is not None:
        rows += _costs(among, ratios)
    return pd.DataFrame(rows, columns=["metric", "value", "low", "high", "floor"])


def _pairwise(
    mated: np.ndarray,
    nonmated: np.ndarray,
    among: Comparisons,
    statistics_: dict[str, Callable[[np.ndarray, np.ndarray], float]],
) -> list[tuple]:
    """Rows of figures that compare pairs of people, each person left out in turn."""

    def all_of_them(same: np.ndarray, other: np.ndarray) -> list[float]:
        return [figure(same, other) for figure in statistics_.values()]

    found = jackknife.intervals(all_of_them, (mated, among.people), (nonmated, among.pairs))
    floor = verification.floor(len(np.unique(among.pairs)))
    rows = []
    for name, (value, low, high) in zip(statistics_, found, strict=True):
        least, most = (0.0, np.inf) if name in BITS else (floor, 1.0)
        rows.append((name, value, *np.clip([low, high], 0, most).tolist(), least))
    return rows


def _costs(among: Comparisons, ratios: Ratios) -> list[tuple]:
    """What the ratios cost, in bits, and how many of them mislead."""
    same, other = (np.isfinite(part) for part in ratios)  # a failure has no ratio
    kept = Comparisons(ratios[0][same], among.people[same], ratios[1][other], among.pairs[other])
    costs = {
        "cllr": likelihood_ratio.cllr,
        "cllr_min": likelihood_ratio.cllr_min,
        "cllr_cal": likelihood_ratio.cllr_cal,
        "misleading_nonmated": lambda *parts: likelihood_ratio.misleading(*parts)[1],
    }
    rows = _pairwise(kept.mated, kept.nonmated, kept, costs)
    return rows + _share("misleading_mated", kept.mated < 0, kept.people)


def _identification(searches: pd.DataFrame, threshold: float) -> list[tuple]:
    """Searches of people who are enrolled, and of those who are not."""
    mated = searches[searches["kind"] == "mated"]
    found = mated["score"] >= threshold  # False for a failure
    rows = _share("miss1", ~(mated["rank"] <= 1) | mated["score"].isna(), mated["person"])
    if np.isnan(threshold):
        return rows
    for name, rank in (("fnir", 1), ("fnir5", 5)):
        rows += _share(name, ~(mated["rank"] <= rank) | ~found, mated["person"])
    for name, kinds in (("fpir", ("absent", "extra")), ("fpir_extra", ("extra",))):
        others = searches[searches["kind"].isin(kinds)]
        rows += _share(name, others["score"] >= threshold, others["person"])
    return rows


def _share(name: str, errors: np.ndarray | pd.Series, people: np.ndarray | pd.Series) -> list:
    """The row of a share of errors over people; none where there is nobody."""
    errors = np.asarray(errors, dtype=np.float64)
    if not len(errors):
        return []
    people = np.asarray(people)
    low, high = statistics.interval(errors, people, kind="share")
    return [(name, errors.mean(), low, high, verification.floor(len(np.unique(people))))]


def tippett(among: Comparisons, ratios: Ratios | None, floor: float) -> pd.DataFrame:
    """Shares at or above each log10 ratio, with intervals over people."""
    if ratios is None:
        return pd.DataFrame()
    both = np.concatenate(ratios)
    places = np.linspace(np.nanmin(both) - 0.1, np.nanmax(both) + 0.1, 48)
    places = np.unique(np.append(places, 0.0))

    def above(same: np.ndarray, other: np.ndarray) -> np.ndarray:
        parts = (np.sort(part[np.isfinite(part)]) for part in (same, other))
        return np.concatenate([1 - np.searchsorted(p, places, side="left") / len(p) for p in parts])

    found = jackknife.intervals(above, (ratios[0], among.people), (ratios[1], among.pairs))
    table = np.clip(found, 0, 1).reshape(2, len(places), 3)
    # Where nobody errs the jackknife sees no variance: the floor is what these people support.
    table[..., 2] = np.where(table[..., 0] < floor, np.fmax(table[..., 2], floor), table[..., 2])
    table[..., 1] = np.where(
        table[..., 0] > 1 - floor, np.fmin(table[..., 1], 1 - floor), table[..., 1]
    )
    names = [f"{kind}{end}" for kind in ("mated", "nonmated") for end in ("", "_low", "_high")]
    return pd.DataFrame(np.concatenate(list(table), axis=1), columns=names).assign(llr=places)


def entropy(ratios: Ratios | None) -> pd.DataFrame:
    """Bits by prior odds: of the ratios, of the best in their order, and of no evidence."""
    if ratios is None:
        return pd.DataFrame()
    ratios = (ratios[0][np.isfinite(ratios[0])], ratios[1][np.isfinite(ratios[1])])
    kinds = {
        "system": ratios,
        "pav": likelihood_ratio.pav(*ratios),
        "neutral": (np.zeros(1), np.zeros(1)),
    }
    bits = {
        name: likelihood_ratio.ece(same, other, PRIORS) for name, (same, other) in kinds.items()
    }
    return pd.DataFrame({"prior": PRIORS, **bits})


def pav(among: Comparisons, calibration: Calibration | None) -> pd.DataFrame:
    """Calibrated and best order-keeping ratio by score."""
    if calibration is None:
        return pd.DataFrame()
    kept = [part[np.isfinite(part)] for part in (among.mated, among.nonmated)]
    same, other = likelihood_ratio.pav(kept[0], kept[1])
    best = np.concatenate([same, other])
    table = pd.DataFrame({"score": np.concatenate(kept), "best": best})
    table = table.drop_duplicates().sort_values("score", ignore_index=True)
    return table.assign(line=calibration.log10_lr(table["score"]))
