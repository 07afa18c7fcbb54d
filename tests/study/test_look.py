"""Pictures of what an experiment answers, and maps of where its similarities come from."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from handid import saliency
from handid.study import look, score

TARGET = "11k dorsal right"


# --- matches ------------------------------------------------------------------------------------


def test_matches_show_wrong_answers_first_and_mark_them_right(lab, tuned):
    matches = lab.matches(tuned, queries=4, top=3)
    assert len(matches.queries) == len(matches.matches) == len(matches.labels) == 4
    assert [len(row) for row in matches.matches] == [3] * 4
    firsts = [row[0][1] for row in matches.matches]
    assert firsts == sorted(firsts)  # wrong ones before right ones
    assert all(a[2] >= b[2] for row in matches.matches for a, b in zip(row, row[1:], strict=False))


@pytest.mark.parametrize(("identical", "right"), [(True, 4), (False, 0)])
def test_matches_are_as_many_as_asked_even_if_all_are_right_or_wrong(
    lab, zero_shot, monkeypatch, identical, right
):
    table = lab.table("11k")
    codes = pd.factorize(table["identity"])[0] if identical else np.zeros(len(table), dtype=int)
    vectors = np.eye(codes.max() + 1, dtype=np.float32)[codes]
    monkeypatch.setattr(score.Scorer, "embeddings", lambda *args: vectors)
    matches = lab.matches(zero_shot, queries=4, top=1, show=False)
    assert [row[0][1] for row in matches.matches] == [bool(right)] * 4


def test_of_equal_matches_the_wrong_ones_are_shown_first_as_they_are_scored(
    lab, zero_shot, monkeypatch
):
    same = np.ones((len(lab.table("11k")), 4), dtype=np.float32)
    monkeypatch.setattr(score.Scorer, "embeddings", lambda *args: same)
    matches = lab.matches(zero_shot, queries=3, top=2, show=False)
    assert not any(right for row in matches.matches for _, right, _ in row)
    assert lab.score(zero_shot).rows.set_index("metric").loc["rank1", "value"] == 0


def test_no_queries_to_show_is_refused(lab, tuned):
    with pytest.raises(ValueError, match="queries=0 must be a whole number from 1"):
        lab.matches(tuned, queries=0)


def test_photographs_can_be_kept_out_of_a_report(lab, tuned):
    hidden = lab.matches(tuned, queries=2, top=2, show=False)
    pictures = [*hidden.queries, *(cell[0] for row in hidden.matches for cell in row)]
    pictures += lab.sample("11k", people=2, show=False)[0]
    assert all((picture == 200).all() for picture in pictures)


# --- maps of similarity -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def raw_pixels(lab):
    """The photograph itself as the embedding, whose maps take no time."""
    return lab.experiment("raw_pixels", "mini-ViT", TARGET)


def test_similarity_maps_show_right_matches_and_judge_each_query(lab, raw_pixels):
    maps = lab.similarity_maps(raw_pixels, queries=2, orders=2)
    again = lab.similarity_maps(raw_pixels, queries=2, orders=2)
    assert len(maps.queries) == len(maps.matches) == len(maps.labels) == 2
    ranks = [int(re.match(r"match, rank (\d+)  -?[01]\.\d\d$", text)[1]) for text in maps.labels]
    assert ranks == sorted(ranks, key=lambda rank: rank > 1)  # queries answered right come first
    shapes = {name: curves.shape for name, curves in maps.curves.items()}
    assert shapes == {"map": (1, 8), "untrained": (1, 8), "random": (2, 8)}
    for explanation, query, match, text in zip(
        maps.found, maps.queries, maps.matches, maps.labels, strict=True
    ):
        whole = explanation.curves["map"][0, 0]  # nothing removed: the gallery's similarity
        assert text.endswith(f"{whole:.2f}")
        assert query.shape == match.shape == (128, 128, 3) and (query != match).any()
    pd.testing.assert_frame_equal(maps.areas, again.areas)


def test_a_map_compares_the_trained_network_with_one_of_random_weights(lab, tuned, monkeypatch):
    """The maps of a real network, of which only the two photographs themselves are embedded."""
    pairs = []

    def explain(embed, untrained, query, match, *, orders, seed):
        pair = np.stack([query, match])
        vectors, others = (function(pair) for function in (embed, untrained))
        pairs.append((vectors, others, orders, seed))
        return SimpleNamespace(curves={"map": np.zeros((1, 8))})

    monkeypatch.setattr(saliency, "explain", explain)
    maps = lab.similarity_maps(tuned, queries=2, orders=5)
    assert [pair[2:] for pair in pairs] == [(5, 0), (5, 1)]
    for (vectors, others, *_), text in zip(pairs, maps.labels, strict=True):
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        assert text.endswith(f"{unit[0] @ unit[1]:.2f}")
        assert vectors.shape == others.shape and not np.allclose(vectors, others)


def test_the_random_network_of_a_map_is_not_the_trained_one(lab, tuned):
    trained, untrained = look._with_random(tuned, lab.engine)
    same = zip(trained.parameters(), untrained.parameters(), strict=False)
    assert any(a.shape != b.shape or (a != b).any() for a, b in same)
    assert not trained.training and not untrained.backbone.training


def test_the_random_network_of_a_map_is_random_whatever_the_studys_weights(
    lab, weighted, zero_shot
):
    (own,) = weighted.experiments("clip_zero_shot")
    networks = [*look._with_random(own, lab.engine), lab.load(zero_shot)]
    ours, untrained, plain = (network.backbone.clip.visual.proj for network in networks)
    assert untrained.equal(plain) and not ours.equal(plain)


def test_maps_of_no_query_are_refused_and_photographs_can_be_kept_out(lab, raw_pixels):
    with pytest.raises(ValueError, match="queries=0 must be a whole number from 1"):
        lab.similarity_maps(raw_pixels, queries=0)
    hidden = lab.similarity_maps(raw_pixels, queries=1, orders=1, show=False)
    assert all((picture == 200).all() for picture in [*hidden.queries, *hidden.matches])
    assert hidden.found[0].query_map.any()


# --- a sample -----------------------------------------------------------------------------------


def test_a_sample_has_a_row_per_view_and_is_white_where_a_person_has_none(
    open_study, make_11k, tmp_path
):
    def edit(info):  # only person 2 shows all four views
        gone = info["aspectOfHand"].eq("palmar left") & info["id"].ne("0000002")
        return info[~gone]

    root = make_11k(tmp_path / "11k", edit=edit)
    study = open_study(tmp_path / "work", data={"11k": str(root)})
    pictures, views = study.sample("11k", people=2)
    assert views == [view for view in sorted(study.table("11k")["view"].unique()) for _ in range(2)]
    assert all(picture.shape == (128, 128, 3) for picture in pictures)
    for none in (0, -1, 1.5):
        with pytest.raises(ValueError, match=f"people={none} must be a whole number from 1"):
            study.sample("11k", people=none)
    white = [(picture == 255).all() for picture in pictures]
    assert [view for view, blank in zip(views, white, strict=True) if blank] == ["palmar left"]
