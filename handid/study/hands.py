"""Synthetic hands to pre-train on: drawn in shards of some people, kept on disk, streamed.

No network is built here, and nothing is trained.
"""

import json
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from handid import disk, fingerprint, synthetic

# Studies draw population 0. One population to train on, another to validate on.
TRAINED, WATCHED = 1_000_003, 1_000_033
SHARD_PEOPLE, SHOTS = 32, 2
CAMERAS = ("wild", "11k")  # which a camera called "both" takes in turn
HEIGHT = 144  # of a drawn frame, pixels: a little more than the minis see
GROUP = 8  # shards that are mixed, and drawn ahead
RENDERER = ("synthetic.person.person", "synthetic.photograph.photograph")


@dataclass(frozen=True)
class Shard:
    """The photographs of some people, and the facts of each.

    Attributes:
        images: [N, HEIGHT, W, 3] uint8, on disk until read.
        facts: N dicts, see synthetic.photograph.
    """

    images: np.ndarray
    facts: list[dict]


class Hands:
    """Shards of a population on disk, each drawn when it is first asked for.

    Args:
        folder: gets one folder per population and version of the renderer.
        population: seed of people and photographs.
        camera: see synthetic.photograph; "both" for one shard of each in turn.
        workers: processes that draw; all cores if None.
    """

    def __init__(
        self, folder: str | Path, population: int, camera: str, workers: int | None = None
    ):
        code, shape = fingerprint.code(*RENDERER), f"{SHARD_PEOPLE}x{SHOTS}-{HEIGHT}"
        self.folder = Path(folder) / f"{population}-{camera}-{shape}-{code}"
        self.population, self.camera = population, camera
        self.workers = workers or os.cpu_count()

    def stream(self, numbers: list[int], ahead: int = GROUP) -> Iterator[Shard]:
        """The shards of these numbers in this order; while one is used the next are drawn."""
        context = get_context("forkserver")  # a fork of a process that runs torch may hang
        with ProcessPoolExecutor(self.workers, mp_context=context) as pool:
            jobs: dict[int, Future] = {}
            for place, number in enumerate(numbers):
                for early in numbers[place : place + ahead + 1]:
                    if early not in jobs and not self._facts(early).exists():
                        files = self._images(early), self._facts(early)
                        how = self.population, self._camera(early), early
                        jobs[early] = pool.submit(_draw_shard, *how, *files)
                if number in jobs:
                    jobs[number].result()
                images = np.load(self._images(number), mmap_mode="r")
                yield Shard(images, self.facts(number))

    def facts(self, number: int) -> list[dict]:
        """The facts of each photograph of a shard that was drawn."""
        return json.loads(self._facts(number).read_text(encoding="utf-8"))

    def _camera(self, number: int) -> str:
        return CAMERAS[number % len(CAMERAS)] if self.camera == "both" else self.camera

    def _images(self, number: int) -> Path:
        return self.folder / f"{number:05d}.npy"

    def _facts(self, number: int) -> Path:
        return self.folder / f"{number:05d}.json"


def _draw_shard(population: int, camera: str, number: int, images: Path, facts: Path) -> None:
    """Draw one shard; its facts are written last and show that it is complete."""
    pictures, rows = [], []
    for subject in range(number * SHARD_PEOPLE, (number + 1) * SHARD_PEOPLE):
        person = synthetic.person(population, subject)
        for view in synthetic.VIEWS:
            for shot in range(SHOTS):
                picture, row = synthetic.photograph(
                    person, view, shot, size=HEIGHT, seed=population, camera=camera
                )
                pictures.append(picture)
                rows.append({"subject": subject, "view": view} | row)
    with disk.whole(images) as part:
        np.save(part, np.stack(pictures), allow_pickle=False)
    with disk.whole(facts) as part:
        part.write_text(json.dumps(rows), encoding="utf-8")
