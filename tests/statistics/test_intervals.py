"""intervals.py: intervals by hand, by loops and by scipy, their laws and their refusals."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import balanced_accuracy_score

from handid import statistics


def test_a_share_of_equal_people_is_near_clopper_and_pearsons(rng):
    """Independent answers, one of each person: the two people more are all that is added."""
    values = rng.random(400) < 0.7
    exact = statistics.clopper_pearson(values.sum(), 400)
    assert statistics.interval(values, range(400)) == pytest.approx(exact, abs=0.002)


def test_all_right_leaves_what_the_people_support_and_not_the_queries():
    low, high = statistics.interval([1] * 971, np.arange(971) % 71)
    # 70 answers, times (1.960 / 1.994)^2 for Student's t: 67.6; 0.025^(1 / 67.6) = 0.947.
    assert (low, high) == (pytest.approx(0.947, abs=0.001), 1)
    low, high = statistics.interval([0] * 20, np.arange(20) % 10)
    assert low == 0 and high > 0.3


def test_a_share_over_runs_may_be_given_by_row_or_by_query(rng):
    """Ten runs of each query: their rows, or the mean of each query said to be a share."""
    people, right = np.arange(300) % 30, rng.random((300, 10)) < rng.beta(3, 1, (300, 1))
    rows = statistics.interval(right.ravel().astype(float), np.repeat(people, 10))
    queries = statistics.interval(right.mean(axis=1), people, kind="share")
    assert rows == pytest.approx(queries, abs=1e-9)


def test_the_mean_of_few_people_is_students_t():
    values = np.array([0.2, 0.5, 0.7, 0.9])
    expected = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    found = statistics.interval(values, "abcd", kind="difference")
    assert found == pytest.approx(expected)


def test_the_mean_of_many_people_is_scipys_studentised_bootstrap(rng):
    """By loops: people drawn, each draw's error linearised, quantiles of its t."""
    people = rng.integers(0, 12, 200)
    values = rng.normal(0, 1, 200) * (1 + people % 3)
    counts = np.bincount(people).astype(float)
    totals = np.bincount(people, weights=values)

    def error(rows):
        residual = totals[rows] - totals[rows].sum() / counts[rows].sum() * counts[rows]
        return np.sqrt(12 / 11 * (residual**2).sum()) / counts[rows].sum()

    t = []
    for _ in range(6000):
        drawn = rng.integers(0, 12, 12)
        t.append((totals[drawn].sum() / counts[drawn].sum() - values.mean()) / error(drawn))
    high, low = values.mean() - np.quantile(t, [0.025, 0.975]) * error(np.arange(12))
    found = statistics.interval(values, people, draws=6000, kind="difference")
    assert found == pytest.approx((low, high), abs=0.04)  # Monte Carlo; the interval is 0.8 wide
    assert low < found[0] + 0.1 and high - low > 0.4


def test_a_mean_of_many_people_is_near_students_t(rng):
    values = rng.beta(4, 2, 500)
    expected = stats.t.interval(0.95, 499, values.mean(), stats.sem(values))
    assert statistics.interval(values, range(500)) == pytest.approx(expected, abs=0.003)


def test_a_mean_between_0_and_1_stays_there_and_a_difference_need_not(rng):
    people = np.repeat(np.arange(12), 3)
    values = np.where(np.arange(36) < 3, 0.5, 1.0)
    low, high = statistics.interval(values, people, kind="mean")
    assert 0 <= low < high <= 1
    gains = np.where(np.arange(36) < 3, 1.0, 0.0)
    assert statistics.interval(gains, people, kind="difference")[0] < 0
    assert statistics.interval(gains, people)[0] > 0  # what is all 0 or 1 is a share if not said


def test_the_interval_depends_on_neither_the_order_nor_the_names(rng):
    people, order = rng.integers(0, 12, 100), rng.permutation(100)
    names = [f"person {99 - person}" for person in people[order]]
    for values in (rng.integers(0, 2, 100), rng.random(100)):
        assert statistics.interval(values, people) == statistics.interval(values[order], names)


def test_the_interval_repeats_with_its_seed_and_widens_with_its_level(rng):
    people, values = rng.integers(0, 12, 100), rng.random(100)
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
        ([1.0, 2.0], [0, 1], {"draws": 0}, "draws=0 must be a whole number from 1"),
        ([1.0, 2.0], [0, 1], {"seed": -1}, "seed=-1 must be a whole number from 0"),
        ([1.0, 2.0], [0, 1], {"level": 95}, "level=95 must lie between 0 and 1"),
        ([1.0, 2.0], [0, 1], {"kind": "shares"}, "kind='shares' is unknown: use one of share"),
        ([1.0, 2.0], [0, 1], {"kind": "share"}, "a share must lie between 0 and 1"),
        ([1e300, 2e300], [0, 1], {}, "finite numbers up to 1e\\+100"),
        ([*range(12)], range(12), {"draws": 1}, "draws=1 are too few for level=0.95: give more"),
        ([*range(12)], range(12), {"level": 0.9999}, "draws=2000 are too few for level=0.9999"),
    ],
)
def test_an_interval_of_nonsense_is_refused(values, people, options, message):
    with pytest.raises(ValueError, match=message):
        statistics.interval(values, people, **options)


