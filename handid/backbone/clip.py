"""CLIP's two encoders behind one face: image features at two levels, prompts with a pseudo-token.

Any model of open_clip. Its image tower stands in towers.py or lite0.py, its text tower in text.py;
weights.py reads the weights. No training, no losses.
"""

from copy import deepcopy
from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn

from handid.backbone import fetch, lite0, names
from handid.backbone.architectures import known
from handid.backbone.encoder import ImageEncoder
from handid.backbone.libraries import open_clip
from handid.backbone.text import TextTower
from handid.backbone.towers import ResNetTower, TimmTower, Tower, VitTower
from handid.backbone.words import PROMPT, Vocabulary


def _network(config: dict[str, Any]) -> nn.Module:
    """open_clip's model of a configuration, with random weights and no weights fetched for it.

    Raises:
        ValueError: one sentence, for a text encoder of Hugging Face's whose configuration is
            neither here nor to be fetched.
    """
    config = deepcopy(config)
    custom, text = config.pop("custom_text", False), config["text_cfg"]
    if "hf_model_name" in text:
        custom, text["hf_model_pretrained"] = True, False
        try:
            fetch.check_hub(text["hf_model_name"], ["config.json"])
        except OSError as error:
            raise ValueError(
                f"The text encoder {text['hf_model_name']} cannot be set up "
                f"({fetch.first_line(error)}): fetch its config.json into Hugging Face's cache on "
                "a machine with a network, or choose another backbone."
            ) from None
    if "multimodal_cfg" in config:
        return open_clip.coca_model.CoCa(**config)
    return open_clip.CustomTextCLIP(**config) if custom else open_clip.CLIP(**config)


def _tower(visual: nn.Module, last_stride: int) -> Tower:
    """The tower around open_clip's image encoder.

    Args:
        visual: open_clip's.
        last_stride: of the last stage of a ResNet or of EfficientNet-Lite0; no other has a choice.
    """
    if isinstance(visual, open_clip.modified_resnet.ModifiedResNet):
        return ResNetTower(visual, last_stride)
    if not isinstance(visual, open_clip.timm_model.TimmModel):
        return VitTower(cast(Any, visual))
    own = cast(Any, visual.trunk).default_cfg["architecture"] == lite0.MODEL
    return lite0.Lite0Tower(visual, last_stride) if own else TimmTower(visual)


class _OpenClip(nn.Module):
    """The types of the parts of open_clip's CLIP, which it does not declare itself."""

    visual: Any
    transformer: nn.Module
    token_embedding: nn.Embedding
    positional_embedding: nn.Parameter
    ln_final: nn.LayerNorm
    text_projection: nn.Parameter
    logit_scale: nn.Parameter
    attn_mask: Tensor


