"""Colour and light on the form: skin at each pixel, its reflectance, shading and gloss; rings."""

import numpy as np

from handid.synthetic.arrays import Array, blur
from handid.synthetic.charts import BLOOD, MELANIN, NAIL, PALM_COLUMNS, VEIN, on_digit, on_palm
from handid.synthetic.form import Form
from handid.synthetic.person import SKINS, Person
from handid.synthetic.scene import METALS, POLISHES, Scene

ABSORB = {  # red, green and blue light that a unit of each takes away, as optical depth
    MELANIN: np.array([0.45, 0.75, 1.0], np.float32),
    BLOOD: np.array([0.10, 0.75, 0.60], np.float32),
    VEIN: np.array([0.60, 0.22, 0.28], np.float32),
}
PALM_SKIN = np.array([0.71, 0.45, 0.375], np.float32)  # a fair palm; palms carry little melanin
NAIL_BED = np.array([0.84, 0.58, 0.53], np.float32)


def look_up(form: Form, atlas: Array, inside: Array, step: int) -> Array:
    """[P, 5] skin at the `inside` pixels, from the palm's and the nearest digit's charts."""
    x, y, digit, along, across, share = (
        field.ravel()[inside]
        for field in (form.x, form.y, form.digit, form.along, form.across, form.share)
    )
    skin, has_palm, has_digit = np.zeros((len(x), 5), np.float32), share < 1, share > 0
    palm = on_palm(np.stack([x[has_palm], y[has_palm]], axis=-1))
    palm[:, 0] = np.clip(palm[:, 0], 1, PALM_COLUMNS - 3)
    palm[:, 1] = np.abs(palm[:, 1])  # the forearm beyond the chart repeats it, mirrored
    skin[has_palm] = _bilinear(atlas, palm, step)
    digit, along, across, share = (field[has_digit] for field in (digit, along, across, share))
    finger = _bilinear(atlas, on_digit(digit, along, np.clip(across, -15, 15)), step)
    skin[has_digit] += (finger - skin[has_digit]) * share[:, None]
    return skin


def _bilinear(atlas: Array, points: Array, step: int) -> Array:
    """[P, 5] atlas at [P, 2] full (column, row) points; `step` of them make one pixel."""
    rows, columns = atlas.shape[:2]
    points = (points.astype(np.float32) + 0.5) / step - 0.5
    points = np.clip(points, 0, np.array([columns - 1.01, rows - 1.01], np.float32))
    corner = points.astype(np.int32)
    x, y = (points - corner).T[..., None]
    flat, first = atlas.reshape(rows * columns, -1), corner[:, 1] * columns + corner[:, 0]
    above = flat[first] * (1 - x) + flat[first + 1] * x
    below = flat[first + columns] * (1 - x) + flat[first + columns + 1] * x
    return above * (1 - y) + below * y


def albedo(person: Person, scene: Scene, skin: Array) -> Array:
    """[P, 3] linear reflectance of [P, 5] skin: melanin, blood and veins absorb, polish covers."""
    base = person.skin.astype(np.float32)
    if scene.palmar:
        base = PALM_SKIN * (base / np.array(SKINS["fair"][0], np.float32)) ** 0.4
    base = base + (NAIL_BED - base) * (0.7 * skin[:, NAIL, None])
    depth = sum(skin[:, channel, None] * absorbed for channel, absorbed in ABSORB.items())
    colour = base * np.exp(-depth)
    if scene.polish:
        cover = 0.95 * skin[:, NAIL, None]
        colour += (np.array(POLISHES[scene.polish], np.float32) - colour) * cover
    return colour


def _occlusion(height: Array, sigma: float) -> Array:
    """How much of the sky each point sees, 0 to 1: less where the form around it is higher."""
    small = height[::2, ::2]
    hollow = np.clip(blur(small, sigma) - small - 0.3, 0, 5)
    open_sky = np.exp(-0.16 * hollow)
    return np.repeat(np.repeat(open_sky, 2, 0), 2, 1)[: height.shape[0], : height.shape[1]]


def shade(form: Form, scene: Scene, inside: Array, scale: float) -> tuple[Array, Array]:
    """Diffuse [P, 3] and glossy [P] light on the form; red light scatters into the dark sides."""
    down, right = (slope.ravel()[inside] for slope in np.gradient(form.height * np.float32(scale)))
    soften = 1 / np.sqrt(1 + 0.3 * (down * down + right * right))  # outlines would turn black
    down, right = down * soften, right * soften
    light = scene.light.astype(np.float32)
    facing = 1 / np.sqrt(1 + 0.5 * (down * down + right * right))
    lambert = np.clip((light[2] - 0.7 * (right * light[0] + down * light[1])) * facing, -0.3, 1)
    sky = _occlusion(form.height, 1.6 * scale).ravel()[inside]
    wide = np.float32(0.7 + 1.0 / scale)  # at least a pixel, or the line would be dotted
    closed = form.share.ravel()[inside] * np.exp(-((form.seam.ravel()[inside] / wide) ** 2))
    sky = sky * (1 - 0.85 * closed)  # fingers that touch leave a dark line
    level = scene.ambient * (0.55 + 0.45 * facing) * sky
    level += (1 - scene.ambient) * (lambert + 0.25) / 1.25
    level = np.clip(level * (0.5 + 0.5 * sky), 0.03, None)[:, None]
    half = (light + np.array([0, 0, 1], np.float32)) / np.sqrt(2 + 2 * light[2])
    gloss = (half[2] - right * half[0] - down * half[1]) / np.sqrt(1 + right * right + down * down)
    return level ** np.array([0.85, 1.0, 1.08], np.float32), np.clip(gloss, 0, 1) ** 24


def wear_ring(colour: Array, person: Person, scene: Scene, form: Form, inside: Array) -> None:
    """Paint a metal band around the ring's digit into [P, 3] `colour`; nothing without a ring."""
    if scene.ring is None:
        return
    along = form.along.ravel()[inside] - np.float32(0.62 * person.bones[scene.hand, scene.ring, 0])
    on = (form.digit.ravel()[inside] == scene.ring) & (form.share.ravel()[inside] > 0.3)
    band = np.clip((2.1 - np.abs(along)) * 1.6, 0, 1) * on
    bend = form.across.ravel()[inside] / np.float32(person.breadths[scene.hand, scene.ring, 1])
    gleam = 0.66 + 0.54 * np.cos(5 * bend + np.float32(3 * scene.light[0])) * np.cos(0.9 * along)
    metal = np.array(METALS[scene.metal], np.float32) * gleam[:, None]
    colour += (metal - colour) * band[:, None]
