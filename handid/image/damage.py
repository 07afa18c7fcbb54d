"""Damage that Pillow passes over: a JPEG with coded pixels missing, a PNG whose sums do not fit.

A JPEG has no sums: what is missing of it can be found, a changed colour cannot.
"""

import io
import re
import zlib

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

_MARKER = re.compile(rb"\xff+([\x01-\xfe])")  # FF 00 is a coded FF
_SCAN, _END, _RESTARTS = 0xDA, 0xD9, range(0xD0, 0xD8)
_MORE = bytes(range(1, 65))  # coded pixels, whatever the tables make of them
_FILLED, _BLOCK = 128, 8  # colour of what libjpeg has no data for; pixels of a block's side


def is_damaged(content: bytes, image: Image.Image) -> bool:
    """Whether an image that was decoded without complaint is not the one that was saved.

    Args:
        content: the file, without what surrounds its pixels.
        image: decoded from it.
    """
    if isinstance(image, PngImageFile):
        return not _sums_fit(content)
    return isinstance(image, JpegImageFile) and _lacks_pixels(content, image)


def _sums_fit(content: bytes) -> bool:
    """Whether every chunk of a PNG has its CRC; Pillow does not look at those of the pixels."""
    view, place, name = memoryview(content), 8, b""
    while place + 12 <= len(view) and name != b"IEND":
        end = place + 12 + int.from_bytes(view[place : place + 4], "big")
        if zlib.crc32(view[place + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            return False
        place, name = end, view[place + 4 : place + 8]
    return True


def _lacks_pixels(content: bytes, image: JpegImageFile) -> bool:
    """Whether libjpeg filled in what it had no data for: where more data changes the pixels.

    A sound stretch of coded pixels needs nothing behind it. The image is decoded a second time only
    where there may be a filled block: of a progressive JPEG and of CMYK these have no own colour.
    """
    stretches, in_order = _stretches(content)
    if not in_order:
        return True
    shows_filling = image.mode in ("L", "RGB") and not image.info.get("progressive")
    if shows_filling and not _has_filled_block(image):
        return False
    pieces, place = [], 0
    for end in stretches:
        pieces += [content[place:end], _MORE]
        place = end
    longer = JpegImageFile(io.BytesIO(b"".join([*pieces, content[place:]])))
    longer.load()
    return longer.tobytes() != image.tobytes()


def _has_filled_block(image: Image.Image) -> bool:
    """Whether one pixel of a block, which stands for all 64, has the colour of filling."""
    across, down = (-(-side // _BLOCK) for side in image.size)
    blocks = np.asarray(image.resize((across, down), Image.Resampling.NEAREST))
    return bool((blocks.reshape(down, across, -1) == _FILLED).all(axis=2).any())


def _stretches(content: bytes) -> tuple[list[int], bool]:
    """Where the stretches of coded pixels of a JPEG end, and whether restarts count 0 to 7."""
    ends, in_order, place = [], True, 2
    while place + 4 <= len(content) and content[place] == 0xFF and content[place + 1] != _END:
        kind = content[place + 1]
        is_padding = kind == 0xFF
        place += 1 if is_padding else 2 + int.from_bytes(content[place + 2 : place + 4], "big")
        expected, inside = _RESTARTS[0], kind == _SCAN
        while inside and (found := _MARKER.search(content, place)):
            ends.append(found.start())
            inside = found[1][0] in _RESTARTS
            in_order = in_order and (not inside or found[1][0] == expected)
            expected = _RESTARTS[(expected + 1) % len(_RESTARTS)]
            place = found.end() if inside else found.start()
    return ends, in_order
