"""A photograph on disk, as the tests of decoding and of the cache need it."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photograph(tmp_path, rng):
    """Write a photograph: (name, picture or array, how) -> path."""

    def write(name="a.png", picture=None, **how):
        if picture is None:
            picture = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        if isinstance(picture, np.ndarray):
            picture = Image.fromarray(picture)
        picture.save(tmp_path / name, **how)
        return str(tmp_path / name)

    return write
