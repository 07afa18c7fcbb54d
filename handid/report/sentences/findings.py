"""The five findings that the summary begins with: one sentence for each question of the study."""

import pandas as pd

from handid.recipes import System
from handid.report import apart
from handid.report.lineages import FLOORS, lineage
from handid.report.rows import backbones, mean_over_seeds, with_interval
from handid.report.sentences.verdicts import Verdict, of_levels, of_row, range_of

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
_WHAT = {
    "untrained": "CLIP without training beside a floor",
    "training": "CLIP-FT beside itself before training",
    "language": "CLIP-HandID beside CLIP-FT",
    "networks": "a convolutional network beside CLIP",
    "transfer": "CLIP-FT trained on another set",
}
_PLACES = {Verdict.HIGHER: 0, Verdict.LOWER: 1}
_Pair = tuple[pd.Series | None, pd.Series | None]


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
    home = shown[shown["train_set"] == shown["test_set"]]
    away = shown[shown["train_set"] != shown["test_set"]]
    zero_shot, floor = _zero_shot_and_floor(home)
    own, before = _best(home, "clip_ft"), _best(home, "clip_ft:untrained")
    asked: dict[str, _Pair] = {
        "untrained": (zero_shot, floor),
        "training": (own, before),
        "language": (_best(home, "clip_handid"), own),
        "networks": (_best(home, *_CNNS), _best(home, *_CLIP)),
        "transfer": (_best(away, "clip_ft"), own),
    }
    run = {name: (a, b) for name, (a, b) in asked.items() if a is not None and b is not None}
    found = dict(zip(run, apart.pairs(people, list(run.values())).iloc, strict=True))
    said = [
        _sentence(name, *run[name], found[name]) if name in run else _missing(name)
        for name in asked
    ]
    return "\n".join(f"{number}. {text}" for number, text in enumerate(said, start=1))


def _zero_shot_and_floor(home: pd.DataFrame) -> tuple[pd.Series | None, pd.Series | None]:
    """CLIP as it sees the photographs that the floors see, and the best floor."""
    random = home["system"].str.endswith(":random_weights")
    plain = home[home["system"].str.fullmatch("clip_zero_shot(_plain)?")]
    return _highest(plain), _highest(home[(home["line"] == FLOORS) | random])


def _best(rows: pd.DataFrame, *full: str) -> pd.Series | None:
    return _highest(rows[rows["full"].isin(full)])


def _highest(rows: pd.DataFrame) -> pd.Series | None:
    return None if rows.empty else rows.iloc[int(rows["value"].argmax())]


def _missing(question: str) -> str:
    return f"**Not answered:** {_WHAT[question]} was not run."


def _sentence(question: str, one: pd.Series, other: pd.Series, difference: pd.Series) -> str:
    answer = _ANSWERS[question][_PLACES.get(of_row(difference), 2)]
    points = "" if pd.isna(difference["low"]) else f"{difference['value']:+.1f} points"
    apart = ": ".join(filter(None, [points + range_of(difference), of_levels(difference)]))
    return f"**{answer}:** {_named(one)} beside {_named(other)}; {apart}."


def _named(row: pd.Series) -> str:
    where = "" if row["train_set"] == row["test_set"] else f" trained on {row['train_set']}"
    on = "" if row["told"] == "–" else f" on {row['told']}"
    return f"{row['method']}{on}{where} {with_interval(row)} %"
