"""Parts of a photograph: what a ranking may see of the hand, and of what is no hand.

Each function takes a photograph and its segmentation and gives a photograph. No severities here
(degrade.py) and no choice of photographs (alter.py).
"""

import numpy as np
from PIL import Image

from handid.image.segment import Array, Segmentation, fit_surface, surface_terms

GREY, WHITE = 128, 255
MARGIN = 0.038  # of the frame's height: how far from the outline the hand may still be guessed
_BLEND = 0.02  # of the frame's height: over which the filling becomes the photograph again
_ROWS = 120  # of the pattern that keeps what lies between two levels


def hand(image: Image.Image, found: Segmentation) -> Image.Image:
    """The hand (with forearm and sleeve) on white."""
    cover = _resized(found.hand, image.size)[..., None]
    pixels = np.asarray(image, np.float32)
    return _image(WHITE + (pixels - WHITE) * cover)


def silhouette(image: Image.Image, found: Segmentation) -> Image.Image:
    """The hand in black on white: shape, place and pose, and nothing else."""
    cover = _resized(found.hand, image.size)[..., None]
    return _image(np.repeat(WHITE * (1 - cover), 3, axis=2))


def hole(image: Image.Image, found: Segmentation) -> Image.Image:
    """The photograph with the hand and MARGIN around it in grey: its outline stays."""
    reach = MARGIN * len(found.hand)
    near = found.distance <= reach
    cover = _resized(near, image.size)[..., None]
    pixels = np.asarray(image, np.float32)
    return _image(pixels + (GREY - pixels) * cover)


def background(image: Image.Image, found: Segmentation) -> Image.Image:
    """The photograph with the hand filled in by the light of its background.

    The filling is the surface of `light` with the background's own grain, and it passes smoothly
    into the photograph over _BLEND, so that no shape, no place and no seam is left.
    """
    share = (found.distance / len(found.hand) - MARGIN) / _BLEND
    keep = _resized(np.clip(share, 0, 1) ** 2, image.size)[..., None]
    surface = _surface(image, found)
    away = np.asarray(image, np.float32) - surface
    far = keep[..., 0] >= 0.999
    grain = _grain(away, far)
    return _image(surface + keep * away + np.sqrt(1 - keep**2) * grain)


def light(image: Image.Image, found: Segmentation) -> Image.Image:
    """The quadratic surface through the background's colours, alone: 18 numbers.

    Whole levels would round away most of what they tell. A pattern of half a level, the same for
    every photograph and coarse enough to outlast a change of size, keeps it in the mean.
    """
    pattern = np.random.default_rng(0).uniform(-0.5, 0.5, (_ROWS, _ROWS * 4 // 3))
    coarse = Image.fromarray(pattern.astype(np.float32))
    fine = np.asarray(coarse.resize(image.size, Image.Resampling.NEAREST))
    return _image(_surface(image, found) + fine[..., None])


def texture(image: Image.Image, found: Segmentation) -> Image.Image:
    """The largest upright square that fits into the palm's circle: skin without an outline."""
    half = found.breadth / 2 / np.sqrt(2) * image.height
    row, column = (place * image.height for place in found.palm)
    box = (column - half, row - half, column + half, row + half)
    side = max(1, round(2 * half))
    return image.resize((side, side), Image.Resampling.BICUBIC, box=_inside(box, image.size))


REGIONS = {
    "hand": hand,
    "silhouette": silhouette,
    "hole": hole,
    "background": background,
    "light": light,
    "texture": texture,
}


def _surface(image: Image.Image, found: Segmentation) -> Array:
    """[H, W, 3] the quadratic surface through what lies further than MARGIN from the hand."""
    height, width = found.hand.shape
    small = np.asarray(image.resize((width, height), Image.Resampling.BOX), np.float32)
    ground = found.distance > MARGIN * height
    ground = ground if ground.sum() > 1000 else ~(found.hand | found.rest)
    few = (slice(None, None, 3), slice(None, None, 3))  # plenty for six numbers
    surface = fit_surface(small[few], ground[few])
    return surface_terms((image.height, image.width)) @ surface


def _inside(box: tuple[float, ...], size: tuple[int, int]) -> tuple[float, float, float, float]:
    left, right = np.clip(box[::2], 0, size[0])
    top, bottom = np.clip(box[1::2], 0, size[1])
    return float(left), float(top), float(right), float(bottom)


def _resized(values: Array, size: tuple[int, int]) -> Array:
    """[H, W] a map of the segmented copy at the photograph's size, smoothly."""
    small = Image.fromarray(np.asarray(values, np.float32))
    return np.asarray(small.resize(size, Image.Resampling.BILINEAR))


def _grain(away: Array, far: Array) -> Array:
    """[H, W, 3] noise as strong as the background's finest, the same for every photograph's place.

    Its size is the median step between neighbours, so that a slow change of light does not count.
    """
    steps = np.abs(np.diff(away, axis=1))[far[:, 1:]]
    strength = np.median(steps, axis=0) / 0.954 if len(steps) else np.zeros(3)  # of a normal step
    noise = np.random.default_rng(0).standard_normal(away.shape[:2], dtype=np.float32)
    return noise[..., None] * np.asarray(strength, np.float32)


def _image(pixels: Array) -> Image.Image:
    return Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))
