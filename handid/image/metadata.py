"""What surrounds the pixels of an image file: it is cut off, and only the orientation is read.

Cameras and tools write metadata that is cut short, of the wrong type or not theirs; none of it may
cost a photograph. It decodes no pixels.
"""

import re
import struct
import zlib

_LONGEST_TEXT = 1_000_000  # bytes of a compressed text, unpacked; a file may claim any length
_PNG = b"\x89PNG\r\n\x1a\n"
_ORIENTATION = 274
_INTEGERS = {1: "B", 3: "H", 4: "L", 6: "B", 7: "B", 8: "H", 9: "L"}  # TIFF's types of one value
_XMP = re.compile(rb"tiff:Orientation\s*(?:=\s*[\"']|>)\s*([1-8])\s*[\"'<]")
_HEX_PROFILE = re.compile(rb"\s*exif\s+\d+\s+([0-9a-fA-F\s]+)")


def split(content: bytes) -> tuple[bytes, int]:
    """An image file without its metadata, and its orientation.

    Of a JPEG, what remains are the segments that decide the pixels (the JFIF and Adobe segments say
    which colours they are); of a PNG the critical chunks and the transparency. Anything else is
    returned as it is.

    Args:
        content: the whole file.

    Returns:
        The same file, shorter, and the EXIF orientation from 1 (upright) to 8; 1 where none can be
        read. EXIF goes before XMP, as in Pillow.
    """
    if content.startswith(b"\xff\xd8"):
        kept, blocks = _split_jpeg(content)
    elif content.startswith(_PNG):
        kept, blocks = _split_png(content)
    else:
        return content, 1
    orientations = [_from_tiff(block) for block in blocks] + [_from_xmp(block) for block in blocks]
    return kept, next((value for value in orientations if 1 <= value <= 8), 1)


def _split_jpeg(content: bytes) -> tuple[bytes, list[bytes]]:
    """The file without APP segments and comments, and the bodies of those that were cut out."""
    kept, blocks, place = [content[:2]], [], 2
    while content[place : place + 1] == b"\xff" and place + 4 <= len(content):
        marker = content[place + 1]
        if marker == 0xFF:  # padding
            place += 1
            continue
        length = int.from_bytes(content[place + 2 : place + 4], "big")
        end, body = place + 2 + length, content[place + 4 : place + 2 + length]
        if marker == 0xDA or length < 2 or 0xD0 <= marker <= 0xD9 or end > len(content):
            break
        is_metadata = 0xE0 <= marker <= 0xEF or marker == 0xFE
        # As long as libjpeg asks for: a shorter one says nothing of colours.
        colours = (marker == 0xE0 and len(body) >= 14) or (marker == 0xEE and len(body) >= 12)
        if not is_metadata or colours:
            kept.append(content[place:end])
        else:
            blocks.append(body)
        place = end
    return b"".join([*kept, content[place:]]), blocks


def _split_png(content: bytes) -> tuple[bytes, list[bytes]]:
    """The file with critical chunks and transparency only, and the other chunks' texts."""
    kept, blocks, place = [content[:8]], [], 8
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        kind, end = content[place + 4 : place + 8], place + 12 + length
        if end > len(content):
            break
        if kind[:1].isupper() or kind == b"tRNS":
            kept.append(content[place:end])
        else:
            blocks.append(_png_text(kind, content[place + 8 : end - 4]))
        place = end
        if kind == b"IEND":
            break
    return b"".join([*kept, content[place:]]), blocks


def _png_text(kind: bytes, body: bytes) -> bytes:
    """EXIF as it is; a text unpacked, and from hexadecimal digits where it holds EXIF in them."""
    keyword, _, text = body.partition(b"\0")
    if kind not in (b"tEXt", b"zTXt", b"iTXt"):
        return body
    if kind == b"iTXt":  # compressed or not, method, language, translated keyword, text
        packed, text = text[:1] == b"\1", text[2:].split(b"\0", 2)[-1]
    else:
        packed, text = kind == b"zTXt", text[kind == b"zTXt" :]
    if packed:
        try:
            text = zlib.decompressobj().decompress(text, _LONGEST_TEXT)
        except zlib.error:
            return b""
    digits = _HEX_PROFILE.match(text) if keyword == b"Raw profile type exif" else None
    if digits is None:
        return text
    plain = re.sub(rb"\s", b"", digits[1]).decode()
    return bytes.fromhex(plain[: len(plain) // 2 * 2])


def _from_tiff(block: bytes) -> int:
    """The orientation in the first directory of EXIF; 0 if it is not there."""
    tiff = block.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2], "")
    try:
        if not order or struct.unpack_from(f"{order}H", tiff, 2) != (42,):
            return 0
        (start,) = struct.unpack_from(f"{order}L", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(f"{order}HH", tiff, place)
            if tag == _ORIENTATION and kind == 2:
                digit = tiff[place + 8 : place + 9]
                return int(digit) if digit.isdigit() else 0
            if tag == _ORIENTATION and kind in _INTEGERS:
                return struct.unpack_from(order + _INTEGERS[kind], tiff, place + 8)[0]
    except struct.error:  # cut short before the orientation
        pass
    return 0


def _from_xmp(block: bytes) -> int:
    """The orientation in XMP; 0 if it is not there."""
    found = _XMP.search(block)
    return int(found[1]) if found else 0
