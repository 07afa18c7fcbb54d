"""Poor photographs: each degradation with its unit and its range. What it costs is not asked here.

Blur, motion and resolution are measured across the hand, so that a near and a distant hand lose the
same: lengths are in pixels of a hand whose palm is HAND pixels broad.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from handid.image.segment import Array, Segmentation

HAND = 100  # breadth of the palm, in pixels of which lengths are measured
GREY = 128
_DAYLIGHT = 6500  # kelvin, where nothing changes: sRGB's white
Degrade = Callable[[Image.Image, float, Segmentation | None, np.random.Generator], Image.Image]


@dataclass(frozen=True)
class Degradation:
    """One way in which a photograph can be poor.

    Attributes:
        unit: of its severity; empty for one that has none.
        low: least severity that is accepted.
        high: largest one.
        harmless: the severity that changes nothing, where there is one number for it.
        needs_hand: whether it must know where the hand is.
        apply: (photograph, severity, segmentation, generator) -> photograph.
    """

    unit: str
    low: float
    high: float
    harmless: float
    needs_hand: bool
    apply: Degrade

    def amount(self, severity: float | None) -> float:
        """How far a severity is from the harmless one; of one without end, 1 / severity."""
        if severity is None:
            return 1.0
        return abs(severity - self.harmless) if np.isfinite(self.harmless) else 1 / severity


def _found(found: Segmentation | None) -> Segmentation:
    if found is None:
        raise ValueError("This degradation needs the hand's place: segment the photograph first.")
    return found


def _scale(image: Image.Image, found: Segmentation | None) -> float:
    """Pixels of the photograph to one of a hand that is HAND pixels broad."""
    return _found(found).breadth * image.height / HAND


def _blur(image, severity, found, rng):
    sigma = severity * _scale(image, found)
    return _image(ndimage.gaussian_filter(np.asarray(image, np.float32), (sigma, sigma, 0)))


def _motion(image, severity, found, rng):
    """A straight movement in a random direction: the mean of shifted copies."""
    length, angle = severity * _scale(image, found), rng.uniform(0, np.pi)
    n = max(1, int(np.ceil(length)))
    steps = np.linspace(-0.5, 0.5, n) * length
    shifts = {(round(s * np.sin(angle)), round(s * np.cos(angle))) for s in steps}
    reach = int(np.ceil(length / 2)) + 1
    wide = np.pad(np.asarray(image, np.float32), ((reach,) * 2, (reach,) * 2, (0, 0)), mode="edge")
    height, width = image.height, image.width
    total = np.zeros((height, width, 3), np.float32)
    for down, right in sorted(shifts):
        rows, columns = reach + down, reach + right
        total += wide[rows : rows + height, columns : columns + width]
    return _image(total / len(shifts))


def _resolution(image, severity, found, rng):
    ratio = severity / (_found(found).breadth * image.height)
    if ratio >= 1:
        return image
    small = [max(1, round(side * ratio)) for side in image.size]
    return image.resize(small, Image.Resampling.BOX).resize(image.size, Image.Resampling.BICUBIC)


def _jpeg(image, severity, found, rng):
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=round(severity))
    buffer.seek(0)
    with Image.open(buffer) as stored:
        return stored.convert("RGB")


def _noise(image, severity, found, rng):
    pixels = np.asarray(image, np.float32)
    noise = rng.standard_normal(pixels.shape, dtype=np.float32)
    return _image(pixels + noise * np.float32(255 * severity / 100))


def _exposure(image, severity, found, rng):
    return _with_gains(image, np.full(3, 2.0**severity))


def _white_balance(image, severity, found, rng):
    gains = _white(severity) / _white(_DAYLIGHT)
    return _with_gains(image, gains / gains[1])


def _white(kelvin: float) -> Array:
    """[3] linear sRGB of a black body: the cubics of Kim et al. 2002 for the Planckian locus."""
    t = 1000 / kelvin
    if kelvin <= 4000:
        x = ((-0.2661239 * t - 0.2343589) * t + 0.8776956) * t + 0.179910
    else:
        x = ((-3.0258469 * t + 2.1070379) * t + 0.2226347) * t + 0.240390
    if kelvin <= 2222:
        y = ((-1.1063814 * x - 1.34811020) * x + 2.18555832) * x - 0.20219683
    elif kelvin <= 4000:
        y = ((-0.9549476 * x - 1.37418593) * x + 2.09137015) * x - 0.16748867
    else:
        y = ((3.0817580 * x - 5.87338670) * x + 3.75112997) * x - 0.37001483
    light = np.array([x / y, 1.0, (1 - x - y) / y])
    matrix = [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
    return np.maximum(np.array(matrix) @ light, 1e-3)


def _with_gains(image: Image.Image, gains: Array) -> Image.Image:
    """Each colour of the linear light times its gain, through a table of sRGB's curve."""
    value = np.arange(256) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    table = []
    for gain in gains:
        lit = np.clip(linear * gain, 0, 1)
        curve = np.where(lit <= 0.0031308, 12.92 * lit, 1.055 * lit ** (1 / 2.4) - 0.055)
        table += np.rint(255 * curve).astype(int).tolist()
    return image.point(table)


