"""The sentence of a search: who is named, at what rate, beside the truth."""

from dataclasses import dataclass, field, replace

import pandas as pd
import pytest

from handid.evidence.record import Record
from handid.report import sentences

RATES = {"fpir": (0.12, 0.05, 0.25, 0.1)}
RECORD = Record(
    *("clip_ft", "mini-ViT", "11k", "papers", 0, None, "", 0.1, 0.5, 0.8, 30, 15, RATES, "")
)


@dataclass
class Found:
    named: list
    truth: list = field(default_factory=lambda: ["", "", ""])
    lone: list = field(default_factory=lambda: [False] * 3)
    record: Record | None = RECORD
    questions: tuple = ("x", "y", "z")
    n_people: int = 4
    title: str = "synthetic hands: search by CLIP-FT"

    @property
    def candidates(self):
        who = {"question": [0, 1, 2], "rank": 1, "candidate": ["ann", "bob", "cleo"]}
        return pd.DataFrame(who | {"named": self.named, "lone": self.lone})


def test_the_answer_comes_first_and_the_rate_beside_it():
    text = sentences.search(Found([True, False, True]))
    assert text.startswith("**2 of 3 questions name somebody** among 4 enrolled people")
    assert "10 % of searches for people who are not enrolled" in text
    assert "in 12 % (95 % interval 5 to 25) among 15 enrolled" in text
    assert "first, and" not in text


def test_the_truth_is_counted_where_it_is_known():
    text = sentences.search(Found([True, True, True], truth=["ann", "ann", "nobody"]))
    assert "Of 2 questions of enrolled people, 1 has the right one first, and 1 names" in text
    assert "Of 1 question of people who are not enrolled, 1 names somebody." in text


def test_questions_far_from_everybody_are_named():
    text = sentences.search(Found([False] * 3, lone=[False, True, False]))
    assert "1 of the questions is farther from everybody" in text
    assert text.rstrip(".").endswith("hand: y")


@pytest.mark.parametrize("record", [None, replace(RECORD, search_threshold=float("nan"))])
def test_without_a_threshold_nobody_is_named(record):
    assert "there is no threshold" in sentences.search(Found([False] * 3, record=record))
