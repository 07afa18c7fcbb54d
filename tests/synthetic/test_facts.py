"""Facts: plain values, z-scores over the population, words and counts true to the picture."""

import json
from importlib import import_module

import numpy as np

from handid.synthetic import VIEWS, mirrored, person, photograph, skin
from handid.synthetic.facts import z_scores
from handid.synthetic.person import SKINS


def test_z_values_are_standard_over_the_population():
    people = [z_scores(person(11, i), i % 2) for i in range(300)]
    assert len(people[0]) == 15
    for name in people[0]:
        values = np.array([z[name] for z in people])
        assert abs(values.mean()) < 0.24, name  # 4 standard errors
        assert 0.84 < values.std() < 1.16, name


WORDS = {
    "finger_length": ("finger_length", "short medium long"),
    "finger_width": ("finger_width", "slender medium broad"),
    "veins": ("vein_visibility", "faint visible prominent"),
    "creases": ("crease_depth", "fine clear deep"),
}


def test_the_words_agree_with_the_numbers():
    used = {key: set() for key in WORDS}
    for subject in range(25):
        facts = photograph(person(0, subject), "dorsal left", 0, size=64)[1]
        for key, (name, words) in WORDS.items():
            z = facts["z"][name]
            assert facts[key] == words.split()[(z > -0.45) + (z > 0.45)]
            used[key].add(facts[key])
    assert all(len(words) == 3 for words in used.values())


def test_both_hands_of_a_person_have_alike_numbers_and_the_form_ones_differ():
    pairs = [[z_scores(person(2, i), hand) for hand in (0, 1)] for i in range(200)]
    for name in pairs[0][0]:
        right, left = np.array([[z[name] for z in pair] for pair in pairs]).T
        assert np.corrcoef(right, left)[0, 1] > 0.6, name
    assert all(right["finger_length"] != left["finger_length"] for right, left in pairs)


def test_the_caption_holds_plain_values():
    facts = photograph(person(0, 0), "palmar left", 0, size=64)[1]
    assert (facts["hand"], facts["aspect"], facts["nail_polish"]) == ("left", "palmar", 0)
    assert all(type(v) in (str, int, float, bool, list, dict) for v in facts.values())
    assert json.loads(json.dumps(facts)) == facts
    assert facts["skin_color"] in SKINS
    assert {type(value) for value in facts["z"].values()} == {float}


def test_sleeves_are_there_when_the_facts_say_so():
    shots = [(i, k) for i in range(20) for k in range(4)]
    pairs = [photograph(person(0, i), "dorsal right", k, size=64) for i, k in shots]
    sleeved = [image for image, facts in pairs if facts["sleeve"] != "none"]
    assert 0.03 < len(sleeved) / len(pairs) < 0.25
    bare = [image for image, facts in pairs if facts["sleeve"] == "none"]
    darkest = [[np.sort(i[0].sum(axis=1))[8] for i in images] for images in (sleeved, bare)]
    assert max(darkest[0]) < 450  # the cloth
    assert np.median(darkest[1]) > np.median(darkest[0])


def test_moles_are_counted_where_they_are_seen(monkeypatch):
    individual, none = person(0, 3), (np.zeros(0, int), np.zeros((0, 2)))
    middle = individual.bones[0, 2, 0] * 0.9
    spots = (np.array([2, -1, -1]), np.array([[middle, 0.0], [300.0, 0.0], [5.0, 70.0]]))
    counts, pictures = [], []
    for moles in (none, spots):
        for module in (skin, import_module("handid.synthetic.photograph")):
            monkeypatch.setattr(module, "place_moles", lambda *key, moles=moles: moles)
        skin.skin_atlas.cache_clear()
        image, facts = photograph(individual, "dorsal right", 0, size=240)
        counts.append(facts["moles"])
        pictures.append(image.astype(int))
    assert counts == [0, 2]  # the one far off the hand is not counted
    darker = (pictures[0] - pictures[1]).max(axis=2) > 20
    assert 4 <= darker.sum() < 200
    monkeypatch.undo()
    skin.skin_atlas.cache_clear()


def test_a_mirror_image_shows_the_other_hand_under_the_other_light():
    for number, view in enumerate(VIEWS):
        facts = {"view": view} | photograph(person(3, number), view, 0, size=64)[1]
        turned = mirrored(facts)
        assert {turned["hand"], facts["hand"]} == {"left", "right"}
        assert turned["view"] == f"{facts['aspect']} {turned['hand']}"
        assert turned["rotation_degrees"] == -facts["rotation_degrees"]
        assert turned["light_direction"][0] == -facts["light_direction"][0]
        assert facts["light"].endswith("from the left") == turned["light"].endswith(
            "from the right"
        )
        assert mirrored(turned) == facts
        changed = {key for key in facts if facts[key] != turned[key]}
        assert changed <= {"view", "hand", "light", "light_direction", "rotation_degrees"}
