"""What Pillow decodes without complaint and is not what was saved is refused; sound files pass."""

import io
import re
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handid.image import decode
from handid.image.damage import is_damaged

REFUSED = "is truncated, damaged or of a rare kind"
END, HEAD = b"\xff\xd9", b"\xff\xda"
KINDS = {
    "plain": {"quality": 90},
    "full colour": {"quality": 90, "subsampling": 0},
    "progressive": {"quality": 90, "progressive": True},
    "restarts": {"quality": 90, "restart_marker_blocks": 2},
    "grey": {"quality": 90, "mode": "L"},
    "inks": {"quality": 90, "mode": "CMYK"},
}


def jpeg(picture, mode="RGB", **how):
    file = io.BytesIO()
    Image.fromarray(picture).convert(mode).save(file, "JPEG", **how)
    return file.getvalue()


@pytest.fixture
def picture(rng):
    """Noise of a few large squares, beside a field of the colour with which libjpeg fills."""
    noise = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8).repeat(5, 0).repeat(5, 1)
    noise[:, :24] = 128
    return noise


def silently(content):
    """The image, which Pillow decodes without complaint."""
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


@pytest.mark.parametrize("how", KINDS.values(), ids=KINDS)
def test_a_sound_jpeg_with_grey_in_it_passes(picture, how):
    for shape in (picture, picture[:61, :43], picture[:7, :6], np.full_like(picture, 128)):
        content = jpeg(shape, **how)
        assert not is_damaged(content, silently(content))
        behind = content[:-2] + b"\0" * 12 + END  # as some cameras pad
        assert not is_damaged(behind, silently(behind))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("how", KINDS.values(), ids=KINDS)
def test_a_jpeg_that_was_cut_and_closed_is_refused(picture, tmp_path, how, share):
    whole = jpeg(picture, **how)
    first = whole.index(HEAD) + 14
    cut = whole[: first + int(share * (len(whole) - first))] + END
    silently(cut)
    (tmp_path / "a.jpg").write_bytes(cut)
    with pytest.raises(ValueError, match=REFUSED):
        decode.decode(tmp_path / "a.jpg")


@pytest.mark.parametrize("marker", [b"\xff\xd6", b""], ids=["another", "none"])
def test_a_jpeg_whose_restarts_do_not_count_is_refused(picture, tmp_path, marker):
    whole = jpeg(picture, **KINDS["restarts"])
    places = [found.start() for found in re.finditer(b"\xff[\xd0-\xd7]", whole)]
    assert len(places) == 9
    wrong = whole[: places[1]] + marker + whole[places[1] + 2 :]
    assert silently(wrong).size == (80, 60)
    (tmp_path / "a.jpg").write_bytes(wrong)
    with pytest.raises(ValueError, match=REFUSED):
        decode.decode(tmp_path / "a.jpg")


def test_a_png_whose_sums_do_not_fit_is_refused(picture, photograph):
    path = Path(photograph("a.png", picture))
    whole, unseen = path.read_bytes(), []
    for place in range(whole.index(b"IDAT") + 4, whole.index(b"IEND") - 8):
        for bit in (1, 16):
            flipped = whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :]
            with suppress(OSError, SyntaxError):
                unseen.append((flipped, silently(flipped)))
    assert unseen and all(is_damaged(*one) for one in unseen)
    path.write_bytes(unseen[0][0])
    with pytest.raises(ValueError, match=REFUSED):
        decode.decode(path)
    path.write_bytes(whole + b"behind the end")
    assert decode.decode(path).size == (80, 60)
