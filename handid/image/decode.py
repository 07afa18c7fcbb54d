"""One image file becomes 8-bit RGB, and a square of it. No cache, no tensors."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

MAX_PIXELS = 25_000_000
FORMATS = ("JPEG", "PNG", "BMP")

Geometry = tuple[str, int]  # ("squash" | "crop", side in pixels)


def decode(path: str | Path) -> Image.Image:
    """One photograph as 8-bit RGB, upright.

    Grey, palette, CMYK, transparent (on white) and 16-bit files are converted; the EXIF rotation is
    applied, so that the hand stands as in the photographer's view.

    Raises:
        ValueError: one phrase that says what is wrong with the file.
    """
    try:
        with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(
                    f"has {image.width * image.height / 1e6:.0f} megapixels, "
                    f"more than {MAX_PIXELS / 1e6:.0f}: shrink it"
                )
            image.load()
            return _to_rgb(ImageOps.exif_transpose(image))
    except FileNotFoundError:
        raise ValueError("is missing") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValueError(f"has more than {MAX_PIXELS / 1e6:.0f} megapixels: shrink it") from None
    except (OSError, SyntaxError) as error:
        raise ValueError(f"cannot be decoded ({type(error).__name__}: {error})") from None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey: Pillow would clip it to white
        grey = np.asarray(image, dtype=np.float64) / 65535 * 255
        image = Image.fromarray(grey.round().clip(0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def fit(image: Image.Image, geometry: Geometry) -> np.ndarray:
    """Bring an image to a square, bicubic with antialiasing.

    Args:
        image: RGB.
        geometry: ("squash", s) scales both sides to s, as CLIP-FT and CLIP-HandID do; ("crop", s)
            scales the short side to s and cuts out the centre, as OpenAI's own preprocessing does.

    Returns:
        [s, s, 3] uint8.

    Raises:
        ValueError: for another geometry.
    """
    kind, size = geometry
    if kind == "squash":
        return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
    if kind != "crop":
        raise ValueError(f"Unknown image geometry '{kind}': use 'squash' or 'crop'.")
    short = min(image.size)
    width, height = (size * side // short for side in image.size)  # as torchvision rounds
    left, top = round((width - size) / 2), round((height - size) / 2)
    whole = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(whole.crop((left, top, left + size, top + size)))
