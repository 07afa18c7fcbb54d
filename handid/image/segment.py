"""Which pixels of a photograph on a plain background are the hand, and whether to trust that.

Hand means everything that lies on the background: hand, forearm and sleeve. It finds no hand in a
scene and knows no joints; a photograph of anything else is not trusted.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage import color, filters, measure, segmentation

Array = np.ndarray
HEIGHT = 240  # pixels of the copy that is segmented
AREAS = (0.05, 0.65)  # least and largest share of the frame that a hand fills
SIDE = 0.95  # largest share of a side of the frame that a hand crosses
ROUGHNESS = 4.0  # the background's largest mean distance from a smooth surface, CIE Lab
CONTRAST = 10.0  # least mean step across the outline, CIE Lab
SHADOWED = 0.03  # largest share of the hand that has the background's colour, and is only darker
_NEAR = 0.3  # of the threshold: what lies nearer is background
_LIGHTNESS = 0.4  # what a step of lightness counts beside one of colour: a shadow is no hand
_PINHOLE, _PALE = 12, 1.5  # pixels; distance from the background, CIE Lab
_NARROWEST = HEIGHT // 3  # pixels: the strips at the sides must leave something between them
_ROUNDS = 5  # fits of the surface, each without what lies far from the one before


@dataclass(frozen=True)
class Segmentation:
    """The hand of one photograph.

    Attributes:
        hand: [HEIGHT, w] bool: the largest piece that lies on the background.
        rest: [HEIGHT, w] bool: smaller pieces, such as the end of a sleeve.
        reason: one phrase that says why it is not to be trusted; empty if it is.
    """

    hand: Array
    rest: Array
    reason: str

    @property
    def trusted(self) -> bool:
        """Whether the photograph can be used."""
        return not self.reason

    @cached_property
    def distance(self) -> Array:
        """[HEIGHT, w] distance to what lies on the background, pixels; 0 on it."""
        return _distance(~(self.hand | self.rest))

    @cached_property
    def breadth(self) -> float:
        """Diameter of the largest circle in the hand, about a palm's breadth, in frame heights."""
        return 2 * float(self._depth.max()) / len(self.hand)

    @cached_property
    def palm(self) -> tuple[float, float]:
        """Row and column of that circle's centre, in frame heights."""
        depth = self._depth
        row, column = np.unravel_index(int(depth.argmax()), depth.shape)
        return (float(row) + 0.5) / len(depth), (float(column) + 0.5) / len(depth)

    @cached_property
    def _depth(self) -> Array:
        """[HEIGHT, w] distance to the outline or the frame's edge; 0 off the hand."""
        return _distance(np.pad(self.hand, 1))[1:-1, 1:-1]


def _distance(where: Array) -> Array:
    """Distance of each pixel to the nearest one that is not there, pixels."""
    return np.asarray(ndimage.distance_transform_edt(where))


def segment(image: Image.Image) -> Segmentation:
    """Tell the hand of a photograph from its background.

    The background is a smooth surface of light, fitted to all pixels and again without what lies
    far from it. Pixels near to it and far from it are markers, and a watershed on the gradient puts
    the outline between them (scikit-image).

    Args:
        image: RGB; one narrower than a third of its height is not trusted.
    """
    width = round(image.width * HEIGHT / image.height)
    copy = image.resize((max(width, _NARROWEST), HEIGHT), Image.Resampling.BOX)
    pixels = np.asarray(copy)
    lab = color.rgb2lab(pixels.astype(np.float32) / 255)
    lab *= np.array([_LIGHTNESS, 1, 1], np.float32)
    away = _from_background(lab)
    threshold = np.clip(filters.threshold_otsu(away), 7, 20)
    markers = np.zeros(away.shape, np.int8)
    markers[away < _NEAR * threshold] = 1
    markers[away > threshold] = 2
    hand, rest = _pieces(_filled(ndimage.binary_opening(_grown(markers, lab) == 2), away))
    narrow = "is narrower than a third of its height" if width < _NARROWEST else ""
    return Segmentation(hand, rest, narrow or _doubt(hand, rest, lab, away))


def surface_terms(shape: tuple[int, int]) -> Array:
    """[H, W, 6] the terms of a quadratic surface over a frame: 1, x, y, x x, x y, y y."""
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    y, x = np.meshgrid(y, x, indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)


