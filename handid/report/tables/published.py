"""Our figures beside the papers': the same system, sets and metric, or no figure at all."""

import re

import numpy as np
import pandas as pd

from handid.data.sets import label
from handid.recipes import System
from handid.report.rows import METRIC_NAMES, WHAT, Score, mean_over_seeds, published, with_interval
from handid.report.tables.scores import MAIN

# The published backbone of each family, for rows of the small networks.
_COUNTERPART = {"mini-ViT": "ViT-B/16", "mini-RN": "RN50", "EfficientNet-Lite0": "ResNet50"}
# Where two sources print the same system, the first that does is shown. A source's single draws
# are left out beside its mean.
_SOURCES = ("CLIP-HandID paper", "GPA-Net paper", "CLIP-FH dissertation")
# CLIP-HandID, section III-A (the same in GPA-Net and MBA-Net): the complete real sets.
PUBLISHED_COUNTS = pd.DataFrame(
    [
        ("11k", "dorsal left", 73, 73, 988, 290),
        ("11k", "dorsal right", 72, 71, 971, 290),
        ("11k", "palmar left", 76, 75, 948, 290),
        ("11k", "palmar right", 72, 71, 917, 290),
        ("HD", "dorsal", 251, 251, 1992, 1593),
    ],
    columns=["set", "view", "train identities", "test identities", "queries", "gallery"],
)


def _of_system(papers: pd.DataFrame, row: pd.Series) -> pd.DataFrame:
    """What was published of a row's system, or of its full-size counterpart, on its test set."""
    return papers[
        (papers["system"] == System.parse(row["system"]).full_size.key)
        & (papers["backbone"] == _COUNTERPART.get(row["backbone"], row["backbone"]))
        & (papers["test_set"] == row["test_set"])
    ]


def _published_mean(papers: pd.DataFrame, row: pd.Series) -> pd.Series | None:
    """The published figure of a row's system, sets and metric; of several sources the first."""
    same = _of_system(papers, row)
    same = same[
        (same["train_set"] == row["train_set"])
        & (same["metric"] == row["metric"].removesuffix("_trapezoid"))
        & ~same["note"].astype(str).str.startswith("split ")
        & same["source"].isin(_SOURCES)
    ]
    if row["metric"].startswith("mAP"):
        definition = "trapezoid" if row["metric"].endswith("trapezoid") else "standard"
        same = same[same["ap_definition"] == definition]
    places = same["source"].map(_SOURCES.index).sort_values(kind="stable")
    return same.loc[places.index[0]] if len(places) else None


