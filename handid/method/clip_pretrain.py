"""CLIP's own pre-training: a picture and its caption find each other among those of a batch."""

import math

import torch
from torch import Tensor, nn

from handid import loss
from handid.method import Method

_SHARPEST = math.log(100)  # logit scales beyond 100 make training unstable (Radford et al., 2.5)


class ClipPretrain(Method):
    """Both encoders and the temperature, trained with the symmetric contrastive loss.

    Source: Radford et al. 2021, Learning Transferable Visual Models From Natural Language
    Supervision, section 2.3 and figure 3.

    Args:
        backbone: a CLIP; its text encoder trains here, as nowhere else.
        n_identities: not used, there are no classes.
    """

    def __init__(self, backbone: nn.Module, n_identities: int):
        super().__init__()
        self.backbone = backbone
        for parameter in backbone.parameters():
            parameter.requires_grad_(True)

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`image_to_text` and `text_to_image`: cross-entropy over the batch, each weighing half.

        Args:
            images: [B, 3, H, W], normalised.
            labels: [B, L] the captions' token numbers.
        """
        temperature = torch.exp(-self.backbone.clip.logit_scale.clamp(max=_SHARPEST))
        pictures = self.backbone(images)["proj"]
        sentences = self.backbone.encode_words(labels)
        own = torch.arange(len(images), device=images.device)
        return {
            "image_to_text": loss.supervised_contrastive(pictures, sentences, own, temperature) / 2,
            "text_to_image": loss.supervised_contrastive(sentences, pictures, own, temperature) / 2,
        }

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, dims["proj"]]."""
        return self.backbone(images)["proj"]

    def parameter_groups(self, recipe) -> list[dict]:
        """Everything at the backbone's rate; no decay of what is no matrix (CLIP, section 2.5)."""
        rate, parameters = recipe.learning_rate.backbone, list(self.parameters())
        matrices = [p for p in parameters if p.ndim > 1]
        others = [p for p in parameters if p.ndim <= 1]
        return [
            {"params": matrices, "lr": rate},
            {"params": others, "lr": rate, "weight_decay": 0.0},
        ]
