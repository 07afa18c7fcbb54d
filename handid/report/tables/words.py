"""The tables about text: questions asked in words, and the words that texts learned."""

from collections.abc import Iterable

import pandas as pd

from handid.data.sets import label
from handid.report.rows import with_interval

_QUESTION_COLUMNS = ["set", "question", "backbone", "weights", "photographs"]


def questions_table(questions: pd.DataFrame) -> pd.DataFrame:
    """Rows of `differences.questions` for readers: right [low, high] beside chance, in percent."""
    lines = [
        {
            "set": label(row["set"], row["synthetic"]),
            "question": row["question"],
            "backbone": row["backbone"],
            "weights": row["weights"],
            "photographs": row["n_images"],
            "right, %": with_interval(row, "correct"),
            "chance, %": row["chance"],
        }
        for _, row in questions.iterrows()
    ]
    return pd.DataFrame(lines, columns=[*_QUESTION_COLUMNS, "right, %", "chance, %"])


def questions_by_set(questions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows of `differences.questions` by data set, whose name says whether it is synthetic."""
    groups = questions.groupby(["set", "synthetic"], sort=False)
    return {label(name, bool(synthetic)): part for (name, synthetic), part in groups}


def told(table: pd.DataFrame) -> pd.DataFrame:
    """One row per fact, one column per system and feature: right [low, high], percent.

    Args:
        table: one row per system, feature and fact: method, backbone, feature, fact, correct, low,
            high, chance.
    """
    names = table["method"] + ", " + table["backbone"] + ", " + table["feature"]
    said = table.apply(lambda row: with_interval(row, "correct"), axis=1)
    wide = table.assign(name=names, said=said).pivot(index="fact", columns="name", values="said")
    wide = wide.loc[table["fact"].unique(), names.unique()]
    chances = table.groupby("fact", sort=False)["chance"].first()
    wide = wide.assign(**{"chance, %": chances}).rename(index=lambda fact: fact.replace("_", " "))
    return wide.reset_index().rename_axis(columns=None)


def confusions(answers: pd.DataFrame, column: str) -> dict[str, pd.DataFrame]:
    """What was answered to the question about a column, for each truth, percent of its photographs.

    Args:
        answers: one row per question and photograph, as for `differences.questions`.
        column: what the question is about, such as "view".

    Returns:
        "set, backbone" -> [truths, answers], both in the same order; empty if it was not asked.
    """
    tables = {}
    asked = answers[answers["column"] == column]
    for (name, synthetic, backbone), part in asked.groupby(
        ["set", "synthetic", "backbone"], sort=False
    ):
        counts = pd.crosstab(part["truth"], part["answer"])
        names = sorted(counts.index)
        counts = counts.reindex(index=names, columns=names, fill_value=0)
        percent = 100 * counts.div(counts.sum(axis=1), axis=0)
        tables[f"{label(name, bool(synthetic))}, {backbone}"] = percent
    return tables


def nearest_words(texts: Iterable) -> pd.DataFrame:
    """The vocabulary's nearest words, one row per identity, which is numbered, not named.

    The numbers follow the words, not the names: in another study they are other people's.

    Args:
        texts: each with `nearest`: method, identity, word (its place) and nearest.
    """
    table = pd.concat([text.nearest for text in texts], ignore_index=True)
    words = table.sort_values(["nearest", "identity"])["identity"].unique()
    numbers = [list(words).index(identity) + 1 for identity in table["identity"]]
    table["identity"] = [f"person {number}" for number in numbers]
    table["word"] = "word " + table["word"].astype(str)
    wide = table.pivot(index=["method", "identity"], columns="word", values="nearest")
    return wide.reset_index().rename_axis(columns=None)
