"""Differences between scores with their intervals, and how often questions are answered right.

Intervals resample people (handid.statistics). No data, no network: tables in, tables out.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import pandas as pd

from handid import statistics
from handid.recipes import System
from handid.report.rows import WHAT, Score, labels

ASKED = ["backbone", "weights", "set", "synthetic", "question"]
COLUMNS = [*WHAT, "over_system", "over", "name", "label", "seeds", "value", "low", "high"]
COLUMNS += ["seed_part", "p", "p_holm"]


class _What(NamedTuple):
    """What a score is of: the columns rows.WHAT; title and system say the same."""

    system: str
    method: str
    backbone: str
    train_set: str
    test_set: str
    task: str
    image: str
    synthetic: bool


def gains(scores: Iterable[Score], reference: str, figure: str = "rank1") -> pd.DataFrame:
    """Differences to a reference system, query by query, with an interval that resamples people.

    Both systems answer the same queries against the same galleries; several seeds of a system are
    averaged for each query first.

    Args:
        scores: of systems on one or more targets and backbones.
        reference: key of the system to subtract (recipes.System.key).
        figure: "rank1", or "mAP" for the standard average precision.

    Returns:
        One row per system, backbone, training and test set other than the reference, with COLUMNS:
        what rows.WHAT says; over_system and over, the reference's key and title; label, which names
        only what differs, and name, what it begins with; seeds; value, low, high in percentage
        points; seed_part of statistics.with_seeds; p of statistics.sign_flip, and p_holm, adjusted
        for all rows of the table.

    Raises:
        ValueError: if the reference has no score to compare with.
    """
    return _labelled(_over(scores, [reference], figure), "method")


def margins(
    scores: Iterable[Score], system: str, floors: Iterable[str], figure: str = "rank1"
) -> pd.DataFrame:
    """How far a system stands above each of several floors or controls; otherwise as `gains`.

    Args:
        scores: of the system and of the floors, on one or more targets and backbones.
        system: key of the system to subtract from.
        floors: keys of the systems to subtract, each by itself; none gives an empty table.
        figure: "rank1" or "mAP".

    Returns:
        As `gains`, one row per floor; `label` names the floor.

    Raises:
        ValueError: if none of the floors can be compared with the system.
    """
    floors = list(dict.fromkeys(floors))
    if not floors:
        return pd.DataFrame(columns=COLUMNS)
    compared = [s for s in scores if s.rows["system"].iloc[0] in (system, *floors)]
    return _labelled(_over(compared, floors, figure), "over")


def training_gains(scores: Iterable[Score], figure: str = "rank1") -> pd.DataFrame:
    """What training adds: each system minus itself before its first step, query by query.

    Args:
        scores: among them those of untrained systems (recipes.System.untrained).
        figure: "rank1" or "mAP".

    Returns:
        As `gains`, one row per system whose untrained self was scored; none if there is none.
    """

    def before(what: _What) -> list[tuple[str, str]]:
        system = System.parse(what.system)
        return [(system.untrained.key, what.train_set)] if system.trained else []

    return _labelled(_paired(scores, figure, before), "method")


def transfer(scores: Iterable[Score], figure: str = "rank1") -> pd.DataFrame:
    """What it costs to train on another set than the one tested on, query by query.

    Args:
        scores: of systems, each tested on every set.
        figure: "rank1" or "mAP".

    Returns:
        As `gains`, one row per system, backbone, test set and training set other than it; none
        where no system was trained both on the tested set and elsewhere.
    """

    def at_home(what: _What) -> list[tuple[str, str]]:
        return [] if what.train_set == what.test_set else [(what.system, what.test_set)]

    return _labelled(_paired(scores, figure, at_home), "method")


def label_again(differences: pd.DataFrame) -> pd.DataFrame:
    """A part of such a table with labels that name only what differs within it."""
    return differences.assign(label=labels(differences, differences["name"]))


def joined(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Tables of several systems as one: labels name the system, p is adjusted for all rows.

    Of no table one without rows.
    """
    parts = list(tables)
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    every = pd.concat(parts, ignore_index=True)
    if every["system"].nunique() > 1:
        every = every.assign(name=every["method"] + " " + every["name"])
    return label_again(every.assign(p_holm=statistics.holm(every["p"])))


def _labelled(differences: pd.DataFrame, named: str) -> pd.DataFrame:
    """With `name` and `label`: of the system, or of what it stands over."""
    if named == "over":
        pairs = zip(
            differences["system"], differences["over_system"], differences["over"], strict=True
        )
        names = [f"over {_name_of(*pair)}" for pair in pairs]
    else:
        names = differences["method"]
    adjusted = statistics.holm(differences["p"])
    return label_again(differences.assign(name=names, p_holm=adjusted))[COLUMNS]


def _name_of(system: str, over: str, title: str) -> str:
    """The title of what a system stands over; a control of its own recipe goes by its name."""
    own, other = System.parse(system), System.parse(over)
    is_control = own.recipe == other.recipe and other.control and not own.control
    return other.control.replace("_", " ") if is_control else title


