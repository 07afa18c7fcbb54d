"""The posed hand as a form: at each pixel distance to the outline, height and place on the skin.

A skeleton of 19 bones is posed; capsules along the bones unite into a signed distance and a
height. No colour and no light here.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from handid.synthetic.arrays import Array, smooth_step
from handid.synthetic.person import BREADTHS, FINGERTIP, Person
from handid.synthetic.scene import HAND_MIDDLE, Scene

Box = tuple[slice, slice]  # rows and columns of a frame
Capsule = tuple[Array, Array, float, float]  # start, end, half breadth at each of them


@dataclass
class Form:
    """The posed hand over the part of the frame that it needs; every array is [H, W] of it."""

    box: Box  # that part
    x: Array  # place of the pixel in the hand's frame
    y: Array
    distance: Array  # to the outline, negative inside
    height: Array
    digit: Array  # the nearest, 0 to 4
    along: Array  # place on that digit
    across: Array
    share: Array  # of the digit's chart against the palm's, 0 to 1
    seam: Array  # how far from where two digits touch


def pose_joints(person: Person, scene: Scene) -> Array:
    """[5, 4, 2] joints of the posed digits, from the root to the end of the last bone."""
    roots = np.vstack([person.bases[scene.hand, :1], person.knuckles(scene.hand)])
    angles = np.radians(scene.angles + np.cumsum(person.leans[scene.hand], axis=1))
    direction = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    bones = direction * (person.bones[scene.hand] * scene.shorten)[..., None]
    return np.concatenate([roots[:, None], roots[:, None] + np.cumsum(bones, axis=1)], axis=1)


def _to_bone(x: Array, y: Array, start: Array, end: Array) -> tuple[Array, Array, Array]:
    """Distance to a bone's axis, place along it (0 to 1 on the bone), signed place across."""
    start, direction = np.asarray(start, np.float32), np.asarray(end - start, np.float32)
    square = direction @ direction
    dx, dy = x - start[0], y - start[1]
    along = (dx * direction[0] + dy * direction[1]) / square
    across = (dx * direction[1] - dy * direction[0]) / np.sqrt(square)
    beyond = (along - np.clip(along, 0, 1)) * np.sqrt(square)
    return np.sqrt(across * across + beyond * beyond), along, across


def _palm_parts(person: Person, hand: int, joints: Array) -> list[Capsule]:
    """Tapered capsules that make the palm and the forearm."""
    breadths, bases = person.breadths[hand], person.bases[hand]
    size, wide = person.stature, (breadths[:, 1] / BREADTHS).mean()
    thumb = joints[0, 1]
    parts = [
        (np.array([0, -160.0]), np.array([0, -16.0]), 30 * wide, 28 * wide),  # forearm
        (size * np.array([-8, 4.0]), size * np.array([10, 4.0]), 20 * wide, 20 * wide),  # carpus
        (bases[4] + [3, 0], bases[4] * 0.4 + joints[4, 0] * 0.6, 11 * wide, 12 * wide),  # its edge
        (joints[0, 0], thumb, breadths[0, 0] * 0.92, breadths[0, 2] * 0.86),
        (thumb * 0.75 + bases[0] * 0.25, bases[1] * 0.5 + joints[1, 0] * 0.5, 8 * wide, 12 * wide),
    ]
    heads, roots = joints[1:, 0], joints[1:, 1]
    for row, radius in (
        (heads - 0.1 * (roots - heads), 7.5),
        (heads + 0.13 * (roots - heads), 5),
    ):
        parts += [(first, second, radius * wide, radius * wide) for first, second in pairwise(row)]
    ends = bases[1:] + 0.85 * (heads - bases[1:])
    rays = zip(bases[1:], ends, strict=True)
    return parts + [(base, end, 11 * wide, 8.5 * wide) for base, end in rays]


def _palm_distance(parts: list[Capsule], x: Array, y: Array) -> Array:
    """Signed distance to the smooth union of the capsules: -k log(sum(exp(-d / k))), k = 3.2 mm."""
    total = np.full_like(x, 1e-30)
    for start, end, first, last in parts:
        gap, along, _ = _to_bone(x, y, start, end)
        gap -= np.float32(first) + np.clip(along, 0, 1) * np.float32(last - first)
        total += np.exp(gap * np.float32(-1 / 3.2))
    return np.log(total) * np.float32(-3.2)


def _half_breadths(person: Person, hand: int, digit: int, reach: float) -> Array:
    """[96] half breadths from root to `reach`, smooth between the knots."""
    first, second, third = np.cumsum(person.bones[hand, digit])
    knots = [0, first / 2, first, (first + second) / 2, second, (second + third) / 2, reach]
    values = np.interp(np.linspace(0, reach, 96), knots, person.breadths[hand, digit])
    window = np.hanning(15)[1:-1] / np.hanning(15).sum()
    return np.convolve(np.pad(values, 6, mode="edge"), window, "valid")


