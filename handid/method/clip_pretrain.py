"""CLIP's own pre-training: a picture and its caption find each other among those of a batch.

Few pictures teach much if each is also asked about every single fact: which of five sentences about
its thumb is true? That is the same loss against sentences that differ in one word.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from handid import loss
from handid.method import Method

_SHARPEST = math.log(100)  # logit scales beyond 100 make training unstable (Radford et al., 2.5)


class ClipPretrain(Method):
    """Both encoders and the temperature, trained with the symmetric contrastive loss.

    Source of the first two losses: Radford et al. 2021, Learning Transferable Visual Models From
    Natural Language Supervision, section 2.3 and figure 3. The third is ours.

    Args:
        backbone: a CLIP; its text encoder trains here, as nowhere else.
        n_identities: not used, there are no classes.
        choices: C lists of token numbers [n, L]: sentences of which one is true of a picture.
    """

    def __init__(self, backbone: nn.Module, n_identities: int, *, choices: list[Tensor] = ()):
        super().__init__()
        self.backbone = backbone
        self.sizes = [len(sentences) for sentences in choices]
        longest = max((sentences.shape[1] for sentences in choices), default=0)
        padded = [functional.pad(one, (0, longest - one.shape[1])) for one in choices]
        words = torch.cat(padded) if padded else torch.empty(0, 0, dtype=torch.long)
        self.register_buffer("words", words, persistent=False)
        for parameter in backbone.parameters():
            parameter.requires_grad_(True)

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`image_to_text`, `text_to_image`: over the batch; `choice`: over each fact's sentences.

        Args:
            images: [B, 3, H, W], normalised.
            labels: [B, C + L]: the true sentence of each choice, -1 for none, then the tokens of
                the caption.
        """
        temperature = torch.exp(-self.backbone.clip.logit_scale.clamp(max=_SHARPEST))
        true, words = labels[:, : len(self.sizes)], labels[:, len(self.sizes) :]
        pictures, sentences = self.backbone(images)["proj"], self.backbone.encode_words(words)
        own = torch.arange(len(images), device=images.device)
        losses = {
            "image_to_text": loss.supervised_contrastive(pictures, sentences, own, temperature) / 2,
            "text_to_image": loss.supervised_contrastive(sentences, pictures, own, temperature) / 2,
        }
        return losses | self._choice(pictures, true, temperature) if self.sizes else losses

    def _choice(self, pictures: Tensor, true: Tensor, temperature: Tensor) -> dict[str, Tensor]:
        """Mean over the choices of the cross-entropy between the sentences of each."""
        sentences = functional.normalize(self.backbone.encode_words(self.words).float(), dim=1)
        scores = functional.normalize(pictures.float(), dim=1) @ sentences.T / temperature
        parts = [
            functional.cross_entropy(part, answer, ignore_index=-1, reduction="sum")
            / (answer >= 0).sum().clamp(min=1)
            for part, answer in zip(scores.split(self.sizes, dim=1), true.T, strict=True)
        ]
        return {"choice": torch.stack(parts).mean()}

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