def _over(scores: Iterable[Score], references: list[str], figure: str) -> pd.DataFrame:
    def bases(what: _What) -> list[tuple[str, str]]:
        if what.system in references:
            return []
        return [(reference, what.train_set) for reference in references]

    scores = list(scores)
    differences = _paired(scores, figure, bases)
    if differences.empty:
        names = " or ".join(f"'{reference}'" for reference in references)
        if {score.rows["system"].iloc[0] for score in scores} <= set(references):
            raise ValueError(f"Nothing stands beside {names}: name something to compare with it.")
        raise ValueError(f"Nothing can be compared with {names}: it was not scored here.")
    return differences


def _paired(
    scores: Iterable[Score], figure: str, bases: Callable[[_What], list[tuple[str, str]]]
) -> pd.DataFrame:
    """Each answer minus those that `bases` names, query by query, where they were scored.

    Args:
        scores: several seeds of the same are averaged for each query.
        figure: "rank1" or "mAP".
        bases: what a score is of -> system and training set of those to subtract, each by itself.
    """
    groups: dict[_What, dict[int, pd.DataFrame]] = {}
    for score in scores:  # a seed that was scored twice counts once
        first = score.rows.iloc[0]
        groups.setdefault(_What(*first[WHAT]), {})[first["seed"]] = score.per_query
    means = {what: _mean_answer([*parts.values()], figure) for what, parts in groups.items()}
    same = {what._replace(method=""): what for what in means}  # a system's title is not its name
    rows = []
    for what, answer in means.items():
        for system, train_set in bases(what):
            base = same.get(what._replace(system=system, train_set=train_set, method=""))
            if base is not None:
                over = {"over_system": base.system, "over": base.method}
                each = _each_seed(groups[what], groups[base], figure)
                figures = {"seeds": len(groups[what]), **_difference(answer, means[base], each)}
                rows.append(what._asdict() | over | figures)
    return pd.DataFrame(rows, columns=[c for c in COLUMNS if c not in ("name", "label", "p_holm")])


def _each_seed(
    parts: dict[int, pd.DataFrame], base: dict[int, pd.DataFrame], figure: str
) -> list[float]:
    """The difference of each training to the one of the same seed, or to the mean of all."""
    everything = list(base.values())
    return [
        float((_mean_answer([part], figure) - _mean_answer(beside, figure)).mean())
        for seed, part in parts.items()
        for beside in [[base[seed]] if seed in base else everything]
    ]


def _difference(answer: pd.Series, base: pd.Series, each: list[float]) -> dict[str, float]:
    """Mean of paired differences with its interval, percentage points, and its p.

    The interval is over people and, of several trainings, over their seeds (`each`); p is over
    people alone.
    """
    difference = answer - base
    people = difference.index.get_level_values("subject")
    bounds = statistics.interval(difference, people, kind="difference")
    low, high, part = statistics.with_seeds(each, *bounds)
    figures = {"value": difference.mean(), "low": low, "high": high}
    p = statistics.sign_flip(difference, people)
    return {key: 100 * value for key, value in figures.items()} | {"p": p, "seed_part": part}


def _mean_answer(parts: list[pd.DataFrame], figure: str) -> pd.Series:
    """Mean over seeds of each query's answer, by run, image and person."""
    answers = pd.concat(
        part.assign(answer=part["ap"] if figure == "mAP" else part["first_hit"] == 1.0)
        for part in parts
    )
    return answers.groupby(["run", "path", "subject"])["answer"].mean().astype(float)


def questions(answers: pd.DataFrame) -> pd.DataFrame:
    """How often questions in words are answered right, with an interval that resamples people.

    Args:
        answers: one row per question and photograph: ASKED, offered (number of answers), subject,
            truth, answer.

    Returns:
        One row per backbone, set and question: ASKED, n_images; in percent correct
        (statistics.balanced_accuracy), low, high, and chance, which is what guessing reaches, and
        what always the same answer does; p of statistics.sign_flip against chance and p_holm,
        adjusted for all rows; label. No rows for no answers.
    """
    rows = []
    for asked, part in answers.groupby(ASKED, sort=False):
        right = (part["truth"] == part["answer"]).to_numpy()
        shares = statistics.balanced_accuracy(right, part["truth"], part["subject"])
        figures = [*shares, 1 / part["offered"].iloc[0]]
        names = ("correct", "low", "high", "chance")
        percent = {name: 100 * value for name, value in zip(names, figures, strict=True)}
        # Each photograph weighs as in the balanced mean: true answers alike.
        weights = 1 / part.groupby("truth")["truth"].transform("size")
        p = statistics.sign_flip((right - figures[-1]) * weights, part["subject"])
        about = dict(zip(ASKED, asked, strict=True)) | {"n_images": len(part)}
        rows.append(about | percent | {"p": p if shares[1] == shares[1] else float("nan")})
    columns = [*ASKED, "n_images", "correct", "low", "high", "chance", "p"]
    table = pd.DataFrame(rows, columns=columns)
    table = table.assign(p_holm=statistics.holm(table["p"]))
    several = table["backbone"].nunique() > 1
    return table.assign(label=table["question"] + (" " + table["backbone"] if several else ""))
