"""Hands to pre-train on: people of no study, drawn once, streamed in order."""

import json
from inspect import signature

import numpy as np
import pytest

from handid import synthetic
from handid.study import hands


@pytest.fixture(autouse=True, scope="module")
def small(few_hands):
    """Few people per shard, drawn in this process."""


def test_a_shard_holds_its_people_and_the_facts_of_each_photograph(tmp_path):
    shard = next(hands.Hands(tmp_path, 5, "wild").stream([1]))
    assert shard.images.shape == (16, hands.HEIGHT, hands.HEIGHT * 4 // 3, 3)
    assert sorted({facts["subject"] for facts in shard.facts}) == [2, 3]
    camera = {"size": hands.HEIGHT, "seed": 5, "camera": "wild"}
    image, facts = synthetic.photograph(synthetic.person(5, 3), "palmar left", 1, **camera)
    assert np.array_equal(shard.images[-1], image)
    assert shard.facts[-1] == {"subject": 3, "view": "palmar left"} | json.loads(json.dumps(facts))


def test_shards_are_drawn_once_and_come_in_the_order_asked_for(tmp_path):
    drawn = hands.Hands(tmp_path, 5, "wild")
    first = [shard.facts[0]["subject"] for shard in drawn.stream([2, 0, 1])]
    times = [path.stat().st_mtime_ns for path in sorted(drawn.folder.iterdir())]
    assert first == [4, 0, 2]
    list(drawn.stream([0, 1, 2]))
    assert times == [path.stat().st_mtime_ns for path in sorted(drawn.folder.iterdir())]


def test_both_cameras_take_the_shards_in_turn(tmp_path):
    drawn = [hands.Hands(tmp_path, 5, camera) for camera in ("both", "wild", "11k")]
    both, wild, plain = ([shard.images for shard in one.stream([0, 1])] for one in drawn)
    assert np.array_equal(both[0], wild[0]) and np.array_equal(both[1], plain[1])


def test_no_study_draws_the_people_that_are_trained_or_watched():
    populations = {0, hands.TRAINED, hands.WATCHED}  # write_11k and write_hd draw 0
    assert len(populations) == 3
    assert signature(synthetic.write_11k).parameters["seed"].default == 0
    bones = [synthetic.person(population, 0).bones for population in populations]
    assert not np.allclose(bones[0], bones[1]) and not np.allclose(bones[1], bones[2])
