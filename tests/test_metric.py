"""metric.py: hand cases, scikit-learn, loops, laws and refusals."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import average_precision_score

from handid import metric

# Query 0, 1, 2 against gallery a, b, c, d. A query's row of similarities, sorted from the top:
#   0 (is a): a .9, b .5, c .1, d 0    -> match first, rank 1
#   1 (is b): c .8, d .6, b .4, a .2   -> match third, rank 3
#   2 (is d): b .9, d .8, a .7, c .1   -> match second, rank 2
SIMILARITY_3X4 = np.array([[0.9, 0.5, 0.1, 0.0], [0.2, 0.4, 0.8, 0.6], [0.7, 0.9, 0.1, 0.8]])
# Query 0, 1, 2, 3 against gallery a, a, b, b, c. Sorted from the top:
#   0 (a): a1 .9, b .8, a2 .7        -> hits at 1, 3
#   1 (a): c .9, a2 .8, a1 .7        -> hits at 2, 3
#   2 (b): b .9, b .8                -> hits at 1, 2
#   3 (c): a1 .9 a2 .8 b .7 b .6 c 0 -> hit at 5
SIMILARITY_4X5 = np.array(
    [
        [0.9, 0.7, 0.8, 0.1, 0.0],
        [0.7, 0.8, 0.1, 0.0, 0.9],
        [0.1, 0.0, 0.9, 0.8, 0.2],
        [0.9, 0.8, 0.7, 0.6, 0.0],
    ]
)


def embeddings_with(similarity):
    """Query and gallery embeddings whose cosine is the given matrix times one factor per query.

    The gallery is the identity matrix, so a query's cosines are its row scaled to length 1.
    """
    return similarity, np.eye(similarity.shape[1])


def score_by_loop(similarity, query_ids, gallery_ids):
    """First hit, standard AP and trapezoid AP of each query, the way layumi's evaluator goes."""
    rows = []
    for q, identity in enumerate(query_ids):
        order = sorted(
            range(len(gallery_ids)), key=lambda g: (-similarity[q, g], gallery_ids[g] == identity)
        )
        at = [rank0 for rank0, g in enumerate(order) if gallery_ids[g] == identity]
        ap = ap_trapezoid = 0.0
        for before, rank0 in enumerate(at):
            precision = (before + 1) / (rank0 + 1)
            old_precision = before / rank0 if rank0 != 0 else 1.0
            ap += precision / len(at)
            ap_trapezoid += (old_precision + precision) / 2 / len(at)
        rows.append((at[0] + 1, ap, ap_trapezoid))
    return np.array(rows)


@pytest.fixture
def world(rng):
    """60 queries and 40 gallery images of 12 identities, 1 to 8 images each; no ties."""
    gallery_ids = np.concatenate([np.arange(12), rng.integers(0, 12, 28)])
    query_ids = rng.integers(0, 12, 60)
    centres = rng.normal(size=(12, 16))
    query = centres[query_ids] + 1.5 * rng.normal(size=(60, 16))
    gallery = centres[gallery_ids] + 1.5 * rng.normal(size=(40, 16))
    return query, gallery, query_ids, gallery_ids


def test_three_queries_with_one_match_each_score_as_worked_by_hand():
    result = metric.evaluate(*embeddings_with(SIMILARITY_3X4), ["a", "b", "d"], list("abcd"))
    assert result.per_query["identity"].tolist() == ["a", "b", "d"]
    assert result.per_query["first_hit"].tolist() == [1, 3, 2]
    np.testing.assert_allclose(result.per_query["ap"], [1, 1 / 3, 1 / 2], rtol=1e-15)
    np.testing.assert_allclose(result.per_query["ap_trapezoid"], [1, 1 / 6, 1 / 4], rtol=1e-15)
    np.testing.assert_allclose(result.cmc, [1 / 3, 2 / 3, 1, 1], rtol=1e-15)
    assert result.rank(1) == pytest.approx(1 / 3) and result.rank(2) == pytest.approx(2 / 3)
    assert result.mAP == pytest.approx((1 + 1 / 3 + 1 / 2) / 3)
    assert result.mAP_trapezoid == pytest.approx((1 + 1 / 6 + 1 / 4) / 3)


