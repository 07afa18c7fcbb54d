"""The five findings that the summary begins with: one sentence for each question of the study."""

import pandas as pd

from handid.recipes import System
from handid.report import apart
from handid.report.lineages import FLOORS, lineage
from handid.report.rows import backbones, mean_over_seeds, with_interval
from handid.report.sentences.verdicts import Verdict, of_row

_CLIP = ("clip_ft", "clip_handid", "clip_reid", "promptsg")
_CNNS = ("cnn_baseline", "gpa_net", "mba_net", "abd_net", "rga_net")
_ANSWERS = {  # what the verdict on the first system over the second means: higher, lower, unclear
    "untrained": (
        "CLIP knows something of hands before any training",
        "A floor does better than CLIP before training",
        "Unclear whether CLIP knows more of hands than a floor",
    ),
    "training": (
        "Fine-tuning helps",
        "Fine-tuning harms",
        "Unclear whether fine-tuning helps",
    ),
    "language": (
        "Language guidance helps",
        "Language guidance harms",
        "Unclear whether language guidance helps",
    ),
    "networks": (
        "A convolutional network does better than CLIP",
        "CLIP does better than the convolutional networks",
        "Unclear whether CLIP or a convolutional network does better",
    ),
    "transfer": (
        "Photographs of another set train better",
        "To train on another set costs rank-1",
        "Unclear whether it costs anything to train on another set",
    ),
}
_PLACES = {Verdict.HIGHER: 0, Verdict.LOWER: 1}
_Row = pd.Series | None


def findings(rows: pd.DataFrame, people: pd.DataFrame) -> str:
    """Five numbered sentences on the first test set, each with its figures and their intervals.

    Two systems are called different where their difference over the same people is, after Holm's
    correction for the five (report.apart).

    Args:
        rows: tidy rows of all notebooks.
        people: of rows.read_people, of the same notebooks.
    """
    shown = mean_over_seeds(rows[rows["metric"] == "rank1"])
    shown = shown[shown["test_set"] == shown["test_set"].iloc[0]]
    shown = shown.assign(
        full=[System.parse(key).full_size.key for key in shown["system"]],
        line=[lineage(key) for key in shown["system"]],
        told=backbones(shown),
    )
    asked = _asked(shown)
    told: dict[str, apart.Pair] = {
        question: (one, other)
        for question, (one, other, _) in asked.items()
        if one is not None and other is not None
    }
    differences = apart.pairs(people, list(told.values()))
    said = dict(zip(told, (row for _, row in differences.iterrows()), strict=True))
    lines = [
        _sentence(question, *told[question], said[question])
        if question in told
        else f"**Not answered:** {what} was not run."
        for question, (_, _, what) in asked.items()
    ]
    return "\n".join(f"{number}. {text}" for number, text in enumerate(lines, start=1))


def _asked(shown: pd.DataFrame) -> dict[str, tuple[_Row, _Row, str]]:
    """Question -> the level that it is about, what stands beside it, and both in words."""
    home = shown[shown["train_set"] == shown["test_set"]]
    away = shown[shown["train_set"] != shown["test_set"]]
    # CLIP as it sees the photographs that the floors see.
    plain = home[home["system"].str.fullmatch("clip_zero_shot(_plain)?")]
    random = home["system"].str.endswith(":random_weights")
    floor = _highest(home[(home["line"] == FLOORS) | random])
    own, before = _best(home, "clip_ft"), _best(home, "clip_ft:untrained")
    cnn, clip = _best(home, *_CNNS), _best(home, *_CLIP)
    return {
        "untrained": (_highest(plain), floor, "CLIP without training beside a floor"),
        "training": (own, before, "CLIP-FT beside itself before training"),
        "language": (_best(home, "clip_handid"), own, "CLIP-HandID beside CLIP-FT"),
        "networks": (cnn, clip, "a convolutional network beside CLIP"),
        "transfer": (_best(away, "clip_ft"), own, "CLIP-FT trained on another set"),
    }


def _best(rows: pd.DataFrame, *full: str) -> _Row:
    return _highest(rows[rows["full"].isin(full)])


def _highest(rows: pd.DataFrame) -> _Row:
    return None if rows.empty else rows.iloc[int(rows["value"].argmax())]


def _sentence(question: str, one: pd.Series, other: pd.Series, difference: pd.Series) -> str:
    verdict = of_row(difference)
    answer = _ANSWERS[question][_PLACES.get(verdict, 2)]
    moved = f"{with_interval(difference, form='+.1f')} points; {verdict.value}"
    return f"**{answer}:** {_named(one)} against {_named(other)}, {moved}."


def _named(row: pd.Series) -> str:
    where = "" if row["train_set"] == row["test_set"] else f" trained on {row['train_set']}"
    on = "" if row["told"] == "–" else f" on {row['told']}"
    return f"{row['method']}{on}{where} {with_interval(row)} %"
