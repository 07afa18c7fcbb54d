"""What the renderer knows of a photograph, in plain words and numbers; captions are made of it.

Numbers of a hand are z-scores: 0 is the mean of the population, 1 its standard deviation.
"""

import math
from typing import Any

import numpy as np

from handid.synthetic.person import DIGITS, Person
from handid.synthetic.scene import HAND_LENGTH, HAND_MIDDLE, Scene

CUTS = (-0.45, 0.45)  # of z, for words: a third of the people below, between and above
# Mean and standard deviation of each measure over 20,000 people: zero and unit of the z-scores.
POPULATION = {
    "finger_length": (0.2634, 0.0479), "finger_width": (-3.6532, 0.0915),
    "palm_width": (-1.4545, 0.0663), "thumb_length": (-0.8982, 0.0598),
    "index_against_ring": (-0.0257, 0.0203), "little_finger_length": (-1.3239, 0.0492),
    "skin_lightness": (-0.9612, 0.2809), "skin_redness": (0.0, 1.0), "knuckle_darkness": (0.0, 1.0),
    "nail_length": (0.2988, 0.1641), "nail_width": (-0.274, 0.1023), "vein_visibility": (0.0, 1.0),
    "crease_depth": (0.0, 1.0), "hairiness": (0.0, 1.0), "texture": (0.0, 1.0),
}  # fmt: skip


def _measures(person: Person, hand: int) -> dict[str, float]:
    """What can be seen of a hand, in numbers without a unit."""
    bones, palm = person.bones[hand].sum(axis=1), person.metacarpals[hand].sum()
    heads, nails = person.knuckles(hand), np.log(person.nails[hand]).mean(axis=0)
    return {
        "finger_length": math.log(bones[1:].sum() / palm),
        "finger_width": math.log(person.breadths[hand, 1:].mean() / bones[1:].sum()),
        "palm_width": math.log((heads[3, 0] - heads[0, 0]) / palm),
        "thumb_length": math.log(bones[0] / palm),
        "index_against_ring": (bones[1] - bones[3]) / palm,
        "little_finger_length": math.log(bones[4] / bones[1:4].sum()),
        "skin_lightness": math.log(person.skin @ [0.21, 0.72, 0.07]),
        "skin_redness": person.look["redness"],
        "knuckle_darkness": person.look["knuckles"],
        "nail_length": nails[0],
        "nail_width": nails[1],
        "vein_visibility": person.look["veins"],
        "crease_depth": person.look["creases"],
        "hairiness": person.look["hair"],
        "texture": person.look["texture"],
    }


def z_scores(person: Person, hand: int) -> dict[str, float]:
    """The measures of a hand against the population: 0 is the mean, 1 a standard deviation."""
    scores = {}
    for name, value in _measures(person, hand).items():
        mean, deviation = POPULATION[name]
        scores[name] = round(float((value - mean) / deviation), 3)
    return scores


def describe(person: Person, scene: Scene, n_moles: int) -> dict:
    """Facts of one photograph, as `photograph` returns them.

    Args:
        person: whose hand.
        scene: pose, light, camera and adornments.
        n_moles: how many moles the photograph shows.

    Returns:
        Plain words and numbers, which JSON can hold; words about the person follow from `z`.
    """
    across, down, above = (float(part) for part in scene.light)
    side = ("left", "right")[across > 0] if abs(across) > abs(down) else ("top", "bottom")[down > 0]
    z = z_scores(person, scene.hand)
    top = scene.centre[1] / scene.length * HAND_LENGTH  # mm of forearm and palm above the middle
    sleeved = scene.sleeve and HAND_MIDDLE * person.stature - top < scene.cuff - 3
    return {
        "hand": ("right", "left")[scene.hand],
        "aspect": "palmar" if scene.palmar else "dorsal",
        "gender": person.gender,
        "age": person.age,
        "skin_color": person.skin_color,
        "pose": _word(scene.spread, (0.35, 0.75), "closed relaxed spread"),
        "spread": round(scene.spread, 3),
        "rotation_degrees": round(scene.turn, 1),
        "light": f"{_word(above, (0.82, 0.915), 'low slanting high')} light from the {side}",
        "light_direction": [round(part, 3) for part in (across, down, above)],
        "finger_length": _word(z["finger_length"], CUTS, "short medium long"),
        "finger_width": _word(z["finger_width"], CUTS, "slender medium broad"),
        "veins": _word(z["vein_visibility"], CUTS, "faint visible prominent"),
        "creases": _word(z["crease_depth"], CUTS, "fine clear deep"),
        "nail_polish": int(scene.polish is not None),
        "nail_color": scene.polish or "none",
        "accessories": int(scene.ring is not None),
        "ring_finger": "none" if scene.ring is None else DIGITS[scene.ring],
        "z": z,
        "moles": n_moles,
        "freckles": person.freckled,
        "sleeve": scene.sleeve if sleeved else "none",
        "zoom": round(float(scene.length * person.stature), 3),
        "blurred": scene.blur > 1,
    }


def mirrored(facts: dict) -> dict:
    """Facts of the mirror image of a photograph, which shows the other hand.

    Args:
        facts: as `describe` returns them; a `view` among them turns too.
    """
    across, down, above = facts["light_direction"]
    sided = [key for key in ("hand", "view", "light") if key in facts]
    turned: dict[str, Any] = {key: _other(facts[key]) for key in sided}
    turned["light_direction"] = [-across, down, above]
    return facts | turned | {"rotation_degrees": -facts["rotation_degrees"]}


def _other(words: str) -> str:
    """Left for right and right for left."""
    sides = {"left": "right", "right": "left"}
    return " ".join(sides.get(word, word) for word in words.split())


def _word(value: float, limits: tuple[float, float], words: str) -> str:
    """The first of three words below the lower limit, the last above the upper one."""
    return words.split()[int(value > limits[0]) + int(value > limits[1])]
