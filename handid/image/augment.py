"""Batches of pixels become the network's input: normalised, augmented as batches, on their device.

It reads no file and knows no label.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

import torch
from torch import Tensor
from torch.nn import functional

# Red, green, blue, as fractions of full scale: the published constants of those data sets.
MEAN_STD = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}
Colours = tuple[tuple[float, float, float], tuple[float, float, float]]
_GREY = (0.2989, 0.587, 0.114)  # luma of red, green and blue, as torchvision weighs them
Draws = dict[str, Tensor]  # what chance decides about a batch, a row per image; see `sent`
_AHEAD = 8  # batches: one copy for each name, and little to draw before the first step
_ORDER = "order"  # of three colour changes: read by the CPU, which does them one after another


def named(colours: Colours) -> str | Colours:
    """The name of a mean and a standard deviation, where they have one."""
    return next((name for name, known in MEAN_STD.items() if known == colours), colours)


def normalise(images: Tensor, mean_std: str | Colours, portrait: bool = False) -> Tensor:
    """[B, H, W, 3] uint8 -> [B, 3, H, W] float32 with a mean and a standard deviation.

    Args:
        images: squares where they are to become portraits.
        mean_std: a name of MEAN_STD, or the two themselves.
        portrait: see `upright`.
    """
    normalised = _standardise(_to_unit(images), mean_std)
    return upright(normalised) if portrait else normalised


def upright(images: Tensor) -> Tensor:
    """[B, C, S, S] -> [B, C, S, W]: squeezed to a portrait, W the multiple of 32 nearest to 4/7 S.

    224 becomes 224 x 128, which is the nearest to person re-identification's 256 x 128 with this S.
    """
    side = images.shape[-1]
    shape = (side, 32 * max(1, round(side * 4 / 7 / 32)))
    return functional.interpolate(images, shape, mode="bilinear", antialias=True)


def _to_unit(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2).contiguous().float().div_(255)


def _standardise(images: Tensor, mean_std: str | Colours) -> Tensor:
    colours = MEAN_STD[mean_std] if isinstance(mean_std, str) else mean_std
    mean, std = (_constant(v, images.device).view(3, 1, 1) for v in colours)
    return images.sub_(mean).div_(std)


@cache
def _constant(values: tuple[float, float, float], device: torch.device) -> Tensor:
    """[3] on a device, sent there once: each copy to a GPU makes the CPU wait for it."""
    with torch.inference_mode(False):
        return torch.tensor(values, device=device)


def ahead(epoch: Iterable[Draws], device: str | torch.device) -> Iterator[Draws]:
    """An epoch's draws, on a device a few batches before they are needed.

    So the CPU draws while a GPU works, and neither waits for the other.
    """
    coming = iter(epoch)
    while batches := list(islice(coming, _AHEAD)):
        yield from sent(batches, device)


def sent(batches: Sequence[Draws], device: str | torch.device) -> list[Draws]:
    """The draws of some batches, all of one size, on a device: one copy for each name."""
    columns = {name: torch.stack([draws[name] for draws in batches]) for name in batches[0]}
    moved = {name: x if name == _ORDER else _moved(x, device) for name, x in columns.items()}
    return [{name: x[batch] for name, x in moved.items()} for batch in range(len(batches))]


def _moved(x: Tensor, device: str | torch.device) -> Tensor:
    """On the device, without a wait for what it does: from pinned memory, where it is NVIDIA's."""
    pinned = x.pin_memory() if torch.device(device).type == "cuda" else x
    return pinned.to(device, non_blocking=True)


