"""Silhouette moments: the outline, against SciPy's Legendre polynomials, and not its look."""

import numpy as np
import torch
from scipy.special import eval_legendre

SIDE = 32


def on_white(skin, radius=10, centre=(15, 17)):
    rows, columns = np.indices((SIDE, SIDE))
    disc = np.hypot(rows - centre[0], columns - centre[1]) < radius
    picture = np.ones((3, SIDE, SIDE))
    picture[:, disc] = np.array(skin)[:, None]
    return torch.from_numpy(picture[None]).float(), disc


def test_the_outline_is_that_of_legendre_moments(on_clip):
    image, disc = on_white((-0.2, -0.5, -0.6))
    moments = on_clip("silhouette_moments").embed(image)[0].numpy().astype(float)
    assert moments.shape == (45,)
    place = np.linspace(-1, 1, SIDE)
    terms = [
        np.outer(eval_legendre(total - x, place), eval_legendre(x, place)).ravel()
        for total in range(9)
        for x in range(total + 1)
    ]
    # The best picture of this degree is the same, whatever its basis.
    terms = np.stack(terms, axis=1)
    best = terms @ np.linalg.lstsq(terms, disc.ravel().astype(float), rcond=None)[0]
    assert np.isclose((moments**2).sum(), (best**2).sum(), rtol=1e-5)


def test_colour_changes_nothing_and_place_does(on_clip):
    method = on_clip("silhouette_moments")
    pictures = [on_white((-0.2, -0.5, -0.6)), on_white((0.3, -0.1, -0.3))]
    pictures += [on_white((-0.2, -0.5, -0.6), centre=(15, 20))]
    one, other, moved = (method.embed(image)[0] for image, _ in pictures)
    assert torch.allclose(one, other) and not torch.allclose(one, moved, atol=0.5)


def test_the_network_changes_nothing(on_clip, photographs):
    _, images = photographs()
    net, other = (
        on_clip("silhouette_moments", name, seed=len(name)) for name in ("mini-ViT", "mini-RN")
    )
    assert torch.equal(net.embed(images), other.embed(images))
