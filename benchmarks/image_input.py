"""Images per second into training, on one core: torchvision from the JPEG, ours from the cache.

Reference: every epoch opens each JPEG with Pillow and passes it through torchvision's transforms.
Ours: the second epoch and later, when the pixels are in memory and a whole batch is augmented.
"""

import argparse
import tempfile
from pathlib import Path

import torch
from PIL import Image
from results import in_turn, rate, report
from torchvision import transforms

from handid import data, synthetic
from handid.image import augment, cache, sampler

SIDE, CROP, BATCH = 256, 224, 32
JITTER, ERASING = (0.1, 0.1, 0.1), 0.5


def draw(folder: Path, count: int) -> list[str]:
    """Synthetic hands, enlarged to the size of 11k's photographs."""
    person = synthetic.person(0, 0)
    files = [folder / f"{number}.jpg" for number in range(count)]
    for shot, file in enumerate(files):
        pixels, _ = synthetic.photograph(person, "dorsal right", shot)
        Image.fromarray(pixels).resize((1600, 1200), Image.Resampling.BICUBIC).save(file)
    return [str(file) for file in files]


def reference_transform(is_full: bool, crop: int = CROP) -> transforms.Compose:
    """The papers' training transform; `is_full`: with colour jitter and erasing."""
    side = round(crop * SIDE / CROP)
    jitter, erase = [transforms.ColorJitter(*JITTER)], [transforms.RandomErasing(ERASING)]
    bicubic = transforms.InterpolationMode.BICUBIC
    return transforms.Compose(
        [transforms.Resize((side, side), bicubic), transforms.RandomCrop(crop)]
        + [transforms.RandomHorizontalFlip(), *(jitter if is_full else [])]
        + [transforms.ToTensor(), transforms.Normalize(*augment.MEAN_STD["imagenet"])]
        + (erase if is_full else [])
    )


def reference_epoch(paths: list[str], is_full: bool) -> None:
    transform = reference_transform(is_full)
    for start in range(0, len(paths), BATCH):
        opened = (Image.open(path).convert("RGB") for path in paths[start : start + BATCH])
        torch.stack([transform(photograph) for photograph in opened])


def our_epochs(images: torch.Tensor, is_full: bool, epochs: int) -> None:
    extra = {"jitter": JITTER, "erasing": ERASING} if is_full else {}
    change, generator = augment.Augmentation(CROP, flip=0.5, **extra), torch.Generator()
    for _ in range(epochs):
        for chosen in sampler.plain_order(range(len(images)), BATCH, generator):
            change(images[chosen], generator)


def first_epoch(paths: list[str], workers: int | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cache.fill(paths, folder, [("squash", SIDE)], workers=workers, progress=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="a folder of 11k Hands; photographs that lack are skipped")
    parser.add_argument("--images", type=int, default=64, help="rounded down to whole batches")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=10, help="ours, in one repetition")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        if options.data:
            paths = list(data.read(options.data, missing="skip")["path"])
        else:
            paths = draw(Path(folder), options.images)
        measure(paths[: min(len(paths), options.images) // BATCH * BATCH], options, Path(folder))


def measure(paths: list[str], options: argparse.Namespace, folder: Path) -> None:
    count, epochs = len(paths), options.epochs
    images = cache.pixels(paths, folder / "cache", ("squash", SIDE), progress=False)
    images = torch.from_numpy(images)
    variants = {}
    for name, is_full in (("crop+flip", False), ("crop+flip+jitter+erasing", True)):
        variants |= {
            f"{name}: torchvision": lambda on=is_full: rate(
                lambda: reference_epoch(paths, on), count
            ),
            f"{name}: ours": lambda on=is_full: rate(
                lambda: our_epochs(images, on, epochs), count * epochs
            ),
        }
    first = {
        "first epoch to cache: 1 thread": lambda: rate(lambda: first_epoch(paths, 1), count),
        "first epoch to cache: all threads": lambda: rate(lambda: first_epoch(paths, None), count),
    }
    figures = in_turn(variants | first, options.repeats)
    kind = "photographs of 11k Hands" if options.data else "synthetic JPEGs of 1600 x 1200"
    note = f"{count} {kind}, batches of {BATCH}, one torch thread"
    pairs = [list(variants)[:2], list(variants)[2:], list(first)]
    for pair in pairs:
        report("image_input", figures[pair], "images/s", reference=pair[0], note=note)


if __name__ == "__main__":
    main()
