"""What several test files share: a seeded generator, a made-up 11k Hands, the real one if there."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

COLUMNS = (
    "id",
    "age",
    "gender",
    "skinColor",
    "accessories",
    "nailPolish",
    "aspectOfHand",
    "imageName",
    "irregularities",
)
VIEWS = ("dorsal right", "dorsal left", "palmar right", "palmar left")


@pytest.fixture
def rng():
    """A generator that starts at the same place in every test."""
    return np.random.default_rng(0)


@pytest.fixture
def make_11k():
    """Write a small made-up 11k: make_11k(root, subjects=4, images=3, size=(64, 48), ...)."""
    return write_11k


@pytest.fixture
def real_11k():
    """The folder of the real 11k Hands that HANDID_11K names; without one the test is skipped."""
    root = os.environ.get("HANDID_11K", "")
    if not root or not Path(root).is_dir():
        pytest.skip("set HANDID_11K to a copy of 11k Hands")
    return Path(root)


def write_11k(root, subjects=4, images=3, size=(64, 48), views=VIEWS, rows=None, seed=0):
    """Write a small folder like 11k Hands: HandInfo.csv and Hands/*.jpg of coloured noise.

    Args:
        root: folder to write into; made if need be.
        subjects: number of people, with ids 0, 1, ...; or the ids themselves.
        images: photographs of each person and view.
        size: width and height in pixels; None writes no image files.
        views: what is photographed.
        rows: function that takes the list of CSV rows (dicts of text) and returns what to write.
        seed: of the colours; each person and view has a mean colour, so that an encoder can learn.

    Returns:
        The root.
    """
    root = Path(root)
    (root / "Hands").mkdir(parents=True, exist_ok=True)
    ids = range(subjects) if isinstance(subjects, int) else subjects
    keys = [(i, view, n) for i in ids for view in views for n in range(images)]
    listed = [_row(*key, number) for number, key in enumerate(keys, start=1)]
    listed = rows(listed) if rows else listed
    with open(root / "HandInfo.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, quoting=csv.QUOTE_NONNUMERIC)
        writer.writeheader()
        writer.writerows(listed)
    for number, (i, view, n) in enumerate(keys if size else [], start=1):
        colour = np.random.default_rng([seed, i, VIEWS.index(view)]).integers(60, 200, 3)
        noise = np.random.default_rng([seed, i, VIEWS.index(view), n]).integers(
            -40, 40, 3 * size[0] * size[1]
        )
        pixels = (noise.reshape(size[1], size[0], 3) + colour).astype(np.uint8)
        Image.fromarray(pixels).save(root / "Hands" / f"Hand_{number:07d}.jpg")
    return root


def _row(subject, view, _, number):
    values = (
        f"{subject:07d}",
        "30",
        "female",
        "medium",
        "0",
        "0",
        view,
        f"Hand_{number:07d}.jpg",
        "0",
    )
    return dict(zip(COLUMNS, values, strict=True))
