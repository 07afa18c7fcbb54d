"""One image file becomes 8-bit RGB, and a square of it. No cache, no tensors."""

import io
import os
import stat
import threading
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from handid import given
from handid.image import damage, metadata

MAX_PIXELS = 110_000_000  # today's phones reach 108 megapixels
MAX_BYTES = 8 * MAX_PIXELS + 1_000_000  # a PNG of four 16-bit channels, not compressed at all
MAX_RATIO = 40  # of the sides: a line is no photograph, and its square would fill the memory
LEAST = 5  # pixels of the longer side: one for each finger
LARGE = 25_000_000  # pixels; larger photographs are decoded one at a time
BYTES_PER_PIXEL = (
    30  # at most, while one is decoded and turned: 28 measured for 16-bit PNG, 15 for JPEG
)
OPENERS = {b"\xff\xd8": JpegImageFile, b"\x89P": PngImageFile, b"BM": BmpImageFile}
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_UNREADABLE = "is truncated, damaged or of a rare kind"  # such as a JPEG of 12 bits
_LIMITS = Path("/sys/fs/cgroup")

MAX_SIDE = 4096  # pixels of a square; no network sees as many
Geometry = tuple[str, int]  # ("squash" | "crop", side in pixels)
_one_large = threading.Lock()


def decode(path: str | Path) -> Image.Image:
    """One photograph as 8-bit RGB, upright.

    Grey, palette, CMYK, transparent (on white) and 16-bit files are converted, or refused where
    they would come out as something else; the orientation is applied where it can be read, so that
    the hand stands as in the photographer's view. No other metadata is read, so that none can cost
    a photograph. The data audit judges by this reader too.

    Raises:
        ValueError: one phrase that says what is wrong with the file.
        MemoryError: one sentence, where a large photograph does not fit: not a fault of the file,
            so that nothing leaves it out.
    """
    content, orientation = metadata.split(_bytes(path))
    opener = OPENERS.get(content[:2])
    if opener is None:
        raise ValueError("is not a JPEG, PNG or BMP image")
    try:
        image = opener(io.BytesIO(content))
    except Exception:  # what damage raises has no common type
        raise ValueError(_UNREADABLE) from None
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ValueError(f"has more than {MAX_PIXELS / 1e6:.0f} megapixels: shrink it")
    longer, shorter = max(width, height), min(width, height)
    if longer < LEAST or longer > MAX_RATIO * shorter:
        raise ValueError(f"is no photograph of a hand ({width} x {height} pixels)")
    if width * height <= LARGE:
        return _upright(image, content, orientation)
    with _one_large:
        _require_memory(path, width * height)
        return _upright(image, content, orientation)


def _bytes(path: str | Path) -> bytes:
    """A file's content.

    Raises:
        ValueError: if there is none that could be an image.
    """
    try:
        about = os.stat(given.path(path))
        if not stat.S_ISREG(about.st_mode):  # a pipe would never end
            raise ValueError("is not a file")
        if about.st_size > MAX_BYTES:
            raise ValueError(f"has {about.st_size / 1e9:.1f} GB, more than any photograph")
        content = Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError("is missing") from None
    except OSError as error:
        raise ValueError(f"cannot be opened ({error.strerror})") from None
    if not content:
        raise ValueError("is empty")
    return content


def _upright(image: Image.Image, content: bytes, orientation: int) -> Image.Image:
    bits = content[24] if isinstance(image, PngImageFile) else 8  # the others have no more
    try:
        image.load()
        if damage.is_damaged(content, image):
            raise ValueError
        rgb = _to_rgb(image, bits)
    except (MemoryError, _Misread):
        raise
    except Exception:  # OSError, SyntaxError, struct.error, zlib.error, ... and our own
        raise ValueError(_UNREADABLE) from None
    return rgb.transpose(UPRIGHT[orientation]) if orientation > 1 else rgb


