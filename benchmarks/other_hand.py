"""A network that knows a person by the other hand: trained on drawn hands, judged on a real set.

`train` draws people and teaches ImageNet's EfficientNet-Lite0 that a right hand and the mirrored
left hand in another scene are one person. `judge` asks with one hand's photographs and searches one
photograph of each person's other hand, mirrored. Figures of real people are printed, not kept.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import pandas as pd
import timm
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from handid import data, loss, statistics, synthetic
from handid.backbone import lite0

HEIGHT, WIDTH, WEIGHTS = 168, 224, "other_hand.safetensors"
PER_BATCH, RATE, WARMUP = 24, 2e-4, 40  # people; learning rate; steps
TEMPERATURE, POPULATION, FROZEN = 0.07, 1_000_061, 3  # FROZEN: first stages that keep ImageNet's
MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
STD = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
DIRECTIONS = [(side, hand) for side in ("dorsal", "palmar") for hand in ("right", "left")]
OTHER = {"right": "left", "left": "right"}


def network(weights: Path | None = None) -> nn.Module:
    """EfficientNet-Lite0 without classes; ImageNet's weights, or those of a file."""
    net = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0)
    state = load_file(weights) if weights else lite0.state(net.state_dict())
    net.load_state_dict(state)
    return net.eval()  # norms keep ImageNet's means: drawn hands would spoil them


# --- drawn hands ----------------------------------------------------------------------------------


def drawn(subject: int) -> tuple[np.ndarray, np.ndarray]:
    """Photographs [4 views, 2 shots, H, W, 3] of a person and where hands are [4, 2, H, W]."""
    person = synthetic.person(POPULATION, subject)
    pixels, masks = [], []
    for view in synthetic.VIEWS:
        for shot, camera in enumerate(("11k", "wild")):
            how = {"size": HEIGHT, "seed": POPULATION, "camera": camera}
            pixels.append(synthetic.photograph(person, view, shot, **how)[0])
            masks.append(np.uint8(255 * synthetic.mask(person, view, shot, **how)))
    shape = (len(synthetic.VIEWS), 2, HEIGHT, WIDTH)
    return np.reshape(pixels, (*shape, 3)), np.reshape(masks, shape)


def backgrounds(count: int) -> Tensor:
    """[count, 3, H, W] smooth coloured light, with or without fine structure."""
    base = torch.rand(count, 3, 1, 1) * 0.9 + 0.1
    grey = base.mean(1, keepdim=True).expand(-1, 3, -1, -1) * 0.5 + 0.5
    base = torch.where(torch.rand(count, 1, 1, 1) < 0.4, grey, base)
    light = torch.randn(count, 3, 3, 4) * 0.12 * torch.rand(count, 1, 1, 1)
    grain = torch.randn(count, 1, HEIGHT // 4, WIDTH // 4) * 0.15 * torch.rand(count, 1, 1, 1) ** 2
    size = (HEIGHT, WIDTH)
    light = F.interpolate(light, size, mode="bicubic")
    return (base + light + F.interpolate(grain, size, mode="bilinear")).clamp(0, 1)


def augmented(images: Tensor, masks: Tensor) -> Tensor:
    """Moved, turned and scaled; some before their own background, others before white or light."""
    count = len(images)
    angle = (torch.rand(count) - 0.5) * math.radians(50)
    scale = torch.exp((torch.rand(count) - 0.5) * 0.5)
    shift = (torch.rand(count, 2) - 0.5) * 0.3
    cos, sin, ratio = torch.cos(angle) * scale, torch.sin(angle) * scale, WIDTH / HEIGHT
    right = torch.stack([cos, -sin / ratio, shift[:, 0]], 1)
    down = torch.stack([sin * ratio, cos, shift[:, 1]], 1)
    theta = torch.stack([right, down], 1)
    grid = F.affine_grid(theta, [count, 4, HEIGHT, WIDTH], align_corners=False)
    both = torch.cat([images, masks], 1)
    moved = F.grid_sample(both, grid, padding_mode="border", align_corners=False)
    kind = torch.rand(count, 1, 1, 1)
    behind = torch.where(kind < 0.6, torch.ones_like(images), backgrounds(count))
    behind = torch.where(kind < 0.35, moved[:, :3], behind)
    return developed(moved[:, :3] * moved[:, 3:] + behind * (1 - moved[:, 3:]))


def developed(images: Tensor) -> Tensor:
    """Other exposure, white balance, contrast, shading, sharpness and noise; one in ten grey."""
    count = len(images)

    def spread(*shape: int) -> Tensor:
        return torch.randn(count, *shape)

    gain = torch.exp(spread(1, 1, 1) * 0.15) * torch.exp(spread(3, 1, 1) * 0.06)
    images = (images * gain).clamp(1e-3, 1) ** torch.exp(spread(1, 1, 1) * 0.2)
    size = (HEIGHT, WIDTH)
    shading = spread(1, 2, 2) * 0.12
    shading = F.interpolate(shading, size, mode="bilinear", align_corners=True)
    images = images * shading.exp()
    soft = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1)
    images = torch.where(torch.rand(count, 1, 1, 1) < 0.3, soft, images)
    images = images + torch.randn_like(images) * 0.03 * torch.rand(count, 1, 1, 1)
    grey = images.mean(1, keepdim=True).expand_as(images)
    return torch.where(torch.rand(count, 1, 1, 1) < 0.1, grey, images).clamp(0, 1)


