"""Pre-training with a locked image encoder: each drawn photograph is encoded once.

Locked-image tuning (Zhai et al. 2022, LiT, section 3): the image encoder stays as it was
pre-trained, and a text encoder learns to read what it sees. Nothing is trained here.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from handid import disk, embed, fingerprint, method, synthetic, train
from handid.backbone import Backbone
from handid.backbone.lite0 import Lite0Tower
from handid.image import augment
from handid.image.augment import Window
from handid.recipes import Recipe
from handid.study.hands import Hands, Shard
from handid.synthetic import caption

# All code between a drawn photograph and its feature, as fingerprint.code names it.
_ENCODING = ("backbone.lite0.Lite0Tower", "image.augment.Window", "method.clip_zero_shot")


class Encoded:
    """Shards whose images are features of a locked image encoder.

    Each whole frame is encoded once, and once its mirror image, which shows the other hand: of left
    and right the encoder's average says little, and a reader of it needs many examples.

    Args:
        hands: the shards.
        base: a CLIP whose image tower has its weights; nothing of the tower may change later.
        mean_std: of the images, see augment.MEAN_STD.
        engine: device and precision.
    """

    def __init__(
        self, hands: Hands, base: Backbone, mean_std: str | augment.Colours, engine: train.Engine
    ):
        self.hands, self.base, self.engine = hands, base, engine
        self._encoder = method.build("clip_zero_shot", base, 0, level="feat")
        self._window = Window(base.image_size, ((1.0, 1.0), (1.0, 1.0)), mean_std=mean_std)
        salt = f"{base.image_size} {mean_std} {engine.precision} {fingerprint.code(*_ENCODING)}"
        digest = embed.fingerprint(base.clip.visual.trunk, salt)
        self.folder = hands.folder / f"features-{digest}"

    def stream(self, numbers: Sequence[int]) -> Iterator[Shard]:
        """The shards of these numbers in this order, with projected features.

        [2 N, dims["proj"]] of N photographs: as they are, then mirrored, the facts likewise.
        """
        self.encode(numbers)
        for number in numbers:
            features = self._features(number).to(self.engine.device)
            with torch.no_grad():
                projected = self.base.clip.visual.head(features).cpu().numpy()
            facts = self.hands.facts(number)
            yield Shard(projected, facts + [synthetic.mirrored(one) for one in facts])

    def encode(self, numbers: Sequence[int]) -> None:
        """Encode the shards of these numbers, unless it was done before."""
        missing = [number for number in numbers if not self._file(number).exists()]
        self.engine.place(self.base)
        for number, shard in zip(missing, self.hands.stream(missing), strict=True):
            images = np.array(shard.images)
            features = [self._embedded(side) for side in (images, images[:, :, ::-1].copy())]
            with disk.whole(self._file(number)) as part:
                np.save(part, np.concatenate(features).astype(np.float16), allow_pickle=False)

    def _embedded(self, images: np.ndarray) -> np.ndarray:
        """[N, H, W, 3] uint8 -> [N, dims["feat"]]."""
        return embed.embed(
            self._encoder,
            images,
            lambda batch: self._window(batch, torch.Generator()),
            flip_average=False,
            autocast=self.engine.autocast,
        )

    def fit_projection(self, numbers: Sequence[int]) -> None:
        """Set the image projection: orthonormal, the one that keeps most of these features.

        It is that of a principal component analysis without centring: of all projections to this
        width it leaves the features' lengths and inner products nearest to what they were. Ours;
        it stays as it is.
        """
        self.encode(numbers)
        width = self.base.dims["feat"]
        moments = torch.zeros(width, width, dtype=torch.float64)
        for number in numbers:
            unit = functional.normalize(self._features(number), dim=1).double()
            moments += unit.T @ unit
        vectors = torch.linalg.eigh(moments).eigenvectors.flip(1)  # largest first
        kept = vectors[:, : self.base.dims["proj"]].T
        signs = kept.gather(1, kept.abs().argmax(1, keepdim=True)).sign()  # else a library's choice
        self.base.clip.visual.head.proj.weight.data.copy_(kept * signs)

    def _features(self, number: int) -> Tensor:
        """[2 N, dims["feat"]] of a shard that was encoded."""
        return torch.from_numpy(np.load(self._file(number)).astype(np.float32))

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:05d}.npy"


def lock(base: Backbone, hands: Hands, plan: Recipe, engine: train.Engine, shards: int) -> Encoded:
    """Give a CLIP the published image tower and its projection; and what the tower sees of hands.

    Args:
        base: mini-Lite0 with random weights, which is changed.
        hands: to learn from.
        plan: recipe of the pre-training.
        engine: device and precision.
        shards: how many shards there are to draw from.

    Raises:
        ValueError: one sentence, if ImageNet's weights are not installed.
    """
    assert isinstance(base.tower, Lite0Tower)  # the only one that a recipe locks
    base.tower.set_published()
    encoded = Encoded(hands, base.eval(), plan.mean_std, engine)
    encoded.fit_projection(range(shards))
    return encoded


def as_encoded(features: Tensor, _generator: torch.Generator) -> Tensor:
    """Features in the place of a window of an image: nothing is cut."""
    return features


def view_in_words(
    base: Backbone, others: Hands, plan: Recipe, engine: train.Engine
) -> dict[str, float]:
    """The card's line about strangers' hands: how often the nearest of four sentences is right."""
    encoded = Encoded(others, base.eval(), plan.mean_std, engine)
    right = []
    with torch.no_grad():
        views = base.encode_text(list(caption.CHOICES["view"]))
        sentences = functional.normalize(views, dim=1).cpu()
    for shard in encoded.stream([0, 1]):
        count = len(shard.facts) // 2  # photographs as they are, without their mirror images
        answers = (torch.from_numpy(shard.images[:count]) @ sentences.T).argmax(1).tolist()
        true = [caption.choices(facts)[0] for facts in shard.facts[:count]]
        right += [answer == view for answer, view in zip(answers, true, strict=True)]
    return {"view_in_words": round(sum(right) / len(right), 4)}
