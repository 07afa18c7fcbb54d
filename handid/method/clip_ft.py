"""CLIP-FT: CLIP's image encoder fine-tuned with an identity loss on two feature levels. No text."""

import torch
from torch import Tensor, nn

from handid import loss
from handid.method import Method

HEADS = {"both": ("feat", "proj"), "feat": ("feat",), "proj": ("proj",)}


class ClipFT(Method):
    """A BN neck and a classifier on the feature before and the feature after the projection.

    Source: CLIP-HandID, section II (classification part) and III-B ("CLIP-FT"); two levels and
    the frozen neck bias as in its public code.

    Args:
        backbone: a CLIP with `forward` -> {"feat", "proj"}.
        n_identities: classes.
        label_smoothing: epsilon of eq. 2, 0 to 1.
        heads: "both" levels, or "feat" or "proj" alone; what has no head is no part of the
            embedding.

    Raises:
        ValueError: one sentence for unknown heads.
    """

    def __init__(
        self,
        backbone: nn.Module,
        n_identities: int,
        *,
        label_smoothing: float = 0.1,
        heads: str = "both",
    ):
        super().__init__()
        if heads not in HEADS:
            raise ValueError(f"Unknown heads '{heads}': choose one of {', '.join(HEADS)}.")
        self.backbone = backbone
        self.label_smoothing = label_smoothing
        widths = {level: backbone.dims[level] for level in HEADS[heads]}
        self.necks = nn.ModuleDict({k: _neck(width) for k, width in widths.items()})
        self.classifiers = nn.ModuleDict(
            {k: _classifier(width, n_identities) for k, width in widths.items()}
        )

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`identity_feat`, `identity_proj`: cross-entropy of the classifiers (eq. 1, 2)."""
        return self._identity_losses(self.backbone(images), labels)

    def _identity_losses(self, features: dict[str, Tensor], labels: Tensor) -> dict[str, Tensor]:
        return {
            f"identity_{level}": loss.label_smoothed_cross_entropy(
                classifier(self.necks[level](features[level])), labels, self.label_smoothing
            )
            for level, classifier in self.classifiers.items()
        }

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, feat + proj] after the necks: 1280 for ViT-B/16, 3072 for RN50."""
        features = self.backbone(images)
        return torch.cat([neck(features[level]) for level, neck in self.necks.items()], dim=1)

    def parameter_groups(self, recipe) -> list[dict]:
        """The image encoder at the backbone's rate, everything new at its own."""
        image = self._pretrained_parameters()
        inside = {id(parameter) for parameter in self.backbone.parameters()}
        new = [p for p in self.parameters() if id(p) not in inside and p.requires_grad]
        rates = recipe.learning_rate
        return [{"params": image, "lr": rates.backbone}, {"params": new, "lr": rates.new}]

    def _pretrained_parameters(self) -> list[nn.Parameter]:
        return self.backbone.image_parameters()


def _neck(width: int) -> nn.BatchNorm1d:
    neck = nn.BatchNorm1d(width)
    neck.bias.requires_grad_(False)  # stays 0, as in the public code
    return neck


def _classifier(width: int, n_identities: int) -> nn.Linear:
    classifier = nn.Linear(width, n_identities, bias=False)
    nn.init.normal_(classifier.weight, std=0.001)
    return classifier