def test_four_queries_with_several_matches_score_as_worked_by_hand():
    result = metric.evaluate(*embeddings_with(SIMILARITY_4X5), list("aabc"), list("aabbc"))
    assert result.per_query["first_hit"].tolist() == [1, 2, 1, 5]
    # Precision at the hits: 1, 2/3 | 1/2, 2/3 | 1, 1 | 1/5.
    # One rank earlier:      1, 1/2 | 0, 1/2   | 1, 1 | 0.
    ap = [(1 + 2 / 3) / 2, (1 / 2 + 2 / 3) / 2, 1, 1 / 5]
    trapezoid = [(1 + (2 / 3 + 1 / 2) / 2) / 2, (1 / 4 + (2 / 3 + 1 / 2) / 2) / 2, 1, 1 / 10]
    np.testing.assert_allclose(result.per_query["ap"], ap, rtol=1e-15)
    np.testing.assert_allclose(result.per_query["ap_trapezoid"], trapezoid, rtol=1e-15)
    np.testing.assert_allclose(result.cmc, [0.5, 0.75, 0.75, 0.75, 1], rtol=1e-15)


def test_standard_ap_is_that_of_scikit_learn(world):
    query, gallery, query_ids, gallery_ids = world
    result = metric.evaluate(*world)
    cosine = (query / np.linalg.norm(query, axis=1)[:, None]) @ (
        gallery / np.linalg.norm(gallery, axis=1)[:, None]
    ).T
    expected = [
        average_precision_score(gallery_ids == identity, row)
        for identity, row in zip(query_ids, cosine, strict=True)
    ]
    np.testing.assert_allclose(result.per_query["ap"], expected, rtol=1e-12)


def test_every_score_is_that_of_the_loops(world):
    query, gallery, query_ids, gallery_ids = world
    cosine = (query / np.linalg.norm(query, axis=1)[:, None]) @ (
        gallery / np.linalg.norm(gallery, axis=1)[:, None]
    ).T
    expected = score_by_loop(cosine, query_ids, gallery_ids)
    scored = metric.evaluate(*world).per_query[["first_hit", "ap", "ap_trapezoid"]]
    np.testing.assert_allclose(scored, expected, rtol=1e-12)
    assert 0.2 < scored["ap"].mean() < 0.9  # neither trivial nor chance


def test_the_loops_agree_also_when_most_similarities_are_tied(rng):
    query = rng.integers(0, 2, (50, 3)).astype(float)  # few distinct rows, some of them zero
    gallery = rng.integers(0, 2, (30, 3)).astype(float)
    query_ids, gallery_ids = rng.integers(0, 5, 50), np.arange(30) % 5
    length = np.sqrt((query**2).sum(1))[:, None] * np.sqrt((gallery**2).sum(1))[None, :]
    cosine = np.round(query @ gallery.T / np.maximum(length, 1e-9), 12)
    expected = score_by_loop(cosine, query_ids, gallery_ids)
    result = metric.evaluate(query, gallery, query_ids, gallery_ids)
    scored = result.per_query[["first_hit", "ap", "ap_trapezoid"]]
    np.testing.assert_allclose(scored, expected, rtol=1e-12)
    assert (query == 0).all(axis=1).any() and (gallery == 0).all(axis=1).any()


def test_blocks_of_queries_change_nothing(world, monkeypatch):
    whole = metric.evaluate(*world)
    monkeypatch.setattr(metric, "BLOCK", 7)
    pd.testing.assert_frame_equal(metric.evaluate(*world).per_query, whole.per_query, rtol=1e-12)


