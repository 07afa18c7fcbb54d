"""compare.py: who is compared with whom, drawn evenly, and searched for by people and by nobody."""

import numpy as np
import pandas as pd
import pytest

from handid import tasks
from handid.study import compare
from handid.study import network as networks
from handid.study.compare import MATED, NONMATED, Material, Part, of_tests, searches


def among(one, *, apart=False):
    nobody = Part(np.zeros((0, 1)), np.zeros(0, dtype=int), np.zeros(0, dtype=int))
    return Material(one, one, nobody, nobody, nobody, apart, 0, [])


def test_each_pair_of_photographs_is_compared_once_and_none_with_itself(part, rng):
    found = of_tests(among(part(rng, 3, 2)))
    assert sorted(found.people) == [0, 1, 2]
    assert len(found.nonmated) == 3 * 4 and (found.pairs[:, 0] < found.pairs[:, 1]).all()
    assert found.mated.max() < 1  # the cosine with itself


def test_of_each_person_and_pair_at_most_so_many_are_kept(part, rng):
    found = of_tests(among(part(rng, 4, 10)))
    assert np.bincount(found.people).tolist() == [MATED] * 4
    _, counts = np.unique(found.pairs, axis=0, return_counts=True)
    assert counts.tolist() == [NONMATED] * 6


def test_duplicated_photographs_of_one_person_give_that_person_no_more_weight(part, rng):
    """Four of five people have ten photographs; of the fifth all are there three times."""
    one = part(rng, 5, 10)
    places = np.concatenate([np.arange(50), np.arange(40, 50), np.arange(40, 50)])
    thrice = Part(*(array[places] for array in one))
    plain, found = of_tests(among(one)), of_tests(among(thrice))
    assert np.bincount(found.people).tolist() == np.bincount(plain.people).tolist()
    assert len(found.nonmated) == len(plain.nonmated)


def test_bursts_apart_compares_a_hand_with_its_other_bursts_only(part, rng):
    one = part(rng, 3, 4, bursts=2)
    found = of_tests(among(one, apart=True))
    assert np.bincount(found.people).tolist() == [4] * 3  # two and two photographs
    searched = searches(one, one, apart=True)
    whole = searches(one, one, apart=False)
    assert (searched["kind"] == "mated").sum() < (whole["kind"] == "mated").sum()
    assert (searched["kind"] == "absent").sum() == (whole["kind"] == "absent").sum()


def test_half_the_people_are_enrolled_and_nobody_finds_his_own_photograph(part, rng):
    one = part(rng, 6, 3)
    found = searches(one, one, apart=False)
    assert len(found) == compare.REPEATS * (18 - 3)
    assert (found["kind"] == "mated").sum() == compare.REPEATS * 3 * 2
    assert found["rank"].isna().equals(found["kind"] == "absent")
    assert found["score"].max() < 1


def test_ties_count_against_us():
    same = Part(np.ones((4, 1)), np.array([0, 0, 1, 1]), np.zeros(4))
    other = Part(np.ones((8, 1)), np.repeat(np.arange(4), 2), np.zeros(8))
    assert (searches(same, same, apart=False).query("kind == 'mated'")["rank"] == 1).all()
    assert (searches(other, other, apart=False).query("kind == 'mated'")["rank"] == 2).all()


def test_extra_people_are_never_enrolled_and_change_no_other_search(part, rng):
    one, extra = part(rng, 6, 3), part(rng, 9, 2)
    extra = extra._replace(people=extra.people + 100)
    plain, found = (searches(one, one, apart=False, extra=e) for e in (None, extra))
    others = found[found["kind"] != "extra"]
    pd.testing.assert_frame_equal(others.reset_index(drop=True), plain)
    assert (found["kind"] == "extra").sum() == compare.REPEATS * 18
    assert found.query("kind == 'extra'")["rank"].isna().all()


