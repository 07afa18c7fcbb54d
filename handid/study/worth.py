"""What a match of an experiment is worth on its own target: comparisons, searches, ratios, groups.

Test people are compared; the threshold and the calibration come from development people, who are
the training people: a held-out photograph of each beside those that the network was trained on.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from handid import evidence, protocol, statistics
from handid.evidence import calibration, jackknife, likelihood_ratio, open_set, verification
from handid.study import network as networks
from handid.study.experiment import Experiment
from handid.study.photographs import Photographs
from handid.train import Engine

REPEATS = 20  # random halves of the test people who are enrolled
PRIORS = np.linspace(-3, 3, 61)  # log10 odds of the cross-entropy plot
GROUPS = {"age": "age", "gender": "gender", "skin_color": "skin", "nail_polish": "nail polish"}


class Comparisons(NamedTuple):
    """Comparisons of photographs, none with itself.

    Attributes:
        mated: [M] scores of the same hand.
        people: [M] whose.
        nonmated: [N] scores of different people's hands.
        pairs: [N, 2] whose.
    """

    mated: np.ndarray
    people: np.ndarray
    nonmated: np.ndarray
    pairs: np.ndarray


@dataclass(frozen=True)
class Worth:
    """What a match of one experiment is worth.

    Attributes:
        name: method and backbone.
        place: the target, which says whether it is synthetic.
        n_people: test people.
        n_development: people of the threshold and the calibration.
        n_gallery: people who are enrolled in a search.
        floor: error rate below which so many test people support nothing.
        threshold: of the operating point, from development people.
        fmr: false match rate that it was set to there.
        figures: metric -> value, low, high.
        scores: mated and non-mated scores of the test people.
        tippett: llr, and shares of mated and nonmated ratios at or above it with their low and high
            over people; empty where it could not be calibrated.
        entropy: prior (log10 odds) and bits: system, pav, neutral; empty likewise.
        calibration: of scores; None with the reason in `refusal`.
        refusal: one sentence, or empty.
        det: of verification.det.
        search: of open_set.curve.
        groups: attribute, group, n_people, metric, share, low, high.
    """

    name: str
    place: str
    n_people: int
    n_development: int
    n_gallery: int
    floor: float
    threshold: float
    fmr: float
    figures: pd.DataFrame
    scores: tuple[np.ndarray, np.ndarray]
    tippett: pd.DataFrame
    entropy: pd.DataFrame
    calibration: calibration.Calibration | None
    refusal: str
    det: pd.DataFrame
    search: pd.DataFrame
    groups: pd.DataFrame

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest log10 likelihood ratio that its people support; 0 for none."""
        found = self.calibration
        return (0.0, 0.0) if found is None else (found.low, found.high)

    def factor(self, score: float) -> float:
        """The likelihood ratio of a score, within the bounds; 1 where nothing is known."""
        found = self.calibration
        return 1.0 if found is None else float(10 ** found.log10_lr([score])[0])


def of(
    experiment: Experiment, photographs: Photographs, engine: Engine, fmr: float, name: str
) -> Worth:
    """What a match of an experiment is worth on its own target.

    Args:
        experiment: whose embeddings are compared.
        photographs: of the study.
        engine: device and precision.
        fmr: false match rate at which the threshold is set, a share.
        name: of the experiment, for titles.
    """
    trains, tests = photographs.halves(experiment.target)
    kept, held_out = protocol.validation(trains, experiment.seed)
    rows = [tests, kept, held_out]
    test, known, new = (_unit(experiment, part, photographs, engine) for part in rows)
    among = _among(test, tests["subject"].to_numpy())
    development = _between(new, held_out["subject"].to_numpy(), known, kept["subject"].to_numpy())
    threshold = verification.threshold_at(development.nonmated, fmr)
    fitted, refusal = _calibrated(development)
    ratios = None
    if fitted is not None:
        ratios = (fitted.log10_lr(among.mated), fitted.log10_lr(among.nonmated))
    searches = _searches(test, tests["subject"].to_numpy())
    mated = searches[searches["mated"]]
    best = searches.loc[~searches["mated"], "score"]
    n_people = tests["subject"].nunique()
    return Worth(
        name,
        photographs.label(experiment.target),
        n_people,
        held_out["subject"].nunique(),
        n_people // 2,
        verification.floor(n_people),
        threshold,
        fmr,
        _figures(among, ratios, threshold, searches),
        (among.mated, among.nonmated),
        _tippett(among, ratios),
        _entropy(ratios),
        fitted,
        refusal,
        verification.det(among.mated, among.nonmated, verification.floor(n_people)),
        open_set.curve(mated["rank"], mated["score"], best),
        _groups(tests, among, searches, threshold),
    )