def test_many_matches_of_a_query_are_ranked_as_few_are(rng, monkeypatch):
    query, gallery = rng.normal(size=(40, 3)).round(1), rng.normal(size=(200, 3)).round(1)
    ids = rng.integers(0, 5, 40), rng.integers(0, 5, 200)  # some 40 matches a query
    whole = metric.evaluate(query, gallery, *ids)
    monkeypatch.setattr(metric, "FEW", 1000)
    pd.testing.assert_frame_equal(
        metric.evaluate(query, gallery, *ids).per_query, whole.per_query, check_exact=True
    )


@pytest.mark.parametrize("apart", [0, 2e-13, 4e-13, 5e-13, 6e-13, 1e-12, 3e-12])
def test_a_tie_is_what_numpy_rounds_to_the_same_decimals(apart, rng):
    of_match = rng.uniform(-1, 1, 2000).round(12) + rng.choice([0, 5e-13, -5e-13], 2000)
    of_other = of_match - apart
    bound = metric._least_tie(of_match)
    is_tie_or_better = of_other.round(metric.DECIMALS) >= of_match.round(metric.DECIMALS)
    np.testing.assert_array_equal(of_other >= bound, is_tie_or_better)


def test_ties_count_against_us():
    gallery = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    result = metric.evaluate([[5.0, 0.0]], gallery, ["me"], ["me", "you", "she"])
    assert result.per_query["first_hit"].tolist() == [3]
    assert result.mAP == pytest.approx(1 / 3) and result.mAP_trapezoid == pytest.approx(1 / 6)


def test_embeddings_that_are_all_equal_find_nobody(rng):
    query, gallery = (
        np.tile(rng.normal(size=1280), (20, 1)),
        np.tile(rng.normal(size=1280), (50, 1)),
    )
    result = metric.evaluate(query, gallery, np.arange(20), np.arange(50))
    assert result.rank(1) == 0 and result.rank(49) == 0 and result.rank(50) == 1


def test_embeddings_that_differ_in_length_alone_tie(rng):
    direction, lengths = rng.normal(size=1280), rng.uniform(0.1, 10, (50, 1))
    result = metric.evaluate(direction[None] / 3, direction * lengths, [17], np.arange(50))
    assert result.per_query["first_hit"].tolist() == [50]


def test_a_zero_embedding_has_similarity_0_to_all():
    # Gallery: opposite (-1), zero (0, the match), orthogonal (0): the match comes last of the tied.
    result = metric.evaluate(
        [[1.0, 0.0]], [[-1.0, 0.0], [0.0, 0.0], [0.0, 1.0]], ["b"], list("abc")
    )
    assert result.per_query["first_hit"].tolist() == [2]
    zero = metric.evaluate([[0.0, 0.0]], np.eye(2), ["a"], ["a", "b"])
    assert zero.per_query["first_hit"].tolist() == [2]


def test_the_order_of_the_gallery_changes_nothing(world, rng):
    query, gallery, query_ids, gallery_ids = world
    order = rng.permutation(len(gallery))
    shuffled = metric.evaluate(query, gallery[order], query_ids, gallery_ids[order])
    pd.testing.assert_frame_equal(shuffled.per_query, metric.evaluate(*world).per_query, rtol=1e-12)


def test_the_length_of_an_embedding_changes_nothing(world, rng):
    query, gallery, query_ids, gallery_ids = world
    scale = 10.0 ** rng.integers(-200, 200, (len(query), 1))  # squares would overflow or vanish
    scaled = metric.evaluate(query * scale, gallery * 3, query_ids, gallery_ids)
    pd.testing.assert_frame_equal(scaled.per_query, metric.evaluate(*world).per_query, rtol=1e-9)