def test_more_people_enrolled_can_only_add_errors(part, rng):
    """Whoever is added to the gallery: no rank gets better and no best score lower."""
    asked, gallery, more = part(rng, 8, 3), part(rng, 4, 1), part(rng, 8, 1)
    added = more._replace(people=more.people + 50)
    larger = Part(*(np.concatenate(pair) for pair in zip(gallery, added, strict=True)))
    small, large = (compare._search(asked, some, False) for some in (gallery, larger))
    mated = (small["kind"] == "mated").to_numpy()
    assert (large["rank"] >= small["rank"])[mated].all()
    assert (large["score"] >= small["score"])[~mated].all()
    assert large["rank"][mated].sum() > small["rank"][mated].sum()


def test_a_photograph_that_could_not_be_decoded_is_compared_and_never_enrolled(part, rng):
    one = compare._with_failures(part(rng, 4, 3), np.array([0]))
    found = of_tests(among(one))
    assert np.isnan(found.mated[found.people == 0]).sum() == 3
    searched = searches(one, one, apart=False)
    assert searched["score"].isna().sum() == compare.REPEATS
    assert not np.isneginf(searched["score"]).any()


# --- of a study ---------------------------------------------------------------------------------


def test_development_people_are_no_test_people_and_their_photographs_are_held_out(lab, zero_shot):
    found = compare.material(zero_shot, tasks.PAPERS, lab.photographs, lab.engine)
    assert set(found.asked.people) == {2, 3} and found.searched is found.asked
    assert set(found.new.people) == set(found.known.people) == {0, 1}
    assert len(found.new.people) == 2 and not len(found.extra.people)


def test_the_other_hand_is_mirrored(lab, tuned):
    papers, other = (
        compare.material(tuned, task, lab.photographs, lab.engine)
        for task in (tasks.PAPERS, tasks.OTHER_HAND)
    )
    np.testing.assert_array_equal(papers.asked.vectors, other.asked.vectors)
    np.testing.assert_array_equal(papers.new.vectors, other.new.vectors)
    assert set(other.searched.people) == {2, 3} and set(other.known.people) == {0, 1}
    table = lab.table("11k")
    left = table[(table["view"] == "dorsal left") & table["subject"].isin([2, 3])]
    embedder = networks.Embedder(tuned, lab.photographs, lab.engine)
    plain, mirrored = (embedder(compare._in_order(left), mirrored=way) for way in (False, True))
    np.testing.assert_array_equal(compare._unit(mirrored), other.searched.vectors)
    assert np.abs(compare._unit(plain) - other.searched.vectors).max() > 1e-3


def test_the_order_of_the_table_does_not_matter(lab, zero_shot, monkeypatch, rng):
    def comparisons():
        found = compare.material(zero_shot, tasks.PAPERS, lab.photographs, lab.engine)
        return of_tests(found), searches(found.asked, found.searched, apart=False)

    plain, searched = comparisons()
    mixed = lab.table("11k").sample(frac=1, random_state=1)
    monkeypatch.setattr(lab.photographs, "table", lambda name, **how: mixed)
    found, again = comparisons()
    for one, other in zip(plain, found, strict=True):
        np.testing.assert_array_equal(one, other)
    pd.testing.assert_frame_equal(searched, again)


def test_a_task_that_a_set_cannot_show_is_told_in_a_sentence(lab, hd, zero_shot):
    alone = hd.experiment("clip_zero_shot", "mini-ViT", "HD")
    assert compare.refusal(zero_shot, tasks.PAPERS, lab.photographs) == ""
    assert "cannot be asked" in compare.refusal(alone, tasks.OTHER_HAND, hd.photographs)
    assert "two bursts" in compare.refusal(zero_shot, tasks.BURSTS_APART, lab.photographs)
    with pytest.raises(ValueError, match="Unknown task 'other foot'"):
        compare.refusal(zero_shot, "other foot", lab.photographs)


def test_people_who_are_in_no_half_of_hd_are_extra(hd):
    alone = hd.experiment("clip_zero_shot", "mini-ViT", "HD")
    found = compare.material(alone, tasks.PAPERS, hd.photographs, hd.engine)
    names = {found.names[code] for code in found.extra.people}
    table = hd.table("HD")
    assert names == set(table.loc[table["role"] == "distractor", "subject"]) and len(names) == 2
