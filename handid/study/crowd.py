"""Drawn people in any number, embedded by an experiment: a gallery that grows.

They are drawn, embedded and kept in blocks, each a job: whatever ends a run, the blocks that are
done are kept, and no more than one block is in memory.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from handid import disk, fingerprint, synthetic
from handid.image import decode
from handid.study import network
from handid.study.experiment import Experiment
from handid.study.photographs import Photographs
from handid.study.sources import drawing

BLOCK = 100  # people


class Block(NamedTuple):
    """Some people of a crowd.

    Attributes:
        first: number of the first.
        people: how many.
        askers: how many of them, from the first, ask.
        shots: photographs with which each of these asks, beside the one in the gallery.
    """

    first: int
    people: int
    askers: int
    shots: int

    @property
    def counts(self) -> dict[int, int]:
        """Photographs by number of the person."""
        asking = self.first + self.askers
        numbers = range(self.first, self.first + self.people)
        return {number: 1 + self.shots * (number < asking) for number in numbers}

    @property
    def name(self) -> str:
        """Of its folder and its file of embeddings: the same people are drawn once."""
        return f"{self.first}-{self.people}" + (f"-{self.askers}x{self.shots}" * bool(self.askers))


class Embedded(NamedTuple):
    """Embeddings of a block.

    Attributes:
        gallery: [people, D], a photograph of each.
        queries: [askers * shots, D], all of a person together.
        numbers: [people] of the persons.
        asked: [askers * shots] whose each query is.
    """

    gallery: np.ndarray
    queries: np.ndarray
    numbers: np.ndarray
    asked: np.ndarray


def blocks(people: int, askers: int, shots: int) -> list[Block]:
    """The blocks of a crowd whose first `askers` people ask with `shots` photographs each."""
    firsts = range(0, people, BLOCK)
    sizes = [min(BLOCK, people - first) for first in firsts]
    asking = [min(max(askers - first, 0), size) for first, size in zip(firsts, sizes, strict=True)]
    parts = zip(firsts, sizes, asking, strict=True)
    return [Block(first, size, n, shots if n else 0) for first, size, n in parts]


def embed(embedder: network.Embedder, block: Block, *, workers: int | None = None) -> None:
    """Draw and embed a block, unless both is done.

    Args:
        embedder: of the experiment, whose target says how the people are photographed.
        block: of a crowd.
        workers: processes that draw, all cores if None.
    """
    if read(embedder, block) is not None:
        return
    experiment, photographs = embedder.experiment, embedder.photographs
    root = _drawn(experiment, photographs, block, workers)
    shape = (experiment.recipe.geometry, experiment.image_size)
    files = [
        root / str(who) / f"{shot}.jpg" for who, n in block.counts.items() for shot in range(n)
    ]
    vectors = embedder.fresh(np.stack([decode.fit(decode.decode(file), shape) for file in files]))
    file = _file(embedder, block)
    with disk.whole(file, sync=False) as part:
        save_file({"embeddings": vectors}, part, metadata={"seal": _seal(file, vectors)})


def kept(embedder: network.Embedder, block: Block) -> Embedded:
    """A block's embeddings, made before or, where they were damaged since, anew."""
    embed(embedder, block)
    found = read(embedder, block)
    assert found
    return found


def read(embedder: network.Embedder, block: Block) -> Embedded | None:
    """A block's embeddings; None where they are absent or damaged."""
    file = _file(embedder, block)
    try:
        with safe_open(file, framework="np") as opened:
            vectors, seal = opened.get_tensor("embeddings"), (opened.metadata() or {}).get("seal")
    except (OSError, KeyError, ValueError, SafetensorError):
        return None
    counts = block.counts
    who = np.repeat(list(counts), list(counts.values()))
    if seal != _seal(file, vectors) or len(vectors) != len(who):
        return None
    first = np.diff(who, prepend=-1) > 0
    return Embedded(vectors[first], vectors[~first], who[first], who[~first])


def _drawn(
    experiment: Experiment, photographs: Photographs, block: Block, workers: int | None
) -> Path:
    """The folder of a block's photographs, drawn if it is not there."""
    target = experiment.target
    view = photographs.view(target) if target.set == "11k" else ""
    kind = f"crowd-{view.replace(' ', '-') or 'HD'}-{fingerprint.code('synthetic.crowd')}"
    root = photographs.work / "synthetic" / kind / block.name
    with drawing(root):
        if root.exists() and disk.damaged_product(root):
            disk.set_aside(root)
        if not root.exists():
            synthetic.write_crowd(root, block.counts, view=view, workers=workers)
    return root


def _file(embedder: network.Embedder, block: Block) -> Path:
    """Where a block's embeddings lie: by model, target and the code that draws."""
    made = [embedder.model, str(embedder.experiment.target), fingerprint.code("synthetic.crowd")]
    folder = embedder.photographs.work / "cache" / "crowd" / fingerprint.digest(made)
    return folder / f"{block.name}.safetensors"


def _seal(file: Path, vectors: np.ndarray) -> str:
    return disk.seal(file.name, np.ascontiguousarray(vectors).tobytes()).hex()
