"""The image towers of CLIPs, each seen the same way: blocks, the feature before and after the end.

open_clip's own vision transformers and ResNets, and timm's networks inside open_clip's frame. No
weights are read here, and no text.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from handid.backbone import positions

if TYPE_CHECKING:
    from open_clip.modified_resnet import ModifiedResNet
    from open_clip.timm_model import TimmModel
    from open_clip.transformer import VisionTransformer


class Tower(ABC):
    """An image tower.

    Attributes:
        feat: width of the feature before the projection.
        channels: of the map; 0 for a transformer.
        stride: pixels per cell of the map and side.
    """

    feat: int
    channels: int = 0
    stride: int = 0

    @abstractmethod
    def blocks(self) -> list[nn.Module]:
        """The blocks in order, of which a method may train the last ones."""

    @abstractmethod
    def last_two(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """What goes into the last block, and what the tower's head gets."""

    @abstractmethod
    def early(self, inside: Tensor) -> Tensor:
        """The first of `last_two` -> [B, E], pooled as simply as the tower allows."""

    @abstractmethod
    def pooled(self, last: Tensor) -> Tensor:
        """The second of `last_two` -> [B, feat], before the projection."""

    @abstractmethod
    def projected(self, last: Tensor, pooled: Tensor) -> Tensor:
        """The second of `last_two` and what `pooled` made of it -> [B, D] in the joint space."""

    @abstractmethod
    def patches(self, last: Tensor) -> Tensor:
        """The second of `last_two` -> [B, N, D]: each place in the joint space, row by row."""

    def map(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, channels, h, w]."""
        return self.last_two(images)[1]

    def pool_parameters(self) -> list[nn.Parameter]:
        """The parameters of the image tower that `map` does not depend on."""
        return []


class VitTower(Tower):
    """open_clip's vision transformer: with a CLS token, or pooled by a mean or by attention."""

    def __init__(self, visual: "VisionTransformer"):
        self.visual = visual
        self.feat = cast(Any, visual.ln_post).normalized_shape[0]

    def blocks(self) -> list[nn.Module]:
        """The transformer's blocks."""
        return list(self.visual.transformer.resblocks)

    def last_two(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 1 + N, width] before and after the last block."""
        *first, last = self.blocks()
        x = positions.embedded(self.visual, images)
        for block in first:
            x = block(x)
        return x, last(x)

    def early(self, inside: Tensor) -> Tensor:
        """CLS; where the tower does not use it, the mean of the patches."""
        own = self.visual.attn_pool is None and self.visual.pool_type == "tok"
        return inside[:, 0] if own else inside[:, 1:].mean(1)

    def pooled(self, last: Tensor) -> Tensor:
        """CLS, mean or attention pool, and the last norm."""
        return self.visual._pool(last)[0]

    def projected(self, last: Tensor, pooled: Tensor) -> Tensor:
        """The pooled feature times the projection."""
        return pooled @ cast(Tensor, self.visual.proj)

    def patches(self, last: Tensor) -> Tensor:
        """The patches projected as CLS is.

        Raises:
            ValueError: for an attention pool, behind which there are no places.
        """
        visual = self.visual
        if visual.attn_pool is not None:
            raise ValueError(
                "This image encoder pools by attention to queries of its own: it gives no "
                "features of the image's places, which PromptSG needs."
            )
        if visual.final_ln_after_pool:
            return self.projected(last, visual.ln_post(last[:, 1:]))
        return self.projected(last, visual._pool(last)[1])


class ResNetTower(Tower):
    """OpenAI's ResNet with its attention pool."""

    def __init__(self, visual: "ModifiedResNet", last_stride: int):
        self.visual = visual
        if last_stride == 1:
            positions.keep_last_resolution(visual)
        self.feat = self.channels = visual.attnpool.positional_embedding.shape[1]
        self.stride = 32 if last_stride == 2 else 16

    def blocks(self) -> list[nn.Module]:
        """The four layers."""
        visual = self.visual
        return [visual.layer1, visual.layer2, visual.layer3, visual.layer4]

    def last_two(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """[B, C, h, w] before and after layer 4."""
        *first, last = self.blocks()
        x = self.visual.stem(images)
        for block in first:
            x = block(x)
        return x, last(x)

    def early(self, inside: Tensor) -> Tensor:
        """The average of layer 3, half as wide as `feat`."""
        return inside.mean((2, 3))

    def pooled(self, last: Tensor) -> Tensor:
        """The average of layer 4."""
        return last.mean((2, 3))

    def projected(self, last: Tensor, pooled: Tensor) -> Tensor:
        """The attention pool's output."""
        return positions.pooled(self.visual.attnpool, last)

    def patches(self, last: Tensor) -> Tensor:
        """Each cell's path for values through the attention pool (MaskCLIP, Zhou et al. 2022)."""
        return positions.values(self.visual.attnpool, last)

    def pool_parameters(self) -> list[nn.Parameter]:
        """Those of the attention pool."""
        return list(self.visual.attnpool.parameters())


class TimmTower(Tower):
    """A network of timm inside open_clip's frame: SigLIP, EVA, ConvNeXt, MobileCLIP and others.

    A place in the joint space is what the network's own pooling and projection make of that place
    alone.
    """

    def __init__(self, visual: "TimmModel"):
        self.visual, self.trunk = visual, cast(Any, visual.trunk)
        self.feat = self.trunk.head_hidden_size
        if is_convolutional(self.trunk):
            self.channels = self.trunk.num_features
            self.stride = self.trunk.feature_info[-1]["reduction"]

    def blocks(self) -> list[nn.Module]:
        """The trunk's blocks or stages."""
        return trunk_blocks(self.trunk)

    def last_two(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """What the trunk's last block gets, and the trunk's features.

        Raises:
            ValueError: for portraits, where the trunk's positions form one square.
        """
        side = self.visual.image_size[0]
        if not self.channels and images.shape[2:] != (side, side):
            raise ValueError(f"This image encoder takes squares of {side} pixels only.")
        return features_with_input(self.trunk, images)

    def early(self, inside: Tensor) -> Tensor:
        """CLS where the trunk pools by it, else the mean of all places."""
        return token_or_mean(self.trunk, inside)

    def pooled(self, last: Tensor) -> Tensor:
        """The trunk's own pooling, before any projection."""
        return self.trunk.forward_head(last, pre_logits=True)

    def projected(self, last: Tensor, pooled: Tensor) -> Tensor:
        """The whole head. Without a projection it is the pooled feature again."""
        return self.visual.head(self.trunk.forward_head(last))

    def patches(self, last: Tensor) -> Tensor:
        """The head on each place alone."""
        if self.channels:
            last = as_nchw(self.trunk, last)
            places = last.flatten(2).mT.reshape(-1, last.shape[1])[:, :, None, None]
            if getattr(self.trunk, "output_fmt", "NCHW") == "NHWC":
                places = places.permute(0, 2, 3, 1)
        else:
            last = last[:, getattr(self.trunk, "num_prefix_tokens", 0) :]
            places = last.reshape(-1, 1, last.shape[2])
        return self.projected(places, places).reshape(len(last), -1, self.visual_width(last))

    def visual_width(self, last: Tensor) -> int:
        """D of the joint space."""
        with torch.no_grad():
            return self.projected(last[:1], last[:1]).shape[1]

    def map(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, channels, h, w]: the trunk's features."""
        return as_nchw(self.trunk, self.trunk.forward_features(images))

    def pool_parameters(self) -> list[nn.Parameter]:
        """Those of the head."""
        return [*self.visual.head.parameters(), *self.trunk.get_classifier().parameters()]


# --- timm's networks ----------------------------------------------------------------------------


def is_convolutional(trunk: Any) -> bool:
    """Whether a network of timm gives a map; the others give tokens."""
    return bool(trunk.default_cfg.get("pool_size"))


def trunk_blocks(trunk: Any) -> list[nn.Module]:
    """Blocks of a transformer, stages of a convolutional network; empty where timm has neither."""
    for name in ("blocks", "stages", "layers"):
        if isinstance(getattr(trunk, name, None), nn.Sequential | nn.ModuleList):
            return list(getattr(trunk, name))
    layers = [getattr(trunk, f"layer{number}", None) for number in range(1, 5)]
    return [layer for layer in layers if layer is not None]


def features_with_input(trunk: Any, images: Tensor) -> tuple[Tensor, Tensor]:
    """What the last block of a network of timm gets, and what the whole network gives."""
    seen: list[Tensor] = []
    handle = trunk_blocks(trunk)[-1].register_forward_pre_hook(
        lambda module, inputs: seen.append(inputs[0])
    )
    try:
        last = trunk.forward_features(images)
    finally:
        handle.remove()
    return seen[0], last


def token_or_mean(trunk: Any, inside: Tensor) -> Tensor:
    """[B, N, E] or [B, E, h, w] -> [B, E]: CLS where the network pools by it, else the mean."""
    if inside.ndim == 4:
        return as_nchw(trunk, inside).mean((2, 3))
    if getattr(trunk, "global_pool", "") == "token":
        return inside[:, 0]
    return inside[:, getattr(trunk, "num_prefix_tokens", 0) :].mean(1)


def as_nchw(trunk: Any, grid: Tensor) -> Tensor:
    """A map of timm's with its channels second."""
    return grid.permute(0, 3, 1, 2) if getattr(trunk, "output_fmt", "NCHW") == "NHWC" else grid
