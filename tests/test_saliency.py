"""Similarity maps: they point where a known embedding looks, and removal tells if they do."""

import numpy as np
import pytest

from handid import saliency

SIDE = 56  # pixels: whole cells for the map's grid and for the deletion's
PLACE = slice(35, 42)  # rows and columns of one cell of the map, the sixth each way


def hand(seed, colour=200):
    """A picture of noise with a border of one colour."""
    picture = np.random.default_rng(seed).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    picture[[0, -1]] = picture[:, [0, -1]] = colour
    return picture


def looks_at_one_place(pictures):
    return pictures[:, PLACE, PLACE].reshape(len(pictures), -1) - 127.0


def looks_at_all(pictures):
    return pictures.reshape(len(pictures), -1) - 127.0


def looks_at_nothing(pictures):
    return np.ones((len(pictures), 4))


QUERY = hand(0)
RANDOM = np.stack([np.random.default_rng(n).permutation(49) for n in range(5)])


def test_a_map_peaks_at_the_only_place_that_counts():
    values = saliency.occlusion_map(looks_at_one_place, QUERY, QUERY)
    assert values.shape == (8, 8)
    assert np.unravel_index(values.argmax(), values.shape) == (5, 5)
    # A window that holds the cell hides all of it: nine of nine windows for the cell itself, and
    # three of nine for a cell two columns away; none for one that shares no window with it.
    cost = values[5, 5]
    assert cost > 0.5
    np.testing.assert_allclose(values[5, 3], cost / 3)
    np.testing.assert_allclose([values[0, 0], values[5, 2]], 0, atol=1e-12)


def test_a_map_is_what_loops_over_windows_give():
    other, expected = hand(1), np.zeros((8, 8))

    def cosine(picture):
        a, b = looks_at_all(np.stack([picture, other]))
        return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    for top in range(-2, 8):
        for left in range(-2, 8):
            rows = slice(max(0, top), min(8, top + 3))
            columns = slice(max(0, left), min(8, left + 3))
            hidden = QUERY.copy()
            pixels = [slice(7 * one.start, 7 * one.stop) for one in (rows, columns)]
            hidden[pixels[0], pixels[1]] = QUERY.mean((0, 1)).round()
            expected[rows, columns] += (cosine(QUERY) - cosine(hidden)) / 9
    drawn = saliency.occlusion_map(looks_at_all, QUERY, other)
    np.testing.assert_allclose(drawn, expected, atol=1e-12)


def test_a_method_that_ignores_the_picture_has_a_flat_map_and_flat_curves():
    explanation = saliency.explain(looks_at_nothing, looks_at_nothing, QUERY, hand(1), orders=2)
    assert not explanation.query_map.any() and not explanation.match_map.any()
    assert all(np.allclose(curves, 1) for curves in explanation.curves.values())


def test_an_embedding_of_zeros_is_similar_to_nothing():
    curves = saliency.deletion_curves(lambda views: np.zeros((len(views), 3)), QUERY, QUERY, RANDOM)
    assert not curves.any()


def test_the_place_that_counts_goes_first_and_similarity_with_it():
    ranked = saliency.order(saliency.occlusion_map(looks_at_one_place, QUERY, QUERY))
    assert sorted(ranked) == list(range(49))
    # The cell reaches over pixels 35 to 42: row and column 4 (32 to 40) and 5 of the deletion's 7.
    assert {4 * 7 + 4} <= set(ranked[:9])
    (curve,) = saliency.deletion_curves(looks_at_one_place, QUERY, QUERY, ranked[None])
    np.testing.assert_allclose(curve[0], 1)
    assert curve[2] < 0.6 and saliency.area(curve) < 0.5


def test_places_are_removed_in_the_order_given_and_become_background():
    seen = []

    def embed(views):
        seen.extend(views)
        return looks_at_all(views)

    last_row_first = np.roll(np.arange(49), 7)
    saliency.deletion_curves(embed, QUERY, QUERY, last_row_first[None])
    for gone in range(8):  # each step takes a row of seven cells of 8 pixels
        wanted = QUERY.copy()
        wanted[SIDE - 8 * (gone > 0) :] = 200
        wanted[: 8 * max(0, gone - 1)] = 200
        assert sum(np.array_equal(view, wanted) for view in seen[:-1]) == 1
    assert len(seen) == 8 + 1


