"""What a search found: written as a table, shown as pictures, or told without names."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from handid import disk, given, protocol
from handid.evidence.record import Record
from handid.study.photographs import Photographs

NOBODY = "nobody"
Asked = tuple[np.ndarray, str]  # picture, name
Answer = tuple[np.ndarray, str, float, bool]  # picture, name, similarity, whether it is named


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        candidates: a row per question and candidate: search.COLUMNS, log10_lr (NaN without a
            calibration), lr ("at least 30", "0.2"), named (whether its similarity reaches the
            threshold), lone (whether the question is far from everything enrolled).
        questions: [Q] what each question is called.
        truth: [Q] who it is, NOBODY for somebody who is not enrolled; empty where unknown.
        asked: [Q] path of each question.
        shown: [rows] path of each candidate's most similar photograph.
        n_people: enrolled people.
        title: names data and model, and says if the hands are synthetic.
        record: thresholds, calibration and error rates; None where there are none.
    """

    candidates: pd.DataFrame
    questions: Sequence[str]
    truth: Sequence[str]
    asked: Sequence[str]
    shown: Sequence[str]
    n_people: int
    title: str
    record: Record | None


def file_in(work: str | Path) -> Path:
    """The table of the last search, search/candidates.csv of the products' folder."""
    return Path(work) / "search" / "candidates.csv"


def write(found: Found, work: str | Path) -> Path:
    """Write the candidates as that table; return the file."""
    file = file_in(work)
    asked = pd.Series(list(found.questions), dtype=object)
    names = asked.loc[found.candidates["question"].tolist()].to_numpy()
    table = found.candidates.drop(columns="photograph").assign(question=names)
    for column in ("question", "candidate"):
        table[column] = [disk.cell(str(name)) for name in table[column]]
    with disk.whole(file) as part:
        table.to_csv(part, index=False, float_format="%.6g")
    return file


def pictures(
    found: Found, photographs: Photographs, count: int, show: bool
) -> tuple[list[Asked], list[list[Answer]]]:
    """The first questions with their candidates, as figures.candidates draws them.

    Args:
        found: of `find`.
        photographs: of the study.
        count: questions.
        show: False puts a grey square in the place of every photograph.

    Raises:
        ValueError: if count is no whole number from 1.
    """
    count = given.whole("sheet", count, 1)
    rows = found.candidates[found.candidates["question"] < count]
    asked = photographs.pictures(found.asked[:count], show)
    shown = photographs.pictures(found.shown[: len(rows)], show)
    answers: list[list[Answer]] = [[] for _ in asked]
    for picture, row in zip(shown, rows.to_dict("records"), strict=True):
        answers[row["question"]].append(
            (picture, row["candidate"], row["similarity"], row["named"])
        )
    return list(zip(asked, found.questions, strict=False)), answers


def without_names(found: Found, salt: bytes = b"") -> Found:
    """The same with numbers in the place of names.

    Args:
        found: of `search.find`.
        salt: of the study, which numbers people in an order of its own; without one the numbers
            follow the names.
    """
    people = {name: f"person {number}" for number, name in enumerate(_seen(found, salt), start=1)}
    numbers = range(1, len(found.questions) + 1)
    return replace(
        found,
        candidates=found.candidates.assign(candidate=found.candidates["candidate"].map(people)),
        questions=[f"question {number}" for number in numbers],
        truth=[people.get(name, name) for name in found.truth],
    )


def _seen(found: Found, salt: bytes) -> Iterable[str]:
    """Names among candidates and truths, each once, in their natural order or the salt's."""
    known = {*found.candidates["candidate"]}
    known |= {name for name in found.truth if name not in ("", NOBODY)}
    if not salt:
        return protocol.in_order(known)
    return sorted(known, key=lambda name: hashlib.blake2b(name.encode(), key=salt).digest())
