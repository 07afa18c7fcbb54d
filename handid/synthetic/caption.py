"""The facts of a photograph in sentences: captions to pre-train on, and zero-shot questions.

A caption describes a hand and never says whose it is. What cannot be seen in a view (such as nails
on a palm) is not said of it. No photographs here and no networks: plain facts in, sentences out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from handid.synthetic.arrays import Rng
from handid.synthetic.person import SKINS, VIEWS

OPENINGS = (
    "a photo of", "a photograph of", "a picture of", "a close-up of", "an image of",
)  # fmt: skip
SIDES = {
    "dorsal": (
        "the back of a {} hand",
        "the dorsal side of a {} hand",
        "a {} hand seen from above",
    ),
    "palmar": (
        "the palm of a {} hand",
        "the palmar side of a {} hand",
        "a {} hand seen from below",
    ),
}
# Each measure of a hand in five words from low to high; "|" separates words of equal meaning.
SCALES = {
    "finger_length": ("{} fingers", "very short", "short", "medium-length", "long", "very long"),
    "finger_width": (
        "{} fingers", "very thin|very slender", "thin|slim", "medium-width", "thick|broad",
        "very thick|very broad",
    ),
    "palm_width": ("a {} palm", "very narrow", "narrow", "medium", "wide", "very wide"),
    "thumb_length": ("a {} thumb", "very short", "short", "medium", "long", "very long"),
    "index_against_ring": (
        "an index finger {} the ring finger", "much shorter than", "shorter than",
        "a bit shorter than", "as long as", "longer than",
    ),
    "little_finger_length": (
        "a {} little finger", "very short", "short", "medium", "long", "very long",
    ),
    "skin_lightness": (
        "{} skin", "very dark", "dark", "medium", "light|pale", "very light|very pale",
    ),
    "skin_redness": ("a {} tone", "yellow", "tan", "neutral", "pink", "red|very pink"),
    "crease_depth": (
        "{} creases", "hardly any", "fine", "clear", "deep|strong", "very deep|very strong",
    ),
    "knuckle_darkness": ("{} knuckles", "pale", "light", "medium", "dark", "very dark"),
    "nail_length": ("{} nails", "very short", "short", "medium-length", "long", "very long"),
    "nail_width": ("{} nails", "very narrow", "narrow", "medium-width", "wide", "very wide"),
    "vein_visibility": ("{} veins", "no visible", "faint", "visible", "clear", "prominent"),
    "hairiness": ("{}", "no hair", "hardly any hair", "a few hairs", "some hair", "much hair"),
    "texture": ("{} skin", "very smooth", "smooth", "ordinary", "rough", "very rough"),
}  # fmt: skip
COMPLEXIONS, AGES = tuple(SKINS), ("young", "middle-aged", "old")
STEPS = (-1.2, -0.45, 0.45, 1.2)  # z-scores between the five words
BACK_ONLY = {
    "knuckle_darkness", "nail_length", "nail_width", "vein_visibility", "hairiness", "texture",
}  # fmt: skip
MOLES = ("no moles", "one mole", "two moles", "three moles", "four moles", "many moles")


@dataclass(frozen=True)
class Question:
    """A zero-shot question about a photograph.

    Attributes:
        name: the question, as a reader reads it.
        column: of the table, holds the true answer.
        answers: value in the column -> sentences that state it.
        where: part of the view's name; other views are not asked (no nails on a palm).
    """

    name: str
    column: str
    answers: dict[object, tuple[str, ...]]
    where: str = ""


def _view_sentences(aspect: str, hand: str) -> tuple[str, ...]:
    sides = [side.format(hand) for side in SIDES[aspect]]
    return tuple(f"{opening} {side}" for opening in OPENINGS[:3] for side in sides)


def _back_with(*endings: str) -> tuple[str, ...]:
    return tuple(
        f"a photo of the back of a {h} hand with {e}" for h in ("right", "left") for e in endings
    )


def _hand_with(*endings: str) -> tuple[str, ...]:
    sides = [SIDES[aspect][0].format(hand) for aspect in SIDES for hand in ("right", "left")]
    return tuple(f"a photo of {side} {ending}" for side in sides for ending in endings)


POLISHED = ("polished nails", "painted nails", "red nail polish", "dark nail polish")
BARE = ("bare nails", "natural nails", "no nail polish")
RINGED, RINGLESS = ("with a ring", "wearing a ring"), ("without a ring", "wearing no ring")

QUESTIONS = (
    Question(
        "Which view is it?",
        "view",
        {f"{a} {h}": _view_sentences(a, h) for a in SIDES for h in ("right", "left")},
    ),
    Question(
        "Are the nails polished?",
        "nail_polish",
        {1: _back_with(*POLISHED), 0: _back_with(*BARE)},
        "dorsal",
    ),
    Question("Is there a ring?", "accessories", {1: _hand_with(*RINGED), 0: _hand_with(*RINGLESS)}),
)


def caption(facts: dict, rng: Rng) -> str:
    """A sentence about one photograph; each draw chooses other facts in another order.

    Args:
        facts: what synthetic.photograph returns beside the image.
        rng: draws the template and which of the visible facts are mentioned.

    Returns:
        At most some 60 words, lower case, without a full stop.
    """
    of_person, of_picture = _of_person(facts, rng), _of_picture(facts)
    phrases = list(rng.choice(of_person, min(len(of_person), rng.integers(3, 8)), replace=False))
    phrases += [phrase for phrase in of_picture if rng.random() < 0.2]
    phrases += [phrase for phrase in _worn(facts, rng) if rng.random() < 0.4]
    rng.shuffle(phrases)
    side = _draw(SIDES[facts["aspect"]], rng).format(facts["hand"])
    return f"{_draw(OPENINGS, rng)} {side} with {_joined(phrases)}"


def about_person(facts: dict, rng: Rng) -> str:
    """As `caption`, of what belongs to the person alone: true of other photographs of the view."""
    phrases = _of_person(facts, rng)
    told = rng.choice(phrases, min(len(phrases), rng.integers(3, 8)), replace=False)
    side = _draw(SIDES[facts["aspect"]], rng).format(facts["hand"])
    return f"{_draw(OPENINGS, rng)} {side} with {_joined(list(told))}"


# Each fact by itself: the sentences that are possible, one of which is true.
CHOICES: dict[str, tuple[str, ...]] = {
    "view": tuple(f"a photo of {SIDES[v.split()[0]][0].format(v.split()[1])}" for v in VIEWS),
    "ring": ("a photo of a hand with no ring", "a photo of a hand with a ring"),
    "polish": ("a photo of a hand with bare nails", "a photo of a hand with polished nails"),
    "moles": tuple(f"a photo of a hand with {words}" for words in MOLES),
    "freckles": ("a photo of a hand with no freckles", "a photo of a hand with freckles"),
    "complexion": tuple(f"a photo of a hand with a {words} complexion" for words in COMPLEXIONS),
    "sex": ("a photo of the hand of a man", "a photo of the hand of a woman"),
    "age": tuple(f"a photo of the hand of a {words} person" for words in AGES),
} | {
    name: tuple(f"a photo of a hand with {template.format(w.split('|')[0])}" for w in words)
    for name, (template, *words) in SCALES.items()
}


def choices(facts: dict) -> list[int]:
    """Which sentence of each of CHOICES is true of a photograph; -1 where it cannot be seen."""
    back = facts["aspect"] == "dorsal"
    true = {
        "view": VIEWS.index(f"{facts['aspect']} {facts['hand']}"),
        "ring": int(facts["ring_finger"] != "none"),
        "polish": int(facts["nail_color"] != "none") if back else -1,
        "moles": _moles(facts),
        "freckles": int(facts["freckles"]) if back else -1,
        "complexion": COMPLEXIONS.index(facts["skin_color"]),
        "sex": int(facts["gender"] == "female"),
        "age": _age(facts),
    }
    for name, value in facts["z"].items():
        true[name] = _step(value) if back or name not in BACK_ONLY else -1
    return [true[name] for name in CHOICES]


def _of_person(facts: dict, rng: Rng) -> list[str]:
    """What belongs to the person and can be seen from this side."""
    back = facts["aspect"] == "dorsal"
    phrases = [
        _scaled(name, value, rng) for name, value in facts["z"].items()
        if back or name not in BACK_ONLY
    ]  # fmt: skip
    phrases += [MOLES[_moles(facts)], f"a {facts['skin_color']} complexion"]
    if back:
        phrases.append(("no freckles", "freckles")[facts["freckles"]])
    sex = "woman" if facts["gender"] == "female" else "man"
    phrases.append(f"the look of a {AGES[_age(facts)]} {sex}")
    return phrases


def _moles(facts: dict) -> int:
    return min(facts["moles"], len(MOLES) - 1)


def _age(facts: dict) -> int:
    return int(np.searchsorted((30, 48), facts["age"]))


def _step(value: float) -> int:
    return int(np.searchsorted(STEPS, value))


def _of_picture(facts: dict) -> list[str]:
    """What belongs to this photograph: pose, light, sharpness."""
    turn = facts["rotation_degrees"]
    phrases = [
        f"{facts['pose']} fingers",
        facts["light"],
        "a blurred look" if facts["blurred"] else "a sharp look",
    ]
    if abs(turn) > 3:
        phrases.append(f"a turn to the {'right' if turn > 0 else 'left'}")
    if facts["sleeve"] != "none":
        phrases.append(f"a {facts['sleeve']} sleeve")
    return phrases


def _worn(facts: dict, rng: Rng) -> list[str]:
    """Rings, and on the back the nails' polish: their presence or their absence."""
    ring = facts["ring_finger"]
    worn = ["no ring" if ring == "none" else _draw(("a ring", f"a ring on the {ring} finger"), rng)]
    if facts["aspect"] == "dorsal":
        colour = facts["nail_color"]
        polished = ("polished nails", "painted nails", f"{colour} nail polish")
        worn.append(_draw(BARE if colour == "none" else polished, rng))
    return worn


def _scaled(name: str, value: float, rng: Rng) -> str:
    """A measure in words."""
    template, *words = SCALES[name]
    return template.format(_draw(words[_step(value)].split("|"), rng))


def _draw(alternatives: Sequence[str], rng: Rng) -> str:
    return alternatives[int(rng.integers(len(alternatives)))]


def _joined(phrases: list[str]) -> str:
    return f"{', '.join(phrases[:-1])} and {phrases[-1]}" if len(phrases) > 1 else phrases[0]
