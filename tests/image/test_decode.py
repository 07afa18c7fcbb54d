"""Any photograph becomes upright RGB or is refused in one phrase, and then a square."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.transforms.v2 import functional as tv

from handid.image import decode


def test_a_colour_image_comes_back_as_it_was(photograph, rng):
    picture = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(decode.decode(photograph(picture=picture))), picture)


def test_a_grey_image_becomes_three_equal_channels(photograph, rng):
    grey = rng.integers(0, 256, (48, 64), dtype=np.uint8)
    pixels = np.asarray(decode.decode(photograph(picture=grey)))
    assert np.array_equal(pixels, np.stack([grey] * 3, axis=-1))


def test_a_16_bit_image_keeps_its_shades(photograph):
    grey = np.linspace(0, 65535, 64, dtype=np.uint16)[None].repeat(8, 0)
    pixels = np.asarray(decode.decode(photograph(picture=grey)))[..., 0]
    assert np.array_equal(pixels, (grey / 257).round().astype(np.uint8))


def test_a_cmyk_jpeg_becomes_rgb(photograph):
    red = Image.new("RGB", (32, 32), (220, 30, 30)).convert("CMYK")
    pixels = np.asarray(decode.decode(photograph("a.jpg", red, quality=95)))
    assert pixels.shape == (32, 32, 3)
    assert np.abs(pixels.mean((0, 1)) - [220, 30, 30]).max() < 12


def test_a_palette_image_becomes_rgb(photograph):
    flat = Image.new("RGB", (16, 16), (10, 200, 30)).convert("P", palette=Image.Palette.ADAPTIVE)
    assert np.array_equal(np.asarray(decode.decode(photograph(picture=flat)))[0, 0], [10, 200, 30])


def test_transparency_is_laid_on_white(photograph):
    clear = Image.new("RGBA", (16, 16), (10, 20, 30, 0))
    assert (np.asarray(decode.decode(photograph(picture=clear))) == 255).all()


def test_an_exif_rotated_photograph_stands_upright(photograph, rng):
    picture = Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
    tags = picture.getexif()
    tags[274] = 6  # "turn right by 90 degrees to see it upright"
    pixels = decode.decode(photograph("a.png", picture, exif=tags))
    assert np.array_equal(np.asarray(pixels), np.rot90(np.asarray(picture), k=-1))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "is missing"),
        (b"", "is empty"),
        (b"no image at all", "is not a JPEG, PNG or BMP image"),
        (b"\xff\xd8\xff\xe0\0\x04JF", "is truncated or damaged"),
    ],
    ids=["missing", "zero bytes", "text", "only a header"],
)
def test_a_file_that_is_no_image_is_named_as_such(tmp_path, content, sentence):
    if content is not None:
        (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        decode.decode(tmp_path / "a.jpg")


def test_a_truncated_image_is_refused(photograph, tmp_path):
    whole = Path(photograph("a.jpg", quality=90)).read_bytes()
    (tmp_path / "b.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="is truncated or damaged"):
        decode.decode(tmp_path / "b.jpg")


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for name in ("pipe.jpg", "."):
        with pytest.raises(ValueError, match="is not a file"):
            decode.decode(tmp_path / name)


def test_a_line_of_pixels_is_refused(photograph):
    with pytest.raises(ValueError, match=r"no photograph of a hand \(9000 x 1 pixels\)"):
        decode.decode(photograph(picture=Image.new("L", (9000, 1))))


def test_a_48_megapixel_photograph_is_read(photograph):
    path = photograph("a.jpg", Image.new("L", (8000, 6000), 77))
    assert decode.decode(path).size == (8000, 6000)


def test_a_large_photograph_without_memory_for_it_is_no_fault_of_the_file(photograph, monkeypatch):
    path = photograph("a.jpg", Image.new("L", (8000, 6000), 77))
    monkeypatch.setattr(decode, "free_memory", lambda: 2**30)
    with pytest.raises(MemoryError, match="48 megapixels, for which 1.3 GiB .* and 1.0 are free"):
        decode.decode(path)  # missing="skip" leaves out what raises ValueError, and nothing else


def test_the_memory_of_a_container_counts(tmp_path, monkeypatch):
    machine = decode.psutil.virtual_memory().available
    monkeypatch.setattr(decode, "_LIMITS", tmp_path)
    assert decode.free_memory() > machine / 2  # no such files
    (tmp_path / "memory.max").write_text("5000\n")
    (tmp_path / "memory.current").write_text("2000\n")
    assert decode.free_memory() == 3000
    (tmp_path / "memory.max").write_text("max\n")
    assert decode.free_memory() > machine / 2


def test_a_200_megapixel_image_is_refused_without_being_decoded(photograph):
    path = photograph(picture=Image.new("1", (20_000, 10_000)))
    assert os.path.getsize(path) < 100_000  # 600 MB of RGB in a small file
    with pytest.raises(ValueError, match="megapixels: shrink it"):
        decode.decode(path)


# --- geometry -----------------------------------------------------------------------------------


def test_squash_scales_both_sides_and_keeps_the_corners():
    picture = Image.new("RGB", (64, 32), "white")
    picture.paste((255, 0, 0), (0, 0, 16, 32))
    pixels = decode.fit(picture, ("squash", 16))
    assert pixels.shape == (16, 16, 3)
    assert (pixels[:, 0] == [255, 0, 0]).all()  # the left edge is still there


@pytest.mark.parametrize("shape", [(48, 64), (64, 48), (50, 50), (33, 101)])
def test_crop_is_openai_preprocessing(rng, shape):
    picture = Image.fromarray(rng.integers(0, 256, (*shape, 3), dtype=np.uint8))
    resized = tv.resize(picture, 16, interpolation=tv.InterpolationMode.BICUBIC)
    expected = np.asarray(tv.center_crop(resized, [16, 16]))
    assert np.array_equal(decode.fit(picture, ("crop", 16)), expected)


def test_an_unknown_geometry_is_refused():
    with pytest.raises(ValueError, match="use 'squash' or 'crop'"):
        decode.fit(Image.new("RGB", (4, 4)), ("stretch", 2))
