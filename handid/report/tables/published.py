"""Our figures beside the papers': the same system, sets and metric, or no figure at all."""

import re

import numpy as np
import pandas as pd

from handid.data.sets import label
from handid.recipes import System
from handid.report.rows import (
    METRIC_NAMES,
    WHAT,
    Score,
    backbones,
    mean_over_seeds,
    published,
    with_interval,
)
from handid.report.tables.scores import MAIN

# The published backbone of each family, for rows of the small networks.
_COUNTERPART = {"mini-ViT": "ViT-B/16", "mini-RN": "RN50", "EfficientNet-Lite0": "ResNet50"}
# Where two sources print the same system, the first that does is shown. A source's single draws
# are left out beside its mean.
_SOURCES = ("CLIP-HandID paper", "GPA-Net paper", "CLIP-FH dissertation")
_ABOUT = ("gallery, published", "published for")
# CLIP-HandID, section III-A, and GPA-Net, section 3.1: the complete real sets.
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


def _theirs(papers: pd.DataFrame, head: pd.Series) -> pd.DataFrame:
    """What one source printed of a row's system, and sets: a row per metric of ours, its index.

    Of several sources the first in order, whole: no line mixes two protocols. Where a source prints
    rank-1 and one definition of mAP, the other one follows, for one gallery photograph is right:
    trapezoid = (standard + rank-1) / 2. It is marked in the column `derived`.

    Args:
        papers: published figures.
        head: any row of ours.
    """
    same = _of_system(papers, head)
    same = same[
        (same["train_set"] == head["train_set"])
        & ~same["note"].astype(str).str.startswith("split ")
        & same["source"].isin(_SOURCES)
    ]
    first = min(same["source"], key=_SOURCES.index, default="")
    trapezoid = same["ap_definition"] == "trapezoid"
    same = same.assign(
        metric=same["metric"].mask(trapezoid, same["metric"] + "_trapezoid"), derived=False
    )
    printed = same[same["source"] == first].drop_duplicates("metric").set_index("metric")
    names = set(printed.index)
    if "rank1" not in names or len(names & {"mAP", "mAP_trapezoid"}) != 1:
        return printed
    rank1 = printed.loc["rank1", "value"]
    if "mAP" in names:
        other, value = "mAP_trapezoid", (printed.loc["mAP", "value"] + rank1) / 2
    else:
        other, value = "mAP", 2 * printed.loc["mAP_trapezoid", "value"] - rank1
    derived = printed.loc[["rank1"]].assign(value=value, derived=True).rename({"rank1": other})
    return pd.concat([printed, derived])


def beside_published(
    rows: pd.DataFrame, *, further: bool = True, papers: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Ours and the paper's, one row per system; empty where nothing was published.

    A backbone or test set that is the same in every row is left out: `setting` says it. The numbers
    of gallery photographs stand beside each other: the fewer, the easier.

    Args:
        rows: tidy rows.
        further: show rank-5 and rank-10 too, where they were printed.
        papers: published figures; all of them if None.
    """
    papers, means = _known(papers), mean_over_seeds(rows)
    groups = [group for _, group in means.groupby(WHAT, sort=False)]
    theirs = [_theirs(papers, group.iloc[0]) for group in groups]
    printed = {metric for part in theirs for metric in part.index}
    shown = [m for m in METRIC_NAMES if m in set(means["metric"])]
    shown = [m for m in shown if m in MAIN or (further and m in printed)]
    pairs = zip(groups, theirs, strict=True)
    table = pd.DataFrame([_line(group, part, shown) for group, part in pairs])
    told = backbones(means)
    table["backbone"] = [told[group.index[0]] for group in groups]
    same = [c for c in ("backbone", "test set") if table.loc[table[c] != "–", c].nunique() <= 1]
    same += ["train set"] if (table["train set"] == table["test set"]).all() else []
    same += [] if printed or table["gallery"].nunique() > 1 else ["gallery"]
    return table.drop(columns=same).loc[:, lambda kept: (kept != "").any()]


def and_published(table: pd.DataFrame) -> str:
    """For captions: that a table shows published figures; "" where it has none."""
    shown = any(str(column).endswith(", published") for column in table)
    return ", and what was published on the real set" if shown else ""


def _line(system: pd.DataFrame, theirs: pd.DataFrame, shown: list[str]) -> dict[str, str]:
    """One row of `beside_published`, from a system's rows, one per metric, and one source's."""
    head, by_metric = system.iloc[0], {row["metric"]: row for _, row in system.iterrows()}
    line = {
        "method": head["method"],
        "backbone": head["backbone"],
        "train set": label(head["train_set"], head["synthetic"]),
        "test set": label(head["test_set"], head["synthetic"]),
    }
    for metric in shown:
        line[METRIC_NAMES[metric]] = with_interval(by_metric[metric])
        line[f"{METRIC_NAMES[metric]}, published"] = _printed(theirs, metric)
    if theirs.empty:
        return line | {"gallery": f"{head['n_gallery']:,}"} | dict.fromkeys(_ABOUT, "")
    first = theirs.iloc[0]
    where = f"{first['backbone']}, real {first['test_set']} ({first['source']})"
    sizes = f"{head['n_gallery']:,}", f"{first['n_gallery']:,}"
    return line | dict(zip(("gallery", *_ABOUT), (*sizes, where), strict=True))


def _printed(theirs: pd.DataFrame, metric: str) -> str:
    if metric not in theirs.index:
        return ""
    figure = theirs.loc[metric].to_dict()
    return f"{figure['value']:.2f}{' (derived)' if figure['derived'] else ''}"


def published_for(shown: pd.DataFrame, papers: pd.DataFrame | None = None) -> pd.DataFrame:
    """The published figures of labelled rows: columns label, value; none that is derived."""
    papers, marks = _known(papers), []
    for _, row in shown.iterrows():
        theirs = _theirs(papers, row)
        theirs = theirs[theirs["derived"].eq(False)]
        if row["metric"] in theirs.index:
            marks.append({"label": row["label"], "value": theirs.loc[row["metric"], "value"]})
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
