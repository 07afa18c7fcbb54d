"""A run's results as tidy rows: what they hold, how they are written, read and named.

No figure is computed here and none is drawn; the published figures are read here too.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from handid import disk, given, statistics
from handid.report import lineages

COLUMNS = [
    *("system", "method", "backbone", "train_set", "test_set", "task", "image"),
    *("metric", "value", "low", "high", "n_queries", "n_gallery", "n_subjects"),
    *("seed", "synthetic"),
]
METRICS = ("rank1", "rank5", "rank10", "mAP", "mAP_trapezoid")
METRIC_NAMES = {
    "rank1": "rank-1",
    "rank5": "rank-5",
    "rank10": "rank-10",
    "mAP": "mAP (standard)",
    "mAP_trapezoid": "mAP (trapezoid)",
}
# What two rows must have in common to be figures of the same thing.
WHAT = ["system", "method", "backbone", "train_set", "test_set", "task", "image", "synthetic"]
_PUBLISHED = Path(__file__).parent / "published_results.csv"
_WANTED = {
    "results": COLUMNS,
    "curves": [*WHAT, "seed", "rank", "found"],
    "people": [*WHAT, "seed", "subject", "n", "right"],
}
_FIGURE = {"results": "value", "curves": "found", "people": "right"}
_KEYS = [*(column for column in WHAT if column != "method"), "seed"]


@dataclass(frozen=True)
class Score:
    """What an experiment reached on one target.

    Attributes:
        rows: one tidy row per metric, with COLUMNS; value, low, high in percent. Those of a score
            made in this run also say with `mirror` whether the mirror image's embedding was added.
        per_query: one row per query and run: run, path, subject, identity, first_hit, ap.
        cmc: [G] mean over the runs, fractions.
    """

    rows: pd.DataFrame
    per_query: pd.DataFrame
    cmc: np.ndarray


def is_plain(score: Score) -> bool:
    """Whether a score is the papers' own: their task, on whole photographs."""
    first = score.rows.iloc[0]
    return bool(first["task"] == "papers" and first["image"] == "whole")


def of(scores: Iterable[Score]) -> pd.DataFrame:
    """The tidy rows of all scores, in their order; of none COLUMNS without rows."""
    parts = [score.rows for score in scores]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def write(scores: Iterable[Score], work: str | Path, notebook: str) -> pd.DataFrame:
    """Write a notebook's rows, CMC curves and people's answers, each file whole or not at all.

    Args:
        scores: of the notebook.
        work: the products' folder; gets results/<notebook>.csv and curves/<notebook>.csv, with
            one row per system and rank, `found` in percent; and people/<notebook>.csv, `by_people`.
        notebook: its stem.

    Returns:
        The rows.

    Raises:
        ValueError: if there is no score, or a column of COLUMNS is missing.
    """
    scores = list(scores)
    if not scores:
        raise ValueError(f"Notebook {notebook} has no score to write: name a recipe to be scored.")
    rows = of(scores)
    write_rows(rows, work, notebook)
    _write(pd.concat([_curve(score) for score in scores]), Path(work) / "curves", notebook)
    _write(by_people(scores), Path(work) / "people", notebook)
    return rows


def write_rows(rows: pd.DataFrame, work: str | Path, notebook: str) -> None:
    """Write tidy rows alone as the notebook's results, see `write`.

    Raises:
        ValueError: if a column of COLUMNS is missing.
    """
    missing = [column for column in COLUMNS if column not in rows]
    if missing:
        raise ValueError(f"Result rows lack the column '{missing[0]}': see report.rows.COLUMNS.")
    _write(rows[COLUMNS], Path(work) / "results", notebook)


def _write(table: pd.DataFrame, folder: Path, notebook: str) -> None:
    with disk.whole(folder / f"{notebook}.csv") as part:
        table.to_csv(part, index=False, float_format="%.6g")