def _unit(
    experiment: Experiment, rows: pd.DataFrame, photographs: Photographs, engine: Engine
) -> np.ndarray:
    """[rows, D] embeddings of length 1."""
    embeddings = networks.embed_rows(experiment, rows, photographs, engine).astype(np.float64)
    return embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)


def _among(embeddings: np.ndarray, people: np.ndarray) -> Comparisons:
    """Each photograph with each other one, once, none with itself."""
    one, other = np.triu_indices(len(people), 1)
    return _split((embeddings @ embeddings.T)[one, other], people[one], people[other])


def _between(
    new: np.ndarray, new_people: np.ndarray, known: np.ndarray, known_people: np.ndarray
) -> Comparisons:
    """Each held-out photograph with each of the others."""
    one, other = (place.ravel() for place in np.indices((len(new), len(known))))
    return _split((new @ known.T).ravel(), new_people[one], known_people[other])


def _split(scores: np.ndarray, first: np.ndarray, second: np.ndarray) -> Comparisons:
    same = first == second
    pairs = np.column_stack([first, second])[~same]
    return Comparisons(scores[same], first[same], scores[~same], pairs)


def _calibrated(development: Comparisons) -> tuple[calibration.Calibration | None, str]:
    """A calibration, or the sentence that says why there is none."""
    pairs = list(map(tuple, np.sort(development.pairs, axis=1).tolist()))
    try:
        fitted = calibration.fit(
            development.mated, development.nonmated, development.people.tolist(), pairs
        )
    except ValueError as error:
        return None, str(error)
    return fitted, ""


