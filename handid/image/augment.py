"""Photographs as batches: decoded once to uint8 on disk, augmented as batches on the device.

Not a data set class and not a worker pool: a set of hands at 256 pixels fits in memory, so that an
epoch costs a few copies instead of thousands of JPEG decodes.
"""

import hashlib
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from handid import disk

MAX_PIXELS = 25_000_000
FORMATS = ("JPEG", "PNG", "BMP")
# Red, green, blue, as fractions of full scale: the published constants of those data sets.
MEAN_STD = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}
_GREY = (0.2989, 0.587, 0.114)  # luma of red, green and blue, as torchvision weighs them
_CACHE_VERSION = 1

Geometry = tuple[str, int]  # ("squash" | "crop", side in pixels)


def decode(path: str | Path) -> Image.Image:
    """One photograph as 8-bit RGB, upright.

    Grey, palette, CMYK, transparent (on white) and 16-bit files are converted; the EXIF rotation is
    applied, so that a hand stands as the photographer saw it.

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
    """
    how, size = geometry
    if how == "squash":
        return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
    if how != "crop":
        raise ValueError(f"Unknown image geometry '{how}': use 'squash' or 'crop'.")
    short = min(image.size)
    width, height = (size * side // short for side in image.size)  # as torchvision rounds
    left, top = round((width - size) / 2), round((height - size) / 2)
    whole = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(whole.crop((left, top, left + size, top + size)))


def _cache_file(path: str, folder: Path, geometry: Geometry) -> Path:
    stat = os.stat(path)
    key = f"{os.path.abspath(path)}|{stat.st_size}|{stat.st_mtime_ns}|{_CACHE_VERSION}"
    name = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
    return folder / f"{geometry[0]}-{geometry[1]}" / name[:2] / f"{name}.npy"


def _decode_to_cache(path: str, folder: Path, geometries: Sequence[Geometry]) -> str | None:
    """Write what is not in the cache yet; return what is wrong with the file, if anything."""
    try:
        files = {geometry: _cache_file(path, folder, geometry) for geometry in geometries}
    except OSError:
        return "is missing"
    absent = {geometry: file for geometry, file in files.items() if not file.exists()}
    if not absent:
        return None
    try:
        image = decode(path)
    except ValueError as error:
        return str(error)
    for geometry, file in absent.items():
        with disk.whole(file) as part:
            np.save(part, fit(image, geometry), allow_pickle=False)
    return None


def cache(
    paths: Sequence[str],
    folder: str | Path,
    geometries: Sequence[Geometry],
    *,
    workers: int | None = None,
    progress: bool = True,
) -> dict[str, str]:
    """Decode every photograph once, whatever the number of geometries, and keep the pixels on disk.

    A file that changed on disk (size or time) is decoded again. What is readable is kept even when
    something else is not, so that a second run goes on where this one stopped.

    Args:
        paths: N image files.
        folder: the cache's folder.
        geometries: the squares wanted, see `fit`.
        workers: threads (Pillow decodes without Python's lock); the number of cores if None.
        progress: show a bar.

    Returns:
        What cannot be used: path -> one phrase. Empty if all is well.

    Raises:
        OSError: when the disk is full.
    """
    folder = Path(folder)
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        problems = pool.map(lambda path: _decode_to_cache(path, folder, geometries), paths)
        bar = tqdm(problems, "photographs", len(paths), disable=not progress, mininterval=5)
        return {path: problem for path, problem in zip(paths, bar, strict=True) if problem}


def describe(bad: dict[str, str], total: int) -> str:
    """One sentence about photographs that cannot be used, as `cache` returns them."""
    shown = "; ".join(f"{path} {problem}" for path, problem in [*bad.items()][:3])
    more = "; ..." if len(bad) > 3 else ""
    return f"{len(bad)} of {total} photographs cannot be used: {shown}{more}"


def pixels(
    paths: Sequence[str], folder: str | Path, geometry: Geometry, *, progress: bool = True
) -> np.ndarray:
    """The photographs as one array, from the cache where they are in it.

    Returns:
        [N, s, s, 3] uint8, in the order of `paths`.

    Raises:
        ValueError: naming the first unreadable files and their number.
        OSError: when the disk is full.
    """
    paths = list(paths)
    bad = cache(paths, folder, [geometry], progress=progress)
    if bad:
        raise ValueError(f"{describe(bad, len(paths))}. Mend or remove them; the rest is cached.")
    size = geometry[1]
    images = np.empty((len(paths), size, size, 3), dtype=np.uint8)
    for row, path in enumerate(paths):
        images[row] = _load_pixels(path, Path(folder), geometry)
    return images


def _load_pixels(path: str, folder: Path, geometry: Geometry) -> np.ndarray:
    """One photograph's cached pixels; a damaged cache file is made again."""
    file = _cache_file(path, folder, geometry)
    try:
        return np.load(file, allow_pickle=False)
    except (ValueError, EOFError):
        file.unlink()
        _decode_to_cache(path, folder, [geometry])
        return np.load(file, allow_pickle=False)


def normalise(images: Tensor, mean_std: str, portrait: bool = False) -> Tensor:
    """[B, H, W, 3] uint8 -> [B, 3, H, W] float32 with the named mean and standard deviation.

    Args:
        images: squares where they are to become portraits.
        mean_std: a name of MEAN_STD.
        portrait: see `upright`.
    """
    found = _standardise(_to_unit(images), mean_std)
    return upright(found) if portrait else found


def upright(images: Tensor) -> Tensor:
    """[B, C, S, S] -> [B, C, S, W]: squeezed to a portrait, W the multiple of 32 nearest to 4/7 S.

    224 becomes 224 x 128: the closest to person re-identification's 256 x 128 that keeps S.
    """
    side = images.shape[-1]
    shape = (side, 32 * max(1, round(side * 4 / 7 / 32)))
    return functional.interpolate(images, shape, mode="bilinear", antialias=True)


def _to_unit(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2).contiguous().float().div_(255)


def _standardise(images: Tensor, mean_std: str) -> Tensor:
    mean, std = (torch.tensor(v, device=images.device).view(3, 1, 1) for v in MEAN_STD[mean_std])
    return images.sub_(mean).div_(std)


@dataclass(frozen=True)
class Augmentation:
    """Random crop, mirror image, colour jitter and erasing of whole batches, on their device.

    The random numbers come from a CPU generator, so that the CPU and a GPU see the same pictures.

    Attributes:
        crop: side of the random square, pixels; at most the images' side.
        flip: probability of the mirror image, 0 to 1.
        jitter: strengths of brightness, contrast and saturation as in torchvision's ColorJitter
            (0.1: a factor between 0.9 and 1.1 an image); their order is drawn once a batch.
        erasing: probability that a rectangle (2 to 33 % of the area) is set to the mean colour.
        mean_std: a name of MEAN_STD.
        portrait: see `upright`.
    """

    crop: int
    flip: float = 0.0
    jitter: tuple[float, float, float] = (0.0, 0.0, 0.0)
    erasing: float = 0.0
    mean_std: str = "imagenet"
    portrait: bool = False

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """[B, H, W, 3] uint8 -> [B, 3, crop, crop] float32, normalised; or upright."""
        images = _to_unit(self._cut(images, generator))
        if any(self.jitter):
            images = _recolour(images, self.jitter, generator)
        images = _standardise(images, self.mean_std)
        images = self._erase(images, generator) if self.erasing else images
        return upright(images) if self.portrait else images

    def _cut(self, images: Tensor, generator: torch.Generator) -> Tensor:
        count, height, width = images.shape[:3]
        if self.crop > min(height, width):
            raise ValueError(f"Cannot cut {self.crop} pixels from images of {height} x {width}.")
        top = torch.randint(height - self.crop + 1, (count,), generator=generator).tolist()
        left = torch.randint(width - self.crop + 1, (count,), generator=generator).tolist()
        mirrored = (torch.rand(count, generator=generator) < self.flip).tolist()
        out = images.new_empty(count, self.crop, self.crop, 3)
        for row, (y, x, mirror) in enumerate(zip(top, left, mirrored, strict=True)):
            piece = images[row, y : y + self.crop, x : x + self.crop]
            out[row] = piece.flip(1) if mirror else piece
        return out

    def _erase(self, images: Tensor, generator: torch.Generator) -> Tensor:
        side = images.shape[-1]
        for image in images:
            chance, area, shape, y, x = torch.rand(5, generator=generator).tolist()
            if chance >= self.erasing:
                continue
            area, shape = side * side * (0.02 + 0.31 * area), 0.3 * (3.3 / 0.3) ** shape
            height = min(side, max(1, round((area * shape) ** 0.5)))
            width = min(side, max(1, round((area / shape) ** 0.5)))
            top, left = int(y * (side - height + 1)), int(x * (side - width + 1))
            image[:, top : top + height, left : left + width] = 0
        return images


def _recolour(
    images: Tensor, jitter: tuple[float, float, float], generator: torch.Generator
) -> Tensor:
    strengths = torch.tensor(jitter)[:, None]
    factors = 1 + strengths * (2 * torch.rand(3, len(images), generator=generator) - 1)
    factors = factors.to(images.device)[:, :, None, None, None]
    for step in torch.randperm(3, generator=generator).tolist():
        images = _blend(images, step, factors[step])
    return images


def _blend(images: Tensor, step: int, factor: Tensor) -> Tensor:
    """Brightness (0), contrast (1) or saturation (2) by [B, 1, 1, 1] factors; images in 0 to 1.

    Grey is linear in the colours, so its mean, which contrast needs, takes no grey picture.
    """
    if step == 0:
        return images.mul_(factor).clamp_(0, 1)
    if step == 1:
        means = images.mean((2, 3))
        grey = (means * means.new_tensor(_GREY)).sum(1)[:, None, None, None]
        return images.mul_(factor).add_(grey * (1 - factor)).clamp_(0, 1)
    red, green, blue = images.unbind(1)
    grey = (_GREY[0] * red).add_(green, alpha=_GREY[1]).add_(blue, alpha=_GREY[2]).unsqueeze(1)
    return images.mul_(factor).add_(grey.mul_(1 - factor)).clamp_(0, 1)


@dataclass(frozen=True)
class Window:
    """A random window of each frame, stretched to a square.

    For pre-training: later a frame may be squashed or cropped, and a hand be nearer or farther.

    Attributes:
        size: side of the square, pixels.
        share: least and largest share of the frame's width, then of its height; the whole frame
            squashed is 1, 1.
        jitter: see Augmentation.
        mean_std: a name of MEAN_STD.
    """

    size: int
    share: tuple[tuple[float, float], tuple[float, float]] = ((0.65, 1.0), (0.75, 1.0))
    jitter: tuple[float, float, float] = (0.0, 0.0, 0.0)
    mean_std: str = "clip"

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """[B, H, W, 3] uint8 -> [B, 3, size, size] float32, normalised."""
        low, high = torch.tensor(self.share).T  # [2] each: width, height
        share = low + (high - low) * torch.rand(len(images), 2, generator=generator)
        shift = (1 - share) * (2 * torch.rand(len(images), 2, generator=generator) - 1)
        matrix = torch.cat([torch.diag_embed(share), shift[:, :, None]], dim=2)  # [B, 2, 3]
        shape = (len(images), 3, self.size, self.size)
        grid = functional.affine_grid(matrix.to(images.device), shape, align_corners=False)
        images = functional.grid_sample(_to_unit(images), grid, align_corners=False)
        if any(self.jitter):
            images = _recolour(images, self.jitter, generator)
        return _standardise(images, self.mean_std)


def order(labels: Sequence[int], stage, generator: torch.Generator) -> Iterator[Tensor]:
    """The epoch's batches of row numbers, as the stage's `sampler` and `batch_size` say."""
    if stage.sampler == "plain":
        return plain_order(labels, stage.batch_size, generator)
    return balanced_order(labels, stage.batch_size, generator, stage.images_per_identity)


def plain_order(
    labels: Sequence[int], batch_size: int, generator: torch.Generator
) -> Iterator[Tensor]:
    """Every image once, in random order; a last partial batch is left out as in the papers' code.

    Yields:
        [batch_size] row numbers (all rows in one batch where there are fewer).
    """
    order = torch.randperm(len(labels), generator=generator)
    whole = max(1, len(labels) // batch_size)
    yield from (order[i * batch_size : (i + 1) * batch_size] for i in range(whole))


def balanced_order(
    labels: Sequence[int], batch_size: int, generator: torch.Generator, images_per_identity: int = 4
) -> Iterator[Tensor]:
    """P identities x K images a batch; an identity with fewer than K images repeats some.

    Yields:
        [P * K] row numbers; about as many batches an epoch as `plain_order` gives.
    """
    labels = torch.as_tensor(labels)
    identities = labels.unique()
    people = min(len(identities), max(2, batch_size // images_per_identity))
    for _ in range(max(1, len(labels) // (people * images_per_identity))):
        rows = []
        for identity in identities[torch.randperm(len(identities), generator=generator)[:people]]:
            own = torch.nonzero(labels == identity).flatten()
            shuffled = own[torch.randperm(len(own), generator=generator)]
            again = torch.randint(len(own), (images_per_identity,), generator=generator)
            rows.append(torch.cat([shuffled, own[again]])[:images_per_identity])
        yield torch.cat(rows)
