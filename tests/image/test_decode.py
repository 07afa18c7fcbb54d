"""Any photograph becomes upright RGB or is refused in one phrase, and then a square."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.transforms.v2 import functional as tv

from handid.image import decode
from handid.recipes import recipe


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
    clear.putpixel((0, 0), (10, 20, 30, 255))
    pixels = np.asarray(decode.decode(photograph(picture=clear)))
    assert np.array_equal(pixels[0, 0], [10, 20, 30]) and (pixels[1:] == 255).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_all_over_is_refused_and_not_white(photograph, mode):
    with pytest.raises(ValueError, match="is transparent all over: save it without"):
        decode.decode(photograph(picture=Image.new(mode, (16, 16), 0)))


def test_a_bmp_whose_alpha_nobody_filled_is_refused_and_not_white(tmp_path):
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    head = struct.pack("<IiiHHIIiiII", 108, 5, 4, 1, 32, 3, 80, 0, 0, 0, 0) + masks
    for alpha, refused in ((0, True), (255, False)):
        content = head.ljust(108, b"\0") + bytes([70, 80, 90, alpha]) * 20
        (tmp_path / "a.bmp").write_bytes(b"BM" + struct.pack("<IHHI", 202, 0, 0, 122) + content)
        if refused:
            with pytest.raises(ValueError, match="is transparent all over"):
                decode.decode(tmp_path / "a.bmp")
        else:
            assert (np.asarray(decode.decode(tmp_path / "a.bmp")) == [90, 80, 70]).all()


def png(samples, bits, colour, *chunks):
    """A PNG of one line, by its specification: samples [width, channels] of so many bits."""
    width = len(samples)
    line = "".join(format(value, f"0{bits}b") for value in np.ravel(samples))
    data = int(line, 2).to_bytes(len(line) // 8, "big")
    head = struct.pack(">IIBBBBB", width, 1, bits, colour, 0, 0, 0)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(b"\0" + data)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


GREY, RGB, GREY_ALPHA, RGB_ALPHA = 0, 2, 4, 6  # PNG's colour types


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("colour", [GREY, RGB, GREY_ALPHA, RGB_ALPHA])
def test_every_depth_of_png_keeps_its_shades(tmp_path, bits, colour):
    if bits < 8 and colour != GREY:
        pytest.skip("no such PNG")
    shades, top = np.arange(8) % 2 if bits == 1 else np.arange(8) * (2**bits - 1) // 7, 2**bits - 1
    channels = np.stack([shades] * {GREY: 1, RGB: 3, GREY_ALPHA: 1, RGB_ALPHA: 3}[colour], 1)
    if colour in (GREY_ALPHA, RGB_ALPHA):
        channels = np.column_stack([channels, np.full(8, top)])
    (tmp_path / "a.png").write_bytes(png(channels, bits, colour))
    pixels = np.asarray(decode.decode(tmp_path / "a.png"))
    assert np.abs(pixels[0] - (shades * 255 / top)[:, None]).max() <= 1  # Pillow cuts 16 bits to 8


@pytest.mark.parametrize("colour", [GREY, RGB, GREY_ALPHA, RGB_ALPHA])
@pytest.mark.parametrize("bits", [10, 12, 14])
def test_fewer_bits_in_16_are_refused_and_not_black(tmp_path, bits, colour):
    channels = {GREY: 1, RGB: 3, GREY_ALPHA: 2, RGB_ALPHA: 4}[colour]
    samples = np.full((8, channels), 2**bits - 1)
    if channels % 2 == 0:
        samples[:, -1] = 65535
    (tmp_path / "a.png").write_bytes(png(samples, 16, colour))
    with pytest.raises(ValueError, match="only the darkest quarter of its 16 bits"):
        decode.decode(tmp_path / "a.png")
    samples[0, 0] = 65535  # one bright value in one colour is enough
    (tmp_path / "a.png").write_bytes(png(samples, 16, colour))
    assert np.asarray(decode.decode(tmp_path / "a.png"))[0, 0, 0] == 255


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_one_transparent_grey_is_white_or_refused(tmp_path, bits):
    value = 2**bits - 2  # as white as it gets, but not quite; black of one bit
    samples = np.asarray([value] * 4 + [2**bits - 1] * 4)
    chunk = (b"tRNS", struct.pack(">H", value))
    (tmp_path / "a.png").write_bytes(png(samples, bits, GREY, chunk))
    if bits == 8:
        assert (np.asarray(decode.decode(tmp_path / "a.png")) == 255).all()
    else:
        with pytest.raises(ValueError, match=f"has one transparent colour of {bits} bits"):
            decode.decode(tmp_path / "a.png")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "LAB", "I;16", "I", "F"])
def test_a_tiff_of_any_mode_is_named_whatever_its_ending(tmp_path, mode):
    Image.new(mode, (8, 8)).save(tmp_path / "a.jpg", "TIFF")
    with pytest.raises(ValueError, match="is not a JPEG, PNG or BMP image"):
        decode.decode(tmp_path / "a.jpg")


def test_a_jpeg_of_12_bits_is_not_called_damaged_alone(photograph, tmp_path):
    content = bytearray(Path(photograph("a.jpg")).read_bytes())
    content[content.index(b"\xff\xc0") + 4] = 12
    (tmp_path / "b.jpg").write_bytes(content)
    with pytest.raises(ValueError, match="or of a rare kind"):
        decode.decode(tmp_path / "b.jpg")


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
        (b"\xff\xd8\xff\xe0\0\x04JF", "is truncated, damaged or of a rare kind"),
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
    with pytest.raises(ValueError, match="is truncated, damaged or of a rare kind"):
        decode.decode(tmp_path / "b.jpg")


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for name in ("pipe.jpg", "."):
        with pytest.raises(ValueError, match="is not a file"):
            decode.decode(tmp_path / name)


@pytest.mark.parametrize("size", [(9000, 1), (1, 1), (4, 4)])
def test_a_line_of_pixels_or_less_than_one_a_finger_is_refused(photograph, size):
    phrase = rf"no photograph of a hand \({size[0]} x {size[1]} pixels\)"
    with pytest.raises(ValueError, match=phrase):
        decode.decode(photograph(picture=Image.new("L", size)))
    assert decode.decode(photograph(picture=Image.new("L", (5, 1)))).size == (5, 1)


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


@pytest.mark.parametrize(
    ("geometry", "words"),
    [
        (("stretch", 2), "use 'squash' or 'crop'"),
        ((["crop"], 2), "use 'squash' or 'crop'"),
        ("crop", "geometry='crop' is none: give 'squash' or 'crop' and a side of the square"),
        (("crop", 2, 2), "is none: give"),
        (None, "geometry=None is none"),
        (("squash", 2.5), "side=2.5 must be a whole number from 1"),
        (("squash", 0), "must be a whole number from 1"),
        (("crop", "224"), "side='224' must be"),
        (("crop", 10**9), "side=1000000000 is too large"),
    ],
)
def test_an_unknown_geometry_is_refused(geometry, words):
    with pytest.raises(ValueError, match=words):
        decode.fit(Image.new("RGB", (4, 4)), geometry)


def test_no_recipe_asks_for_a_larger_square():
    assert recipe.MAX_SIDE == decode.MAX_SIDE
