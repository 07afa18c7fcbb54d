"""What figures prove: differences with their intervals, computed from what a study scored.

Intervals resample people (metric.bootstrap). No data, no network: tables in, tables out.
"""

from collections.abc import Callable, Iterable

import pandas as pd

from handid import metric

PAIRED = ["method", "backbone", "train_set", "test_set", "synthetic"]
ASKED = ["backbone", "weights", "set", "synthetic", "question"]


def gains(scores: Iterable, reference: str, figure: str = "rank1") -> pd.DataFrame:
    """Differences to a reference method, query by query, with an interval that resamples people.

    Both methods answer the same queries against the same galleries; several seeds of a method are
    averaged a query first.

    Args:
        scores: study.Score of methods on one or more targets and backbones.
        reference: `method` of the rows to subtract.
        figure: "rank1", or "mAP" for the standard average precision.

    Returns:
        A row a method, backbone, training and test set other than the reference: method,
        backbone, train_set, test_set, synthetic, seeds, and value, low, high in percentage points.

    Raises:
        ValueError: if the reference has no score to compare with.
    """
    return _differences(scores, [reference], figure).drop(columns="over")


def margins(
    scores: Iterable, method: str, floors: Iterable[str], figure: str = "rank1"
) -> pd.DataFrame:
    """How far a method stands above each of several floors; otherwise as `gains`.

    Args:
        scores: study.Score of the method and of floors, on one or more targets and backbones.
        method: `method` of the rows to subtract from.
        floors: `method` of the rows to subtract, each by itself.
        figure: "rank1" or "mAP".

    Returns:
        The columns of `gains`, and `over`: the floor.

    Raises:
        ValueError: if there is no floor, or none can be compared with the method.
    """
    floors = list(dict.fromkeys(floors))
    if not floors:
        raise ValueError("There is no floor to compare with: name at least one.")
    known = [s for s in scores if s.rows["method"].iloc[0] in (method, *floors)]
    return _differences(known, floors, figure)


def training_gains(scores: Iterable, figure: str = "rank1") -> pd.DataFrame:
    """What training adds: each method minus itself before its first step, query by query.

    Args:
        scores: study.Score, among them of experiments that study.Study.untrained made.
        figure: "rank1" or "mAP".

    Returns:
        The columns of `gains`, a row a method whose untrained self was scored.
    """
    return _paired(scores, figure, lambda who: [(f"{who[0]} untrained", *who[1:])])


def transfer(scores: Iterable, figure: str = "rank1") -> pd.DataFrame:
    """What it costs to train on another set than the one tested on, query by query.

    Args:
        scores: study.Score of methods, each tested on every set.
        figure: "rank1" or "mAP".

    Returns:
        A row a method, backbone, test set and training set other than it: the columns of `gains`;
        none where no method was trained both on the tested set and elsewhere.
    """

    def here(who):
        method, backbone, train_set, test_set, drawn = who
        return [] if train_set == test_set else [(method, backbone, test_set, test_set, drawn)]

    return _paired(scores, figure, here)


def _differences(scores: Iterable, references: list[str], figure: str) -> pd.DataFrame:
    def bases(who):
        return [] if who[0] in references else [(name, *who[1:]) for name in references]

    scores = list(scores)
    found = _paired(scores, figure, bases, over=True)
    if found.empty:
        names = " or ".join(f"'{reference}'" for reference in references)
        if {score.rows["method"].iloc[0] for score in scores} <= set(references):
            raise ValueError(f"Nothing stands beside {names}: name something to compare with it.")
        raise ValueError(f"Nothing can be compared with {names}: it was not scored here.")
    return found


def _paired(
    scores: Iterable, figure: str, bases: Callable[[tuple], list[tuple]], over: bool = False
) -> pd.DataFrame:
    """Each answer minus those that `bases` names, query by query, where they were scored.

    Args:
        scores: study.Score objects; several seeds of the same are averaged a query.
        figure: "rank1" or "mAP".
        bases: values of PAIRED -> those to subtract, each by itself.
        over: say the subtracted method in a column.
    """
    groups: dict[tuple, list[pd.DataFrame]] = {}
    for score in scores:
        groups.setdefault(tuple(score.rows.iloc[0][PAIRED]), []).append(score.per_query)
    means = {who: _mean_answer(parts, figure) for who, parts in groups.items()}
    rows = [
        dict(zip(PAIRED, who, strict=True))
        | ({"over": base[0]} if over else {})
        | {"seeds": len(groups[who])}
        | _difference(answer, means[base])
        for who, answer in means.items()
        for base in bases(who)
        if base in means
    ]
    names = [*PAIRED, *(["over"] if over else []), "seeds", "value", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def _difference(answer: pd.Series, base: pd.Series) -> dict[str, float]:
    """Mean of paired differences with its interval over people, percentage points."""
    difference = answer - base
    people = difference.index.get_level_values("subject")
    low, high = metric.bootstrap(difference.to_numpy(), people)
    figures = {"value": difference.mean(), "low": low, "high": high}
    return {key: 100 * value for key, value in figures.items()}


def _mean_answer(parts: list[pd.DataFrame], figure: str) -> pd.Series:
    """Mean over seeds of each query's answer, by run, image and person."""
    answers = pd.concat(
        part.assign(answer=part["ap"] if figure == "mAP" else part["first_hit"] == 1.0)
        for part in parts
    )
    return answers.groupby(["run", "path", "subject"])["answer"].mean().astype(float)


def questions(answers: pd.DataFrame) -> pd.DataFrame:
    """How often the answers of `study.Study.ask` are right, with an interval that resamples people.

    Args:
        answers: what study.Study.ask returned.

    Returns:
        A row a backbone, set and question: backbone, weights, set, synthetic, question, n_images,
        and in percent correct (metric.balanced_accuracy), low, high, and chance: what guessing
        reaches, and what always the same answer does. No rows for no answers.
    """
    rows = []
    for who, part in answers.groupby(ASKED, sort=False):
        right = part["truth"] == part["answer"]
        found = metric.balanced_accuracy(right, part["truth"], part["subject"])
        figures = dict(zip(("correct", "low", "high"), found, strict=True))
        figures["chance"] = 1 / part["offered"].iloc[0]
        percent = {key: 100 * value for key, value in figures.items()}
        rows.append(dict(zip(ASKED, who, strict=True)) | {"n_images": len(part)} | percent)
    columns = [*ASKED, "n_images", "correct", "low", "high", "chance"]
    return pd.DataFrame(rows, columns=columns)