def test_distractors_cannot_raise_any_score(world, rng):
    query, gallery, query_ids, gallery_ids = world
    before = metric.evaluate(*world)
    crowd = np.concatenate([gallery, rng.normal(size=(100, 16))])
    after = metric.evaluate(
        query, crowd, query_ids, np.concatenate([gallery_ids, np.full(100, -1)])
    )
    assert (after.cmc[:40] <= before.cmc).all() and after.rank(1) < before.rank(1)
    assert (after.per_query["ap"] <= before.per_query["ap"]).all()
    assert (after.per_query["ap_trapezoid"] <= before.per_query["ap_trapezoid"]).all()


def test_a_query_that_is_in_the_gallery_comes_first(world):
    _, gallery, _, gallery_ids = world
    result = metric.evaluate(gallery, gallery, gallery_ids, gallery_ids)
    assert result.rank(1) == 1


def test_perfect_embeddings_score_1_everywhere():
    result = metric.evaluate(
        np.eye(4)[[0, 1, 2, 2]], np.eye(4)[[0, 1, 2, 2]], [0, 1, 2, 2], [0, 1, 2, 2]
    )
    assert result.rank(1) == result.mAP == result.mAP_trapezoid == 1


def test_with_one_match_a_query_the_published_map_is_the_mean_of_ours_and_rank_1(rng):
    query, gallery = rng.normal(size=(300, 8)), rng.normal(size=(40, 8))
    result = metric.evaluate(query, gallery, rng.integers(0, 40, 300), np.arange(40))
    assert result.mAP == pytest.approx(2 * result.mAP_trapezoid - result.rank(1), abs=1e-14)
    assert result.mAP_trapezoid < result.mAP


def test_cmc_never_falls_and_ends_at_1(world):
    cmc = metric.evaluate(*world).cmc
    assert cmc.shape == (40,) and (np.diff(cmc) >= 0).all() and cmc[-1] == 1


def test_rank_beyond_the_gallery_is_1_and_rank_0_is_refused():
    result = metric.evaluate(*embeddings_with(SIMILARITY_3X4), ["a", "b", "d"], list("abcd"))
    assert result.rank(100) == 1
    for k in (0, -1, 1.5, "1"):
        with pytest.raises(ValueError, match="must be a whole number from 1"):
            result.rank(k)


@pytest.mark.parametrize(
    "name",
    [
        lambda i: int(i),
        lambda i: f"{i} dorsal right",
        lambda i: (int(i), "left"),
        lambda i: np.int64(i),
        lambda i: torch.tensor(int(i)),
    ],
    ids=["int", "str", "tuple", "numpy", "tensor"],
)
def test_ids_may_be_of_any_hashable_type(world, name):
    query, gallery, query_ids, gallery_ids = world
    named = metric.evaluate(
        query, gallery, [name(i) for i in query_ids], [name(i) for i in gallery_ids]
    )
    assert named.mAP == metric.evaluate(*world).mAP


def test_tensors_series_and_lists_score_like_arrays(world):
    query, gallery, query_ids, gallery_ids = world
    tensors = metric.evaluate(
        torch.tensor(query, requires_grad=True),
        torch.tensor(gallery),
        torch.tensor(query_ids),
        torch.tensor(gallery_ids),
    )
    others = metric.evaluate(
        query.tolist(),
        gallery.tolist(),
        pd.Series(query_ids, index=range(5, 65)),
        list(gallery_ids),
    )
    expected = metric.evaluate(*world).per_query
    pd.testing.assert_frame_equal(tensors.per_query, expected)
    pd.testing.assert_frame_equal(others.per_query, expected)


def test_half_precision_tensors_are_taken(world):
    query, gallery, query_ids, gallery_ids = world
    half = metric.evaluate(
        torch.tensor(query).bfloat16(), torch.tensor(gallery).half(), query_ids, gallery_ids
    )
    assert half.mAP == pytest.approx(metric.evaluate(*world).mAP, abs=0.05)  # bfloat16: 3 digits


def test_a_query_without_a_match_is_refused():
    with pytest.raises(ValueError, match="1 of 2 queries have no match .* the first is '7 left'"):
        metric.evaluate(np.eye(2), np.eye(2), ["1 left", "7 left"], ["1 left", "2 left"])


