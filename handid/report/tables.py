"""Tidy rows -> the tables of a report, and their descriptions. It measures nothing."""

import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

METRIC_NAMES = {
    "rank1": "rank-1",
    "rank5": "rank-5",
    "rank10": "rank-10",
    "mAP": "mAP (standard)",
    "mAP_trapezoid": "mAP (trapezoid)",
}
# The published backbone of each family, for rows of the embedded minis.
COUNTERPART = {"mini-ViT": "ViT-B/16", "mini-RN": "RN50", "EfficientNet-Lite0": "ResNet50"}
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
_MAIN = ("rank1", "mAP", "mAP_trapezoid")
_COUNTS = {
    "seeds": "seeds",
    "n_queries": "queries",
    "n_subjects": "people",
    "n_gallery": "gallery images",
}
_PLAIN = {"train_set": "train set", "test_set": "test set"}
_WHO = ["method", "backbone", "train_set", "test_set"]


def mean_over_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """Tidy rows -> one a system and metric, value and bounds averaged over seeds."""
    keys = [*_WHO, "metric", "synthetic"]
    same = {"n_queries": "first", "n_gallery": "first", "n_subjects": "first"}
    how = {"value": "mean", "low": "mean", "high": "mean", "seed": "nunique", **same}
    means = rows.groupby(keys, sort=False).agg(how).reset_index()
    return means.rename(columns={"seed": "seeds"})


def interval(row: pd.Series) -> str:
    """A value with its 95 % interval, such as "61.5 [54.1, 69.8]"."""
    return f"{row['value']:.1f} [{row['low']:.1f}, {row['high']:.1f}]"


