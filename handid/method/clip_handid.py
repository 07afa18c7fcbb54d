"""CLIP-HandID: CLIP-FT guided by text with one word that is inverted from the image itself.

The public code (nathanlem1/CLIP-HandID, model/make_model_handID.py at 134daf4 and train_handID.py
at 6c0aa07) trains something else: no gradient reaches its inversion network, every pseudo-token is
the zero vector, and the contrastive loss takes raw dot products at temperature 1. The recipe keeps
that as the control `public_code`, and its parts as controls of their own.
"""

import torch
from torch import Tensor, nn

from handid import loss
from handid.backbone import PROMPT, Backbone
from handid.method._prompts import cleaned, mean_text
from handid.method.clip_ft import ClipFT

CONTROLS = ("none", "zero_token", "random_token")


class InversionNetwork(nn.Sequential):
    """Image feature [B, d] -> pseudo-token [B, token_width] (CLIP-HandID, section II).

    Three fully connected layers; layer norm, GELU and dropout 0.5 after the first two, layer norm
    alone after the last.
    """

    def __init__(self, width: int, hidden: int, token_width: int):
        super().__init__(
            *(nn.Linear(width, hidden), nn.LayerNorm(hidden), nn.GELU(), nn.Dropout(0.5)),
            *(nn.Linear(hidden, hidden), nn.LayerNorm(hidden), nn.GELU(), nn.Dropout(0.5)),
            *(nn.Linear(hidden, token_width), nn.LayerNorm(token_width)),
        )


class ClipHandID(ClipFT):
    """CLIP-FT plus the symmetric supervised contrastive loss between image and prompt (eq. 6-9).

    Args:
        backbone: a CLIP with `encode_prompt` and `token_width`.
        n_identities: classes.
        heads: see ClipFT, and so are unfreeze_blocks, lora_rank and tools.
        prompts: texts with one {} each for the pseudo-token; several give the mean of their
            features.
        temperature: tau of eq. 6 and 7, > 0.
        similarity: "cosine" (eq. 3), or "dot": raw dot products, as the public code has it.
        hidden_factor: hidden width of the inversion network over the projected width.
        control: "none", "zero_token" (the prompt says nothing of the image) or "random_token"
            (the inversion network keeps its random initial weights).
        train_text: the text encoder learns too, at the backbone's rate; frozen in the paper.

    Raises:
        ValueError: one sentence for an option that is unknown or out of range.
    """

    needs = "clip"
    backbone: Backbone

    def __init__(  # noqa: PLR0913 - one argument per hyper-parameter
        self,
        backbone: Backbone,
        n_identities: int,
        *,
        heads: str = "both",
        prompts: tuple[str, ...] = (PROMPT,),
        temperature: float = 0.07,
        similarity: str = "cosine",
        hidden_factor: int = 4,
        control: str = "none",
        train_text: bool = False,
        unfreeze_blocks: int | None = None,
        lora_rank: int = 0,
        **tools,
    ):
        super().__init__(
            *(backbone, n_identities),
            heads=heads,
            unfreeze_blocks=unfreeze_blocks,
            lora_rank=lora_rank,
            **tools,
        )
        if control not in CONTROLS:
            raise ValueError(f"Unknown control '{control}': choose one of {', '.join(CONTROLS)}.")
        if similarity not in ("cosine", "dot"):
            raise ValueError(f"Unknown similarity '{similarity}': choose cosine or dot.")
        if not isinstance(temperature, int | float) or not temperature > 0:
            raise ValueError(f"temperature is {temperature!r}: give a number above 0.")
        if not isinstance(hidden_factor, int) or hidden_factor < 1:
            raise ValueError(f"hidden_factor is {hidden_factor!r}: give a whole number from 1.")
        self.temperature, self.similarity, self.control = temperature, similarity, control
        self.prompts = cleaned(prompts)
        width = backbone.dims["proj"]
        self.inversion = InversionNetwork(width, hidden_factor * width, backbone.token_width)
        self.inversion.requires_grad_(control == "none")
        self.text = backbone.text_parameters() if train_text else []
        for parameter in self.text:
            parameter.requires_grad_(True)

    def pretrained(self) -> list[nn.Parameter]:
        """The image encoder, and the text encoder if it learns."""
        return super().pretrained() + self.text

    def pseudo_tokens(self, projected: Tensor) -> Tensor:
        """[B, dims["proj"]] image features -> [B, token_width] vectors in the place of the {}."""
        tokens = self.inversion(projected)
        return torch.zeros_like(tokens) if self.control == "zero_token" else tokens

    def spoken(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The words [B, 1, token_width] and text features [B, D] of photographs.

        Args:
            images: [B, 3, H, W], normalised.
            labels: [B], not used: the word comes from the image.
        """
        words = self.pseudo_tokens(self.backbone(images)["proj"])
        return words[:, None], mean_text(self.backbone, words, self.prompts)

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The identity losses, `image_to_text` (eq. 6) and `text_to_image` (eq. 7)."""
        features = self.backbone(images)
        image = features["proj"]
        text = mean_text(self.backbone, self.pseudo_tokens(image), self.prompts)
        settings = (labels, self.temperature, self.similarity)
        return {
            **self._identity_losses(features, labels),
            "image_to_text": loss.supervised_contrastive(image, text, *settings),
            "text_to_image": loss.supervised_contrastive(text, image, *settings),
        }