def pairs(people: list[tuple[np.ndarray, np.ndarray]], rng: np.random.Generator) -> Tensor:
    """[2 B, 3, H, W] one hand of each of some people, then the other, all as rights or as lefts."""
    chosen, side = rng.choice(len(people), PER_BATCH, replace=False), 2 * rng.integers(2)
    shots, as_lefts = rng.integers(0, 2, (2, PER_BATCH)), int(rng.integers(2))
    halves = []
    for hand in (0, 1):  # VIEWS hold a side's right, then its left
        at = [(person, side + hand, shot) for person, shot in zip(chosen, shots[hand], strict=True)]
        images = np.stack([people[p][0][view, shot] for p, view, shot in at])
        masks = np.stack([people[p][1][view, shot] for p, view, shot in at])
        image, mask = (torch.from_numpy(array).float() / 255 for array in (images, masks))
        half = torch.cat([image.permute(0, 3, 1, 2), mask[:, None]], 1)
        halves.append(half if hand == as_lefts else half.flip(-1))
    both = torch.cat(halves)
    return augmented(both[:, :3], both[:, 3:])


# --- training and judging -------------------------------------------------------------------------


def train(folder: Path, n_people: int, minutes: float) -> None:
    """Train for some minutes of processor time; the weights lie in the folder then."""
    folder.mkdir(parents=True, exist_ok=True)
    people = [drawn(subject) for subject in range(n_people)]
    rng, _ = np.random.default_rng(0), torch.manual_seed(0)
    net = network()
    early = nn.Sequential(net.conv_stem, net.bn1, *net.blocks[:FROZEN]).requires_grad_(False)
    late = nn.Sequential(*net.blocks[FROZEN:], net.conv_head, net.bn2, net.global_pool)
    trained = [p for p in late.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, RATE, weight_decay=0.01)
    labels, start, step = torch.arange(PER_BATCH), time.process_time(), 0
    while (done := (time.process_time() - start) / 60 / minutes) < 1:
        rate = RATE * min(1, (step + 1) / WARMUP) * 0.5 * (1 + math.cos(math.pi * done))
        optimiser.param_groups[0]["lr"] = rate
        embeddings = late(early((pairs(people, rng) - MEAN) / STD))
        one, other = embeddings.split(PER_BATCH)
        terms = [
            loss.supervised_contrastive(a, b, labels, TEMPERATURE)
            for a, b in ((one, other), (other, one))
        ]
        total = torch.stack(terms).mean()
        optimiser.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(trained, 5.0)
        optimiser.step()
        step += 1
        if step % 25 == 0:
            print(f"step {step}, {done:.0%}, loss {total.item():.3f}", flush=True)
    save_file(net.state_dict(), folder / WEIGHTS)


@torch.no_grad()
def embedded(net: nn.Module, images: Tensor) -> np.ndarray:
    """[N, D] rows of length 1."""
    batches = [net((batch - MEAN) / STD) for batch in images.split(64)]
    return F.normalize(torch.cat(batches), dim=-1).numpy()


def by_person(table: pd.DataFrame, asking: np.ndarray, searched: np.ndarray, draws: int) -> dict:
    """Of each direction: person -> rank-1, the mean of galleries with one photograph of each."""
    rng, found = np.random.default_rng(0), {}
    views, subjects = table["view"].to_numpy(), table["subject"].to_numpy()
    for side, hand in DIRECTIONS:
        gallery = np.flatnonzero(views == f"{side} {OTHER[hand]}")
        people = np.unique(subjects[gallery])
        query = np.flatnonzero((views == f"{side} {hand}") & np.isin(subjects, people))
        similarity, hits = asking[query] @ searched.T, np.zeros(len(query))
        for _ in range(draws):
            one = [rng.choice(gallery[subjects[gallery] == person]) for person in people]
            hits += people[similarity[:, one].argmax(axis=1)] == subjects[query]
        found[f"{side} {hand}"] = pd.Series(hits / draws).groupby(subjects[query]).mean()
    return found


def judge(root: Path, weights: Path, draws: int) -> None:
    """Rank-1 of ImageNet's network, the trained one, both joined; intervals over people."""
    table, pictures = data.read(root, missing="skip"), []
    for path in table["path"]:
        picture = Image.open(path).convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.BOX)
        pictures.append(np.asarray(picture))
    images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
    mirrored = images.flip(-1)
    plain, tuned = (
        (embedded(net, images), embedded(net, mirrored)) for net in (network(), network(weights))
    )
    joined = tuple(np.hstack(parts) for parts in zip(plain, tuned, strict=True))
    systems = {"ImageNet": plain, "other hand": tuned, "both joined": joined}
    scores = {name: pd.DataFrame(by_person(table, *e, draws)) for name, e in systems.items()}
    for name, score in scores.items():
        gain = (100 * (score - scores["ImageNet"])).stack().dropna()  # by person, direction
        low, high = statistics.interval(gain, gain.index.get_level_values(0))
        shown = ", ".join(f"{view} {100 * score[view].mean():.1f}" for view in score)
        print(f"{name}: {shown}; over ImageNet {gain.mean():+.1f} [{low:.1f}, {high:.1f}]")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["train", "judge"])
    parser.add_argument("--folder", type=Path, default=Path("runs/other_hand"))
    parser.add_argument("--people", type=int, default=1500, help="drawn to train on, 24 or more")
    parser.add_argument("--minutes", type=float, default=40, help="of training, processor time")
    parser.add_argument("--data", type=Path, help="an 11k Hands that is judged")
    parser.add_argument("--draws", type=int, default=200, help="galleries")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what == "train":
        train(options.folder, options.people, options.minutes)
    elif options.data:
        judge(options.data, options.folder / WEIGHTS, options.draws)
    else:
        parser.error("judge needs --data, the folder of an 11k Hands")


if __name__ == "__main__":
    main()
