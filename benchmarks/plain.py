"""An experiment as the hand papers' public code runs it, written by us from what we read of it.

A loader opens every JPEG in every epoch and every draw, the arithmetic is fp32, a prompt has all 77
tokens, the loop asks for the loss after each step, and the evaluator sorts the gallery per query.
Source: nathanlem1/CLIP-HandID at 6c0aa07 and 73a60e2. It reads photographs and knows no cache.
"""

from collections.abc import Callable, Sequence
from typing import Any

import metric as ranking
import numpy as np
import pandas as pd
import torch
from image_input import reference_transform
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from training import full_prompt

from handid import loss, method
from handid.image import augment
from handid.recipes import Stage


class Photographs(Dataset):
    """Each photograph opened when it is asked for, with its identity's number."""

    def __init__(self, rows: pd.DataFrame, transform: Callable[[Image.Image], torch.Tensor]):
        self.paths, self.transform = rows["path"].tolist(), transform
        self.codes = pd.factorize(rows["identity"], sort=True)[0].tolist()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        with Image.open(self.paths[index]) as photograph:
            return self.transform(photograph.convert("RGB")), self.codes[index]


def test_transform(size: int) -> transforms.Compose:
    """The whole photograph squashed to a square."""
    bicubic = transforms.InterpolationMode.BICUBIC
    return transforms.Compose(
        [transforms.Resize((size, size), bicubic), transforms.ToTensor()]
        + [transforms.Normalize(*augment.MEAN_STD["imagenet"])]
    )


def training_loader(rows: pd.DataFrame, size: int, stage: Stage, workers: int) -> DataLoader:
    """Shuffled batches of a training's photographs; the last partial one is left out."""
    data = Photographs(rows, reference_transform(False, size))
    return DataLoader(data, stage.batch_size, shuffle=True, drop_last=True, num_workers=workers)


def losses(net: Any, images: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
    """CLIP-HandID's four losses, the text through all 77 positions; any other method's own."""
    if not hasattr(net, "pseudo_tokens"):
        return net.losses(images, labels)
    features = net.backbone(images)
    image = features["proj"]
    text = full_prompt(net.backbone, net.pseudo_tokens(image))
    settings = (labels, net.temperature, net.similarity)
    return {
        **net._identity_losses(features, labels),
        "image_to_text": loss.supervised_contrastive(image, text, *settings),
        "text_to_image": loss.supervised_contrastive(text, image, *settings),
    }


def train(net: method.Method, stage: Stage, loader: DataLoader, device: str) -> list[float]:
    """One epoch; the loss of each step."""
    groups = net.parameter_groups(stage)
    optimiser = torch.optim.Adam(groups, weight_decay=stage.weight_decay)
    net.to(device).train()
    totals = []
    for images, labels in loader:
        parts = losses(net, images.to(device), labels.to(device))
        total = torch.stack(list(parts.values())).sum()
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        totals.append(total.item())
    return totals


def test_loader(rows: pd.DataFrame, size: int, workers: int) -> DataLoader:
    """Batches of photographs in their order."""
    return DataLoader(Photographs(rows, test_transform(size)), 32, num_workers=workers)


def opened(rows: pd.DataFrame, size: int, workers: int) -> None:
    """A pass over photographs without a network."""
    for _ in test_loader(rows, size, workers):
        pass


def embedded(
    net: method.Method, rows: pd.DataFrame, size: int, device: str, workers: int
) -> np.ndarray:
    """[N, D]: each photograph opened, its embedding added to its mirror image's."""
    loader = test_loader(rows, size, workers)
    net.to(device).eval()
    parts = []
    with torch.no_grad():
        for images, _ in loader:
            images = images.to(device)
            parts.append((net.embed(images) + net.embed(images.flip(-1))).cpu())
    return torch.cat(parts).numpy()


def evaluate(
    net: method.Method, splits: Sequence[tuple], size: int, device: str, workers: int
) -> list[float]:
    """Rank-1 of each draw of query and gallery, all of whose photographs are embedded anew."""
    ranks = []
    for query, gallery in splits:
        vectors = [embedded(net, rows, size, device, workers) for rows in (query, gallery)]
        numbers = (np.asarray(rows["identity"]) for rows in (query, gallery))
        ranks.append(float(ranking.plain(*vectors, *numbers)[0][0]))
    return ranks
