"""Draw one photograph of a synthetic hand: form, skin, light, sleeve, background and camera.

Beside real photographs these look drawn: the skin lacks pores and its finest lines, the thumb never
turns out of the plane, no finger bends towards the camera, the webs between spread fingers and the
sleeves are too plain, and the folds of the thenar that a moving thumb makes are missing.
"""

import math

import numpy as np
from PIL import Image

from handid.synthetic.arrays import Array, Rng, blur, clouds
from handid.synthetic.charts import NAIL, RELIEF, RESOLUTION
from handid.synthetic.facts import describe
from handid.synthetic.form import Form, build_form
from handid.synthetic.light import albedo, look_up, shade, wear_ring
from handid.synthetic.person import VIEWS, Person
from handid.synthetic.scene import CAMERAS, HAND_LENGTH, SLEEVES, Scene, draw_scene, of_burst
from handid.synthetic.skin import place_moles, skin_atlas


def photograph(  # noqa: PLR0913 - what decides a photograph, each by its name
    person: Person,
    view: str,
    shot: int,
    *,
    size: int = 240,
    seed: int = 0,
    camera: str = "11k",
    first: int | None = None,
) -> tuple[Array, dict]:
    """One photograph of a hand, and what the renderer knows of it.

    Args:
        person: whose hand.
        view: one of VIEWS.
        shot: number of the photograph, >= 0; the first two wear no ring.
        size: height of the frame in pixels, >= 64; its width is `size * 4 // 3`.
        seed: of what the photograph adds, >= 0.
        camera: `11k`, `hd` or `wild`, whose photographs differ more than a session's.
        first: number of the first photograph of the burst that this one belongs to: it shares
            background, light and place with it, and nearly the pose; None for no burst.

    Returns:
        [size, size * 4 // 3, 3] uint8 RGB, and a dict of plain words and numbers for captions.

    Raises:
        ValueError: for a view or camera that does not exist, a negative shot, too small a frame, or
            a burst that begins after the shot.
    """
    scene = _scene(person, view, shot, size=size, seed=seed, camera=camera, first=first)
    own = [seed, person.seed, person.subject, VIEWS.index(view)]
    rng = np.random.default_rng([*own, shot, 1])
    table = rng if first in (None, shot) else np.random.default_rng([*own, first, 1])
    image, n_moles = render(person, scene, size, table)
    return develop(image, scene, rng), describe(person, scene, n_moles)


def mask(
    person: Person, view: str, shot: int, *, size: int = 240, seed: int = 0, camera: str = "11k"
) -> Array:
    """Where the photograph of the same arguments shows hand, forearm or sleeve.

    Args:
        person: see `photograph`, also for all others.
        view: one of VIEWS.
        shot: number of the photograph.
        size: height of the frame in pixels.
        seed: of what the photograph adds.
        camera: a key of CAMERAS.

    Returns:
        [size, size * 4 // 3] share of each pixel, 0 to 1, before the lens blurs it.

    Raises:
        ValueError: as `photograph`.
    """
    scene = _scene(person, view, shot, size=size, seed=seed, camera=camera, first=None)
    scale = scene.length * size / HAND_LENGTH
    return _covered(build_form(person, scene, size, scale), scene, size, scale)[0]


def _scene(  # noqa: PLR0913 - see photograph
    person: Person, view: str, shot: int, *, size: int, seed: int, camera: str, first: int | None
) -> Scene:
    """The scene of a photograph whose arguments are checked."""
    require(view in VIEWS, f"view {view!r} does not exist: choose one of {', '.join(VIEWS)}")
    require(camera in CAMERAS, f"camera {camera!r} does not exist: choose {', '.join(CAMERAS)}")
    require(shot >= 0, f"shot is {shot}: number the photographs from 0")
    require(size >= 64, f"size is {size}: a hand needs at least 64 pixels")
    scene = draw_scene(person, view, shot, seed, camera)
    if first is None:
        return scene
    require(0 <= first <= shot, f"first is {first}: a burst begins at 0 or later, before {shot}")
    return of_burst(scene, draw_scene(person, view, first, seed, camera))


def require(condition: bool, sentence: str) -> None:
    """Refuse with one sentence unless the condition holds."""
    if not condition:
        raise ValueError(sentence)


