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
        self._encoder = method.build("clip_zero_shot", base, 0)
        self._window = Window(base.image_size, ((1.0, 1.0), (1.0, 1.0)), mean_std=mean_std)
        salt = f"{base.image_size} {mean_std} {engine.precision} {fingerprint.code(*_ENCODING)}"
        digest = embed.fingerprint(base.clip.visual.trunk, salt)
        self.folder = hands.folder / f"features-{digest}"

    def stream(self, numbers: Sequence[int]) -> Iterator[Shard]:
        """The shards of these numbers in this order, with features in the place of images.

        [2 N, D] of N photographs: as they are, then mirrored, the facts likewise.
        """
        self.encode(numbers)
        for number in numbers:
            features = np.load(self._file(number)).astype(np.float32)
            facts = self.hands.facts(number)
            yield Shard(features, facts + [synthetic.mirrored(one) for one in facts])

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
        """[N, H, W, 3] uint8 -> [N, D]."""
        return embed.embed(
            self._encoder,
            images,
            lambda batch: self._window(batch, torch.Generator()),
            flip_average=False,
            autocast=self.engine.autocast,
        )

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:05d}.npy"


def lock(base: Backbone, hands: Hands, plan: Recipe, engine: train.Engine) -> Encoded:
    """Give a CLIP the published image tower; and what that sees of hands.

    Args:
        base: mini-Lite0 with random weights, which is changed.
        hands: to learn from.
        plan: recipe of the pre-training.
        engine: device and precision.

    Raises:
        ValueError: one sentence, if ImageNet's weights are not installed.
    """
    assert isinstance(base.tower, Lite0Tower)  # the only one that a recipe locks
    base.tower.set_published()
    return Encoded(hands, base.eval(), plan.mean_std, engine)


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
