"""What texts know: similarities, retrieval and its interval, against numbers worked by hand."""

import numpy as np
import pandas as pd
import pytest

from handid import wording

NEAREST = pd.DataFrame({"identity": ["a"], "place": [1], "nearest": ["hand 0.50"]})


def test_texts_that_point_at_their_own_photograph_are_all_right():
    found = wording.examine(2 * np.eye(4), 5 * np.eye(4), list("abcd"), [1, 2, 3, 4], NEAREST)
    assert (found.rank1, found.low, found.high, found.chance) == (1, 1, 1, 0.25)
    assert np.allclose(found.similarity, np.eye(4))
    assert "100.0 %" in found.answer(
        "synthetic"
    ) and "tell training people apart" in found.words + found.answer("synthetic")


def test_one_text_for_all_is_not_above_chance_and_says_so():
    same = np.ones((4, 3))
    images = np.random.default_rng(0).normal(size=(4, 3))
    found = wording.examine(same, images, list("abcd"), [1, 2, 3, 4], NEAREST)
    assert found.rank1 <= 0.25 and np.allclose(found.similarity, 1)
    assert "do not tell training people apart" in found.answer("x")
    assert "cosine of 1.000 with each other" in found.words


def test_the_share_is_that_of_nearest_photographs():
    texts = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1]])
    images = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    found = wording.examine(texts, images, list("abc"), [1, 2, 3], NEAREST)
    assert found.rank1 == pytest.approx(2 / 3)
    assert found.similarity[0, 2] == pytest.approx(1 / np.sqrt(1.01))