def wide(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a system, a column a metric: value [low, high] in percent, mean over seeds.

    What is the same in every row is left out: `setting` says it.
    """
    means = mean_over_seeds(rows)
    means["text"] = means.apply(interval, axis=1)
    table = means.pivot_table(
        index=[*_WHO, *_COUNTS], columns="metric", values="text", aggfunc="first", sort=False
    )
    table = table[[m for m in _MAIN if m in table]].rename(columns=METRIC_NAMES).reset_index()
    if (table["train_set"] == table["test_set"]).all():
        table = table.drop(columns="train_set")
    same = [c for c in table if c != "method" and c not in METRIC_NAMES.values()]
    same = [c for c in same if table[c].nunique() == 1]
    return table.drop(columns=same).rename(columns=_COUNTS | _PLAIN)


def setting(rows: pd.DataFrame) -> str:
    """What is the same in every row of a table, in words: backbone, queries, people, gallery."""
    means = mean_over_seeds(rows)
    known = {c: means[c].iloc[0] for c in ("backbone", *_COUNTS) if means[c].nunique() == 1}
    words = [str(known[c]) if c == "backbone" else f"{known[c]:,} {_COUNTS[c]}" for c in known]
    return re.sub(r"\b1 seeds", "1 seed", ", ".join(words))


def labelled(rows: pd.DataFrame, metric: str | None = None) -> pd.DataFrame:
    """Rows of one metric with a `label` that names only what differs between them."""
    if metric is not None:
        if metric not in METRIC_NAMES:
            raise ValueError(f"Unknown metric '{metric}': choose one of {', '.join(METRIC_NAMES)}.")
        rows = mean_over_seeds(rows[rows["metric"] == metric])
    label = rows["method"]
    if rows["backbone"].nunique() > 1:
        label = label + ", " + rows["backbone"]
    if rows["test_set"].nunique() > 1:
        label = label + ", " + rows["test_set"]
    if "train_set" in rows:
        elsewhere = rows["train_set"] != rows["test_set"]
        label = label.mask(elsewhere, label + ", trained on " + rows["train_set"])
    return rows.assign(label=label).reset_index(drop=True)


def by_target(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows of scores or differences by test set, whose name says 'synthetic' where it is."""
    found = {}
    for target, part in rows.groupby("test_set", sort=False):
        drawn = "synthetic " if part["synthetic"].all() else ""
        found[f"{drawn}{target}"] = part.reset_index(drop=True)
    return found


def over_floors(margins: pd.DataFrame) -> pd.DataFrame:
    """Rows of evidence.margins with a `label`: over which floor; a control goes by its own name."""
    pairs = zip(margins["method"], margins["over"], strict=True)
    names = [f"over {floor.removeprefix(f'{method} ')}" for method, floor in pairs]
    return labelled(margins.assign(method=names))


def describe(shown: pd.DataFrame, what: str) -> str:
    """A figure of labelled rows in words, for readers who cannot see it."""
    return f"{what}: " + "; ".join(
        f"{row['label']} {interval(row)} %" for _, row in shown.iterrows()
    )


def describe_training(histories: dict[str, pd.DataFrame]) -> str:
    """Training curves in words."""
    return "; ".join(
        f"{label}: loss from {h['total'].iloc[0]:.2f} to {h['total'].iloc[-1]:.2f}, best "
        f"validation mAP {100 * h['validation'].max():.1f} % in {len(h)} epochs"
        for label, h in histories.items()
    )


def loss_names(history: pd.DataFrame) -> list[str]:
    """The losses of a training table (train.fit), whichever stage has them."""
    known = {"stage", "epoch", "learning_rate", "total", "validation"}
    known |= {"seconds", "images_per_second"}
    return [column for column in history.columns if column not in known]


def losses_by_stage(history: pd.DataFrame) -> pd.DataFrame:
    """[epochs, losses] of a training; of several stages, each loss is named with its stage.

    A loss of the same name may be another one in another stage, and has another curve then.
    """
    names, stages = loss_names(history), list(dict.fromkeys(history["stage"]))
    if len(stages) == 1:
        return history[names]
    parts = {
        f"{stage}: {name}": history[name].where(history["stage"] == stage)
        for stage in stages
        for name in names
    }
    return pd.DataFrame(parts).dropna(axis=1, how="all")


def describe_losses(history: pd.DataFrame, parts: Sequence[str]) -> str:
    """The parts of a loss in words."""
    return "; ".join(
        f"{part} from {known.iloc[0]:.2f} to {known.iloc[-1]:.2f}"
        for part in parts
        if len(known := history[part].dropna())
    )


def chance(rows: pd.DataFrame) -> str:
    """Rank-1 of guessing in each gallery, as text: one image of the right hand in it."""
    return " or ".join(f"{100 / n:.1f} %" for n in rows["n_gallery"].unique())


def curves(scores: Iterable) -> dict[str, np.ndarray]:
    """CMC curves of study.Score objects by label (first seed of each)."""
    heads = pd.DataFrame([score.rows.iloc[0] for score in scores])
    labels = labelled(heads)["label"]
    return {label: s.cmc for label, s in reversed([*zip(labels, scores, strict=True)])}


def scores_by_target(scores: Iterable) -> dict[str, list]:
    """study.Score objects by test set, whose name says 'synthetic' where it is."""
    found: dict[str, list] = {}
    for score in scores:
        (name,) = by_target(score.rows)
        found.setdefault(name, []).append(score)
    return found


def curves_by_target(stored: pd.DataFrame, most: int = 8) -> dict[str, dict[str, np.ndarray]]:
    """Stored CMC curves: test set, said to be synthetic where it is -> label -> fractions.

    Args:
        stored: record.read_curves().
        most: curves a test set; of more, those that are highest at rank 1.
    """
    found: dict[str, dict[str, np.ndarray]] = {}
    for target, rows in stored.groupby("test_set", sort=False):
        first = labelled(rows[rows["seed"] == rows["seed"].min()])
        drawn = "synthetic " if first["synthetic"].all() else ""
        drawn_here = {
            label: curve["found"].to_numpy() / 100
            for label, curve in first.groupby("label", sort=False)
        }
        best = sorted(drawn_here, key=lambda label: -drawn_here[label][0])[:most]
        found[f"{drawn}{target}"] = {k: v for k, v in drawn_here.items() if k in best}
    return found


# --- questions in words ------------------------------------------------------------------------


def questions_by_set(questions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows of evidence.questions by set, with a `label`; the name says if it is synthetic."""
    found = {}
    for (name, drawn), part in questions.groupby(["set", "synthetic"], sort=False):
        several = questions["backbone"].nunique() > 1
        labels = part["question"] + (" " + part["backbone"] if several else "")
        found[f"{'synthetic ' if drawn else ''}{name}"] = part.assign(label=labels)
    return found


def questions_table(questions: pd.DataFrame) -> pd.DataFrame:
    """Rows of evidence.questions as a reader reads them: right [low, high] beside chance."""
    lines = [
        {
            "set": f"{'synthetic ' if row['synthetic'] else ''}{row['set']}",
            "question": row["question"],
            "backbone": row["backbone"],
            "weights": row["weights"],
            "photographs": row["n_images"],
            "right, %": _right(row),
            "chance, %": row["chance"],
        }
        for _, row in questions.iterrows()
    ]
    names = ["set", "question", "backbone", "weights", "photographs", "right, %", "chance, %"]
    return pd.DataFrame(lines, columns=names)


def describe_questions(shown: pd.DataFrame) -> str:
    """Questions and how they were answered, in words."""
    return "Right answers: " + "; ".join(
        f"{row['label']} {_right(row)} %, chance {row['chance']:.0f} %"
        for _, row in shown.iterrows()
    )


def confusions(answers: pd.DataFrame, column: str) -> dict[str, pd.DataFrame]:
    """What was answered to the question about a column, for each truth, percent of its photographs.

    Args:
        answers: rows of study.Study.ask.
        column: what the question is about, such as "view".

    Returns:
        "set, backbone" -> [truths, answers], both in the same order; empty if it was not asked.
    """
    found = {}
    asked = answers[answers["column"] == column]
    for (name, drawn, backbone), part in asked.groupby(
        ["set", "synthetic", "backbone"], sort=False
    ):
        counts = pd.crosstab(part["truth"], part["answer"])
        names = sorted(counts.index)
        counts = counts.reindex(index=names, columns=names, fill_value=0)
        label = f"{'synthetic ' if drawn else ''}{name}, {backbone}"
        found[label] = 100 * counts.div(counts.sum(axis=1), axis=0)
    return found


def describe_confusion(table: pd.DataFrame) -> str:
    """The most frequent answer to each truth, in words."""
    return "; ".join(
        f"{truth}: taken for {row.idxmax()} in {row.max():.0f} %" for truth, row in table.iterrows()
    )


def _right(row: pd.Series) -> str:
    if np.isnan(row["low"]):
        return f"{row['correct']:.1f}"
    return f"{row['correct']:.1f} [{row['low']:.1f}, {row['high']:.1f}]"


# --- texts ------------------------------------------------------------------------------------


def nearest_words(knows: Iterable) -> pd.DataFrame:
    """The tables of wording.Wording objects, a row an identity, which is numbered, not named."""
    table = pd.concat([found.nearest for found in knows], ignore_index=True)
    numbers = pd.factorize(table["identity"], sort=True)[0] + 1
    table["identity"] = [f"person {number}" for number in numbers]
    table["word"] = "word " + table["word"].astype(str)
    wide = table.pivot(index=["method", "identity"], columns="word", values="nearest")
    return wide.reset_index().rename_axis(columns=None)


def validation_beside_test(made: Iterable, scores: Iterable) -> pd.DataFrame:
    """The mAP of each training's kept epoch on held-out photographs, beside that of test people.

    Args:
        made: study.Experiment objects.
        scores: study.Score of them, among others.
    """
    rows = pd.concat([score.rows for score in scores])
    keys = ["method", "backbone", "train_set", "seed"]
    tests = rows[rows["metric"] == "mAP"].set_index(keys)
    lines = []
    for one in made:
        known = one.history["validation"].dropna()
        kept = known.max() if one.recipe.select == "best" else known.iloc[-1]
        test = tests.loc[(one.title, one.backbone, one.target, one.seed)]
        lines.append(
            {
                "method": one.title,
                "backbone": one.backbone,
                "train set": one.target,
                "seed": one.seed,
                "validation, held-out photographs": f"{100 * kept:.1f}",
                "test, strangers": interval(test),
            }
        )
    return pd.DataFrame(lines)


# --- beside the papers ------------------------------------------------------------------------


def _published_mean(published: pd.DataFrame, row: pd.Series) -> pd.Series | None:
    """The published figure of a row's system, or of its full-size counterpart."""
    backbone = COUNTERPART.get(row["backbone"], row["backbone"])
    # The papers call a network that is fine-tuned as it is by the network's name.
    method = backbone if row["method"] == "CNN baseline" else row["method"]
    same = (
        (published["method"] == method)
        & (published["backbone"] == backbone)
        & (published["train_set"] == row["train_set"])
        & (published["test_set"] == row["test_set"])
        & (published["metric"] == row["metric"].removesuffix("_trapezoid"))
        & ~published["note"].astype(str).str.startswith("split ")
        & published["source"].isin(_SOURCES)
    )
    if row["metric"].startswith("mAP"):
        wanted = "trapezoid" if row["metric"].endswith("trapezoid") else "standard"
        same &= published["ap_definition"] == wanted
    found = published[same].sort_values(
        "source", key=lambda names: names.map(_SOURCES.index), kind="stable"
    )
    return found.iloc[0] if len(found) else None


def beside_published(
    rows: pd.DataFrame, published: pd.DataFrame, *, further: bool = True
) -> pd.DataFrame:
    """Ours and the paper's, a row a system; empty where nothing was published.

    A backbone or test set that is the same in every row is left out: `setting` says it.

    Args:
        rows: tidy rows (record.COLUMNS).
        published: record.published().
        further: show rank-5 and rank-10 too, where somebody printed them.
    """
    table, means = [], mean_over_seeds(rows)
    printed = [
        row["metric"]
        for _, row in means.iterrows()
        if row["metric"] not in _MAIN and _published_mean(published, row) is not None
    ]
    shown = {*_MAIN, *(printed if further else ())}
    for who, group in means.groupby(_WHO, sort=False):
        ours = group.set_index("metric")
        known = {m: _published_mean(published, row) for m, row in _by_metric(group)}
        found = [row for row in known.values() if row is not None]
        drawn = "synthetic " if ours["synthetic"].any() else ""
        line = {"method": who[0], "backbone": who[1]}
        line |= {"train set": f"{drawn}{who[2]}", "test set": f"{drawn}{who[3]}"}
        for metric in [m for m in METRIC_NAMES if m in shown]:
            line[METRIC_NAMES[metric]] = interval(ours.loc[metric])
            row = known[metric]
            line[f"{METRIC_NAMES[metric]}, published"] = (
                "" if row is None else f"{row['value']:.2f}"
            )
        line["published for"] = "; ".join(
            dict.fromkeys(
                f"{row['backbone']}, real {row['test_set']} ({row['source']})" for row in found
            )
        )
        table.append(line)
    filled = pd.DataFrame(table)
    same = [c for c in ("backbone", "test set") if filled[c].nunique() == 1]
    same += ["train set"] if (filled["train set"] == filled["test set"]).all() else []
    return filled.loc[:, (filled != "").any()].drop(columns=same)


def _by_metric(group: pd.DataFrame) -> list[tuple[str, pd.Series]]:
    return [(row["metric"], row) for _, row in group.iterrows()]


def published_for(shown: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """The published figures of labelled rows: columns label, value."""
    found = [(row["label"], _published_mean(published, row)) for _, row in shown.iterrows()]
    known = [{"label": label, "value": row["value"]} for label, row in found if row is not None]
    return pd.DataFrame(known, columns=["label", "value"])


def draws(score, published: pd.DataFrame) -> pd.DataFrame:
    """Each Monte Carlo draw by itself, ours beside the published draws of the same system.

    Their draws are other galleries than ours: what compares is level and spread.

    Args:
        score: study.Score.
        published: record.published().

    Returns:
        Columns draw, a column a metric in percent, and where its draws were published, theirs.
    """
    head, runs = score.rows.iloc[0], score.per_query.groupby("run")
    ours = {
        f"rank{k}": runs["first_hit"].apply(lambda hits, k=k: 100 * (hits <= k).mean())
        for k in (1, 5, 10)
    }
    table = pd.DataFrame(ours | {"mAP": 100 * runs["ap"].mean()})
    table.index = [f"draw {run + 1} of {len(table)}" for run in table.index]
    same = (
        (published["method"] == head["method"])
        & (published["backbone"] == COUNTERPART.get(head["backbone"], head["backbone"]))
        & (published["test_set"] == head["test_set"])
    )
    note = published["note"].astype(str).str.replace("split", "draw", n=1)
    theirs = published[same & note.str.startswith("draw ")].assign(note=note)
    theirs = theirs.pivot_table(index="note", columns="metric", values="value")
    names = METRIC_NAMES.get
    theirs = theirs.reindex(columns=list(table)).rename(columns=lambda m: f"{names(m)}, published")
    both = table.rename(columns=names).join(theirs.dropna(axis=1), how="left")
    shown = both.map(lambda value: "" if np.isnan(value) else f"{value:.1f}")
    return shown.loc[:, (shown != "").any()].rename_axis("draw").reset_index()


def parts_grid(rows: pd.DataFrame, metric: str = "rank1") -> pd.DataFrame:
    """GPA-Net's table 3 from rows whose method is "GPA-Net Hp=<rows> Vp=<columns>".

    Args:
        rows: tidy rows, ours or record.published()'s.
        metric: which figure.

    Returns:
        [Hp, Vp] percent, mean over seeds; empty if no method is so named.
    """
    parts = rows["method"].str.extract(r"^GPA-Net Hp=(\d+) Vp=(\d+)$")
    known = rows.assign(Hp=parts[0], Vp=parts[1])[rows["metric"].eq(metric) & parts[0].notna()]
    return known.pivot_table(index="Hp", columns="Vp", values="value", aggfunc="mean")


def describe_grid(grid: pd.DataFrame) -> str:
    """The best and the worst cell of a grid, in words."""
    cells = grid.stack()
    best, worst = (" by ".join(cells_at) for cells_at in (cells.idxmax(), cells.idxmin()))
    return (
        f"{len(cells)} numbers of parts, {grid.index.name} rows by {grid.columns.name} columns: "
        f"best {best} with {cells.max():.1f} %, worst {worst} with {cells.min():.1f} %."
    )


# --- counts -----------------------------------------------------------------------------------


def beside_counts(audit: pd.DataFrame) -> pd.DataFrame:
    """The protocol's counts a view, and below each the papers' of the complete real set."""
    ours = audit.assign(source="this run")
    papers = PUBLISHED_COUNTS.merge(audit[["set", "view"]]).assign(source="the papers")
    both = pd.concat([ours, papers]).sort_values(["set", "view"], kind="stable")
    return both[["set", "view", "source", *audit.columns.drop(["set", "view"])]]


def by_person(per_query: pd.DataFrame) -> pd.Series:
    """Rank-1 of each person over all runs, fractions, worst first."""
    right = per_query["first_hit"].eq(1).groupby(per_query["subject"]).mean()
    return right.sort_values(kind="stable")


def deletion(areas: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Area below the deletion curve by what gives the order, means over the queries.

    Args:
        areas: of study.Study.similarity_maps, by method: columns `query`, `order`, `draw`, `area`.

    Returns:
        A row a method and order, "map" first: method, order, area, lowest and highest of its draws.
    """
    found = pd.concat(
        {method: deletion_of(part) for method, part in areas.items()}, names=["method"]
    )
    return found.reset_index()


def deletion_of(areas: pd.DataFrame) -> pd.DataFrame:
    """`deletion` of one method, by order."""
    draws = areas.groupby(["order", "draw"], sort=False)["area"].mean()
    return draws.groupby("order", sort=False).agg(area="mean", lowest="min", highest="max")