def test_an_id_of_another_type_is_no_match():
    with pytest.raises(ValueError, match="2 of 2 queries have no match .* the first is '1'"):
        metric.evaluate(np.eye(2), np.eye(2), ["1", "2"], [1, 2])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_nan_or_infinite_embedding_is_refused(bad):
    with pytest.raises(ValueError, match="query embedding 1 is NaN or infinite"):
        metric.evaluate([[1.0, 0.0], [bad, 0.0]], np.eye(2), [0, 1], [0, 1])
    with pytest.raises(ValueError, match="gallery embedding 0 is NaN or infinite"):
        metric.evaluate(np.eye(2), [[bad, 0.0], [1.0, 0.0]], [0, 1], [0, 1])


@pytest.mark.parametrize(
    ("query", "gallery", "query_ids", "gallery_ids", "message"),
    [
        (np.ones((2, 3)), np.ones((2, 4)), [0, 1], [0, 1], "have 3 numbers and gallery ones 4"),
        (np.ones(3), np.ones((2, 3)), [0], [0, 1], r"query embeddings have shape \(3,\)"),
        (np.ones((0, 3)), np.ones((2, 3)), [], [0, 1], r"query embeddings have shape \(0, 3\)"),
        (np.ones((2, 3)), np.ones((0, 3)), [0, 1], [], r"gallery embeddings have shape \(0, 3\)"),
        (np.ones((2, 3)), np.ones((2, 3)), [0], [0, 1], "1 ids for 2 query rows"),
        (np.ones((2, 3)), np.ones((2, 3)), [0, 1], [0, 1, 2], "3 ids for 2 gallery rows"),
        ([["a", "b"]], np.ones((2, 2)), [0], [0, 1], "not a table of numbers"),
        ([[1.0], [1.0, 2.0]], np.ones((2, 2)), [0, 1], [0, 1], "not a table of numbers"),
        (np.ones((2, 3)), np.ones((2, 3)), [[0], [1]], [[0], [1]], "ids must be hashable"),
        (np.ones((2, 3)), np.ones((2, 3)), np.eye(2), np.eye(2), "ids must be hashable"),
        (np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 1)), [0, 1], "ids must be hashable"),
    ],
)
def test_what_does_not_fit_is_refused(query, gallery, query_ids, gallery_ids, message):
    with pytest.raises(ValueError, match=message):
        metric.evaluate(query, gallery, query_ids, gallery_ids)


# --- the order that is shown ----------------------------------------------------------------------


def test_the_ranking_that_is_shown_is_the_one_that_is_scored(world):
    query, gallery, query_ids, gallery_ids = world
    gallery = np.round(gallery)  # many ties
    query = np.round(query)
    order, similarity = metric.ranking(query, gallery, query_ids, gallery_ids)
    match = np.asarray(gallery_ids)[order] == np.asarray(query_ids)[:, None]
    found = metric.evaluate(query, gallery, query_ids, gallery_ids).per_query["first_hit"]
    assert (match.argmax(axis=1) + 1).tolist() == found.tolist()
    assert (np.diff(similarity, axis=1) < 1e-12).all()
    assert (np.sort(order, axis=1) == np.arange(len(gallery))).all()


def test_a_ranking_of_two_encoders_is_refused():
    with pytest.raises(ValueError, match="have 2 numbers and gallery ones 3: use one encoder"):
        metric.ranking(np.eye(2), np.eye(3), [0, 1], [0, 1, 2])


def test_of_equal_images_the_ranking_shows_the_match_last():
    order, similarity = metric.ranking([[1.0, 0.0]], [[2.0, 0.0]] * 3, ["a"], ["a", "b", "c"])
    assert order.tolist() == [[1, 2, 0]]
    assert similarity.tolist() == [[1, 1, 1]]