def _searches(embeddings: np.ndarray, people: np.ndarray) -> pd.DataFrame:
    """Searches in galleries of a random half of the people, one photograph each, again and again.

    Returns:
        One row per search: person, mated (is enrolled), rank of the mate (ties count against us;
        NaN if not enrolled), score of the mate, or the highest one where nobody is enrolled.
    """
    parts, names = [], np.unique(people)
    for repeat in range(REPEATS):
        rng = np.random.default_rng(repeat)
        enrolled = np.sort(rng.choice(names, len(names) // 2, replace=False))
        gallery = np.array([rng.choice(np.flatnonzero(people == name)) for name in enrolled])
        query = np.setdiff1d(np.arange(len(people)), gallery)
        scores = embeddings[query] @ embeddings[gallery].T
        same = people[query][:, None] == enrolled
        mated = same.any(axis=1)
        own = np.where(same, scores, -np.inf).max(axis=1)
        rank = 1 + ((scores >= own[:, None] - 1e-12) & ~same).sum(axis=1)
        score = np.where(mated, own, scores.max(axis=1))
        columns = {"person": people[query], "mated": mated, "score": score}
        parts.append(pd.DataFrame(columns | {"rank": np.where(mated, rank, np.nan)}))
    return pd.concat(parts, ignore_index=True)


def _figures(
    among: Comparisons,
    ratios: tuple[np.ndarray, np.ndarray] | None,
    threshold: float,
    searches: pd.DataFrame,
) -> pd.DataFrame:
    """Metric -> value, low, high: shares of errors, and costs in bits."""
    mated, nonmated = (among.mated, among.people), (among.nonmated, among.pairs)

    def pairwise(same: np.ndarray, other: np.ndarray) -> list[float]:
        return [verification.eer(same, other), verification.fmr_at(other, threshold)]

    rows = dict(zip(("eer", "fmr"), jackknife.intervals(pairwise, mated, nonmated), strict=True))
    rows["fnmr"] = _share(among.mated < threshold, among.people)
    enrolled, absent = searches[searches["mated"]], searches[~searches["mated"]]
    missed = (enrolled["rank"] > 1) | (enrolled["score"] < threshold)
    rows["fnir"] = _share(missed, enrolled["person"])
    rows["fpir"] = _share(absent["score"] >= threshold, absent["person"])
    if ratios is not None:
        # The order of figures: costs, then misleading ratios.
        def costs(same: np.ndarray, other: np.ndarray) -> list[float]:
            cost, least = likelihood_ratio.cllr(same, other), likelihood_ratio.cllr_min(same, other)
            return [cost, least, cost - least, likelihood_ratio.misleading(same, other)[1]]

        names = ("cllr", "cllr_min", "cllr_cal", "misleading_nonmated")
        found = jackknife.intervals(costs, (ratios[0], mated[1]), (ratios[1], nonmated[1]))
        rows |= dict(zip(names, found, strict=True))
        rows["misleading_mated"] = _share(ratios[0] < 0, among.people)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["value", "low", "high"])
    return table.clip(lower=0).rename_axis("metric").reset_index()


def _tippett(among: Comparisons, ratios: tuple[np.ndarray, np.ndarray] | None) -> pd.DataFrame:
    """Shares at or above each log10 ratio, with intervals over people."""
    if ratios is None:
        return pd.DataFrame()
    both = np.concatenate(ratios)
    places = np.unique(np.append(np.linspace(both.min() - 0.2, both.max() + 0.2, 40), 0.0))

    def above(same: np.ndarray, other: np.ndarray) -> np.ndarray:
        parts = (np.sort(part) for part in (same, other))
        return np.concatenate([1 - np.searchsorted(p, places, side="left") / len(p) for p in parts])

    found = jackknife.intervals(above, (ratios[0], among.people), (ratios[1], among.pairs))
    table = np.clip(found, 0, 1).reshape(2, len(places), 3)
    names = [f"{kind}{end}" for kind in ("mated", "nonmated") for end in ("", "_low", "_high")]
    columns = np.concatenate(list(table), axis=1)
    return pd.DataFrame(columns, columns=names).assign(llr=places)


def _entropy(ratios: tuple[np.ndarray, np.ndarray] | None) -> pd.DataFrame:
    """Bits by prior odds: of the ratios, of the best in their order, and of no evidence."""
    if ratios is None:
        return pd.DataFrame()
    kinds = {
        "system": ratios,
        "pav": likelihood_ratio.pav(*ratios),
        "neutral": (np.zeros(1), np.zeros(1)),
    }
    bits = {name: likelihood_ratio.ece(*parts, PRIORS) for name, parts in kinds.items()}
    return pd.DataFrame({"prior": PRIORS, **bits})


def _share(errors: np.ndarray | pd.Series, people: np.ndarray | pd.Series) -> tuple:
    errors = np.asarray(errors, dtype=np.float64)
    return errors.mean(), *statistics.interval(errors, people, kind="share")


def _groups(
    tests: pd.DataFrame, among: Comparisons, searches: pd.DataFrame, threshold: float
) -> pd.DataFrame:
    """Errors of groups of people at the common threshold; no rows without metadata."""
    enrolled = searches[searches["mated"]]
    errors = {
        "FNMR": (among.mated < threshold, among.people),
        # Both people of a comparison: a false match is one of each.
        "FMR": (np.tile(among.nonmated >= threshold, 2), among.pairs.T.ravel()),
        "not at rank 1": (enrolled["rank"] > 1, enrolled["person"]),
    }
    parts = []
    for column in [name for name in GROUPS if name in tests and tests[name].notna().any()]:
        of_person = tests.groupby("subject")[column].agg(lambda values: values.mode().iloc[0])
        of_person = _bands(of_person) if column == "age" else of_person.astype(str)
        for metric, (wrong, people) in errors.items():
            shares = evidence.groups.shares(wrong, people, of_person.loc[list(people)])
            parts.append(shares.assign(attribute=GROUPS[column], metric=metric))
    columns = ["attribute", "group", "n_people", "metric", "share", "low", "high"]
    return pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns)


def _bands(ages: pd.Series) -> pd.Series:
    """Ages in three bands; half the people of 11k Hands are 20 to 22."""
    names = ["up to 20", "21 to 25", "26 and above"]
    return pd.cut(ages.astype(float), [-np.inf, 20, 25, np.inf], labels=names).astype(str)
