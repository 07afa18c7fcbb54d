"""Parts of a photograph: what a ranking may see of the hand, and of what is no hand.

Each function takes a photograph and its segmentation and gives a photograph. No severities here
(degrade.py) and no choice of photographs (alter.py).
"""

import numpy as np
from PIL import Image
from scipy import ndimage

from handid.image.segment import Array, Segmentation, fit_surface, surface_terms

GREY, WHITE = 128, 255
MARGIN = 0.038  # of the frame's height: how far from the outline the hand may still be guessed
_BLEND = 0.12  # of the frame's height: over which the filling becomes the photograph again


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
    near = _distance(found) <= reach
    cover = _resized(near, image.size)[..., None]
    pixels = np.asarray(image, np.float32)
    return _image(pixels + (GREY - pixels) * cover)


def background(image: Image.Image, found: Segmentation) -> Image.Image:
    """The photograph with the hand filled in by the light of its background.

    The filling is the surface of `light` with the background's own grain, and it passes smoothly
    into the photograph, so that no shape, no place and no seam is left. Cast shadows reach further
    than MARGIN: they fade over _BLEND.
    """
    height = len(found.hand)
    share = (_distance(found) / height - MARGIN) / _BLEND
    keep = _resized(np.clip(share, 0, 1) ** 2, image.size)[..., None]
    pixels, surface = np.asarray(image, np.float32), np.asarray(light(image, found), np.float32)
    away = pixels - surface
    far = keep[..., 0] >= 0.999
    grain = _grain(away, far)
    return _image(surface + keep * away + np.sqrt(1 - keep**2) * grain)


def light(image: Image.Image, found: Segmentation) -> Image.Image:
    """The quadratic surface through the background's colours, alone: 18 numbers."""
    height, width = found.hand.shape
    small = np.asarray(image.resize((width, height), Image.Resampling.BOX), np.float32)
    ground = _distance(found) > 2 * MARGIN * height
    ground = ground if ground.sum() > 100 else ~(found.hand | found.rest)
    surface = surface_terms((image.height, image.width)) @ fit_surface(small, ground)
    return _image(surface)


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


def _inside(box: tuple[float, ...], size: tuple[int, int]) -> tuple[float, float, float, float]:
    left, right = np.clip(box[::2], 0, size[0])
    top, bottom = np.clip(box[1::2], 0, size[1])
    return float(left), float(top), float(right), float(bottom)


def _distance(found: Segmentation) -> Array:
    """[h, w] distance to what lies on the background, pixels; 0 on it."""
    return np.asarray(ndimage.distance_transform_edt(~(found.hand | found.rest)))


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