def render(person: Person, scene: Scene, size: int, rng: Rng) -> tuple[Array, int]:
    """[size, size * 4 // 3, 3] linear light that reaches the camera, and the moles seen in it."""
    scale = scene.length * size / HAND_LENGTH
    form = build_form(person, scene, size, scale)
    inside = np.flatnonzero(form.distance < 1.5 / scale)
    level = int(math.log2(max(1.0, RESOLUTION / scale)))
    skin = look_up(form, skin_atlas(person, scene.hand, scene.palmar, level), inside, 2**level)
    form.height.ravel()[inside] += skin[:, RELIEF]
    diffuse, gloss = shade(form, scene, inside, scale)
    gloss = gloss * (0.03 + 0.10 * skin[:, NAIL])
    colour = albedo(person, scene, skin) * diffuse + gloss[:, None]
    wear_ring(colour, person, scene, form, inside)
    whole, cover, cloth = _covered(form, scene, size, scale)
    image = _background(whole, scene, scale, rng)
    part = image[form.box]
    at = np.divmod(inside, cover.shape[1])
    part[at] += (colour - part[at]) * cover[at][:, None]
    if scene.sleeve:
        fold = 0.75 + 0.25 * np.clip(-form.distance / 15, -0.4, 1)
        part += (fold[..., None] * np.array(SLEEVES[scene.sleeve], np.float32) - part) * cloth[
            ..., None
        ]
    image[form.box] = blur(part, scene.blur * size / 240)  # the rest is smooth
    return image, _count_moles(person, scene, form, cover - cloth > 0.5)


def _covered(form: Form, scene: Scene, size: int, scale: float) -> tuple[Array, Array, Array]:
    """Cover of each pixel, 0 to 1: [size, w] of the frame; by skin and by cloth in its box."""
    cover = np.clip(0.5 - form.distance * scale, 0, 1)
    cloth = _sleeve_cover(form, scene, scale)
    whole = np.zeros((size, size * 4 // 3), np.float32)
    whole[form.box] = np.maximum(cover, cloth)
    return whole, cover, cloth


def _sleeve_cover(form: Form, scene: Scene, scale: float) -> Array:
    """[H, W] how much of each pixel the sleeve covers: a little wider than the forearm."""
    if not scene.sleeve:
        return np.zeros_like(form.x)
    ends = np.clip((np.float32(scene.cuff) - form.y) * scale + 0.5, 0, 1)
    return ends * np.clip(0.5 - (form.distance - 4) * np.float32(scale), 0, 1)


def _count_moles(person: Person, scene: Scene, form: Form, shown: Array) -> int:
    """How many moles lie on visible skin, [H, W] pixels where `shown`."""
    count = 0
    for chart, place in zip(*place_moles(person, scene.hand, scene.palmar), strict=True):
        if chart < 0:
            first, second, chart_owns = form.x, form.y, form.share < 0.4
        else:
            first, second, chart_owns = form.along, form.across, form.share > 0.6
            chart_owns = chart_owns & (form.digit == chart)
        aside, beyond = first - np.float32(place[0]), second - np.float32(place[1])
        near = aside * aside + beyond * beyond < 1.2**2
        count += bool((near & chart_owns & shown).any())
    return count


def _background(cover: Array, scene: Scene, scale: float, rng: Rng) -> Array:
    """[H, W, 3] the table: uneven light, tinted corners, contact shadow and cast shadow."""
    step = max(1, len(cover) // 60)
    small = cover[::step, ::step]
    shift = scene.light[:2] / scene.light[2] * 14 * scale / step
    columns, rows = (
        np.clip(np.rint(np.arange(n) + by), 0, n - 1).astype(int)
        for n, by in zip(small.shape[::-1], shift, strict=True)
    )
    light = 1 - scene.shadow * blur(small[rows][:, columns], 3.0) - 0.22 * blur(small, 1.3)
    light *= 1 + 0.05 * clouds(rng, small.shape, (28, 28))
    down, right = (np.linspace(-1, 1, n, dtype=np.float32) for n in small.shape)
    far = (np.abs(right - scene.light[0]) ** 3 / 4 + np.clip(0.5 - down, 0, 2)[:, None] ** 2) / 2
    light = light[..., None] * np.exp(-far[..., None] * scene.corners.astype(np.float32))
    light = light * scene.ground.astype(np.float32)
    channels = np.ascontiguousarray(np.moveaxis(light, 2, 0), np.float32)
    bicubic = Image.Resampling.BICUBIC
    large = [Image.fromarray(channel).resize(cover.shape[::-1], bicubic) for channel in channels]
    return np.stack([np.asarray(channel) for channel in large], axis=-1)


def develop(image: Array, scene: Scene, rng: Rng) -> Array:
    """Camera: exposure and white balance, tone curve, sharpening, noise, 8 bits."""
    image = np.clip(image * scene.gains.astype(np.float32), 0, 1.2)
    image = np.sqrt(image) * (0.93 + 0.07 * image)  # close to the sRGB curve, and cheaper
    image += 0.10 * image * (1 - image) * (2 * image - 1)  # phones deepen the shadows
    grey = image[..., 1]
    detail = 0.7 * (grey - blur(grey, 1.3 * len(image) / 240))  # and sharpen
    detail += rng.standard_normal(grey.shape, dtype=np.float32) * np.float32(scene.noise)
    return np.clip((image + detail[..., None]) * 255 + 0.5, 0, 255).astype(np.uint8)