def _rotation(image, severity, found, rng):
    """About the frame's centre; beyond the frame its edge repeats."""
    reach = (int(np.hypot(*image.size)) - min(image.size)) // 2 + 2
    wide = np.pad(np.asarray(image), ((reach,) * 2, (reach,) * 2, (0, 0)), mode="edge")
    turned = Image.fromarray(wide).rotate(severity, Image.Resampling.BICUBIC)
    return turned.crop((reach, reach, reach + image.width, reach + image.height))


def _occlusion(image, severity, found, rng):
    """A grey disc about a random place of the hand, as large as it takes."""
    hand = _found(found).hand
    rows, columns = np.nonzero(hand)
    centre = int(rng.integers(len(rows)))
    away = np.hypot(*(np.indices(hand.shape) - np.array([[[rows[centre]]], [[columns[centre]]]])))
    radius = np.quantile(away[hand], severity)
    disc = Image.fromarray(away.astype(np.float32)).resize(image.size, Image.Resampling.BILINEAR)
    pixels = np.array(image)
    pixels[np.asarray(disc) < radius] = GREY
    return Image.fromarray(pixels)


def _grey(image, severity, found, rng):
    return image.convert("L").convert("RGB")


def _palm(image, severity, found, rng):
    """The square about the palm's circle."""
    place = _found(found)
    half = 0.5 * place.breadth
    row, column = place.palm
    return _cut(image, (column - half, row - half, column + half, row + half))


def _fingers(image, severity, found, rng):
    """What lies beyond the palm's circle, on the side away from the frame's edge."""
    place = _found(found)
    row, column = place.palm
    rows, columns = ((at + 0.5) / len(place.hand) for at in np.nonzero(place.hand))
    edge = [rows.min(), 1 - rows.max(), columns.min(), image.width / image.height - columns.max()]
    side, half = int(np.argmin(edge)), 0.5 * place.breadth
    left, top, right, bottom = columns.min(), rows.min(), columns.max(), rows.max()
    cuts = [
        (left, min(row + half, bottom - half), right, bottom),
        (left, top, right, max(row - half, top + half)),
        (min(column + half, right - half), top, right, bottom),
        (left, top, max(column - half, left + half), bottom),
    ]
    return _cut(image, cuts[side])


def _cut(image: Image.Image, box: tuple[float, ...]) -> Image.Image:
    """A box in frame heights, within the frame and at least a pixel large."""
    left, top, right, bottom = (round(place * image.height) for place in box)
    left, top = min(max(0, left), image.width - 1), min(max(0, top), image.height - 1)
    return image.crop(
        (left, top, min(max(left + 1, right), image.width), min(max(top + 1, bottom), image.height))
    )


def _image(pixels: Array) -> Image.Image:
    return Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))


_LENGTH = f"pixels of a hand {HAND} pixels broad"
DEGRADATIONS = {
    "blur": Degradation(f"sigma, {_LENGTH}", 0, 50, 0, True, _blur),
    "motion": Degradation(f"length, {_LENGTH}", 0, 100, 0, True, _motion),
    "resolution": Degradation("pixels across the palm", 2, 1000, np.inf, True, _resolution),
    "jpeg": Degradation("JPEG quality", 1, 95, np.inf, False, _jpeg),
    "noise": Degradation("standard deviation, % of full scale", 0, 100, 0, False, _noise),
    "exposure": Degradation("stops", -6, 6, 0, False, _exposure),
    "white_balance": Degradation("kelvin", 1700, 25000, _DAYLIGHT, False, _white_balance),
    "rotation": Degradation("degrees", -180, 180, 0, False, _rotation),
    "occlusion": Degradation("share of the hand", 0, 0.95, 0, True, _occlusion),
    "grey": Degradation("", 0, 0, 0, False, _grey),
    "palm": Degradation("", 0, 0, 0, True, _palm),
    "fingers": Degradation("", 0, 0, 0, True, _fingers),
}
