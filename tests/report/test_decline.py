"""Rank-1 by severity: areas, where half is lost, and whether the order of systems stays."""

from math import inf, isnan

import numpy as np
import pandas as pd
import pytest

from handid import statistics
from handid.report import decline
from handid.report.rows import Score


def steps(kind="blur", severities=(2.0, 6.0), harmless=0.0, degraded="query and gallery"):
    """As study.degraded.steps gives them."""
    amounts = [1 / s if harmless == inf else abs(s - harmless) for s in severities]
    table = pd.DataFrame({"severity": severities, "amount": amounts})
    images = [f"{kind} {severity:g}" for severity in severities]
    return table.assign(
        image=images, kind=kind, degraded=degraded, unit="pixels", harmless=harmless
    )


@pytest.fixture
def make(score):
    """Scores of a system on each image, from the share of right answers of 40 people."""

    def made(method, shares, seed=0):
        scores = []
        for image, share in shares.items():
            hits = [1] * round(80 * share) + [2] * (80 - round(80 * share))
            plain = score(method, hits, seed, image=image)
            right = [hit == 1 for hit in hits]
            low, high = statistics.interval(right, plain.per_query["subject"])
            figures = {"value": 100 * share, "low": 100 * low, "high": 100 * high}
            scores.append(Score(plain.rows.assign(**figures), plain.per_query, plain.cmc))
        return scores

    return made


def test_a_curve_begins_at_the_photograph_as_it_is(make):
    scores = make("CLIP-FT", {"whole": 0.8, "blur 6": 0.2, "blur 2": 0.6})
    curve = decline.curves(scores, steps())
    assert curve["severity"].tolist() == [0, 2, 6]
    assert curve["value"].tolist() == pytest.approx([80, 60, 20])
    assert curve["image"].tolist() == ["whole", "blur 2", "blur 6"]


def test_the_area_is_the_trapezoids_and_half_lies_on_straight_lines(make):
    scores = make("CLIP-FT", {"whole": 0.8, "blur 2": 0.6, "blur 6": 0.2})
    (row,) = decline.losses(scores, steps()).to_dict("records")
    assert row["area"] == pytest.approx((2 * 70 + 4 * 40) / 6)
    assert row["area_low"] < row["area"] < row["area_high"]
    assert row["half"] == pytest.approx(4)  # 40 % lie half way between 2 and 6
    assert row["half_low"] < 4 < (inf if isnan(row["half_high"]) else row["half_high"])
    assert row["worst"] == 6


def test_where_harmless_has_no_end_the_severity_is_turned_round(make):
    scores = make("CLIP-FT", {"whole": 0.8, "size 40": 0.8, "size 10": 0.2})
    some = steps("size", (40.0, 10.0), harmless=inf)
    (row,) = decline.losses(scores, some).to_dict("records")
    # From 80 to 20 between 1/40 and 1/10: 40 after two thirds of the way.
    assert 1 / row["half"] == pytest.approx(1 / 40 + 2 / 3 * (1 / 10 - 1 / 40))


def test_below_the_harmless_severity_half_lies_below_it(make):
    scores = make("CLIP-FT", {"whole": 0.8, "exposure -2": 0.0})
    some = steps("exposure", (-2.0,))
    assert decline.losses(scores, some)["half"].tolist() == pytest.approx([-1])


def test_half_that_is_not_lost_is_no_number(make):
    scores = make("CLIP-FT", {"whole": 0.8, "blur 2": 0.7, "blur 6": 0.6})
    row = decline.losses(scores, steps()).iloc[0]
    assert isnan(row["half"]) and isnan(row["half_low"]) and isnan(row["half_high"])


def test_nothing_cannot_lose_half(make):
    scores = make("CLIP-FT", {"whole": 0.0, "blur 2": 0.0, "blur 6": 0.0})
    assert decline.losses(scores, steps())["half"].isna().all()
    (row,) = decline.orders(scores, steps()).to_dict("records")
    assert not row["lost"] and row["severity"] == 6


