"""Lines of the skin as curves on the atlas: creases, palm lines, veins, hairs and tendons."""

import numpy as np

from handid.synthetic.arrays import Rng
from handid.synthetic.charts import RESOLUTION, Strokes, bezier, on_digit, on_palm
from handid.synthetic.person import Person, both_hands

# How the creases across the joints look on the back and in front: strokes per joint; their scatter
# along the digit in mm, for root, middle and last joint; mean half length and its spread in half
# breadths; shift to the side in mm; strength at the three joints; mean depth.
JOINTS = (
    (9, (4.0, 3.4, 2.2), (0.62, 0.14), 0.9, (0.0, 1.0, 0.6), 0.65),
    (3, (1.3, 0.9, 0.7), (0.8, 0.18), 1.0, (0.8, 1.0, 0.8), 0.45),
)
# Heart, head, life and fate line and two lines across the wrist: control points in a mean hand.
PALM_LINES = np.array([
    [[44, 62], [24, 54], [4, 62], [-13, 87]], [[-35, 70], [-14, 69], [8, 60], [27, 38]],
    [[-35, 67], [-8, 64], [6, 38], [-9, 8]], [[2, 13], [5, 32], [0, 52], [-2, 70]],
    [[-27, 0], [-8, -4], [8, -4], [27, 1]], [[-26, -7], [-8, -11], [8, -11], [26, -6]],
])  # fmt: skip
PALM_DEPTHS = np.array([1.1, 1.0, 1.15, 0.35, 0.6, 0.45])
VEIN_ROOTS = np.array([[-22, -45], [-9, -50], [4, -50], [14, -45], [22, -40]])
VEIN_GOALS = np.array([[-24, 66], [-13, 83], [6, 81], [24, 71], [33, 53]])


def joint_creases(person: Person, hand: int, palmar: bool, rng: Rng) -> Strokes:
    """Creases across the joints: on the back many short arcs, in front few long ones."""
    n_strokes, scatter, reach, aside, strength, depth = JOINTS[palmar]
    noise = both_hands(rng, 6, 5, 3, n_strokes, alike=0.5)[hand]
    ends = np.cumsum(person.bones[hand], axis=1)
    root = ends[:, 0] * np.array([0.8, 0.58, 0.58, 0.58, 0.58])
    joints = np.stack([root, ends[:, 0], ends[:, 1]], axis=1)[..., None]
    offset = np.linspace(-1.6, 1.6, n_strokes) + 0.35 * noise[0]
    offset = np.array(scatter)[:, None] * offset
    half = person.breadths[hand][:, [1, 2, 4], None] * (reach[0] + reach[1] * noise[1])
    bow = (0.5 if palmar else 0.4) * noise[2] + (0 if palmar else 0.3) * offset  # oval whorls
    wave = noise[3][..., None] * np.array([-0.6, 0.5, -0.4, 0.6])
    along = (joints + offset)[..., None] + bow[..., None] * np.array([-0.6, 0.8, 0.8, -0.6]) + wave
    across = half[..., None] * np.array([-1, -0.33, 0.33, 1]) + aside * noise[4][..., None]
    control = on_digit(np.arange(5).reshape(5, 1, 1, 1), along, across)
    depths = np.array(strength)[:, None] * np.clip(depth + 0.4 * noise[5], 0, 1.4)
    depths[0, 1] *= 0.35  # the thumb's knuckle is smooth
    return bezier(control.reshape(-1, 4, 2), 48), depths.ravel()


def palm_lines(person: Person, hand: int, rng: Rng) -> Strokes:
    """The main lines of the palm and the two across the wrist."""
    control = PALM_LINES + 3.2 * both_hands(rng, 6, 4, 2, alike=0.6)[hand]
    depths = np.clip(PALM_DEPTHS + 0.3 * both_hands(rng, 6, alike=0.6)[hand], 0.05, 2.0)
    curves, t = bezier(person.stature * control, 260), np.linspace(0, 1, 260)
    phase, speed = rng.uniform(0, 6.3, (6, 1, 2)), rng.uniform(15, 40, (6, 1, 2))
    curves += 0.2 * np.sin(speed * t[:, None] + phase)
    return on_palm(curves), depths


