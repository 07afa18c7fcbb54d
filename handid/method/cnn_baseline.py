"""The baselines of GPA-Net: an ImageNet network whose last layer counts identities instead."""

from torch import Tensor, nn

from handid.method._cnn import CnnMethod, classifier


class CnnBaseline(CnnMethod):
    """One classifier on the network's own feature, which is also the embedding.

    Source: GPA-Net, section 3.2: ResNet50's 2048 numbers after the average pool, VGG19-bn's 4096 of
    fc7 (whether before or after its ReLU is not said; after it here, as what the next layer sees).

    Args:
        backbone: with `forward` -> {"feat"}.
        n_identities: classes.
        label_smoothing: epsilon of eq. 2, 0 to 1.
    """

    needs = "feature"  # VGG19-bn's is that of fully connected layers

    def __init__(self, backbone: nn.Module, n_identities: int, *, label_smoothing: float = 0.1):
        super().__init__(backbone, label_smoothing)
        self.classifier = classifier(backbone.dims["feat"], n_identities)

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`identity`: cross-entropy (eq. 1 without its local part)."""
        return {"identity": self.cross_entropy(self.classifier(self.embed(images)), labels)}

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, dims["feat"]]."""
        return self.backbone(images)["feat"]
