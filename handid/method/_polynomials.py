"""Pictures as sums of orthonormal polynomials over the frame, and the surface of a background."""

import torch
from torch import Tensor
from torch.nn import functional

SIDE = 32  # pixels per side of the copy that is described
STEPS = 5  # fits of the surface, each without what lies far from the one before
NEAR = 0.12  # distance in colour (-1 to 1) that always counts as background: cast shadows too
_STRIP = SIDE // 12  # the frame's sides and its bottom, where the fewest hands reach


def polynomials(degree: int) -> Tensor:
    """[(degree + 1)(degree + 2) / 2, SIDE * SIDE] float64, orthonormal, by total degree.

    The span is that of all products x^p y^q with p + q <= degree; they are the Legendre polynomials
    of the grid, so that the coefficients of a picture's outline are its Legendre moments (Teague
    1980).
    """
    place = torch.linspace(-1, 1, SIDE, dtype=torch.float64)
    y, x = (axis.flatten() for axis in torch.meshgrid(place, place, indexing="ij"))
    powers = [(total - q, q) for total in range(degree + 1) for q in range(total + 1)]
    return torch.linalg.qr(torch.stack([x**p * y**q for p, q in powers], dim=1))[0].T


def shrunk(images: Tensor) -> Tensor:
    """[B, 3, H, W] -> [B, 3, SIDE * SIDE] float64."""
    return functional.adaptive_avg_pool2d(images, SIDE).flatten(2).double()


def background(images: Tensor) -> tuple[Tensor, Tensor]:
    """The smooth surface behind a hand, and how far each pixel lies from it.

    A quadratic surface through the frame's sides and bottom, then again through all pixels that lie
    near it, as image.segment finds a hand. It needs no hand, and finds none in a scene.

    Args:
        images: [B, 3, H, W], -1 to 1.

    Returns:
        [B, 3, 6] coefficients of `polynomials(2)`, and [B, SIDE * SIDE] distances in colour.
    """
    pixels, terms = shrunk(images), polynomials(2).to(images.device)
    near = torch.zeros(SIDE, SIDE, dtype=torch.bool, device=images.device)
    near[:, :_STRIP] = near[:, -_STRIP:] = near[-_STRIP:] = True
    near = near.flatten().expand(len(images), -1)
    middle = pixels.where(near[:, None], torch.nan).nanmedian(dim=2, keepdim=True).values
    away = _length(pixels - middle)
    near = near & (away < 10 * NEAR)
    for _ in range(STEPS):
        weighted = near[:, None].double() * terms  # [B, 6, P]
        normal = weighted @ terms.T + 1e-9 * torch.eye(6, dtype=torch.float64).to(images.device)
        surface = torch.linalg.solve(normal, weighted @ pixels.mT).mT  # [B, 3, 6]
        away = _length(pixels - surface @ terms)
        typical = away.where(near, torch.nan).nanmedian(dim=1, keepdim=True).values
        near = away < (3 * typical.nan_to_num()).clamp(min=NEAR)
    return surface, away


def _length(colours: Tensor) -> Tensor:
    """[B, 3, P] -> [B, P]; torch.linalg.norm is slow across so short a dimension."""
    return colours.square().sum(dim=1).sqrt()
