"""What is left of rank-1: shares of the whole, chance, and which figures are above it."""

import pytest

from handid import statistics
from handid.report import survival
from handid.report.rows import Score

MANY = [1] * 60 + [2] * 20  # 40 people of two queries: 75 % at rank 1
FEW = [1] * 2 + [2] * 78


@pytest.fixture
def make(score):
    """A score whose row says what its queries gave: make(method, hits, task, image)."""

    def made(method, hits, task="papers", image="whole", **other):
        plain = score(method, hits, task=task, image=image, n_gallery=50, **other)
        right = [hit == 1 for hit in hits]
        low, high = statistics.interval(right, plain.per_query["subject"])
        value = {"value": 100 * sum(right) / len(right), "low": 100 * low, "high": 100 * high}
        return Score(plain.rows.assign(**value), plain.per_query, plain.cmc)

    return made


def test_a_share_is_of_the_same_systems_whole_photographs(make):
    scores = [make("CLIP-FT", MANY), make("CLIP-FT", FEW, image="background")]
    scores += [make("CLIP-ZS", FEW), make("CLIP-ZS", FEW, image="background")]
    table = survival.table(scores).set_index(["method", "image"])
    left = table.loc[("CLIP-FT", "background")]
    assert left["share"] == pytest.approx(100 * 2 / 60)
    part, whole = (
        tuple(table.loc[("CLIP-FT", image), ["value", "low", "high"]])
        for image in ("background", "whole")
    )
    bounds = [100 * end for end in statistics.ratio(part, whole)]
    assert list(left[["share_low", "share_high"]]) == pytest.approx(bounds)
    assert table.loc[("CLIP-ZS", "background"), "share"] == pytest.approx(100)


def test_what_has_no_whole_has_no_share(make):
    nothing = make("CLIP-FT", [2] * 80)
    table = survival.table([nothing, make("CLIP-ZS", FEW, image="hole")])
    assert table["share"].isna().all()


def test_of_no_score_there_is_no_row():
    assert survival.of_image(survival.table([]), "whole").empty


def test_a_figure_is_clear_above_chance_after_bonferroni(make):
    scores = [make("CLIP-FT", MANY), make("CLIP-FT", FEW, image="light")]
    table = survival.table(scores)
    assert table["chance"].tolist() == [2, 2]
    assert table["clear"].tolist() == [True, False]
    # Alone above chance, among many not: 8 of 80 where 1.6 are expected.
    some = [1] * 8 + [2] * 72
    alone = survival.table([make("CLIP-FT", some)])
    crowd = [make("CLIP-FT", some, image=f"blur {n}") for n in range(1, 400)]
    assert alone["clear"].tolist() == [True]
    assert not survival.table(crowd)["clear"].any()


def test_seeds_that_differ_make_a_figure_less_clear(make):
    good, bad = MANY, [2] * 80
    alike = survival.table([make("CLIP-FT", MANY, seed=seed) for seed in (0, 1)])
    apart = survival.table([make("CLIP-FT", hits, seed=n) for n, hits in enumerate((good, bad))])
    assert alike["clear"].tolist() == [True] and apart["clear"].tolist() == [False]


def test_seeds_are_averaged(make):
    scores = [make("CLIP-FT", MANY, seed=0), make("CLIP-FT", [1] * 80, seed=1)]
    (row,) = survival.table(scores).to_dict("records")
    assert row["value"] == pytest.approx((75 + 100) / 2) and row["seeds"] == 2


def test_rows_of_an_image_come_highest_first(make):
    scores = [make("CLIP-ZS", FEW), make("CLIP-FT", MANY), make("CLIP-FT", MANY, task="other hand")]
    rows = survival.of_image(survival.table(scores), "whole")
    assert rows["method"].tolist() == ["CLIP-FT", "CLIP-ZS"]


def test_only_the_papers_task_and_the_named_images_are_seen(make):
    kept = make("CLIP-FT", MANY, image="hand")
    others = [make("CLIP-FT", MANY), make("CLIP-FT", MANY, task="other side", image="hand")]
    assert survival.seen([kept, *others], ["hand"]) == [kept]