class Backbone(ImageEncoder):
    """One CLIP: an image encoder that may be trained, and a text encoder that is frozen at first.

    Args:
        name: a name of a CLIP, see names.py.
        last_stride: of a ResNet's layer 4, or of EfficientNet-Lite0's last stage.
        weights: the file that will be read; a tokenizer may stand beside it.
        image_size: side of the square input, pixels, of a tower without learned positions; 0 for
            its own.

    Attributes:
        family: "vit" or "resnet".
        dims: width of each image feature: `feat` (before the projection) and `proj` (after it).
        token_width: width of a word embedding, which is what a pseudo-token must have; 0 where
            none can be given.
        channels: of the map that a convolutional tower gives; 0 for a ViT, which gives none.
        sides: its side in cells, as the only number of a list; empty for a ViT.
        stages, widths: of EfficientNet-Lite0 alone, whose `sides` are then four; see imagenet.py.
    """

    clip: _OpenClip
    token_width: int
    has_text = True

    def __init__(self, name: str, last_stride: int = 1, weights: str = "", image_size: int = 0):
        super().__init__()
        shape = known(name)
        assert shape is not None
        self.name, _ = names.split(name)
        self.family, self.image_size = shape.family, image_size or shape.image_size
        self.clip = cast(_OpenClip, _network(shape.config))
        self._tower = _tower(self.clip.visual, last_stride)
        folder = str(Path(weights).parent) if Path(weights).is_file() else ""
        vocabulary = Vocabulary(shape.model, shape.config["text_cfg"], folder)
        self._text = TextTower(self.clip, vocabulary, name)
        self.dims = {"feat": self._tower.feat, "proj": shape.config["embed_dim"]}
        self.channels = self._tower.channels
        self.sides = [self.image_size // self._tower.stride] if self.channels else []
        if isinstance(self._tower, lite0.Lite0Tower):
            self.sides = self._tower.sides(self.image_size)
            self.stages, self.widths = self._tower.stages, self._tower.widths
        self.token_width = self._text.token_width
        for parameter in self._text_parameters():
            parameter.requires_grad_(False)

    @property
    def network(self) -> nn.Module:
        """The module whose tensors a weights file holds."""
        return self.clip

    @property
    def tower(self) -> Tower:
        """The image tower."""
        return self._tower

    def _text_parameters(self) -> list[nn.Parameter]:
        image = {id(p) for p in self.clip.visual.parameters()}
        return [p for p in self.clip.parameters() if id(p) not in image]

    def image_parameters(self) -> list[nn.Parameter]:
        """The parameters of the image encoder, which a method may train."""
        return list(self.clip.visual.parameters())

    def blocks(self) -> list[nn.Module]:
        """The image encoder's blocks in order: a ViT's transformer blocks, a ResNet's 4 layers."""
        return self._tower.blocks()

    def text_parameters(self) -> list[nn.Parameter]:
        """The parameters of the text encoder that a method may thaw: all but the table of words.

        The table stays as it is: a prompt would move its own few rows and weight decay would shrink
        the others.
        """
        return self._text.parameters_that_learn()

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Image features at the two levels that the hand papers use.

        Args:
            images: [B, 3, image_size, image_size], normalised.

        Returns:
            `feat` [B, dims["feat"]]: ViT: CLS after ln_post; ResNet: average of layer 4; others:
            their own pooling.
            `proj` [B, dims["proj"]]: the same projected; ResNet: the attention pool's output; a
            model without a projection (SigLIP): `feat` again.
        """
        levels = self.levels(images)
        return {"feat": levels["feat"], "proj": levels["proj"]}

    def levels(self, images: Tensor) -> dict[str, Tensor]:
        """`forward`'s two features, and before them the one that CLIP-ReID takes a block earlier.

        Args:
            images: [B, 3, image_size, image_size], normalised.

        Returns:
            `early` [B, E]: ViT: CLS before the last block; ResNet: average of layer 3, which is
            half as wide as `feat`; without a CLS token the mean of the places. Then `feat` and
            `proj`.
        """
        return self._levels(*self._tower.last_two(images))

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

        Raises:
            ValueError: for a tower behind whose pooling there are no places (CoCa's).
        """
        early, last = self._tower.last_two(images)
        return self._levels(early, last) | {"patches": self._tower.patches(last)}

    def _levels(self, early: Tensor, last: Tensor) -> dict[str, Tensor]:
        feat = self._tower.pooled(last)
        levels = {"early": self._tower.early(early), "feat": feat}
        return levels | {"proj": self._tower.projected(last, feat)}

    def map(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, channels, h, w]: a convolutional tower's last layer."""
        return self._tower.map(images)

    def map_parameters(self) -> list[nn.Parameter]:
        """The image parameters that `map` depends on: all but those of the pooling behind it."""
        pool = {id(parameter) for parameter in self._tower.pool_parameters()}
        return [p for p in self.image_parameters() if id(p) not in pool]

    def encode_prompt(self, pseudo_tokens: Tensor, prompt: str = PROMPT) -> Tensor:
        """Text features of a prompt in which a vector takes the place of one word, or several.

        The vector goes through the whole text encoder, and so does its gradient. CLIP's encoder is
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
        if pseudo_tokens.ndim == 2:
            pseudo_tokens = pseudo_tokens[:, None]
        return self._text.prompt(pseudo_tokens, prompt)

    def nearest_words(self, vectors: Tensor, top: int = 3) -> list[list[tuple[str, float]]]:
        """For each of [N, token_width] vectors its nearest (word, cosine), see words.nearest."""
        return self._text.vocabulary.nearest(vectors, self._text.table().detach(), top)

    def check_text(self) -> None:
        """Refuse a text encoder in whose sentences no vector can stand, or that nobody can feed.

        Raises:
            ValueError: one sentence.
        """
        self._text.check()

    def encode_text(self, texts: list[str]) -> Tensor:
        """[N, dims["proj"]] text features of plain sentences, not normalised."""
        return self._text.sentences(texts)

    def encode_words(self, numbers: Tensor) -> Tensor:
        """[N, L] token numbers, ended and padded as `tokenise` does -> [N, dims["proj"]]."""
        return self._text.words(numbers)
