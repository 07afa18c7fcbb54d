"""Batches of pixels become the network's input: normalised, augmented as batches, on their device.

It reads no file and knows no label.
"""

from dataclasses import dataclass

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
    mean, std = (torch.tensor(v, device=images.device).view(3, 1, 1) for v in colours)
    return images.sub_(mean).div_(std)


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
        images = _to_unit(self._cut(images, generator))
        if any(self.jitter):
            images = _recolour(images, self.jitter, generator)
        images = _standardise(images, self.mean_std)
        images = self._erase(images, generator) if self.erasing else images
        return upright(images) if self.portrait else images

    def _cut(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """[B, H, W, 3] -> [B, crop, crop, 3]: a few kernels, whatever the number of images."""
        count, height, width = images.shape[:3]
        if self.crop > min(height, width):
            raise ValueError(f"Cannot cut {self.crop} pixels from images of {height} x {width}.")
        top = torch.randint(height - self.crop + 1, (count,), generator=generator)
        left = torch.randint(width - self.crop + 1, (count,), generator=generator)
        mirrored = torch.rand(count, generator=generator) < self.flip
        windows = images.unfold(1, self.crop, 1).unfold(2, self.crop, 1)  # all of them, as a view
        rows = torch.arange(count)
        cut = windows[*(place.to(images.device) for place in (rows, top, left))].permute(0, 2, 3, 1)
        mirrored = mirrored.to(images.device)[:, None, None, None]
        return torch.where(mirrored, cut.flip(2), cut)

    def _erase(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """[B, 3, S, S] with a rectangle of some of them set to 0, in a few kernels too."""
        side, count = images.shape[-1], len(images)
        chance, area, shape, y, x = torch.rand(count, 5, generator=generator).double().T
        area, shape = side * side * (0.02 + 0.31 * area), 0.3 * (3.3 / 0.3) ** shape
        erased = chance < self.erasing
        rows = _span((area * shape).sqrt(), y, side) & erased[:, None]
        columns = _span((area / shape).sqrt(), x, side)
        hidden = rows[:, None, :, None] & columns[:, None, None, :]
        return images.masked_fill_(hidden.to(images.device), 0)


def _span(length: Tensor, place: Tensor, side: int) -> Tensor:
    """[B, side] true along a stretch of each row: its length, and its place from 0 to 1."""
    length = length.round().clamp(1, side)
    start = (place * (side - length + 1)).floor()[:, None]
    along = torch.arange(side)
    return (along >= start) & (along < start + length[:, None])


def on_other_grounds(
    images: Tensor, covers: Tensor, grounds: Tensor, share: float, generator: torch.Generator
) -> Tensor:
    """[B, H, W, 3] uint8: some of the photographs before the background of another.

    A background that differs between two photographs of a hand cannot be learned for the hand.

    Args:
        images: [B, H, W, 3] uint8.
        covers: [B, H, W, 1] uint8, 255 where the hand is.
        grounds: [G, H, W, 3] uint8, photographs without their hands.
        share: probability of another background, 0 to 1.
        generator: on the CPU.
    """
    chosen = torch.rand(len(images), generator=generator) < share
    others = torch.randint(len(grounds), (len(images),), generator=generator)
    cover = covers.float() / 255
    mixed = images * cover + grounds[others.to(grounds.device)] * (1 - cover)
    chosen = chosen.to(images.device)[:, None, None, None]
    return torch.where(chosen, mixed.round().to(torch.uint8), images)


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

    Grey is linear in the colours, so that its mean, which contrast needs, is that of the colours.
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
            images = _recolour(images, self.jitter, generator)
        return _standardise(images, self.mean_std)
