"""Whatever stands around the pixels, they are read, and turned where the orientation can be."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from handid.image import decode, metadata

FORMATS = ("JPEG", "PNG")


def picture(rng):
    return Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8))


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def tiff(*entries, order="<", count=None):
    """EXIF with one directory of (tag, type, count, 4 bytes)."""
    mark = b"II" if order == "<" else b"MM"
    body = b"".join(struct.pack(f"{order}HHL", *entry[:3]) + entry[3] for entry in entries)
    number = len(entries) if count is None else count
    return mark + struct.pack(f"{order}HLH", 42, 8, number) + body + bytes(4)


SIX = (274, 3, 1, b"\6\0\0\0")
# What breaks a reader of all tags: types that are not theirs, lengths that lead nowhere, cuts.
SPOILT = {
    "a resolution of signed fractions": tiff(SIX, (282, 10, 1, struct.pack("<L", 38)))
    + struct.pack("<2l", -1, 0),
    "a resolution that is a text": tiff(SIX, (282, 2, 4, b"abc\0")),
    "a maker's name outside the file": tiff((271, 2, 4000, b"\xff\xff\xff\x7f"), SIX),
    "a type that does not exist": tiff((271, 999, 1, bytes(4)), SIX),
    "fewer entries than it says": tiff(SIX, count=60_000),
    "a directory of its own that leads back to it": tiff(SIX, (34665, 4, 1, b"\x08\0\0\0")),
    "an orientation of another type": tiff((274, 4, 1, b"\6\0\0\0")),
    "an orientation as text": tiff((274, 2, 2, b"6\0\0\0")),
    "big-endian": tiff((274, 3, 1, b"\0\6\0\0"), order=">"),
}
UNREADABLE = {
    "cut after the header": tiff(SIX)[:9],
    "cut within the orientation": tiff(SIX)[:14],
    "noise": bytes(range(200)),
    "empty": b"",
    "an orientation that does not exist": tiff((274, 3, 1, b"\x63\0\0\0")),
    "an orientation of text": tiff((274, 2, 2, b"x\0\0\0")),
    "an orientation of a type that has no whole number": tiff((274, 12, 1, bytes(4))),
    "a directory outside the file": b"II*\0\xff\xff\xff\x7f",
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("exif", SPOILT.values(), ids=SPOILT)
def test_spoilt_metadata_costs_neither_the_pixels_nor_the_orientation(rng, tmp_path, kind, exif):
    plain = picture(rng)
    (tmp_path / "a").write_bytes(saved(plain, kind, exif=b"Exif\0\0" + exif))
    (tmp_path / "b").write_bytes(saved(plain, kind))
    upright = np.asarray(decode.decode(tmp_path / "b"))
    assert np.array_equal(np.asarray(decode.decode(tmp_path / "a")), np.rot90(upright, k=-1))


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("exif", UNREADABLE.values(), ids=UNREADABLE)
def test_an_orientation_that_cannot_be_read_is_upright(rng, tmp_path, kind, exif):
    plain = picture(rng)
    (tmp_path / "a").write_bytes(saved(plain, kind, exif=b"Exif\0\0" + exif))
    (tmp_path / "b").write_bytes(saved(plain, kind))
    a, b = (np.asarray(decode.decode(tmp_path / name)) for name in "ab")
    assert np.array_equal(a, b)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_as_pillow_turns_it(rng, tmp_path, kind, orientation):
    tags = Image.Exif()
    tags[274] = orientation
    (tmp_path / "a").write_bytes(saved(picture(rng), kind, exif=tags))
    with Image.open(tmp_path / "a") as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))
    assert np.array_equal(np.asarray(decode.decode(tmp_path / "a")), expected)


XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def chunk(kind, body):
    check = zlib.crc32(kind + body).to_bytes(4, "big")
    return len(body).to_bytes(4, "big") + kind + body + check


def png_with(content, kind, body, spoil=0):
    added = chunk(kind, body)
    added = added[:-1] + bytes([added[-1] ^ spoil])
    return content[:33] + added + content[33:]  # behind the header's chunk


ITXT = b"XML:com.adobe.xmp\0%b\0\0\0%b"
PROFILE = b"\nexif\n%6d\n" % len(tiff(SIX)) + tiff(SIX).hex().encode()
TEXTS = {
    "XMP": (b"iTXt", ITXT % (b"\0", XMP)),
    "packed XMP": (b"iTXt", ITXT % (b"\1", zlib.compress(XMP))),
    "ImageMagick's": (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(PROFILE)),
    "as text": (b"tEXt", b"Raw profile type exif\0" + PROFILE),
}


@pytest.mark.parametrize(("kind", "body"), TEXTS.values(), ids=TEXTS)
def test_the_orientation_of_a_png_may_stand_in_its_texts(rng, tmp_path, kind, body):
    plain = picture(rng)
    (tmp_path / "a").write_bytes(png_with(saved(plain, "PNG"), kind, body))
    assert np.array_equal(np.asarray(decode.decode(tmp_path / "a")), np.rot90(plain, k=-1))


def test_the_orientation_of_a_jpeg_may_stand_in_xmp_and_exif_goes_before_it(rng):
    jpeg = saved(picture(rng), "JPEG")

    def with_segment(content, body):
        return content[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + content[2:]

    jpeg = with_segment(jpeg, b"http://ns.adobe.com/xap/1.0/\0" + XMP)
    assert metadata.split(jpeg)[1] == 6
    assert metadata.split(with_segment(jpeg, b"Exif\0\0" + tiff((274, 3, 1, b"\3\0\0\0"))))[1] == 3


SPOILT_CHUNKS = {
    "a text that unpacks to 100 MB": (b"zTXt", b"a\0\0" + zlib.compress(bytes(100_000_000)), 0),
    "a packed text that is noise": (b"zTXt", b"a\0\0noise", 0),
    "a colour profile that is noise": (b"iCCP", b"a\0\0noise", 0),
    "a wrong checksum": (b"eXIf", tiff(SIX)[:10], 1),
    "a resolution that is cut short": (b"pHYs", b"\0\0", 0),
    "a gamma of zero": (b"gAMA", bytes(4), 0),
    "a text of no keyword": (b"tEXt", b"", 0),
    "a language that never ends": (b"iTXt", b"key\0\0\0en", 0),
}


@pytest.mark.parametrize(("kind", "body", "spoil"), SPOILT_CHUNKS.values(), ids=SPOILT_CHUNKS)
def test_a_spoilt_chunk_of_a_png_does_not_cost_its_pixels(rng, tmp_path, kind, body, spoil):
    plain = picture(rng)
    (tmp_path / "a").write_bytes(png_with(saved(plain, "PNG"), kind, body, spoil))
    assert np.array_equal(np.asarray(decode.decode(tmp_path / "a")), np.asarray(plain))


SEGMENTS = {
    "JFIF cut short": b"\xff\xe0\0\x09JFIF\0\1\1",
    "Adobe's cut short": b"\xff\xee\0\x07Adobe",
    "pictures behind the picture": b"\xff\xe2\0\x08MPF\0II",
    "Photoshop's": b"\xff\xed\0\x15Photoshop 3.0\x008BIM\x04",
    "a colour profile in no order": b"\xff\xe2\0\x10ICC_PROFILE\0\xff\0",
    "padding": b"\xff\xff\xff\xfe\0\x04hi",
}


@pytest.mark.parametrize("segment", SEGMENTS.values(), ids=SEGMENTS)
def test_a_spoilt_segment_of_a_jpeg_does_not_cost_its_pixels(rng, tmp_path, segment):
    jpeg = saved(picture(rng), "JPEG")
    (tmp_path / "a").write_bytes(jpeg[:2] + segment + jpeg[2:])
    (tmp_path / "b").write_bytes(jpeg)
    a, b = (np.asarray(decode.decode(tmp_path / name)) for name in "ab")
    assert np.array_equal(a, b)


KINDS = {
    "CMYK": ("JPEG", "CMYK", {}),
    "grey": ("JPEG", "L", {}),
    "progressive": ("JPEG", "RGB", {"progressive": True}),
    "RGB that says so": ("JPEG", "RGB", {"keep_rgb": True}),
    "palette": ("PNG", "P", {}),
    "transparency of a palette": ("PNG", "P", {"transparency": 3}),
    "one bit": ("PNG", "1", {}),
    "alpha": ("PNG", "RGBA", {}),
    "a picture of several": ("MPO", "RGB", {"save_all": True}),
    "animated": ("PNG", "RGB", {"save_all": True}),
    "BMP": ("BMP", "RGB", {}),
}


@pytest.mark.parametrize(("kind", "mode", "options"), KINDS.values(), ids=KINDS)
def test_the_pixels_are_those_that_pillow_reads(rng, tmp_path, kind, mode, options):
    image = picture(rng).convert(mode)
    if "save_all" in options:
        options = options | {"append_images": [picture(rng)]}
    (tmp_path / "a").write_bytes(saved(image, kind, **options) + b"trailing bytes")
    with Image.open(tmp_path / "a") as opened:
        opened.load()
        expected = np.asarray(decode._to_rgb(opened, 8))
    assert np.array_equal(np.asarray(decode.decode(tmp_path / "a")), expected)


@pytest.mark.parametrize("kind", [*FORMATS, "BMP"])
def test_a_mutated_file_is_read_or_refused_in_one_phrase(rng, tmp_path, kind):
    options = {} if kind == "BMP" else {"exif": b"Exif\0\0" + SPOILT["big-endian"]}
    content, file = saved(picture(rng), kind, **options), Path(tmp_path / "a")
    for _ in range(300):
        spoilt = bytearray(content)
        for place in rng.integers(0, min(len(spoilt), 400), rng.integers(1, 8)):
            spoilt[place] = rng.integers(0, 256)
        file.write_bytes(spoilt[: rng.integers(2, len(spoilt))] if rng.random() < 0.3 else spoilt)
        try:
            assert decode.decode(file).mode == "RGB"
        except ValueError as error:
            assert "\n" not in str(error) and str(error).startswith(("is ", "has "))
