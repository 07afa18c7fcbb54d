"""Photographs compared one to one, and searched for, by task: of test and of development people.

Nothing is judged here: scores and people come out, and handid.evidence makes figures of them.
"""

from functools import partial
from pathlib import PurePath
from typing import NamedTuple

import numpy as np
import pandas as pd

from handid import protocol, tasks
from handid.evidence.scores import Comparisons
from handid.study import network as networks
from handid.study.experiment import Experiment
from handid.study.photographs import Photographs
from handid.train import Engine

MATED, NONMATED = 30, 4  # comparisons kept per person and per pair of people, drawn at random
REPEATS = 20  # random halves of the people who are enrolled


class Part(NamedTuple):
    """Photographs of some people.

    Attributes:
        vectors: [N, D] embeddings of length 1; NaN for a photograph that could not be decoded.
        people: [N] whose, whole numbers.
        bursts: [N] in which burst.
    """

    vectors: np.ndarray
    people: np.ndarray
    bursts: np.ndarray


class Material(NamedTuple):
    """What a task compares and searches with one experiment.

    Attributes:
        asked: test people's photographs.
        searched: what they are compared with: the same ones, or mirrored ones of the other hand or
            side.
        new: development people's: the training people's held-out photographs.
        known: what those are compared with: the training people's other photographs of the view
            that is searched.
        extra: photographs of people who are in neither half; perhaps none.
        apart: whether mated photographs must be from different bursts.
        n_failed: test photographs that could not be decoded.
        names: people by their whole number.
    """

    asked: Part
    searched: Part
    new: Part
    known: Part
    extra: Part
    apart: bool
    n_failed: int
    names: list


def material(
    experiment: Experiment, task: str, photographs: Photographs, engine: Engine
) -> Material:
    """The embedded photographs that a task compares on the experiment's own target.

    Args:
        experiment: whose embeddings are compared.
        task: a key of tasks.TASKS.
        photographs: of the study.
        engine: device and precision.

    Raises:
        ValueError: one sentence, if the task is unknown or this set cannot show it.
    """
    table, view = photographs.table(experiment.target.set), photographs.view(experiment.target)
    tasks.draws(table, view, task, runs=1)  # refuses what cannot be asked
    mirrored = tasks.TASKS[task].mirrored
    trains, tests = photographs.halves(experiment.target)
    kept, held_out = protocol.validation(trains, experiment.seed)
    searched, known = tests, kept
    if mirrored:
        other = table[table["view"] == tasks.other_view(table, view, task)]
        searched, known = (
            other[other["subject"].isin(part["subject"])] for part in (tests, trains)
        )
    extra = table[(table["role"] == "distractor") & (table["view"] == view)]
    failed = _failed(experiment, photographs, tests)
    names = protocol.in_order(table["subject"])
    embedded = partial(_parts, networks.Embedder(experiment, photographs, engine), names)
    if mirrored:
        asked, new, others = embedded([tests, held_out, extra])
        searched, known = embedded([searched, known], mirrored=True)
        asked = _with_failures(asked, _codes(failed, names))
    else:
        asked, new, others, known = embedded([tests, held_out, extra, known])
        searched = asked = _with_failures(asked, _codes(failed, names))
    apart = task == tasks.BURSTS_APART
    return Material(asked, searched, new, known, others, apart, len(failed), names)


def refusal(experiment: Experiment, task: str, photographs: Photographs) -> str:
    """Why an experiment's target cannot show a task, in one sentence; empty if it can.

    Raises:
        ValueError: one sentence, if the task is unknown.
    """
    table, view = photographs.table(experiment.target.set), photographs.view(experiment.target)
    sentence = tasks.obstacle(table, view, task)
    if sentence or task != tasks.BURSTS_APART:
        return sentence
    tests = photographs.halves(experiment.target)[1]
    several = int((tests.groupby("subject")["burst"].nunique() > 1).sum())
    if several > 1:
        return ""
    return f"Task '{task}' cannot be judged: {several} test person has photographs of two bursts."


def of_tests(found: Material) -> Comparisons:
    """Each photograph of the test people with each other one, once, and none with itself."""
    one, other = found.asked, found.searched
    places = np.triu_indices(len(one.people), 1) if one is other else _grid(one, other)
    return _compared(one, other, places, apart=found.apart)


def of_development(found: Material) -> Comparisons:
    """Each held-out photograph of the training people with each of their other ones."""
    return _compared(found.new, found.known, _grid(found.new, found.known), apart=found.apart)


def _grid(one: Part, other: Part) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.indices((len(one.people), len(other.people)))
    return first.ravel(), second.ravel()


def _compared(
    one: Part, other: Part, places: tuple[np.ndarray, np.ndarray], *, apart: bool
) -> Comparisons:
    """The comparisons at some places, as many of each person and pair of people as are kept.

    Otherwise the few people with most photographs would decide every figure.
    """
    first, second = places
    whose, theirs = one.people[first], other.people[second]
    same, mated = whose == theirs, whose == theirs
    if apart:
        mated = same & (one.bursts[first] != other.bursts[second])
    mated, nonmated = np.flatnonzero(mated), np.flatnonzero(~same)
    pairs = np.sort(np.column_stack([whose, theirs]), axis=1)
    code = pairs[:, 0] * (1 + pairs.max(initial=0)) + pairs[:, 1]
    mated, nonmated = _some(mated, whose[mated], MATED), _some(nonmated, code[nonmated], NONMATED)
    scores = [
        np.einsum("nd,nd->n", one.vectors[first[kept]], other.vectors[second[kept]])
        for kept in (mated, nonmated)
    ]
    return Comparisons(scores[0], whose[mated], scores[1], pairs[nonmated])