def _curve(score: Score) -> pd.DataFrame:
    head = {column: score.rows[column].iloc[0] for column in (*WHAT, "seed")}
    curve = {"rank": range(1, len(score.cmc) + 1), "found": [100 * share for share in score.cmc]}
    return pd.DataFrame(curve).assign(**head)[[*head, *curve]]


def by_people(scores: Iterable[Score]) -> pd.DataFrame:
    """How many of each person's queries each score finds at rank 1, over all runs.

    Returns:
        One row per score and person: what WHAT says, seed, subject (as text), n, right.
    """
    parts = []
    for score in scores:
        people, of = np.unique(score.per_query["subject"].astype(str), return_inverse=True)
        right = np.bincount(of, score.per_query["first_hit"].eq(1)).astype(int)
        head = {column: score.rows[column].iloc[0] for column in (*WHAT, "seed")}
        parts.append(pd.DataFrame(head | {"subject": people, "n": np.bincount(of), "right": right}))
    return pd.concat(parts, ignore_index=True)


def read(work: str | Path, notebooks: Iterable[str]) -> pd.DataFrame:
    """The rows that the named notebooks wrote; a row that two of them wrote comes once.

    Args:
        work: the products' folder.
        notebooks: their stems, or only their numbers.

    Raises:
        FileNotFoundError: naming the notebook that has to run first.
        ValueError: if none is named or one by no text, one is damaged, or two were measured on
            different data or draws.
    """
    notebooks = list(notebooks)
    rows = _read("results", work, notebooks)
    differ = rows.groupby([*_KEYS, "metric"], dropna=False)["value"].transform("nunique") > 1
    if differ.any():
        raise ValueError(
            f"Two notebooks say different things of {rows.loc[differ, 'method'].iloc[0]}: run "
            f"{', '.join(notebooks)} again with the same parameters."
        )
    return rows.drop_duplicates([*_KEYS, "metric"], keep="last").reset_index(drop=True)


def read_curves(work: str | Path, notebooks: Iterable[str]) -> pd.DataFrame:
    """The CMC curves that the named notebooks wrote, one row per system and rank; see `read`."""
    curves = _read("curves", work, list(notebooks))
    return curves.drop_duplicates([*_KEYS, "rank"], keep="last").reset_index(drop=True)


def read_people(work: str | Path, notebooks: Iterable[str]) -> pd.DataFrame:
    """What `by_people` said of the named notebooks' scores; see `read`."""
    people = _read("people", work, list(notebooks))
    people = people.drop_duplicates([*_KEYS, "subject"], keep="last").reset_index(drop=True)
    return people.assign(subject=people["subject"].astype(str))


def _read(kind: str, work: str | Path, notebooks: list[str]) -> pd.DataFrame:
    if not notebooks:
        raise ValueError("No notebook is named: say whose results to read.")
    if wrong := [name for name in notebooks if not isinstance(name, str) or not name]:
        raise ValueError(f"{given.shown(wrong[0])} names no notebook: write a text, such as '01'.")
    parts = [_read_one(kind, Path(work), notebook) for notebook in notebooks]
    rows = pd.concat(parts, ignore_index=True)
    counts = [c for c in ("synthetic", "n_queries", "n_gallery", "n_subjects") if c in rows]
    if (rows.groupby(["test_set", "task"])[counts].nunique() > 1).any(axis=None):
        raise ValueError(
            f"The results of {', '.join(notebooks)} were measured on different data or draws: run "
            "these notebooks again with the same parameters."
        )
    return rows


def _read_one(kind: str, work: Path, notebook: str) -> pd.DataFrame:
    path = next(iter(sorted((work / kind).glob(f"{notebook}*.csv"))), None)
    if path is None:
        raise FileNotFoundError(
            f"The results of notebook {notebook} are not there: run it first "
            f"(with the same profile: run_notebooks.py --only {notebook[:2]})."
        )
    wanted = _WANTED[kind]
    try:
        table = pd.read_csv(path, engine="python")
    except (ValueError, pd.errors.ParserError):  # also an empty file, and one of another encoding
        table = pd.DataFrame()
    figures = table.get(_FIGURE[kind])
    is_numeric = figures is not None and pd.api.types.is_numeric_dtype(figures)
    if table.empty or not is_numeric or not set(wanted) <= set(table.columns):
        raise ValueError(
            f"The results of notebook {notebook} are damaged: run it again "
            f"(run_notebooks.py --only {notebook[:2]} --force)."
        )
    return table