@dataclass(frozen=True)
class Augmentation:
    """Random crop, mirror image, colour jitter and erasing of whole batches, on their device.

    The random numbers come from a CPU generator, so that the CPU and a GPU give the same images.

    Attributes:
        crop: side of the random square, pixels; at most the images' side.
        flip: probability of the mirror image, 0 to 1.
        jitter: strengths of brightness, contrast and saturation as in torchvision's ColorJitter
            (0.1: a factor between 0.9 and 1.1 per image); their order is drawn once per batch.
        erasing: probability that a rectangle (2 to 33 % of the area) is set to the mean colour.
        mean_std: a name of MEAN_STD, or the two themselves.
        portrait: see `upright`.
    """

    crop: int
    flip: float = 0.0
    jitter: tuple[float, float, float] = (0.0, 0.0, 0.0)
    erasing: float = 0.0
    mean_std: str | Colours = "imagenet"
    portrait: bool = False

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """[B, H, W, 3] uint8 -> [B, 3, crop, crop] float32, normalised; or upright."""
        count, height, width = images.shape[:3]
        return self.apply(
            images, *sent([self.draws(count, height, width, generator)], images.device)
        )

    def draws(self, count: int, height: int, width: int, generator: torch.Generator) -> Draws:
        """What `apply` does to so many images of that size, pixels.

        Raises:
            ValueError: if they are smaller than the crop.
        """
        if self.crop > min(height, width):
            raise ValueError(f"Cannot cut {self.crop} pixels from images of {height} x {width}.")
        draws: Draws = {
            "top": torch.randint(height - self.crop + 1, (count,), generator=generator),
            "left": torch.randint(width - self.crop + 1, (count,), generator=generator),
            "mirrored": torch.rand(count, generator=generator) < self.flip,
        }
        if any(self.jitter):
            draws |= _colour_draws(count, self.jitter, generator)
        if self.erasing:
            draws |= self._boxes(count, generator)
        return draws

    def apply(self, images: Tensor, draws: Draws) -> Tensor:
        """`__call__` with draws that are on the device already."""
        images = _to_unit(self._cut(images, draws))
        if any(self.jitter):
            images = _recolour(images, draws)
        images = _standardise(images, self.mean_std)
        if self.erasing:
            hidden = draws["rows"][:, None, :, None] & draws["columns"][:, None, None, :]
            images = images.masked_fill_(hidden, 0)
        return upright(images) if self.portrait else images

    def _cut(self, images: Tensor, draws: Draws) -> Tensor:
        """[B, H, W, 3] -> [B, crop, crop, 3]: a few kernels, whatever the number of images."""
        windows = images.unfold(1, self.crop, 1).unfold(2, self.crop, 1)  # all of them, as a view
        rows = torch.arange(len(images), device=images.device)
        cut = windows[rows, draws["top"], draws["left"]].permute(0, 2, 3, 1)
        return torch.where(draws["mirrored"][:, None, None, None], cut.flip(2), cut)

    def _boxes(self, count: int, generator: torch.Generator) -> Draws:
        """Rows and columns, [B, crop] true along them, of a rectangle of some of the images."""
        side = self.crop
        chance, area, shape, y, x = torch.rand(count, 5, generator=generator).double().T
        area, shape = side * side * (0.02 + 0.31 * area), 0.3 * (3.3 / 0.3) ** shape
        erased = chance < self.erasing
        rows = _span((area * shape).sqrt(), y, side) & erased[:, None]
        return {"rows": rows, "columns": _span((area / shape).sqrt(), x, side)}


def _span(length: Tensor, place: Tensor, side: int) -> Tensor:
    """[B, side] true along a stretch of each row: its length, and its place from 0 to 1."""
    length = length.round().clamp(1, side)
    start = (place * (side - length + 1)).floor()[:, None]
    along = torch.arange(side)
    return (along >= start) & (along < start + length[:, None])


def ground_draws(count: int, n_grounds: int, share: float, generator: torch.Generator) -> Draws:
    """What `on_other_grounds` does to so many photographs.

    Args:
        count: of photographs.
        n_grounds: backgrounds to choose from.
        share: probability of another background, 0 to 1.
        generator: on the CPU.
    """
    changed = torch.rand(count, generator=generator) < share
    return {"changed": changed, "others": torch.randint(n_grounds, (count,), generator=generator)}