def fit_surface(values: Array, where: Array) -> Array:
    """[6, C] coefficients of the quadratic surface through [H, W, C] values at `where`."""
    terms = surface_terms(where.shape)[where]
    return np.linalg.lstsq(terms, values[where].astype(np.float32), rcond=None)[0]


def _from_background(lab: Array) -> Array:
    """[H, W] distance in colour from the surface of the background, CIE Lab.

    It starts from the strips at the frame's sides and below, where the fewest hands reach.
    """
    strip, few = HEIGHT // 12, (slice(None, None, 3), slice(None, None, 3))
    near = np.zeros(lab.shape[:2], bool)
    near[:, :strip] = near[:, -strip:] = near[-strip:] = True
    terms, values, near = surface_terms(lab.shape[:2]), lab[few], near[few]
    middle = np.median(values[near], axis=0)
    away = _length(values - middle)
    near, surface = near & (away < 20), np.zeros((terms.shape[-1], 3), np.float32)
    surface[0] = middle
    for _ in range(_ROUNDS):
        if near.sum() < 50:
            break
        surface = fit_surface(values, near)
        away = _length(values - terms[few] @ surface)
        near = away < max(3.0, 3 * float(np.median(away[near])))
    return _length(lab - terms @ surface)


def _length(vectors: Array) -> Array:
    """[...] Euclidean length of [..., C] vectors; of few channels far cheaper than numpy's norm."""
    return np.sqrt(sum(np.square(vectors[..., channel]) for channel in range(vectors.shape[-1])))


def _grown(markers: Array, lab: Array) -> Array:
    """[H, W] markers grown until they meet where the colours are steepest."""
    open_ = markers == 0
    edge = ndimage.binary_dilation(open_)  # what lies further has nothing left to grow into
    steps = [ndimage.gaussian_gradient_magnitude(lab[..., channel], 0.7) for channel in range(3)]
    steepness = _length(np.stack(steps, axis=-1))
    return np.where(open_, segmentation.watershed(steepness, markers * edge, mask=edge), markers)


def _filled(found: Array, away: Array) -> Array:
    """With pinholes filled, and larger ones that look unlike the background: pale nails."""
    holes = np.asarray(measure.label(ndimage.binary_fill_holes(found) & ~found))
    sizes = np.bincount(holes.ravel())
    tones = np.bincount(holes.ravel(), away.ravel()) / np.maximum(sizes, 1)
    close = (sizes < _PINHOLE) | ((sizes < found.size // 500) & (tones > _PALE))
    close[0] = False
    return found | close[holes]


def _pieces(found: Array) -> tuple[Array, Array]:
    """The largest connected piece, and all others that are no specks."""
    labels = np.asarray(measure.label(found))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest = int(sizes.argmax())
    kept = np.flatnonzero(sizes > found.size // 2000)
    hand = (labels == largest) & found
    return hand, np.isin(labels, kept) & ~hand


def _doubt(hand: Array, rest: Array, lab: Array, away: Array) -> str:
    """Why a segmentation cannot be trusted; an empty text if it can."""
    share = float(hand.mean())
    if share < AREAS[0]:
        return "shows no hand, or one too small"
    sides = (hand[0], hand[-1], hand[:, 0], hand[:, -1])
    if share > AREAS[1] or max(float(side.mean()) for side in sides) > SIDE:
        return "is nearly all hand"
    reach = HEIGHT // 40
    around = _distance(~(hand | rest)) <= reach
    ground = ~around
    if ground.mean() < 0.1 or float(away[ground].mean()) > ROUGHNESS:
        return "has no plain background"
    inside = hand & (_distance(hand) <= reach)
    outside = around & ~(hand | rest)
    step = np.linalg.norm(lab[inside].mean(0) - lab[outside].mean(0))
    if step < CONTRAST:
        return "has a hand that hardly differs from its background"
    grey = _length(lab[..., 1:] - np.median(lab[ground][:, 1:], axis=0)) < 6
    if (grey & (away < 25))[hand].mean() > SHADOWED:
        return "has a shadow that was taken for the hand"
    if rest.sum() > 0.25 * hand.sum():
        return "shows more than one thing"
    return ""