def beside_published(
    rows: pd.DataFrame, *, further: bool = True, papers: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Ours and the paper's, one row per system; empty where nothing was published.

    A backbone or test set that is the same in every row is left out: `setting` says it.

    Args:
        rows: tidy rows.
        further: show rank-5 and rank-10 too, where they were printed.
        papers: published figures; all of them if None.
    """
    papers, means = _known(papers), mean_over_seeds(rows)
    theirs = [_published_mean(papers, row) for _, row in means.iterrows()]
    printed = {m for m, row in zip(means["metric"], theirs, strict=True) if row is not None}
    shown = [m for m in METRIC_NAMES if m in set(means["metric"])]
    shown = [m for m in shown if m in MAIN or (further and m in printed)]
    means["theirs"] = pd.Series(theirs, index=means.index, dtype=object)
    groups = means.groupby(WHAT, sort=False)
    table = pd.DataFrame([_line(group, shown) for _, group in groups])
    same = [c for c in ("backbone", "test set") if table[c].nunique() == 1]
    same += ["train set"] if (table["train set"] == table["test set"]).all() else []
    return table.loc[:, (table != "").any()].drop(columns=same)


def _line(system: pd.DataFrame, shown: list[str]) -> dict[str, str]:
    """One row of `beside_published`, from a system's rows, one per metric."""
    head, by_metric = system.iloc[0], {row["metric"]: row for _, row in system.iterrows()}
    line = {
        "method": head["method"],
        "backbone": head["backbone"],
        "train set": label(head["train_set"], head["synthetic"]),
        "test set": label(head["test_set"], head["synthetic"]),
    }
    for metric in shown:
        theirs = by_metric[metric]["theirs"]
        line[METRIC_NAMES[metric]] = with_interval(by_metric[metric])
        value = "" if theirs is None else f"{theirs['value']:.2f}"
        line[f"{METRIC_NAMES[metric]}, published"] = value
    sources = [
        f"{row['backbone']}, real {row['test_set']} ({row['source']})"
        for row in system["theirs"]
        if row is not None
    ]
    return line | {"published for": "; ".join(dict.fromkeys(sources))}


def published_for(shown: pd.DataFrame, papers: pd.DataFrame | None = None) -> pd.DataFrame:
    """The published figures of labelled rows: columns label, value."""
    papers = _known(papers)
    pairs = [(row["label"], _published_mean(papers, row)) for _, row in shown.iterrows()]
    marks = [{"label": name, "value": row["value"]} for name, row in pairs if row is not None]
    return pd.DataFrame(marks, columns=["label", "value"])


def draws(score: Score, papers: pd.DataFrame | None = None) -> pd.DataFrame:
    """Each Monte Carlo draw by itself, ours beside the published draws of the same system.

    Their draws are other galleries than ours: compare level and spread, not draw with draw.

    Args:
        score: of one system.
        papers: published figures; all of them if None.

    Returns:
        Columns draw, one per metric in percent, and where its draws were published, theirs.
    """
    head, runs = score.rows.iloc[0], score.per_query.groupby("run")
    ours = {
        f"rank{k}": runs["first_hit"].apply(lambda hits, k=k: 100 * (hits <= k).mean())
        for k in (1, 5, 10)
    }
    table = pd.DataFrame(ours | {"mAP": 100 * runs["ap"].mean()})
    table.index = pd.Index([f"draw {run + 1} of {len(table)}" for run in table.index])
    theirs = _of_system(_known(papers), head)
    note = theirs["note"].astype(str).str.replace("split", "draw", n=1)
    theirs = theirs[note.str.startswith("draw ")].assign(note=note)
    theirs = theirs.pivot_table(index="note", columns="metric", values="value")
    theirs = theirs.reindex(columns=list(table))
    theirs = theirs.rename(columns=lambda metric: f"{METRIC_NAMES[metric]}, published")
    both = table.rename(columns=METRIC_NAMES).join(theirs.dropna(axis=1), how="left")
    shown = both.map(lambda value: "" if np.isnan(value) else f"{value:.1f}")
    return shown.loc[:, (shown != "").any()].rename_axis("draw").reset_index()


def parts_of(key: str) -> tuple[int, int] | None:
    """Rows and columns of parts of a system: (3, 1) of "gpa_net:parts_3x1"; None of any other."""
    cut = re.fullmatch(r"parts_(\d+)x(\d+)", System.parse(key).control)
    return (int(cut[1]), int(cut[2])) if cut else None


def parts_grid(rows: pd.DataFrame, metric: str = "rank1") -> pd.DataFrame:
    """GPA-Net's table 3: a figure by the numbers of rows and columns of parts.

    Args:
        rows: tidy rows, ours or `rows.published`'s, among them those of controls "parts_3x1".
        metric: which figure.

    Returns:
        [Hp, Vp] percent, mean over seeds; empty if there are none.
    """
    cells = [
        (*parts, value)
        for key, value in rows.loc[rows["metric"] == metric, ["system", "value"]].to_numpy()
        if (parts := parts_of(key))
    ]
    grid = pd.DataFrame(cells, columns=["Hp", "Vp", "value"])
    return grid.pivot_table(index="Hp", columns="Vp", values="value", aggfunc="mean")


def beside_counts(audit: pd.DataFrame) -> pd.DataFrame:
    """The protocol's counts per view, and below each the papers' of the complete real set."""
    ours = audit.assign(source="this run")
    papers = PUBLISHED_COUNTS.merge(audit[["set", "view"]]).assign(source="the papers")
    both = pd.concat([ours, papers]).sort_values(["set", "view"], kind="stable")
    return both[["set", "view", "source", *audit.columns.drop(["set", "view"])]]


def _known(papers: pd.DataFrame | None) -> pd.DataFrame:
    return published() if papers is None else papers
