"""CLIP's two encoders behind one face: image features at two levels, prompts with a pseudo-token.

The architectures are open_clip's; what the hand papers change in them (RN50's last stride, the
features they take, a learned vector in the place of a word) stands here. No training, no losses;
weights.py reads the weights.
"""

from dataclasses import dataclass
from typing import Any, cast

import open_clip
import torch
from open_clip.modified_resnet import ModifiedResNet
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn

from handid.backbone import mini, positions, words
from handid.backbone.encoder import ImageEncoder
from handid.backbone.words import PROMPT


@dataclass(frozen=True)
class Architecture:
    """What identifies a CLIP: its open_clip configuration and the family the recipes name."""

    family: str  # "vit" or "resnet"
    config: dict[str, Any]
    openai_tag: str | None = None

    @property
    def image_size(self) -> int:
        """Side of the square input, pixels."""
        return self.config["vision_cfg"]["image_size"]


def _open_clip_config(name: str) -> dict[str, Any]:
    # OpenAI's weights were trained with QuickGELU; open_clip checks that for its own tags only,
    # never for a local file, so it is forced for every source.
    config = open_clip.get_model_config(name)
    if config is None:
        raise ValueError(f"This version of open_clip has no {name}: install the one required.")
    return {**config, "quick_gelu": True}


ARCHITECTURES = {
    "ViT-B/16": Architecture("vit", _open_clip_config("ViT-B-16"), "ViT-B-16"),
    "RN50": Architecture("resnet", _open_clip_config("RN50"), "RN50"),
    "mini-ViT": Architecture("vit", mini.VIT),
    "mini-RN": Architecture("resnet", mini.RESNET),
}


class _OpenClip(open_clip.CLIP):
    """open_clip's CLIP, with the types of its parts, which it does not declare itself."""

    visual: VisionTransformer | ModifiedResNet
    transformer: nn.Module
    token_embedding: nn.Embedding
    positional_embedding: nn.Parameter
    ln_final: nn.LayerNorm
    text_projection: nn.Parameter
    logit_scale: nn.Parameter
    attn_mask: Tensor


