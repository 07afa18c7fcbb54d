"""Searches of an experiment in a gallery that grows: measured, fitted, checked, foretold.

Where the package draws the photographs, strangers are drawn too, as many as are asked for. In a set
of real people they are its own test people, and smaller galleries are parts of theirs.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from handid import given, metric
from handid.evidence import growth
from handid.evidence.growth import GROUPS, Queries, Strangers
from handid.evidence.mixtures import Family
from handid.report.growth import Growth, as_rows
from handid.study import crowd, jobs, network, score, words
from handid.study.experiment import Experiment
from handid.study.photographs import Photographs
from handid.train import Engine

PART, LEAST = 1 / 10, 4  # of a real gallery: whom the checked model is fitted to; its people


class Size(NamedTuple):
    """How large galleries are asked for.

    Attributes:
        strangers: drawn people in the gallery.
        fitted: of them, those on whom the model that is checked is fitted.
        askers: drawn people who ask.
        shots: photographs with which each asks.
        largest: people in the gallery that is foretold.
    """

    strangers: int
    fitted: int
    askers: int
    shots: int
    largest: int


class _Material(NamedTuple):
    """Who asks and among whom.

    Attributes:
        queries: photographs that ask.
        mates: [Q] similarity of each with its mate.
        blocks: the strangers, a block at a time, anew at each iteration.
        held_out: number of the first stranger to whom the model that is checked is not fitted.
        n_fitted: strangers to whom it is.
        n_strangers: all of them.
    """

    queries: Queries
    mates: np.ndarray
    blocks: "Sequence[Strangers] | _Crowd"
    held_out: int
    n_fitted: int
    n_strangers: int


def expect(size: Size, set_to: float) -> None:
    """Refuse sizes that nothing can be fitted to or checked on.

    Raises:
        ValueError: one sentence.
    """
    for name, value in size._asdict().items():
        given.whole(name, value, 0)
    if size.askers < 4 or size.shots < 1:
        raise ValueError(
            f"askers={size.askers}, shots={size.shots}: at least 4 people must ask, with 1 "
            "photograph or more."
        )
    if not 2 <= size.fitted < size.strangers <= size.largest:
        raise ValueError(
            f"fitted={size.fitted}, strangers={size.strangers}, largest={size.largest}: they must "
            "grow in this order, and the first be 2 or more."
        )
    if not 0 < set_to < 1:
        raise ValueError(f"set_to={set_to} sets no threshold: give a share between 0 and 1.")


def measure(
    experiment: Experiment,
    photographs: Photographs,
    engine: Engine,
    *,
    size: Size,
    set_to: float,
) -> Growth:
    """How an experiment's rank-1 and FPIR change with the gallery.

    The threshold is set by the first half of those who ask among the fitted strangers; FPIR is
    measured on the other half, who are searched for without their mate.

    Args:
        experiment: whose embeddings are compared.
        photographs: of the study.
        engine: device and precision.
        size: how large.
        set_to: FPIR of the threshold among the fitted strangers, a share.

    Raises:
        ValueError: one sentence, see `expect`; or for a real set whose gallery is too small.
    """
    expect(size, set_to)
    synthetic = photographs.is_synthetic(experiment.target)
    found = (_drawn if synthetic else _own)(experiment, photographs, engine, size)
    halves = _halves(found.queries)
    setting, absent = (_part(found.queries, half) for half in halves)
    first = growth.best(setting, _some(found, fitted=True))
    threshold = float(np.quantile(first, 1 - set_to, method="higher"))
    bounds = {"rank1": (found.queries, found.mates)}
    bounds["fpir"] = (absent, np.full(len(absent.people), threshold))
    curves, checks = [], []
    for name, (queries, bound) in bounds.items():
        fitted, rest = (growth.tally(queries, _some(found, fitted=p), bound) for p in (True, False))
        curves.append(_curves(name, fitted + rest, found.n_strangers, size.largest))
        checks.append(_check(name, fitted, rest, found.n_strangers - found.n_fitted))
    return Growth(
        name=words.title(experiment, photographs),
        n_askers=len(np.unique(found.queries.people)),
        n_queries=len(found.queries.people),
        n_strangers=found.n_strangers,
        n_fitted=found.n_fitted,
        set_to=set_to,
        threshold=threshold,
        curves=pd.concat(curves, ignore_index=True),
        checks=pd.DataFrame(checks),
    )


def rows(growth: Growth, experiment: Experiment, photographs: Photographs) -> pd.DataFrame:
    """Tidy rows of what was measured."""
    synthetic = photographs.is_synthetic(experiment.target)
    about = score.about(experiment, experiment.target) | {"synthetic": synthetic}
    return as_rows(growth, about)


# --- figures --------------------------------------------------------------------------------------


def sizes(least: int, most: int) -> list[int]:
    """1, 2, 5, 10, 20, ... between two numbers, and the larger of them."""
    steps = [step * 10**power for power in range(12) for step in (1, 2, 5)]
    return [step for step in steps if least <= step < most] + [most]


def _curves(name: str, tally: growth.Tally, total: int, largest: int) -> pd.DataFrame:
    """Measured and foretold figures of one metric, percent."""
    parts = []
    for kind, most in (("measured", total), ("foretold", largest)):
        enrolled = sizes(2, most)
        if kind == "measured":
            before = partial(_shares, name, growth.measured, enrolled)
            values, families = growth.intervals(before, tally), [""]
        else:
            beyond = partial(_foretold, name, enrolled)
            values, families = growth.over_families(growth.intervals, beyond, tally)
        values = _never_back(100 * values, rises=name == "fpir")
        table = pd.DataFrame(values, columns=["value", "low", "high"])
        about = {"metric": name, "kind": kind, "size": enrolled, "family": " or ".join(families)}
        parts.append(table.assign(**about, **_asking(tally.queries)))
    return pd.concat(parts, ignore_index=True)


def _asking(queries: Queries) -> dict[str, int]:
    """How many ask, as tidy rows have it."""
    return {"n_queries": len(queries.people), "n_subjects": len(np.unique(queries.people))}


def _never_back(values: np.ndarray, *, rises: bool) -> np.ndarray:
    """Bounds of a share that only rises, or falls, with size: what holds earlier holds later."""
    column, keep = (1, np.fmax) if rises else (2, np.fmin)
    values[:, column] = keep.accumulate(values[:, column])
    return values


def _shares(
    name: str, figure: growth.Figure, enrolled: Sequence[int], counts: np.ndarray
) -> np.ndarray:
    """Rank-1, or FPIR, among so many people enrolled."""
    if name == "rank1":
        return figure(counts, [number - 1 for number in enrolled])  # one of them is the mate
    return 1 - figure(counts, enrolled)


def _foretold(name: str, enrolled: Sequence[int], family: Family, counts: np.ndarray) -> np.ndarray:
    return _shares(name, partial(growth.foretold, family), enrolled, counts)


def _check(
    name: str, fitted: growth.Tally, held_out: growth.Tally, enrolled: int
) -> dict[str, object]:
    """What is foretold from some strangers beside what is measured among others."""
    before = partial(_foretold, name, [enrolled])
    after = partial(_shares, name, growth.measured, [enrolled])

    def apart(family: Family, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return before(family, one) - after(other)

    (foretold,), families = growth.over_families(growth.intervals, before, fitted)
    (measured,) = growth.intervals(after, held_out)
    (difference,), _ = growth.over_families(growth.differences, apart, fitted, held_out)
    difference = np.clip(difference, -1, 1)
    row: dict[str, object] = {"metric": name, "size": enrolled, "family": " or ".join(families)}
    row |= _asking(fitted.queries)
    for title, (value, low, high) in (("foretold", foretold), ("measured", measured)):
        row |= {title: 100 * value, f"{title}_low": 100 * low, f"{title}_high": 100 * high}
    return row | dict(zip(("difference", "low", "high"), 100 * difference, strict=True))


# --- who asks, and among whom ---------------------------------------------------------------------


def _halves(queries: Queries) -> tuple[np.ndarray, np.ndarray]:
    """Who sets the threshold, and who is measured with it."""
    people, order = np.unique(queries.people, return_inverse=True)
    return order < len(people) // 2, order >= len(people) // 2


def _part(queries: Queries, chosen: np.ndarray) -> Queries:
    return Queries(*(each[chosen] for each in queries))


def _some(found: _Material, *, fitted: bool) -> Iterator[Strangers]:
    """The strangers whom a model is fitted to, or the others."""
    for block in found.blocks:
        chosen = (block.people < found.held_out) == fitted
        if chosen.any():
            yield Strangers(*(each[chosen] for each in block))


def _drawn(
    experiment: Experiment, photographs: Photographs, engine: Engine, size: Size
) -> _Material:
    """Drawn people: the first ones ask, the others are strangers to them."""
    embedder = network.Embedder(experiment, photographs, engine)
    blocks = crowd.blocks(size.askers + size.strangers, size.askers, size.shots)
    jobs.embed_crowd(blocks, embedder)
    asking = [crowd.kept(embedder, block) for block in blocks if block.askers]
    asked = np.concatenate([one.asked for one in asking])
    mates = np.concatenate([one.gallery for one in asking])[: size.askers]
    vectors = metric.unit_rows(np.concatenate([one.queries for one in asking]), "query")
    similarity = (vectors * metric.unit_rows(mates, "gallery")[asked]).sum(axis=1)
    return _Material(
        Queries(vectors, asked, asked % GROUPS),
        similarity,
        _Crowd(embedder, blocks, size.askers),
        held_out=size.askers + size.fitted,
        n_fitted=size.fitted,
        n_strangers=size.strangers,
    )


def _own(experiment: Experiment, photographs: Photographs, engine: Engine, size: Size) -> _Material:
    """A set's own test people and those who are only in its gallery, in a random order."""
    query, gallery = next(photographs.splits(experiment.target, 1))
    view = photographs.view(experiment.target)
    gallery = gallery[gallery["view"] == view].drop_duplicates("identity")
    if (n := len(gallery)) < LEAST:
        where = photographs.label(experiment.target)
        raise ValueError(f"{where} has {n} people to search among: {LEAST} or more are needed.")
    gallery = gallery.sample(frac=1, random_state=0)
    number = {name: place for place, name in enumerate(gallery["identity"])}
    embedder = network.Embedder(experiment, photographs, engine)
    pairs = (gallery, "gallery"), (query, "query")
    vectors, asked = (metric.unit_rows(embedder(rows), name) for rows, name in pairs)
    people = query["identity"].map(number).to_numpy()
    n_fitted = max(2, round(PART * len(gallery)))
    return _Material(
        Queries(asked, people, people % GROUPS),
        (asked * vectors[people]).sum(axis=1),
        [_strangers(vectors, np.arange(len(gallery)))],
        held_out=n_fitted,
        n_fitted=n_fitted,
        n_strangers=len(gallery) - 1,
    )


class _Crowd:
    """Drawn strangers, read from disk a block at a time, whenever they are iterated."""

    def __init__(self, embedder: network.Embedder, blocks: Sequence[crowd.Block], askers: int):
        self.embedder, self.blocks, self.askers = embedder, blocks, askers

    def __iter__(self) -> Iterator[Strangers]:
        for block in self.blocks:
            kept = crowd.kept(self.embedder, block)
            chosen = kept.numbers >= self.askers
            if chosen.any():
                yield _strangers(kept.gallery[chosen], kept.numbers[chosen])


def _strangers(vectors: np.ndarray, people: np.ndarray) -> Strangers:
    return Strangers(metric.unit_rows(vectors, "gallery"), people, people % GROUPS)
