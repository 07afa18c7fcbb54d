"""Enrolled people who are asked about photographs that nobody keeps, and what a threshold costs.

A search (study.search) reads folders and writes a table; this one gets bytes and writes nothing.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from handid import search, tasks
from handid.evidence import open_set
from handid.evidence.record import Record
from handid.image import decode
from handid.report.panel import Candidate, Question
from handid.study import compare, network
from handid.study import search as searches
from handid.study.experiment import Experiment
from handid.study.photographs import Photographs
from handid.train import Engine

SIDE = 128  # of pictures that are shown, pixels


@dataclass(frozen=True)
class Panel:
    """People who are enrolled with one experiment.

    Attributes:
        title: names data and model, and says if the hands are synthetic.
        n_people: enrolled.
        curve: threshold, fpir and fnir of the target's test people, see open_set.curve; no rows
            where they cannot show it.
        n_gallery: people enrolled when the curve was measured.
        record: thresholds and calibration; None where there are none.
    """

    title: str
    n_people: int
    curve: pd.DataFrame
    n_gallery: int
    record: Record | None
    _enrolled: pd.DataFrame
    _known: search.Embedded
    _embed: network.Embedder
    _photographs: Photographs
    _top: int
    _show: bool

    @property
    def start(self) -> float:
        """The threshold that development people set; NaN for none."""
        return self.record.search_threshold if self.record else float("nan")

    def ask(self, files: Mapping[str, bytes]) -> list[Question]:
        """The enrolled people who are most like each photograph; none of it is kept.

        Args:
            files: name -> content.

        Returns:
            A question per file; one that is no photograph says so and has no candidates.
        """
        squares, problems = {}, {}
        for name, content in files.items():
            try:
                squares[name] = self._squares(content)
            except ValueError as error:
                problems[name] = f"{name} {error}: it is left out."
            except MemoryError:
                problems[name] = f"{name} takes more memory than is free, and is left out."
        found = self._candidates(squares) if squares else {}
        return [
            found.get(name) or Question(name, None, [], False, problems[name]) for name in files
        ]

    def example(self) -> dict[str, bytes]:
        """One enrolled person's photograph, so that there is something to see at once."""
        path = self._enrolled["path"].iloc[0]
        with open(path, "rb") as file:
            return {"example, an enrolled photograph": file.read()}

    def _squares(self, content: bytes) -> tuple[np.ndarray, np.ndarray]:
        """A photograph as the network sees it, and as a reader does."""
        experiment = self._embed.experiment
        with tempfile.NamedTemporaryFile() as file:  # the reader looks at files; gone at once
            file.write(content)
            file.flush()
            image = decode.decode(file.name)
        shape = (experiment.recipe.geometry, experiment.image_size)
        return decode.fit(image, shape), decode.fit(image, ("squash", SIDE))

    def _candidates(self, squares: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, Question]:
        names = list(squares)
        vectors = self._embed.fresh(np.stack([square for square, _ in squares.values()]))
        asked = search.Embedded(vectors, names, self._known.model)
        found = search.candidates(asked, self._known, self._top)
        found = searches.judged(found, self.record)
        lone = search.loners(asked, self._known)
        paths = self._enrolled["path"].iloc[found["photograph"]]
        pictures = self._photographs.pictures(paths, self._show, SIDE)
        candidates: list[list[Candidate]] = [[] for _ in names]
        for picture, row in zip(pictures, found.to_dict("records"), strict=True):
            one = Candidate(picture, row["candidate"], row["similarity"], row["lr"])
            candidates[row["question"]].append(one)
        parts = zip(names, candidates, lone, strict=True)
        return {
            name: Question(name, squares[name][1], own, bool(far), "") for name, own, far in parts
        }


def panel(
    experiment: Experiment,
    photographs: Photographs,
    engine: Engine,
    *,
    enrolled: str,
    top: int,
    show: bool,
) -> Panel:
    """Enrol people with an experiment, and measure on its test people what a threshold costs.

    Args:
        experiment: whose embeddings are compared.
        photographs: of the study.
        engine: device and precision.
        enrolled: data set of known people; the target's test people where the study has none.
        top: candidates per question.
        show: False numbers people, and shows none of their photographs.

    Raises:
        ValueError: one sentence, as study.search.find.
    """
    given = enrolled in photographs.sets and bool(photographs.sets[enrolled].root)
    rows = (
        searches.given(enrolled, photographs) if given else searches.own(experiment, photographs)[0]
    )
    searches.refuse_twins(experiment, rows, photographs)
    names = rows["identity"].astype(str)
    if not show:
        numbers = {name: f"person {number}" for number, name in enumerate(names.unique(), start=1)}
        names = names.map(numbers)
    embed = network.Embedder(experiment, photographs, engine)
    known = search.Embedded(embed(rows), names.tolist(), embed.model)
    first = search.Embedded(known.vectors[:1], ["first"], embed.model)
    search.candidates(first, known, top)  # refuses now what no question could be asked of
    curve, n_gallery = _curve(experiment, photographs, engine)
    place = "own photographs" if given else photographs.label(experiment.target)
    return Panel(
        title=f"{place}: {experiment.title}, {experiment.backbone_label}",
        n_people=int(rows["identity"].nunique()),
        curve=curve,
        n_gallery=n_gallery,
        record=searches.record_of(experiment, photographs, engine),
        _enrolled=rows,
        _known=known,
        _embed=embed,
        _photographs=photographs,
        _top=top,
        _show=show,
    )


def _curve(
    experiment: Experiment, photographs: Photographs, engine: Engine
) -> tuple[pd.DataFrame, int]:
    """FPIR and FNIR at rank 1 by threshold, and the number of people who were enrolled for it."""
    found = compare.material(experiment, tasks.PAPERS, photographs, engine)
    all_searches = compare.searches(found.asked, found.searched, apart=found.apart)
    mated = all_searches["kind"] == "mated"
    if mated.all() or not mated.any():
        return pd.DataFrame(columns=["threshold", "fpir", "fnir"]), 0
    scores, ranks = all_searches["score"], all_searches["rank"]
    curve = open_set.curve(ranks[mated], scores[mated], scores[~mated])
    return curve, len(np.unique(found.searched.people)) // 2