def test_draws_of_people_who_are_alike_do_not_count():
    values = [2.0] * 19 + [3.0]  # a third of the draws is of those who are alike
    for seed in range(20):
        with pytest.raises(ValueError, match="draws=20 are too few for level=0.95"):
            statistics.interval(values, range(20), draws=20, seed=seed)
    low, high = statistics.interval(values, range(20), draws=40)
    assert 2 < low < high < 3


# --- what it covers: docs/coverage.md has the whole table ---------------------------------------

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def simulated():
    spec = spec_from_file_location("coverage_of_intervals", BENCHMARKS / "coverage.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("correlation", [0.15, 0.35])
@pytest.mark.parametrize(("share", "least"), [(0.55, 93), (0.75, 93), (0.9, 93), (0.955, 92)])
def test_the_interval_covers_the_truth(simulated, correlation, share, least):
    """71 people of 1 to 45 queries, 700 simulated studies each."""
    found = simulated.coverage(71, correlation, share, 700)
    assert found["covers, %"] >= least


def test_the_interval_of_map_covers_the_truth_close_to_its_ceiling(simulated):
    """Few people err, and those who do not are drawn again and again: 80 % without the share's."""
    found = simulated.coverage(71, 0.35, 0.98, 60, "mAP")
    assert found["covers, %"] >= 93


def test_the_percentile_bootstrap_and_an_interval_over_queries_cover_less(simulated, rng):
    found = simulated.coverage(71, 0.35, 0.955, 150, beside=150)
    assert found["percentile covers, %"] < 90 < found["covers, %"]
    covered = 0
    for _ in range(150):
        values = simulated.right(rng, 71, 0.35, 0.955)
        low, high = statistics.clopper_pearson(values.sum(), len(values))
        covered += low <= 0.955 <= high
    assert covered < 0.7 * 150


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
    value, low, high = statistics.balanced_accuracy([t == 0 for t in truth], truth, people)
    assert value == pytest.approx(1 / n_answers)
    assert low < value < high


def test_the_balanced_interval_of_one_answer_is_that_of_a_share(asked):
    truth, answer, people = asked
    _, low, high = statistics.balanced_accuracy(truth == answer, ["a"] * 200, people)
    assert (low, high) == pytest.approx(statistics.interval(truth == answer, people))


def test_the_balanced_interval_is_about_as_wide_as_that_of_drawing_people_in_a_loop(rng):
    people = np.repeat(np.arange(60), 10)
    truth = np.array(["a", "b"])[(people + np.arange(600)) % 2]
    right = rng.random(600) < rng.beta(2, 1, 60)[people]
    value, low, high = statistics.balanced_accuracy(right, truth, people)
    noise, values = np.random.default_rng(5), []
    for _ in range(4000):
        rows = np.concatenate([np.flatnonzero(people == p) for p in noise.integers(0, 60, 60)])
        values.append(np.mean([np.mean(right[rows[truth[rows] == kind]]) for kind in "ab"]))
    width = np.diff(np.quantile(values, [0.025, 0.975]))[0]
    assert low < value < high
    assert high - low == pytest.approx(width, rel=0.12)


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


def test_two_people_who_show_an_answer_bound_little():
    """Two of 42 people show b: one degree of freedom is left."""
    truth = ["a"] * 40 + ["b", "b"]
    value, low, high = statistics.balanced_accuracy([1] * 42, truth, range(42))
    assert value == high == 1
    assert low < 0.2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [], []), "non-empty"),
        (([1, 0], [0], [1, 2]), "1 ids for 2 photograph rows"),
        (([1, 0], [0, 1], [1]), "1 ids for 2 photograph rows"),
        (([1, np.nan], [0, 1], [1, 2]), "list of 0 or 1"),
        (([1, 2], [0, 1], [1, 2]), "list of 0 or 1"),
    ],
)
def test_a_balanced_accuracy_of_nonsense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        statistics.balanced_accuracy(*arguments)
    with pytest.raises(ValueError, match="level=95"):
        statistics.balanced_accuracy([1, 0], [0, 1], [1, 2], 95)


def test_one_person_who_differs_does_not_break_the_interval():
    people = np.repeat(np.arange(45), 5)
    people = people[:-2]  # not all have equally many
    low, high = statistics.interval(np.where(people == 3, -1.0, 0.0), people, kind="difference")
    assert -1 < low < 0 <= high < 0.1