class Backbone(ImageEncoder):
    """One CLIP: an image encoder that may be trained and a text encoder that is frozen.

    Attributes:
        family: "vit" or "resnet".
        dims: width of each image feature: `feat` (before the projection) and `proj` (after it).
        token_width: width of a word embedding, which is what a pseudo-token must have.
        channels: of the map that a ResNet gives; 0 for a ViT, which gives none.
        sides: its side in cells, as the only number of a list; empty for a ViT.
    """

    clip: _OpenClip
    token_width: int

    def __init__(self, name: str, last_stride: int = 1):
        super().__init__()
        shape = ARCHITECTURES[name]
        self.name, self.family, self.image_size = name, shape.family, shape.image_size
        self.clip = _OpenClip(**shape.config)
        if self.family == "resnet" and last_stride == 1:
            positions.keep_last_resolution(self._resnet)
        width = shape.config["vision_cfg"]["width"]
        feat = width if self.family == "vit" else 32 * width
        self.dims = {"feat": feat, "proj": shape.config["embed_dim"]}
        self.channels = 0 if self.family == "vit" else feat
        side = self.image_size // (32 if last_stride == 2 else 16)
        self.sides = [] if self.family == "vit" else [side]
        self.token_width = shape.config["text_cfg"]["width"]
        for parameter in self._text_parameters():
            parameter.requires_grad_(False)

    @property
    def network(self) -> nn.Module:
        """The module whose tensors a weights file holds."""
        return self.clip

    @property
    def _vit(self) -> VisionTransformer:
        return cast(VisionTransformer, self.clip.visual)

    @property
    def _resnet(self) -> ModifiedResNet:
        return cast(ModifiedResNet, self.clip.visual)

    def _text_parameters(self) -> list[nn.Parameter]:
        image = {id(p) for p in self.clip.visual.parameters()}
        return [p for p in self.clip.parameters() if id(p) not in image]

    def image_parameters(self) -> list[nn.Parameter]:
        """The parameters of the image encoder, which a method may train."""
        return list(self.clip.visual.parameters())

    def blocks(self) -> list[nn.Module]:
        """The image encoder's blocks in order: a ViT's transformer blocks, a ResNet's 4 layers."""
        if self.family == "vit":
            return list(self._vit.transformer.resblocks)
        visual = self._resnet
        return [visual.layer1, visual.layer2, visual.layer3, visual.layer4]

    def text_parameters(self) -> list[nn.Parameter]:
        """The parameters of the text encoder that a method may thaw: all but the table of words.

        The table stays as it is: a prompt would move its own few rows and weight decay would shrink
        the others.
        """
        clip = self.clip
        left_out = {id(clip.token_embedding.weight), id(clip.logit_scale)}
        return [p for p in self._text_parameters() if id(p) not in left_out]

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Image features at the two levels that the hand papers use.

        Args:
            images: [B, 3, image_size, image_size], normalised.

        Returns:
            `feat` [B, dims["feat"]]: ViT: CLS after ln_post; ResNet: average of layer 4.
            `proj` [B, dims["proj"]]: the same CLS projected; ResNet: the attention pool's output.
        """
        levels = self.levels(images)
        return {"feat": levels["feat"], "proj": levels["proj"]}

    def levels(self, images: Tensor) -> dict[str, Tensor]:
        """`forward`'s two features, and before them the one that CLIP-ReID takes a block earlier.

        Args:
            images: [B, 3, image_size, image_size], normalised.

        Returns:
            `early` [B, E]: ViT: CLS before the last block; ResNet: average of layer 3, which is
            half as wide as `feat`. Then `feat` and `proj`.
        """
        return self._levels(*self._last_two(images))

    def tokens(self, images: Tensor) -> dict[str, Tensor]:
        """The three `levels`, and the features of each place of the image in the joint space.

        A ViT's patches are projected as its CLS is. A ResNet's cells take the attention pool's path
        for values, so that `proj` is a weighted mean of them and of their average (MaskCLIP, Zhou
        et al. 2022); as queries of the pool they would all give nearly the same.

        Args:
            images: [B, 3, H, W], normalised, H and W multiples of 32: the learned positions are
                stretched to another shape than the own square.

        Returns:
            `early`, `feat` and `proj` as `levels` gives them; `patches` [B, N, dims["proj"]], row
            by row from the top left: N is 196 for ViT-B/16 and for RN50 with stride 1.
        """
        early, last = self._last_two(images)
        if self.family == "vit":
            patches = self._projected(self._vit._pool(last)[1])
        else:
            patches = positions.values(self._resnet.attnpool, last)
        return self._levels(early, last) | {"patches": patches}

    def _levels(self, early: Tensor, last: Tensor) -> dict[str, Tensor]:
        if self.family == "vit":
            feat, _ = self._vit._pool(last)
            return {"early": early[:, 0], "feat": feat, "proj": self._projected(feat)}
        averages = {"early": early.mean((2, 3)), "feat": last.mean((2, 3))}
        return averages | {"proj": positions.pooled(self._resnet.attnpool, last)}

    def _projected(self, features: Tensor) -> Tensor:
        """A ViT's features [..., width] -> [..., dims["proj"]] in the joint space."""
        return features @ cast(Tensor, self._vit.proj)

    def _last_two(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The last block's input and output: tokens of a ViT, maps of a ResNet."""
        *first, last = self.blocks()
        is_vit = self.family == "vit"
        x = positions.embedded(self._vit, images) if is_vit else self._resnet.stem(images)
        for block in first:
            x = block(x)
        return x, last(x)

    def map(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, channels, h, w]: a ResNet's last layer."""
        grid = self._resnet.stem(images)
        for layer in self.blocks():
            grid = layer(grid)
        return grid

    def map_parameters(self) -> list[nn.Parameter]:
        """A ResNet's parameters that `map` depends on: all but those of its attention pool."""
        pool = {id(parameter) for parameter in self._resnet.attnpool.parameters()}
        return [p for p in self.image_parameters() if id(p) not in pool]

    def encode_prompt(self, pseudo_tokens: Tensor, prompt: str = PROMPT) -> Tensor:
        """Text features of a prompt in which a vector takes the place of one word, or several.

        The vector goes through the whole text encoder, and so does its gradient. The encoder is
        causal, hence what follows the end token cannot change the feature there: only the prompt's
        own tokens are computed (8 of 77), which gives the same result.

        Args:
            pseudo_tokens: [B, token_width] vectors in the space of word embeddings, or
                [B, T, token_width], T of them in a row.
            prompt: a text with one {} where they go.

        Returns:
            [B, dims["proj"]] text features, not normalised.

        Raises:
            ValueError: if the prompt has no {} or several.
        """
        clip = self.clip
        if pseudo_tokens.ndim == 2:
            pseudo_tokens = pseudo_tokens[:, None]
        numbers, place = words.tokenise_prompt(prompt)
        embedded = clip.token_embedding(numbers.to(pseudo_tokens.device))
        embedded = embedded.expand(len(pseudo_tokens), -1, -1)
        before, after = embedded[:, :place], embedded[:, place + 1 :]
        x = torch.cat([before, pseudo_tokens.to(before.dtype), after], dim=1)
        length = x.shape[1]
        x = x + clip.positional_embedding[:length]
        x = clip.transformer(x, attn_mask=clip.attn_mask[:length, :length])
        return clip.ln_final(x[:, -1]) @ clip.text_projection

    def nearest_words(self, vectors: Tensor, top: int = 3) -> list[list[tuple[str, float]]]:
        """For each of [N, token_width] vectors its nearest (word, cosine), see words.nearest."""
        return words.nearest(vectors, self.clip.token_embedding.weight.detach(), top)

    def encode_text(self, texts: list[str]) -> Tensor:
        """[N, dims["proj"]] text features of plain sentences, not normalised."""
        device = self.clip.positional_embedding.device
        return self.encode_words(words.tokenise(texts).to(device))

    def encode_words(self, numbers: Tensor) -> Tensor:
        """[N, L] token numbers, ended and padded as `tokenise` does -> [N, dims["proj"]]."""
        clip, length = self.clip, numbers.shape[1]
        x = clip.token_embedding(numbers) + clip.positional_embedding[:length]
        x = clip.transformer(x, attn_mask=clip.attn_mask[:length, :length])
        last = numbers.argmax(dim=1)  # the end token has the largest number
        return clip.ln_final(x[torch.arange(len(x)), last]) @ clip.text_projection