def test_all_orders_begin_and_end_alike_and_that_is_embedded_once():
    counts = []

    def embed(views):
        counts.append(len(views))
        return looks_at_all(views)

    curves = saliency.deletion_curves(embed, QUERY, hand(1), RANDOM)
    assert curves.shape == (5, 8)
    assert np.ptp(curves[:, 0]) == np.ptp(curves[:, -1]) == 0
    assert counts == [2 + 5 * 6 + 1]


def test_the_area_below_a_curve_is_as_worked_by_hand():
    # Trapezoids of width 1/2: (1 + 0.5) / 4 + (0.5 + 0) / 4.
    assert saliency.area(np.array([1.0, 0.5, 0.0])) == pytest.approx(0.5)
    np.testing.assert_allclose(saliency.area(np.array([[1.0, 0, 0], [0.2] * 3])), [0.25, 0.2])


def test_a_map_is_averaged_over_the_larger_cells_of_the_deletion():
    values = np.zeros((8, 8))
    values[0, 0], values[7, 7] = 1, 2
    assert saliency.order(values)[:2].tolist() == [48, 0]
    assert saliency.order(np.zeros((8, 8))).tolist() == list(range(49))


def test_a_true_map_beats_chance_and_the_map_of_another_network():
    def looks_elsewhere(pictures):
        return pictures[:, :7, :7].reshape(len(pictures), -1) - 127.0

    explanation = saliency.explain(looks_at_one_place, looks_elsewhere, QUERY, QUERY, orders=5)
    areas = {name: saliency.area(curves) for name, curves in explanation.curves.items()}
    assert areas["map"] < areas["untrained"] and (areas["map"] < areas["random"]).all()


def test_each_of_a_pair_has_its_own_map():
    other = hand(1)
    explanation = saliency.explain(looks_at_all, looks_at_nothing, QUERY, other, orders=1)
    for drawn, pair in (
        (explanation.query_map, (QUERY, other)),
        (explanation.match_map, (other, QUERY)),
    ):
        np.testing.assert_array_equal(drawn, saliency.occlusion_map(looks_at_all, *pair))
    assert (explanation.query_map != explanation.match_map).any()


def test_the_same_seed_gives_the_same_orders():
    pair = (looks_at_all, looks_at_nothing, QUERY, hand(1))
    first, again, other = (
        saliency.explain(*pair, orders=3, seed=n).curves["random"] for n in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_maps_average_over_queries_and_give_an_area_each():
    def one(height):
        curves = {"map": np.full((1, 3), height), "random": np.array([[1.0, 1, 1], [0, 0, 0]])}
        return saliency.Explanation(np.zeros((8, 8)), np.zeros((8, 8)), curves)

    maps = saliency.Maps([QUERY] * 2, [QUERY] * 2, ["a", "b"], [one(0.2), one(0.4)])
    np.testing.assert_allclose(maps.curves["map"], [[0.3, 0.3, 0.3]])
    areas = maps.areas.set_index(["query", "order", "draw"])["area"]
    assert len(areas) == 6
    assert areas[1, "map", 0] == pytest.approx(0.4) and areas[0, "random", 1] == 0


@pytest.mark.parametrize("side", [5, 7])
def test_a_picture_too_small_to_be_cut_is_refused(side):
    small = np.zeros((64, side, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match=f"{side} x 64 pixels has no 8 x 8 cells"):
        saliency.explain(looks_at_all, looks_at_all, small, small)


def test_no_random_order_is_refused():
    for bad in (0, 1.5):
        with pytest.raises(ValueError, match=f"orders={bad} must be a whole number from 1"):
            saliency.explain(looks_at_all, looks_at_all, QUERY, QUERY, orders=bad)
    with pytest.raises(ValueError, match="seed=-1 must be a whole number from 0"):
        saliency.explain(looks_at_all, looks_at_all, QUERY, QUERY, seed=-1)
