"""Enrolled people and questions, from anybody's folders or from a target's own test people."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from handid import data, protocol, search, tasks
from handid.data import table as tables
from handid.evidence import record
from handid.evidence.record import Record
from handid.given import printable
from handid.image import cache
from handid.study import model, network, worth
from handid.study.experiment import Experiment
from handid.study.findings import NOBODY, Found
from handid.study.photographs import Photographs
from handid.train import Engine


def find(
    experiment: Experiment,
    photographs: Photographs,
    engine: Engine,
    *,
    sets: tuple[str, str],
    top: int,
) -> Found:
    """For each question the enrolled people who are most like it.

    Args:
        experiment: whose embeddings are compared.
        photographs: of the study.
        engine: device and precision.
        sets: names of the data sets of enrolled people and of questions. Where the study has
            neither, it is a target's own test people: one photograph of each is a question, half
            of them are enrolled.
        top: candidates per question.

    Raises:
        ValueError: one sentence, for sets that are not given, fewer than two people, or the same
            photograph of two people.
    """
    named = [bool(name in photographs.sets and photographs.sets[name].root) for name in sets]
    enrolled, questions = _given(sets, photographs) if any(named) else own(experiment, photographs)
    place = "own photographs" if any(named) else photographs.label(experiment.target)
    enrolled_pictures = refuse_twins(experiment, enrolled, photographs)
    _tell_of_copies(questions, enrolled_pictures, _pictures(experiment, questions, photographs))
    embed = network.Embedder(experiment, photographs, engine)
    known, asked = (
        search.Embedded(embed(rows), names, embed.model)
        for rows, names in (
            (enrolled, enrolled["identity"].tolist()),
            (questions, questions["name"].tolist()),
        )
    )
    found = search.candidates(asked, known, top)
    known_rates = record_of(experiment, photographs, engine)
    found["lone"] = search.loners(asked, known)[found["question"]]
    return Found(
        judged(found, known_rates),
        list(questions["name"]),
        list(questions["truth"]),
        list(questions["path"]),
        list(enrolled["path"].iloc[found["photograph"]]),
        int(enrolled["identity"].nunique()),
        f"{place}: search by {experiment.title}, {experiment.backbone_label}",
        known_rates,
    )


def record_of(experiment: Experiment, photographs: Photographs, engine: Engine) -> Record | None:
    """Thresholds and calibration: an exported model brings its own, if it has one."""
    if not model.is_exported(experiment):
        return worth.calibration(experiment, tasks.PAPERS, photographs, engine)
    try:
        return record.read(experiment.folder, tasks.PAPERS)
    except ValueError:
        return None


def judged(found: pd.DataFrame, record: Record | None) -> pd.DataFrame:
    """Candidates with their likelihood ratio and whether the threshold names them."""
    calibration = record.calibration if record else None
    if calibration is None:
        ratios = np.full(len(found), np.nan)
        words = ["–"] * len(found)
    else:
        ratios = calibration.log10_lr(found["similarity"])
        ends = (calibration.low, calibration.high)
        words = [_in_words(ratio, *ends) for ratio in ratios]
    threshold = record.search_threshold if record else float("nan")
    named = found["similarity"] >= threshold
    return found.assign(log10_lr=ratios, lr=words, named=named)


def _in_words(ratio: float, low: float, high: float) -> str:
    """A likelihood ratio with two digits; at a bound, what the data support."""
    text = f"{float(f'{10**ratio:.2g}'):g}"
    return f"at most {text}" if ratio <= low else f"at least {text}" if ratio >= high else text


# --- photographs ------------------------------------------------------------------------------


def own(experiment: Experiment, photographs: Photographs) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A target's test people: the last photograph of each asks, half of the people are enrolled."""
    tests = photographs.halves(experiment.target)[1]
    tests = tests.assign(identity=tests["subject"].astype(str))  # of one view
    last = tests.groupby("identity", sort=False).tail(1)
    people = protocol.in_order(tests["subject"])
    n_enrolled = max(2, (len(people) + 1) // 2)  # one person is no choice
    chosen = np.random.default_rng(0).permutation(len(people))[:n_enrolled]
    enrolled = {people[number] for number in chosen}
    rest = tests.drop(last.index)
    known = rest[rest["subject"].isin(enrolled)]
    truth = last["identity"].where(last["identity"].isin(known["identity"]), NOBODY)
    names = [f"question {number}" for number in range(1, len(last) + 1)]
    return known, last.assign(name=names, truth=truth)


def _given(sets: tuple[str, str], photographs: Photographs) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Enrolled people's table and the questions' paths of two data sets."""
    roots = []
    for name, what in zip(sets, ("enrolled people", "questions"), strict=True):
        root = photographs.sets[name].root if name in photographs.sets else ""
        if not root:
            raise ValueError(
                f"There is no folder of {what}: give it with --data {name}=PATH; a search needs "
                "both folders."
            )
        roots.append(_folder(name, photographs))
    paths = _questions(roots[1], photographs.settings.missing)
    within = [os.fsencode(path.relative_to(roots[1])) for path in paths]
    names = [printable(name.decode(errors="replace")) for name in within]  # may be no text
    questions = pd.DataFrame({"path": list(map(str, paths)), "name": names, "truth": ""})
    return given(sets[0], photographs), _readable(questions, photographs)


def _folder(name: str, photographs: Photographs) -> Path:
    """The folder of a data set that somebody gave."""
    if photographs.sets[name].synthetic:
        raise ValueError(f"{name} is drawn, so it has no folder: name a set that --data gives.")
    return Path(photographs.sets[name].root)


def given(name: str, photographs: Photographs) -> pd.DataFrame:
    """The table of a data set of enrolled people; each is one identity where there is one view."""
    root = _folder(name, photographs)
    rows = data.read(root, accessories=True, missing=photographs.settings.missing)
    if rows["view"].nunique() == 1:
        rows = rows.assign(identity=rows["subject"].astype(str))
    return _readable(rows, photographs)


def _questions(root: Path, missing: str) -> list[Path]:
    """The images of a folder and of the folders in it; those of its list where it has one."""
    if (root / "hands.csv").is_file():
        return [Path(path) for path in data.read(root, accessories=True, missing=missing)["path"]]
    files = list(_files(root))
    tables.tell_of_others(root, files)
    found = [path for path in files if path.suffix.lower() in tables.EXTENSIONS]
    if not found:
        raise ValueError(f"{root} holds no photograph to ask about: put JPEG or PNG files there.")
    return found


def _files(root: Path) -> Iterator[Path]:
    """All files of a folder and of those in it, linked ones too; none that is hidden."""
    if not root.is_dir():
        raise ValueError(f"{root} is no folder: name one that holds the questions' photographs.")
    visited: set[str] = set()
    for folder, inside, names in os.walk(root, followlinks=True):
        visited.add(os.path.realpath(folder))
        inside[:] = sorted(
            name
            for name in inside
            if name[0] != "." and os.path.realpath(os.path.join(folder, name)) not in visited
        )
        yield from (Path(folder, name) for name in sorted(names) if name[0] != ".")


def _readable(rows: pd.DataFrame, photographs: Photographs) -> pd.DataFrame:
    """The rows whose files decode.

    Raises:
        ValueError: one sentence, for files that do not, unless they are to be skipped.
    """
    bad = photographs.unreadable(rows["path"])
    if not bad:
        return rows
    sentence = printable(cache.describe(bad, len(rows)))
    if photographs.settings.missing == "error" or len(bad) == len(rows):
        raise ValueError(f"{sentence}. Mend or remove them, or set missing to 'skip'.")
    warnings.warn(f"{sentence}: left out, because missing is 'skip'.", stacklevel=6)
    return rows[~rows["path"].isin(bad)].reset_index(drop=True)


def _pictures(experiment: Experiment, rows: pd.DataFrame, photographs: Photographs) -> list[bytes]:
    """What stands for each photograph's pixels as the network sees them."""
    return [picture.tobytes() for picture in network.images(experiment, rows, photographs)]


def refuse_twins(
    experiment: Experiment, enrolled: pd.DataFrame, photographs: Photographs
) -> list[bytes]:
    """Refuse one photograph under two names: whichever is asked, the answer would be both.

    Returns:
        What stands for each photograph's pixels.

    Raises:
        ValueError: one sentence, naming the two files.
    """
    pictures = _pictures(experiment, enrolled, photographs)
    first: dict[bytes, int] = {}
    for place, picture in enumerate(pictures):
        twin = first.setdefault(picture, place)
        one, other = enrolled.iloc[twin], enrolled.iloc[place]
        if one["identity"] != other["identity"]:
            raise ValueError(
                f"{_name(one)} and {_name(other)} are the same photograph "
                "under the names of two enrolled people: remove one of them."
            )
    return pictures


def _name(row: pd.Series) -> str:
    return printable(Path(row["path"]).name)


def _tell_of_copies(questions: pd.DataFrame, enrolled: list[bytes], asked: list[bytes]) -> None:
    known = set(enrolled)
    copies = [
        name for name, picture in zip(questions["name"], asked, strict=True) if picture in known
    ]
    if copies:
        warnings.warn(
            f"{len(copies)} of {len(asked)} questions are photographs that are enrolled "
            f"themselves, the first is {copies[0]}: finding them says nothing.",
            stacklevel=5,
        )