def test_the_order_is_compared_where_the_leader_has_lost_half(make):
    scores = make("CLIP-FT", {"whole": 0.8, "blur 2": 0.3, "blur 6": 0.1})
    scores += make("CLIP-ZS", {"whole": 0.6, "blur 2": 0.6, "blur 6": 0.0})
    (row,) = decline.orders(scores, steps()).to_dict("records")
    assert row["lost"] and row["severity"] == 2
    assert (row["leader"], row["best"]) == ("CLIP-FT", "CLIP-ZS")
    assert row["tau"] == -1 and row["value"] == pytest.approx(30)
    assert row["low"] > 0 and row["p"] == row["p_holm"] < 0.05


def test_a_leader_that_stays_has_no_difference(make):
    scores = make("CLIP-FT", {"whole": 0.8, "blur 2": 0.7, "blur 6": 0.6})
    scores += make("CLIP-ZS", {"whole": 0.6, "blur 2": 0.5, "blur 6": 0.1})
    (row,) = decline.orders(scores, steps()).to_dict("records")
    assert not row["lost"] and row["severity"] == 6
    assert row["best"] == row["leader"] == "CLIP-FT" and row["tau"] == 1
    assert row["value"] == 0 and isnan(row["p"])


def test_what_seeds_differ_is_in_the_intervals(make):
    """Two trainings of 90 and 50 %: no choice of people makes them doubtful by so much."""
    images = {"whole": 0.9, "blur 2": 0.9, "blur 6": 0.9}
    low = dict.fromkeys(images, 0.5)
    same = make("CLIP-FT", images) + make("CLIP-FT", images, seed=1)
    apart = make("CLIP-FT", images) + make("CLIP-FT", low, seed=1)
    (one,), (other,) = (decline.losses(s, steps()).to_dict("records") for s in (same, apart))
    assert one["area_high"] - one["area_low"] < 30 < other["area_high"] - other["area_low"]
    beside = make("CLIP-ZS", {"whole": 0.95, "blur 2": 0.3, "blur 6": 0.3})
    differences = [decline.orders([*s, *beside], steps()).iloc[0] for s in (same, apart)]
    assert differences[0]["best"] == differences[1]["best"] == "CLIP-FT"
    assert differences[0]["low"] > 0 > differences[1]["low"]


def test_seeds_are_averaged_by_query(make):
    shares = [{"whole": 0.8, "blur 2": share, "blur 6": 0.2} for share in (0.5, 0.7)]
    scores = make("CLIP-FT", shares[0]) + make("CLIP-FT", shares[1], seed=1)
    (row,) = decline.losses(scores, steps()).to_dict("records")
    assert row["area"] == pytest.approx((2 * 70 + 4 * 40) / 6)


def test_taus_are_scipys():
    from scipy.stats import kendalltau

    rng = np.random.default_rng(0)
    for _ in range(20):
        pair = [pd.Series(rng.integers(0, 5, 6)) for _ in range(2)]
        assert decline._tau(*pair) == pytest.approx(kendalltau(*pair).statistic, nan_ok=True)


def test_each_test_set_has_its_own_order(score):
    shares = {"11k dorsal right": {"whole": 1, "blur 2": 1}, "HD": {"whole": 2, "blur 2": 3}}
    scores = [
        score(method, [1 + (n % wrong == 0) for n in range(80)], target=target, image=image)
        for target, images in shares.items()
        for image, wrong in images.items()
        for method in ("CLIP-FT", "CLIP-ZS")
    ]
    some = steps(severities=(2.0,))
    assert decline.orders(scores, some)["test_set"].tolist() == ["11k dorsal right", "HD"]
    losses = decline.losses(scores, some)
    assert losses.groupby("test_set")["label"].nunique().tolist() == [2, 2]
    assert set(losses["label"]) == {"CLIP-FT", "CLIP-ZS"}  # a test set has tables of its own