def _digit_field(
    person: Person, hand: int, digit: int, joints: Array, grid: tuple[Array, Array]
) -> tuple[Array, Array, Array, Array]:
    """Distance, height, place along and across one digit on the (x, y) grid."""
    x, y = grid
    ends = np.concatenate([[0], np.cumsum(person.bones[hand, digit])])
    reach = ends[3] + FINGERTIP - 0.95 * person.breadths[hand, digit, 6]  # centre of the round tip
    ends[3], stretch = reach, (reach - ends[2]) / (ends[3] - ends[2])
    joints = np.vstack([joints[:3], joints[2] + (joints[3] - joints[2]) * stretch])
    away, along, across = np.full_like(x, 1e6), np.zeros_like(x), np.zeros_like(x)
    for bone in range(3):
        gap, part, aside = _to_bone(x, y, joints[bone], joints[bone + 1])
        place = part * np.float32(ends[bone + 1] - ends[bone]) + np.float32(ends[bone])
        nearer = gap < away
        for field, values in ((away, gap), (along, place), (across, aside)):
            np.copyto(field, values, where=nearer)
    radius = np.interp(along, np.linspace(0, reach, 96), _half_breadths(person, hand, digit, reach))
    radius = radius.astype(np.float32)
    ratio = np.minimum(away / radius, 1)
    return away - radius, 0.92 * radius * np.sqrt(1 - ratio * ratio), along, across


def _add_digit(
    form: Form, person: Person, *, hand: int, digit: int, joints: Array, box: Box
) -> None:
    """Unite one digit with the form inside `box`; the nearest digit owns a pixel."""
    grid = form.x[box], form.y[box]
    distance, height, along, across = _digit_field(person, hand, digit, joints, grid)
    part = along / np.float32(person.bones[hand, digit, 0])
    share = smooth_step((part - (0.72 if digit == 0 else 0.25)) / 0.3)
    share *= smooth_step(1 - distance / 5)  # beside the digit lies the palm
    nearer = distance < form.distance[box]
    form.height[box] = np.maximum(form.height[box], height)
    form.digit[box][nearer] = digit
    form.seam[box] = np.minimum(form.seam[box], np.abs(distance - form.distance[box]))
    for field, values in ((form.distance, distance), (form.along, along), (form.across, across),
                          (form.share, share)):  # fmt: skip
        np.copyto(field[box], values, where=nearer)


def build_form(person: Person, scene: Scene, size: int, scale: float) -> Form:
    """Form of the posed hand over a frame `size` pixels high, `scale` pixels per mm."""
    matrix, joints = scene.matrix * scale, pose_joints(person, scene)
    shift = scene.centre * size - matrix @ [0, HAND_MIDDLE * person.stature]
    ends = person.stature * np.array([[-40, -170], [40, -170], [-45, -10], [45, 10]])
    box = _box(np.vstack([joints.reshape(-1, 2), ends]) @ matrix.T + shift, 17 * scale, size)
    shift -= [box[1].start, box[0].start]
    rows, columns = (np.arange(side.stop - side.start, dtype=np.float32) for side in box)
    back = np.linalg.inv(matrix).astype(np.float32)
    dx, dy = columns - np.float32(shift[0]), (rows - np.float32(shift[1]))[:, None]
    x, y = back[0, 0] * dx + back[0, 1] * dy, back[1, 0] * dx + back[1, 1] * dy
    far, digits = np.full_like(x, 1e3), np.zeros(x.shape, np.int8)
    height, along, across, share = (np.zeros_like(x) for _ in range(4))
    form = Form(box, x, y, far, height, digits, along, across, share, seam=far.copy())
    for digit in range(5):
        margin = (person.breadths[scene.hand, digit].max() + 8) * scale
        part = _box(joints[digit] @ matrix.T + shift, margin, *x.shape)
        _add_digit(form, person, hand=scene.hand, digit=digit, joints=joints[digit], box=part)
    _add_palm(form, _palm_distance(_palm_parts(person, scene.hand, joints), x, y))
    return form


def _box(points: Array, margin: float, height: int, width: int | None = None) -> Box:
    """Rows and columns of a frame (4:3 if no width is given) that hold [N, 2] points."""
    limits = [width or height * 4 // 3, height]
    left, top = np.clip(points.min(axis=0) - margin, 0, limits).astype(int).tolist()
    right, bottom = np.clip(points.max(axis=0) + margin, 0, limits).astype(int).tolist()
    return slice(top, bottom), slice(left, right)


def _add_palm(form: Form, distance: Array) -> None:
    """Unite the palm, a slab with a round edge, with the digits."""
    depth = np.clip(-distance / 9, 0, 1)
    slab = 10.5 * np.sqrt(1 - (1 - depth) ** 2)
    gap = form.height - slab
    form.height = 0.5 * (form.height + slab + np.sqrt(gap * gap + 4)) - 1
    blend = np.clip(0.5 + 0.5 * (distance - form.distance) / 3, 0, 1)
    form.distance = distance + (form.distance - distance) * blend - 3 * blend * (1 - blend)
