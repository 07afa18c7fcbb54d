"""What one photograph adds to the person: pose, place, light, camera, ring, polish and sleeve."""

import math
from dataclasses import dataclass, replace

import numpy as np

from handid.synthetic.arrays import Array, Rng
from handid.synthetic.person import VIEWS, Person

MOVED = 0.12  # share of a free photograph's change of pose and place that is left within a burst
# What a frame is fitted to; the point that `centre` places; the tip of a mean hand's middle finger.
HAND_LENGTH, HAND_MIDDLE, HAND_TIP = 188.0, 84.0, 178.0
CLOSED = np.array([3.5, 0.5, -3.0, -5.0])  # degrees of the fingers when spread is 0
FAN = np.array([-9.0, -2.0, 6.0, 15.0])  # degrees of the fingers when spread is 1

POLISHES = {
    "red": (0.55, 0.02, 0.04), "pink": (0.80, 0.30, 0.42), "dark": (0.05, 0.01, 0.03),
    "blue": (0.05, 0.10, 0.40), "white": (0.85, 0.82, 0.80), "nude": (0.68, 0.42, 0.34),
}  # fmt: skip
METALS = ((0.80, 0.56, 0.20), (0.62, 0.62, 0.64))
SLEEVES = {"black": (0.02, 0.02, 0.025), "blue": (0.05, 0.08, 0.18), "red": (0.5, 0.03, 0.06)}
# Length of a mean hand and place of its fingertip in frame heights, both over the same range of
# nearness; spread of its turn in degrees; reflectance of the background; and the variety: how much
# of these ranges is used. At 0.45 the photographs of a person vary as in the real sample (standard
# deviation within a person: area 0.017 of the frame, place 0.030 and 0.025 of its height, log
# luminance 0.034), but nothing is shared by a session, as it is there. "wild" is for pre-training.
CAMERAS = {
    "11k": ((0.78, 1.15), (0.68, 0.96), 6.0, (1.1, 1.6), 0.45),
    "hd": ((1.05, 1.30), (0.85, 0.97), 6.0, (0.22, 0.42), 0.45),
    "wild": ((0.78, 1.15), (0.68, 0.96), 6.0, (1.1, 1.6), 1.0),
}


@dataclass(frozen=True, eq=False)
class Scene:
    """All that one photograph adds to the person."""

    hand: int  # 0 right, 1 left
    palmar: bool
    spread: float  # 0 closed to 1.1
    angles: Array  # [5, 3] degrees of each bone from the hand's axis, before the person's leans
    shorten: Array  # [5, 3] foreshortening of each bent bone
    turn: float  # degrees in the image's plane
    matrix: Array  # [2, 2] from the hand's frame to the image's axes, without scale
    centre: Array  # [2] where HAND_MIDDLE lies, in frame heights
    length: float  # of a mean hand, in frame heights
    light: Array  # [3] unit vector towards the light
    ambient: float  # share of the light without direction
    shadow: float  # depth of the cast shadow
    gains: Array  # [3] exposure and white balance
    ground: Array  # [3] reflectance of the background
    corners: Array  # [3] how much of it is lost towards the upper corners
    blur: float  # pixels of a frame 240 pixels high
    noise: float  # standard deviation, of full scale
    polish: str | None
    ring: int | None  # digit
    metal: int
    sleeve: str | None
    cuff: float  # where on the forearm the sleeve ends, mm in the hand's frame