def _some(places: np.ndarray, groups: np.ndarray, most: int) -> np.ndarray:
    """At most so many places of each group, drawn at random."""
    order = np.random.default_rng(0).permutation(len(places))
    number = pd.Series(groups[order]).groupby(groups[order]).cumcount().to_numpy()
    return np.sort(places[order[number < most]])


def searches(
    asked: Part, searched: Part, *, apart: bool, extra: Part | None = None
) -> pd.DataFrame:
    """Searches in galleries of a random half of the people, one photograph each, again and again.

    Args:
        asked: whose photographs search.
        searched: from whose the gallery is drawn; may be the same, and then none finds itself.
        apart: leaves out searches of somebody who is enrolled with a photograph of the same burst.
        extra: photographs of other people, who are never enrolled.

    Returns:
        One row per search: person, kind ("mated" is enrolled, "absent" is not, "extra" never is),
        rank of the mate (ties count against us; NaN if there is none), score: the mate's, or the
        highest one where there is none; NaN for a photograph that could not be decoded.
    """
    usable = np.isfinite(searched.vectors).all(axis=1)
    names = np.intersect1d(asked.people, searched.people[usable])
    parts = []
    for repeat in range(REPEATS if len(names) > 1 else 0):
        rng = np.random.default_rng(repeat)
        enrolled = np.sort(rng.choice(names, len(names) // 2, replace=False))
        gallery = [
            rng.choice(np.flatnonzero(usable & (searched.people == name))) for name in enrolled
        ]
        query = np.arange(len(asked.people))
        query = np.setdiff1d(query, gallery) if searched is asked else query
        found = _search(_rows(asked, query), _rows(searched, gallery), apart)
        parts.append(found)
        if extra is not None and len(extra.people):
            found = _search(extra, _rows(searched, gallery), apart)
            parts.append(found.assign(kind="extra"))
    columns = ["person", "kind", "rank", "score"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _search(asked: Part, gallery: Part, apart: bool) -> pd.DataFrame:
    scores = asked.vectors @ gallery.vectors.T
    same = asked.people[:, None] == gallery.people
    mated = same.any(axis=1)
    own = np.where(same, scores, -np.inf).max(axis=1)
    above = ((scores >= own[:, None] - 1e-12) & ~same).sum(axis=1)
    table = pd.DataFrame(
        {
            "person": asked.people,
            "kind": np.where(mated, "mated", "absent"),
            "rank": np.where(mated, 1 + above, np.nan),
            "score": np.where(mated, own, scores.max(axis=1)),
        }
    )
    near = same & (asked.bursts[:, None] == gallery.bursts)
    return table[~near.any(axis=1)] if apart else table


def _rows(part: Part, places: np.ndarray | list[int]) -> Part:
    return Part(part.vectors[places], part.people[places], part.bursts[places])


# --- photographs ------------------------------------------------------------------------------


def _failed(experiment: Experiment, photographs: Photographs, tests: pd.DataFrame) -> pd.DataFrame:
    """Test people's photographs that are listed and could not be decoded."""
    if photographs.settings.missing == "error":
        return tests.iloc[:0]
    listed = photographs.listed(experiment.target.set)
    view = listed["view"] == photographs.view(experiment.target)
    known = listed["path"].isin(photographs.table(experiment.target.set)["path"])
    return listed[view & ~known & listed["subject"].isin(tests["subject"])]


def _parts(
    embed: networks.Embedder, names: list, parts: list[pd.DataFrame], *, mirrored: bool = False
) -> list[Part]:
    """Several parts' photographs, embedded in one go."""
    ordered = [_in_order(rows) for rows in parts]
    vectors = _unit(embed(pd.concat(ordered), mirrored=mirrored))
    ends = np.cumsum([len(part) for part in ordered])[:-1]
    return [
        Part(own, _codes(part, names), part["burst"].to_numpy())
        for own, part in zip(np.split(vectors, ends), ordered, strict=True)
    ]


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """By file name, so that random draws depend on no other order."""
    names = [PurePath(path).name for path in rows["path"]]
    return rows.assign(_name=names).sort_values(["_name", "path"]).drop(columns="_name")


def _codes(rows: pd.DataFrame, names: list) -> np.ndarray:
    number = {name: code for code, name in enumerate(names)}
    return np.array([number[subject] for subject in rows["subject"]], dtype=int)


def _unit(embeddings: np.ndarray) -> np.ndarray:
    embeddings = embeddings.astype(np.float64)
    return embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)


def _with_failures(part: Part, people: np.ndarray) -> Part:
    """A part and, of these people, photographs that could not be decoded; each its own burst."""
    nothing = np.full((len(people), part.vectors.shape[1]), np.nan)
    bursts = -1 - np.arange(len(people))
    return Part(
        np.concatenate([part.vectors, nothing]),
        np.concatenate([part.people, people]),
        np.concatenate([part.bursts, bursts]),
    )