def _require_memory(path: str | Path, pixels: int) -> None:
    """Look for the memory that a large photograph takes.

    Raises:
        MemoryError: if it is not there.
    """
    wanted, free = BYTES_PER_PIXEL * pixels, free_memory()
    if wanted > free:
        raise MemoryError(
            f"{path} has {pixels / 1e6:.0f} megapixels, for which {wanted / 2**30:.1f} GiB of "
            f"memory are needed and {free / 2**30:.1f} are free: shrink it, or free some memory."
        )


def free_memory() -> int:
    """Bytes that this process may still take, of the machine or of its container."""
    free = psutil.virtual_memory().available
    try:
        limit, used = ((_LIMITS / f"memory.{name}").read_text() for name in ("max", "current"))
        return min(free, max(0, int(limit) - int(used)))
    except (OSError, ValueError):  # no such limit
        return free


class _Misread(ValueError):
    """A sound file whose pixels would come out as something else, without a word."""


def _to_rgb(image: Image.Image, bits: int) -> Image.Image:
    """Any mode as RGB.

    Args:
        image: loaded.
        bits: of each value in its file.

    Raises:
        _Misread: one phrase.
    """
    if "transparency" in image.info and bits != 8 and image.mode != "P":
        raise _Misread(f"has one transparent colour of {bits} bits: save it in 8 bits")
    if image.mode.startswith("I"):  # 16-bit grey: Pillow would clip it to white
        grey = np.asarray(image, dtype=np.float64) / 65535 * 255
        image = Image.fromarray(grey.round().clip(0, 255).astype(np.uint8))
    if bits == 16:
        _refuse_shallow(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        if not _reaches(image, "A", 1):
            raise _Misread("is transparent all over: save it without transparency")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _refuse_shallow(image: Image.Image) -> None:
    """Refuse 10, 12 or 14 bits that nobody stretched to 16; `image` has the upper 8 of each value.

    PNG's specification asks for stretched values (12.4, Sample depth scaling), but cameras' tools
    save them as they are; how many bits they meant cannot be told from one photograph.
    """
    if not any(_reaches(image, band, 65) for band in image.getbands() if band != "A"):
        raise _Misread(
            "uses only the darkest quarter of its 16 bits, as 10 to 14 bits do that nobody "
            "stretched: stretch them, or save it in 8 bits"
        )


def _reaches(image: Image.Image, band: str, value: int) -> bool:
    """Whether any pixel has so high a value in a band."""
    return any(image.getchannel(band).histogram()[value:])


def fit(image: Image.Image, geometry: Geometry) -> np.ndarray:
    """Bring an image to a square, bicubic with antialiasing.

    Args:
        image: RGB.
        geometry: ("squash", s) scales both sides to s, as CLIP-FT and CLIP-HandID do; ("crop", s)
            scales the short side to s and cuts out the centre, as OpenAI's own preprocessing does.

    Returns:
        [s, s, 3] uint8.

    Raises:
        ValueError: for another geometry, or a side that is none or above MAX_SIDE.
    """
    kind, size = _checked(geometry)
    if kind == "squash":
        return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
    short = min(image.size)
    width, height = (size * side // short for side in image.size)  # as torchvision rounds
    left, top = round((width - size) / 2), round((height - size) / 2)
    whole = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(whole.crop((left, top, left + size, top + size)))


def _checked(geometry: Geometry) -> Geometry:
    """A geometry that there is."""
    if not isinstance(geometry, tuple | list) or len(geometry) != 2:
        raise ValueError(
            f"geometry={given.shown(geometry)} is none: give 'squash' or 'crop' and a side of the "
            "square in pixels."
        )
    kind, side = geometry
    if kind not in ("squash", "crop"):
        raise ValueError(f"Unknown image geometry {given.shown(kind)}: use 'squash' or 'crop'.")
    if given.whole("side", side, 1) > MAX_SIDE:
        raise ValueError(f"side={given.shown(side)} is too large: give at most {MAX_SIDE} pixels.")
    return kind, int(side)