def draw_scene(person: Person, view: str, shot: int, seed: int, camera: str) -> Scene:
    """Draw pose, place, light and camera of one photograph.

    Args:
        person: whose hand; decides on rings and polish.
        view: one of VIEWS.
        shot: number of the photograph, >= 0; the first two wear no ring.
        seed: of what the photograph adds, >= 0.
        camera: a key of CAMERAS.
    """
    rng = np.random.default_rng([seed, person.seed, person.subject, VIEWS.index(view), shot])
    aspect, side = view.split()
    hand, palmar = int(side == "left"), aspect == "palmar"
    lengths, tips, turning, ground, variety = CAMERAS[camera]
    spread, angles, shorten = _pose(rng)
    turn = variety * float(np.clip(rng.normal(0, turning), -2 * turning, 2 * turning))
    near = 0.5 * rng.random() + 0.5 * rng.random(2)  # near hands reach further down
    near = 0.5 + variety * (near - 0.5)
    length, tip = (
        float(np.interp(n, [0, 1], of)) for n, of in zip(near, (lengths, tips), strict=True)
    )
    above = (HAND_TIP - HAND_MIDDLE) / HAND_LENGTH * length * person.stature
    aside = variety * np.clip(rng.normal(0, 0.1), -0.2, 0.2)
    warmth = rng.normal(0, 0.03)
    balance = variety * np.array([warmth, rng.normal(0, 0.015), -1.3 * warmth])
    polish, ring = _adornments(person, hand, shot, rng)
    return Scene(
        hand=hand, palmar=palmar, spread=spread, angles=angles, shorten=shorten, turn=turn,
        matrix=_orientation(rng, turn, hand, palmar), centre=np.array([2 / 3 + aside, tip - above]),
        length=length, light=_light(rng, variety), ambient=rng.uniform(0.3, 0.5),
        shadow=rng.uniform(0.1, 0.45), gains=np.exp(rng.normal(0.2, 0.09 * variety) + balance),
        ground=rng.uniform(*ground) * np.exp(rng.normal(0, 0.03, 3)),
        corners=rng.uniform(0, 0.4) * np.array([1.3, 0.75, 0.8]),
        blur=rng.uniform(1.2, 2.2) if rng.random() < 0.1 else rng.uniform(0.3, 0.7),
        noise=rng.uniform(0.004, 0.012), polish=polish, ring=ring, metal=int(rng.integers(2)),
        sleeve=str(rng.choice(list(SLEEVES))) if rng.random() < 0.5 else None,
        cuff=rng.uniform(-15, 20) * person.stature,
    )  # fmt: skip


def of_burst(scene: Scene, first: Scene) -> Scene:
    """A scene as it is in the burst that `first` begins: table, light, camera, sleeve are the same.

    The hand nearly keeps its pose and its place; polish and ring are those of the photograph.
    """
    moved = {
        name: getattr(first, name) + MOVED * (getattr(scene, name) - getattr(first, name))
        for name in ("spread", "angles", "shorten", "turn", "matrix", "centre", "length")
    }
    return replace(first, **moved, polish=scene.polish, ring=scene.ring, metal=scene.metal)


def _pose(rng: Rng) -> tuple[float, Array, Array]:
    """Spread, angles [5, 3] in degrees, and foreshortening [5, 3] of the bones."""
    spread = 1.1 * float(rng.random()) ** 1.3
    angles = np.zeros((5, 3))
    thumb = rng.uniform(-42, -30) - 6 * spread
    angles[0] = thumb + np.array([-4, rng.uniform(0, 12), rng.uniform(0, 10)])
    angles[1:] = (CLOSED + (FAN - CLOSED) * spread + rng.normal(0, 1.2, 4))[:, None]
    bend = np.abs(rng.normal(0, 6) + rng.normal(0, 4, (5, 1))) * np.array([0.7, 1.4, 2.0])
    return spread, angles, np.cos(np.radians(np.minimum(bend, 40)))


def _orientation(rng: Rng, turn: float, hand: int, palmar: bool) -> Array:
    """[2, 2] from the hand's frame to image axes (x right, y down): fingers down, as in 11k.

    Seen from the back with its fingers down, a right hand has its thumb at the image's right.
    """
    mirror = 1.0 if bool(hand) != palmar else -1.0
    cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    tilt = np.array([[rng.uniform(0.96, 1.0), rng.normal(0, 0.015)], [0, rng.uniform(0.95, 1.0)]])
    return np.array([[cosine, -sine], [sine, cosine]]) @ tilt @ np.diag([mirror, 1.0])


def _light(rng: Rng, variety: float) -> Array:
    """[3] unit vector towards the light, 43 to 77 degrees above the table."""
    around, above = rng.uniform(0, 2 * math.pi), rng.uniform(0.75, 1.35)
    around = math.pi + variety * (around - math.pi)  # about the left, as in 11k
    flat = math.cos(above)
    return np.array([flat * math.cos(around), flat * math.sin(around), math.sin(above)])


def _adornments(person: Person, hand: int, shot: int, rng: Rng) -> tuple[str | None, int | None]:
    """Nail polish (its colour) and ring (its digit), or None; the first two shots have no ring."""
    colour = list(POLISHES)[int(rng.integers(len(POLISHES)))]
    is_polished, wears_ring = rng.random(2) < 0.6
    ring_hand, ring_digit = person.ring or (None, None)
    ring = ring_digit if ring_hand == hand and wears_ring and shot >= 2 else None
    return (colour if person.polish and is_polished else None), ring
