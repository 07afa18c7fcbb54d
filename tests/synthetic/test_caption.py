"""Captions: true to the facts, varied, silent about identity and about what cannot be seen."""

import numpy as np
import pytest

from handid import synthetic
from handid.synthetic import caption


@pytest.fixture(scope="module")
def facts_of_all():
    """Facts of 40 photographs, ten a view."""
    return [
        synthetic.photograph(synthetic.person(3, subject), view, 2, size=64)[1]
        for subject in range(10)
        for view in synthetic.VIEWS
    ]


def captions(facts, draws=60):
    rng = np.random.default_rng(0)
    return [caption.caption(facts, rng) for _ in range(draws)]


def test_a_caption_names_the_hand_and_its_side(facts_of_all):
    for facts in facts_of_all:
        side = {"dorsal": ("back", "dorsal", "above"), "palmar": ("palm", "palmar", "below")}
        other = {"right": "left hand", "left": "right hand"}[facts["hand"]]
        for sentence in captions(facts, 5):
            assert f"{facts['hand']} hand" in sentence and other not in sentence
            assert any(word in sentence for word in side[facts["aspect"]])


def test_what_is_said_follows_the_measure(facts_of_all):
    facts = facts_of_all[0] | {"z": dict.fromkeys(facts_of_all[0]["z"], 0.0)}
    for value, word in ((-2.0, "very short"), (-0.8, "short"), (0.8, "long"), (2.0, "very long")):
        changed = facts | {"z": facts["z"] | {"thumb_length": value}}
        thumbs = {p for s in captions(changed, 200) for p in parts(s) if p.endswith("thumb")}
        assert thumbs == {f"a {word} thumb"}


def parts(sentence):
    return sentence.split(" with ", 1)[1].replace(" and ", ", ").split(", ")


def test_of_a_palm_nothing_is_said_that_only_the_back_shows(facts_of_all):
    hidden = ("nail", "knuckle", "vein", "hair")
    palms = [s for facts in facts_of_all if facts["aspect"] == "palmar" for s in captions(facts)]
    backs = [s for facts in facts_of_all if facts["aspect"] == "dorsal" for s in captions(facts)]
    assert not [s for s in palms for word in hidden if word in s]
    assert all(any(word in s for s in backs) for word in hidden)


def test_polish_and_rings_are_named_as_they_are(facts_of_all):
    back = next(facts for facts in facts_of_all if facts["aspect"] == "dorsal")
    red = captions(back | {"nail_color": "red", "nail_polish": 1, "ring_finger": "middle"}, 200)
    bare = captions(back | {"nail_color": "none", "nail_polish": 0, "ring_finger": "none"}, 200)
    assert any("red nail polish" in s for s in red) and any("middle finger" in s for s in red)
    assert not [s for s in red if "bare nails" in s or "no ring" in s]
    assert any("bare nails" in s for s in bare) and any("no ring" in s for s in bare)
    assert not [s for s in bare if "polished" in s or "a ring" in s]


def test_captions_vary_and_repeat_with_their_generator(facts_of_all):
    assert len(set(captions(facts_of_all[0]))) > 55
    assert captions(facts_of_all[0]) == captions(facts_of_all[0])


def test_captions_describe_and_never_number_people(facts_of_all):
    sentences = [s for facts in facts_of_all for s in captions(facts)]
    assert not [s for s in sentences if any(character.isdigit() for character in s)]
    assert max(len(s.split()) for s in sentences) <= 75


def test_every_measure_of_the_renderer_has_its_words(facts_of_all):
    assert {name for facts in facts_of_all for name in facts["z"]} == set(caption.SCALES)
    assert all(len(words) == 6 for words in caption.SCALES.values())


def test_the_true_sentences_are_those_that_captions_say(facts_of_all):
    names = list(caption.CHOICES)
    for facts in facts_of_all:
        true = dict(zip(names, caption.choices(facts), strict=True))
        sentences = " ".join(captions(facts, 120))
        assert caption.CHOICES["view"][true["view"]].endswith(f"{facts['hand']} hand")
        for name, answer in true.items():
            if facts["aspect"] == "palmar" and name in caption.BACK_ONLY | {"polish", "freckles"}:
                assert answer == -1
            elif name in ("thumb_length", "palm_width", "moles", "complexion"):
                assert (
                    caption.CHOICES[name][answer].removeprefix("a photo of a hand with ")
                    in sentences
                )


def test_choices_differ_between_people_and_no_two_sentences_are_equal(facts_of_all):
    assert len({tuple(caption.choices(facts)) for facts in facts_of_all}) == len(facts_of_all)
    for sentences in caption.CHOICES.values():
        assert len(set(sentences)) == len(sentences) > 1


def test_questions_ask_about_columns_of_the_table():
    for question in caption.QUESTIONS:
        assert question.column in ("view", "nail_polish", "accessories")
        sentences = [s for answer in question.answers.values() for s in answer]
        assert len(set(sentences)) == len(sentences) and len(question.answers) >= 2
    assert set(caption.QUESTIONS[0].answers) == set(synthetic.VIEWS)
