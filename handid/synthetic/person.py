"""A person of the synthetic population: bones, breadths, skin and what the skin shows, in numbers.

No pixels here. The frame of a hand is that of a right hand seen from the back: wrist at (0, 0), y
towards the fingers, thumb at negative x. Lengths are mm unless a name says otherwise.
"""

import math
from dataclasses import dataclass

import numpy as np

from handid.synthetic.arrays import Array, Rng

VIEWS = ("dorsal right", "dorsal left", "palmar right", "palmar left")
DIGITS = ("thumb", "index", "middle", "ring", "little")


# Mean bone lengths: Buryanov and Kotiuk 2010, Proportions of hand segments. The thumb's three posed
# bones are metacarpal, proximal, distal; those of the fingers are proximal, middle, distal.
BONES = np.array([
    [46.2, 31.6, 21.7],
    [39.8, 22.4, 15.8],
    [44.6, 26.3, 17.4],
    [41.4, 25.7, 17.3],
    [32.7, 18.1, 16.0],
])  # fmt: skip
METACARPALS = np.array([68.1, 64.6, 58.0, 53.7])  # same source; of the four fingers
# Lengths and breadths of women's and men's hands against the mean of both, and their spread:
# Gordon et al. 1989, Anthropometric Survey of U.S. Army Personnel: hand length 180.5 and 193.8 mm,
# breadth 79.4 and 90.4 mm. The spread is rounded; a breadth here is against the length.
LENGTHS, BREADTHS_BY_GENDER, SPREAD = (0.965, 1.035), (0.97, 1.03), 0.05
# From here on ours, fitted by eye to photographs.
FINGERTIP = 4.0  # soft tissue beyond the last bone
BASES = np.array([[-19, 8], [-15, 20], [-2.5, 21], [10, 19], [20, 15]])  # metacarpals begin here
SPLAY = np.array([-8.5, -1.5, 6.0, 13.0])  # degrees of the metacarpals from the hand's axis
LEANS = np.array([[0, 4, -8], [0, 1, 2], [0, 0, 1], [0, -1, -2], [0, -2, -3]])  # degrees
BREADTHS = np.array([9.2, 8.9, 9.1, 8.5, 7.4])  # half breadths of the digits; the thumb's sidewise
# Seven knots along a digit, in half breadths: root, mid-bone, joint, mid-bone, joint, pulp, tip.
THUMB, FINGER = [1.5, 1.3, 1.1, 0.96, 1, 0.98, 0.72], [1.06, 0.99, 1.03, 0.97, 0.98, 0.96, 0.82]
PROFILE = np.array([THUMB, *4 * [FINGER]])
# Linear reflectance of the back (medians of a sample of 11k), and the share of each word in 11k.
SKINS = {
    "very fair": ((0.75, 0.50, 0.38), 0.08),
    "fair": ((0.66, 0.415, 0.285), 0.38),
    "medium": ((0.53, 0.325, 0.19), 0.41),
    "dark": ((0.36, 0.19, 0.11), 0.13),
}
LOOKS = ("redness", "knuckles", "veins", "creases", "hair", "texture")


@dataclass(frozen=True, eq=False)  # compared by identity, so that the atlas can be cached by person
class Person:
    """Everything that belongs to a person; arrays that differ by hand begin with it: right, left.

    Attributes:
        seed: of the population that the person belongs to.
        subject: number of the person in it.
        age: years.
        gender: `male` or `female`.
        skin_color: one of the four words of 11k.
        skin: [3] linear reflectance of the skin of the back.
        stature: size against the mean hand, no unit.
        bones: [2, 5, 3] lengths of the posed bones of each digit.
        metacarpals: [2, 4] lengths, of the fingers.
        palms: [2] breadth of the palm against the mean, no unit.
        breadths: [2, 5, 7] half breadths along each digit, at the knots of PROFILE.
        bases: [2, 5, 2] where the metacarpals begin.
        leans: [2, 5, 3] sideways deviation of each bone from the one before, degrees.
        nails: [2, 5, 3] length, half breadth and moon of each nail, in half breadths of the digit.
        look: for each of LOOKS, how strongly the skin shows it; standard normal.
        freckled: whether freckles cover the backs.
        ring: (hand, digit) that wears a ring in some photographs, or None.
        polish: whether the nails are polished in some photographs.
    """

    seed: int
    subject: int
    age: int
    gender: str
    skin_color: str
    skin: Array
    stature: float
    bones: Array
    metacarpals: Array
    palms: Array
    breadths: Array
    bases: Array
    leans: Array
    nails: Array
    look: dict[str, float]
    freckled: bool
    ring: tuple[int, int] | None
    polish: bool

    def knuckles(self, hand: int) -> Array:
        """[4, 2] heads of the fingers' metacarpals in the hand's frame."""
        splay = np.radians(SPLAY * self.palms[hand])
        direction = np.stack([np.sin(splay), np.cos(splay)], axis=1)
        return self.bases[hand, 1:] + self.metacarpals[hand][:, None] * direction