def palm_wrinkles(person: Person, hand: int, rng: Rng) -> Strokes:
    """Many short lines all over the palm."""
    noise = both_hands(rng, 46, 13, alike=0.35)[hand]
    centres = np.array([2, 44]) + np.array([15, 22]) * noise[:, :2]
    turn, reach = 1.1 + 0.9 * noise[:, 2], np.abs(7 + 5 * noise[:, 3])
    direction = np.stack([np.cos(turn), np.sin(turn)], axis=-1) * reach[:, None]
    control = centres[:, None] + direction[:, None] * np.array([-1, -0.4, 0.4, 1])[:, None]
    control = control + 1.2 * noise[:, 4:12].reshape(-1, 4, 2)
    curves = bezier(on_palm(person.stature * control), 80)
    return curves, np.clip(0.28 + 0.16 * noise[:, 12], 0, 0.8)


def knuckle_creases(person: Person, hand: int, rng: Rng) -> Strokes:
    """Short lines across the knuckles, on the palm's chart of the back."""
    noise = both_hands(rng, 4, 9, 4, alike=0.5)[hand]
    middles = person.knuckles(hand)[:, None] + np.array([2.2, 4.0]) * noise[..., :2]
    reach = (2.6 + 0.8 * noise[..., 2])[..., None, None] * np.array([-1, -0.3, 0.3, 1])[:, None]
    control = middles[:, :, None] + reach * np.array([1.0, 0.12])
    control[..., 1:3, 1] += 0.6 * noise[..., 3, None]
    return bezier(on_palm(control.reshape(-1, 4, 2)), 24), np.full(36, 0.4)


def veins(person: Person, hand: int, rng: Rng) -> Strokes:
    """Veins of the back: five from the wrist to between the knuckles, three joining neighbours."""
    first, lift = np.append(np.arange(5), rng.integers(0, 4, 3)), rng.uniform(0.35, 0.6, (8, 1))
    last, lift[:5] = np.append(np.arange(5), first[5:] + 1), 0
    start, end = VEIN_ROOTS[first], VEIN_GOALS[last]
    start = start + lift * (VEIN_GOALS[first] - start)
    control = start[:, None] + (end - start)[:, None] * np.array([0, 0.33, 0.67, 1])[:, None]
    control = control + np.array([3.5, 4.0]) * both_hands(rng, 8, 4, 2, alike=0.4)[hand]
    curves = bezier(control, 120)
    phase, swing = rng.uniform(0, 6.3, (8, 1)), rng.uniform(0, 1.6, (8, 1))
    curves[..., 0] += swing * np.sin(np.linspace(0, 1, 120) * (9 + phase) + phase)
    strengths = np.clip(0.6 + 0.4 * both_hands(rng, 8, alike=0.4)[hand], 0.05, 1.3)
    return on_palm(person.stature * curves), strengths


def hairs(person: Person, rng: Rng) -> Strokes:
    """Hairs of the back: over its outer half and on the fingers' first bones."""
    amount = float(np.clip(person.look["hair"] + 0.2, 0, 2.3))
    n_palm, n_digits = int(260 * amount), int(110 * amount)
    palm = on_palm(person.stature * (rng.uniform([-22, -50], [38, 72], (n_palm, 2))))
    digit, aside = rng.integers(1, 5, n_digits), 4.0 * rng.standard_normal(n_digits)
    roots = np.vstack([palm, on_digit(digit, rng.uniform(14, 31, n_digits), aside)])
    direction = RESOLUTION * rng.normal([2.6, 4.6], 1.1, (len(roots), 2))
    curves = roots[:, None] + direction[:, None] * np.linspace(0, 1, 8)[:, None]
    return curves, rng.uniform(0.06, 0.28, len(roots))


def tendons(person: Person, hand: int) -> Strokes:
    """Ridges from the knuckles towards the middle of the wrist."""
    heads = person.knuckles(hand)
    goals = np.array([[-6, 2], [-2, 2], [2, 2], [6, 2]]) * person.stature
    parts = np.array([0.03, 0.35, 0.65, 0.9])[:, None]
    control = heads[:, None] + (goals - heads)[:, None] * parts
    return bezier(on_palm(control), 200), np.full(4, 0.5)
