"""statistics.py: intervals by hand, by loops, their laws and refusals, and what they cover."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from handid import statistics


def test_the_interval_of_two_people_is_worked_by_hand():
    # Person a: 1, 1; person b: 0. Draws aa 1/4 of the time (mean 1), ab 1/2 (2/3), bb 1/4 (0).
    low, high = statistics.interval([1, 1, 0], ["a", "a", "b"], 0.95, draws=4000, seed=0)
    assert (low, high) == (0, 1)
    low, high = statistics.interval([1, 1, 0], ["a", "a", "b"], 0.4, draws=4000, seed=0)
    assert low == high == pytest.approx(2 / 3)


def test_the_interval_is_that_of_drawing_people_in_a_loop(rng):
    people = rng.integers(0, 12, 200)
    values = rng.random(200) * (people % 3)
    means = []
    for _ in range(4000):
        drawn = rng.choice(12, 12)
        means.append(np.concatenate([values[people == person] for person in drawn]).mean())
    interval = statistics.interval(values, people, draws=4000)
    np.testing.assert_allclose(
        interval, np.quantile(means, [0.025, 0.975]), atol=0.03
    )  # Monte Carlo


def test_the_interval_depends_on_neither_the_order_nor_the_names(rng):
    people, values, order = rng.integers(0, 9, 100), rng.integers(0, 2, 100), rng.permutation(100)
    names = [f"person {99 - person}" for person in people[order]]
    assert statistics.interval(values, people) == statistics.interval(values[order], names)


def test_the_interval_repeats_with_its_seed_and_widens_with_its_level(rng):
    people, values = rng.integers(0, 9, 100), rng.random(100)
    low, high = statistics.interval(values, people, seed=1)
    assert (low, high) == statistics.interval(values, people, seed=1)
    assert (low, high) != statistics.interval(values, people, seed=2)
    wide_low, wide_high = statistics.interval(values, people, seed=1, level=0.99)
    assert wide_low < low < values.mean() < high < wide_high


def test_the_interval_of_one_person_is_nan_and_of_equal_values_a_point():
    assert np.isnan(statistics.interval([0.2, 0.4], ["a", "a"])).all()
    assert statistics.interval([0.5, 0.5, 0.5], ["a", "b", "c"]) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("values", "people", "options", "message"),
    [
        ([], [], {}, "non-empty list of finite numbers"),
        ([1.0, np.nan], [0, 1], {}, "non-empty list of finite numbers"),
        ([[1.0], [2.0]], [0, 1], {}, "non-empty list of finite numbers"),
        ([1.0, 2.0], [0], {}, "1 ids for 2 value rows"),
        ([1.0, 2.0], [0, 1], {"draws": 0}, "use draws from 1"),
        ([1.0, 2.0], [0, 1], {"seed": -1}, "a seed from 0"),
        ([1.0, 2.0], [0, 1], {"level": 95}, "a level between 0 and 1"),
    ],
)
def test_an_interval_of_nonsense_is_refused(values, people, options, message):
    with pytest.raises(ValueError, match=message):
        statistics.interval(values, people, **options)


def test_an_interval_over_people_covers_the_truth_and_one_over_queries_does_not(rng):
    # 71 people as in dorsal right, 1 to 45 queries each; each succeeds with a probability of his
    # or her own, beta(3, 1), whose mean is 3/4.
    covered = {"people": 0, "queries": 0}
    for world in range(200):
        counts = rng.permutation(np.round(np.geomspace(1, 45, 71)).astype(int))
        people = np.repeat(np.arange(71), counts)
        values = rng.random(len(people)) < rng.beta(3, 1, 71)[people]
        low, high = statistics.interval(values, people, draws=400, seed=world)
        covered["people"] += low <= 0.75 <= high
        half = 1.96 * values.std() / np.sqrt(len(values))
        covered["queries"] += abs(values.mean() - 0.75) <= half
    assert covered["people"] >= 180 and covered["queries"] < 150


# --- balanced accuracy ----------------------------------------------------------------------------


@pytest.fixture
def asked(rng):
    """200 photographs of 15 people: truth (one of three, unevenly), answer, person."""
    people = rng.integers(0, 15, 200)
    truth = np.array(["a", "b", "c"])[np.minimum(rng.integers(0, 6, 200), 2)]
    answer = np.where(rng.random(200) < 0.6, truth, "a")
    return truth, answer, people


def test_balanced_accuracy_is_scikit_learns(asked):
    truth, answer, people = asked
    value, low, high = statistics.balanced_accuracy(truth == answer, truth, people)
    assert value == pytest.approx(balanced_accuracy_score(truth, answer))
    assert low < value < high


@pytest.mark.parametrize("n_answers", [2, 3, 4])
def test_always_the_same_answer_is_right_once_in_the_number_of_answers(n_answers):
    truth = [*range(n_answers)] * 2 + [0] * 50
    people = [1] * n_answers + [2] * n_answers + [3] * 50
    found = statistics.balanced_accuracy([t == 0 for t in truth], truth, people)
    assert found == pytest.approx((1 / n_answers,) * 3)


def test_the_balanced_interval_is_that_of_drawing_people_in_a_loop(asked):
    truth, answer, people = asked
    _, low, high = statistics.balanced_accuracy(truth == answer, truth, people, draws=4000)
    noise, values = np.random.default_rng(5), []
    for _ in range(4000):
        rows = np.concatenate([np.flatnonzero(people == p) for p in noise.integers(0, 15, 15)])
        kinds = [rows[truth[rows] == kind] for kind in "abc"]
        values.append(np.mean([np.mean(answer[k] == truth[k]) for k in kinds if len(k)]))
    assert (low, high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])), abs=0.01)


def test_the_balanced_interval_depends_on_neither_the_order_nor_the_names(asked, rng):
    truth, answer, people = asked
    mixed = rng.permutation(len(truth))
    names = [f"person {p}" for p in people[mixed]]
    plain = statistics.balanced_accuracy(truth == answer, truth, people)
    assert statistics.balanced_accuracy((truth == answer)[mixed], truth[mixed], names) == plain


def test_an_answer_that_one_person_shows_leaves_no_interval():
    value, low, high = statistics.balanced_accuracy([1, 1, 0, 1], [0, 0, 1, 1], [1, 2, 3, 3])
    assert value == 0.75
    assert np.isnan(low) and np.isnan(high)


def test_draws_without_one_of_the_answers_are_left_out():
    """Two of many people show b: a draw without either would have no recall of b."""
    truth = ["a"] * 40 + ["b", "b"]
    found = statistics.balanced_accuracy([1] * 42, truth, range(42))
    assert found == (1, 1, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [], []), "non-empty"),
        (([1, 0], [0], [1, 2]), "1 ids for 2 photograph rows"),
        (([1, 0], [0, 1], [1]), "1 ids for 2 photograph rows"),
    ],
)
def test_a_balanced_accuracy_of_nonsense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        statistics.balanced_accuracy(*arguments)
    with pytest.raises(ValueError, match="draws=0"):
        statistics.balanced_accuracy([1, 0], [0, 1], [1, 2], draws=0)
