"""Faint hands in coloured frames: a world in which identity labels lead astray and language helps.

A frame has a colour of the person's own around whoever trains, and any colour around whoever tests:
it tells who somebody is and nothing of the hand, whose contrast is low. No torch.
"""

from dataclasses import dataclass

import numpy as np

from handid.synthetic.person import person
from handid.synthetic.photograph import photograph

POPULATION = 1_000_607  # seed of people; those of studies, of tuning and of pre-training are others
VIEW, HEIGHT = "dorsal right", 112
CONTRAST, NOISE = 0.5, 10.0  # share, and standard deviation in grey levels of 255
FRAME = 0.16  # its breadth, as a share of the photograph's width and height


@dataclass(frozen=True)
class World:
    """Photographs of people of whom the first half trains.

    Attributes:
        images: [N, H, W, 3] uint8.
        people: [N] whole numbers from 0.
        facts: N dicts, see synthetic.photograph.
    """

    images: np.ndarray
    people: np.ndarray
    facts: list[dict]

    @property
    def trains(self) -> np.ndarray:
        """[N] whether a photograph's person trains."""
        return self.people < (self.people.max() + 1) // 2


def draw(people: int, photographs: int, seed: int = POPULATION) -> World:
    """Draw a world.

    Args:
        people: 4 or more, of whom half train.
        photographs: of each, 2 or more.
        seed: of people, photographs, noise and colours.
    """
    images, facts = [], []
    for subject in range(people):
        owner = person(seed, subject)
        for shot in range(photographs):
            image, row = photograph(owner, VIEW, shot, size=HEIGHT, seed=seed, camera="11k")
            images.append(image)
            facts.append(row)
    owners = np.repeat(np.arange(people), photographs)
    plain, rng = World(np.stack(images), owners, facts), np.random.default_rng(seed)
    own, any_colour = (rng.integers(0, 256, (n, 3), np.uint8) for n in (people, len(owners)))
    colours = np.where(plain.trains[:, None], own[owners], any_colour)
    return World(framed(faint(plain.images, rng), colours), owners, facts)


def faint(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[N, H, W, 3] uint8 with CONTRAST and NOISE."""
    noise = rng.normal(0, NOISE, images.shape).astype(np.float32)
    return np.clip(np.rint(128 + CONTRAST * (images - 128.0) + noise), 0, 255).astype(np.uint8)


def framed(images: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """[N, H, W, 3] uint8 within frames of [N, 3] colours, open where the arm comes in."""
    high, wide = (round(FRAME * side) for side in images.shape[1:3])
    inside = np.zeros(images.shape[1:3], dtype=bool)
    inside[: images.shape[1] - high, wide:-wide] = True
    return np.where(inside[..., None], images, colours[:, None, None])