def on_other_grounds(images: Tensor, covers: Tensor, grounds: Tensor, draws: Draws) -> Tensor:
    """[B, H, W, 3] uint8: some of the photographs before the background of another.

    A background that differs between two photographs of a hand cannot be learned for the hand.

    Args:
        images: [B, H, W, 3] uint8.
        covers: [B, H, W, 1] uint8, 255 where the hand is.
        grounds: [G, H, W, 3] uint8, photographs without their hands.
        draws: of `ground_draws`, on the device of the images.
    """
    cover = covers.float() / 255
    mixed = images * cover + grounds[draws["others"]] * (1 - cover)
    changed = draws["changed"][:, None, None, None]
    return torch.where(changed, mixed.round().to(torch.uint8), images)


def _colour_draws(
    count: int, jitter: tuple[float, float, float], generator: torch.Generator
) -> Draws:
    """[B, 3] factors of brightness, contrast and saturation, and their order."""
    strengths = torch.tensor(jitter)[:, None]
    factors = 1 + strengths * (2 * torch.rand(3, count, generator=generator) - 1)
    return {"factors": factors.T, _ORDER: torch.randperm(3, generator=generator)}


def _recolour(images: Tensor, draws: Draws) -> Tensor:
    factors = draws["factors"].T[:, :, None, None, None]
    for step in draws[_ORDER].tolist():
        images = _blend(images, step, factors[step])
    return images


def _blend(images: Tensor, step: int, factor: Tensor) -> Tensor:
    """Brightness (0), contrast (1) or saturation (2) by [B, 1, 1, 1] factors; images in 0 to 1.

    Grey is linear in the colours, so that its mean, which contrast needs, is that of the colours.
    """
    if step == 0:
        return images.mul_(factor).clamp_(0, 1)
    if step == 1:
        means = images.mean((2, 3))
        grey = (means * _constant(_GREY, means.device)).sum(1)[:, None, None, None]
        return images.mul_(factor).add_(grey * (1 - factor)).clamp_(0, 1)
    red, green, blue = images.unbind(1)
    grey = (_GREY[0] * red).add_(green, alpha=_GREY[1]).add_(blue, alpha=_GREY[2]).unsqueeze(1)
    return images.mul_(factor).add_(grey.mul_(1 - factor)).clamp_(0, 1)


@dataclass(frozen=True)
class Window:
    """A random window of each frame, stretched to a square; for pre-training.

    It prepares a network for squashed and for cropped frames, and for near and distant hands.

    Attributes:
        size: side of the square, pixels.
        share: least and largest share of the frame's width, then of its height; ((1, 1), (1, 1))
            squashes the whole frame.
        jitter: see Augmentation.
        mean_std: a name of MEAN_STD, or the two themselves.
    """

    size: int
    share: tuple[tuple[float, float], tuple[float, float]] = ((0.65, 1.0), (0.75, 1.0))
    jitter: tuple[float, float, float] = (0.0, 0.0, 0.0)
    mean_std: str | Colours = "clip"

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """[B, H, W, 3] uint8 -> [B, 3, size, size] float32, normalised."""
        low, high = torch.tensor(self.share).T  # [2] each: width, height
        share = low + (high - low) * torch.rand(len(images), 2, generator=generator)
        shift = (1 - share) * (2 * torch.rand(len(images), 2, generator=generator) - 1)
        matrix = torch.cat([torch.diag_embed(share), shift[:, :, None]], dim=2)  # [B, 2, 3]
        shape = [len(images), 3, self.size, self.size]
        grid = functional.affine_grid(matrix.to(images.device), shape, align_corners=False)
        images = functional.grid_sample(_to_unit(images), grid, align_corners=False)
        if any(self.jitter):
            draws = _colour_draws(len(images), self.jitter, generator)
            images = _recolour(images, *sent([draws], images.device))
        return _standardise(images, self.mean_std)
