"""The population: the same each time, all people different, two related hands."""

import dataclasses
from itertools import combinations

import numpy as np

from handid.synthetic.person import person


def test_another_seed_gives_other_people():
    first, second = person(0, 0), person(1, 0)
    assert not np.allclose(first.bones, second.bones)


def test_a_person_is_the_same_each_time_and_differs_from_all_others():
    once, again = (dataclasses.asdict(person(0, 5)) for _ in range(2))
    assert len(once) == 18
    for name in once:
        assert np.array_equal(once[name], again[name]), name
    for a, b in combinations([person(0, i) for i in range(6)], 2):
        assert np.abs(a.bones / b.bones - 1).max() > 0.02


def test_the_two_hands_of_a_person_are_related_but_not_mirror_images():
    people = [person(0, subject) for subject in range(60)]
    right, left = (np.array([p.bones[hand].ravel() / p.stature for p in people]) for hand in (0, 1))
    assert np.abs(right - left).min() > 0
    correlation = np.mean([np.corrcoef(right[:, i], left[:, i])[0, 1] for i in range(15)])
    assert 0.6 < correlation < 0.95