def both_hands(rng: Rng, *shape: int, alike: float = 0.8) -> Array:
    """[2, *shape] standard normals; those of the two hands have the correlation `alike`."""
    shared = rng.standard_normal(shape)
    return math.sqrt(alike) * shared + math.sqrt(1 - alike) * rng.standard_normal((2, *shape))


def person(seed: int, subject: int) -> Person:
    """One person of the population `seed`; the same two numbers always give the same person.

    Men's hands are larger, broader and hairier, and their index finger is shorter against the ring
    finger (the digit ratio 2D:4D of Manning et al. 1998); the size of most spreads is ours. Skin
    colour depends on nothing else.

    Args:
        seed: of the population, >= 0.
        subject: number of the person, >= 0.
    """
    rng = np.random.default_rng([seed, subject, 1])
    male = bool(rng.random() < 0.5)
    stature = LENGTHS[male] * math.exp(SPREAD * rng.standard_normal())
    breadth = stature * BREADTHS_BY_GENDER[male] * math.exp(0.07 * rng.standard_normal())
    bones = np.exp(0.04 * both_hands(rng, 5, 3) + 0.035 * both_hands(rng, 5, 1))
    bones = stature * BONES * bones * np.exp(0.04 * both_hands(rng, 1, 1))
    bones[:, 1] *= 0.995 if male else 1.01
    palms = BREADTHS_BY_GENDER[male] * np.exp(SPREAD * both_hands(rng))
    bases = stature * BASES * np.stack([palms, np.ones(2)], axis=1)[:, None]
    bases += 1.2 * both_hands(rng, 5, 2)
    breadths = np.exp(0.035 * both_hands(rng, 5, 1) + 0.03 * both_hands(rng, 5, 7))
    word = str(rng.choice(list(SKINS), p=[share for _, share in SKINS.values()]))
    look: dict[str, float] = dict(zip(LOOKS, rng.standard_normal(len(LOOKS)).tolist(), strict=True))
    look["hair"] = 0.8 * look["hair"] + (0.6 if male else -0.6)  # mean 0 and spread 1 over both
    tone = 0.12 * rng.standard_normal() + look["redness"] * np.array([0.02, -0.05, 0.03])
    nails = np.array([0.08, 0.05, 0.3]) * both_hands(rng, 5, 3)
    nails += np.array([0.16, 0.10, 0.4]) * both_hands(rng, 1, 3)
    ring = (int(rng.integers(2)), int(rng.choice([2, 3, 3, 4]))) if rng.random() < 0.3 else None
    return Person(
        seed=seed, subject=subject, age=int(np.clip(rng.gamma(4, 4) + 17, 18, 75)),
        gender="male" if male else "female", skin_color=word,
        skin=np.array(SKINS[word][0]) * np.exp(tone), stature=stature, bones=bones,
        metacarpals=stature * METACARPALS * np.exp(0.03 * both_hands(rng, 4)), palms=palms,
        breadths=breadth * BREADTHS[:, None] * PROFILE * breadths, bases=bases,
        leans=LEANS + np.array([1.7, 1.7, 2.2]) * both_hands(rng, 5, 3),
        nails=np.array([1.35, 0.76, 0.3]) * np.exp(nails), look=look,
        freckled=bool(rng.random() < (0.3 if "fair" in word else 0.05)), ring=ring,
        polish=bool(rng.random() < (0.02 if male else 0.25)),
    )  # fmt: skip