def published() -> pd.DataFrame:
    """Every published figure, in percent, with its system, its source and its definition of AP."""
    return pd.read_csv(_PUBLISHED)


# --- names and means --------------------------------------------------------------------------


def mean_over_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """Tidy rows -> one row per system and metric, its mean over `seeds` with its interval.

    The interval over people is the mean of the trainings' intervals; what the trainings differ is
    added (statistics.with_seeds), and `seed_part` is its share of the variance, NaN for one seed.
    """
    rows = rows.drop_duplicates([*_KEYS, "method", "metric"])
    same = {"n_queries": "first", "n_gallery": "first", "n_subjects": "first"}
    how = {"value": "mean", "low": "mean", "high": "mean", "seed": "nunique", **same}
    groups = rows.groupby([*WHAT, "metric"], sort=False)
    means = groups.agg(how).reset_index().rename(columns={"seed": "seeds"})
    widened = [
        statistics.with_seeds(part["value"], mean["low"], mean["high"])
        for (_, part), (_, mean) in zip(groups, means.iterrows(), strict=True)
    ]
    found = pd.DataFrame(widened, columns=["low", "high", "seed_part"], index=means.index)
    low, high = found["low"].clip(0, 100), found["high"].clip(0, 100)
    return means.assign(low=low, high=high, seed_part=found["seed_part"])


def labelled(rows: pd.DataFrame, metric: str = "rank1") -> pd.DataFrame:
    """The means over seeds of one metric, with a `label` that names only what differs.

    Raises:
        ValueError: for an unknown metric.
    """
    if metric not in METRIC_NAMES:
        raise ValueError(f"Unknown metric '{metric}': choose one of {', '.join(METRIC_NAMES)}.")
    means = mean_over_seeds(rows[rows["metric"] == metric])
    return means.assign(label=labels(means, means["method"])).reset_index(drop=True)


def labels(rows: pd.DataFrame, names: pd.Series) -> pd.Series:
    """Names of rows, each followed by those of its columns that are not the same in all rows."""
    label, told = names, rows.assign(backbone=backbones(rows, ""))
    for column in ("backbone", "test_set", "task", "image"):
        if column in rows and told.loc[told[column] != "", column].nunique() > 1:
            label = label.mask(told[column] != "", label + ", " + rows[column])
    elsewhere = rows["train_set"] != rows["test_set"]
    return label.mask(elsewhere, label + ", trained on " + rows["train_set"])


def best_first(rows: pd.DataFrame, metric: str = "rank1") -> pd.DataFrame:
    """The same rows, those of the highest mean of one metric first; what lacks it stands last."""
    figures = rows[rows["metric"] == metric].groupby(WHAT)["value"].mean()
    means = rows[WHAT].join(figures.rename("mean"), on=WHAT)["mean"]
    return rows.loc[means.sort_values(ascending=False, kind="stable").index]


def backbones(rows: pd.DataFrame, absent: str = "–") -> pd.Series:
    """[N] the backbone of each row; `absent` for a floor, which has none."""
    return rows["backbone"].where(lineages.tells_backbone(rows), absent)


def with_interval(row: pd.Series, value: str = "value", form: str = ".1f") -> str:
    """A figure with its 95 % interval, such as "61.5 [54.1, 69.8]"; alone where there is none."""
    figures = [format(row[name], form) for name in (value, "low", "high")]
    return figures[0] if np.isnan(row["low"]) else "{} [{}, {}]".format(*figures)


def by_person(per_query: pd.DataFrame) -> pd.Series:
    """Rank-1 of each person over all runs, fractions, worst first."""
    right = per_query["first_hit"].eq(1).groupby(per_query["subject"]).mean()
    return right.sort_values(kind="stable")
