"""Arrays that know nothing of hands: Gaussian blur, smooth noise and smooth steps."""

import math

import numpy as np

Array = np.ndarray
Rng = np.random.Generator


def blur(image: Array, sigma: float) -> Array:
    """Gaussian blur of [H, W, ...] by `sigma` pixels; the edges repeat."""
    reach = max(1, math.ceil(2.5 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    for axis in (0, 1):
        pad = [(reach, reach) if a == axis else (0, 0) for a in range(image.ndim)]
        wide, n = np.moveaxis(np.pad(image, pad, mode="edge"), axis, 0), image.shape[axis]
        image = wide[reach : reach + n] * kernel[reach]
        for i, weight in enumerate(kernel[:reach]):  # the kernel is symmetric
            both = wide[i : i + n] + wide[2 * reach - i : 2 * reach - i + n]
            both *= weight
            image += both
        image = np.moveaxis(image, 0, axis)
    return image


def clouds(rng: Rng, shape: tuple[int, int], cell: tuple[float, float]) -> Array:
    """Smooth noise of about unit strength whose features measure `cell` pixels."""
    coarse = [int(length / size) + 3 for length, size in zip(shape, cell, strict=True)]
    noise = rng.standard_normal(coarse, dtype=np.float32) * np.float32(1.35)
    for axis in (1, 0):
        noise = _stretch(noise, np.arange(shape[axis]) / cell[axis], axis)
    return noise


def _stretch(values: Array, at: Array, axis: int) -> Array:
    """Values at the fractional places `at` along an axis, smoothly between their neighbours."""
    low = at.astype(int)
    part = smooth_step(at - low).astype(np.float32).reshape((-1, 1) if axis == 0 else (1, -1))
    return np.take(values, low, axis) * (1 - part) + np.take(values, low + 1, axis) * part


def smooth_step(values: Array) -> Array:
    """0 below 0, 1 above 1, smooth between."""
    values = np.clip(values, 0, 1)
    return values * values * (3 - 2 * values)
