"""The baselines of GPA-Net: an ImageNet network whose last layer counts identities instead."""

from torch import Tensor

from handid.backbone import ImageEncoder
from handid.method._cnn import CnnMethod, classifier
from handid.method._head import IdentityHead


class CnnBaseline(CnnMethod):
    """A classifier on the network's own feature, which is also the embedding.

    Source: GPA-Net, section 3.2: ResNet50's 2048 numbers after the average pool, VGG19-bn's 4096 of
    fc7 (the paper does not say whether before or after its ReLU; here after it, as the next layer's
    input).

    Args:
        backbone: with `forward` -> {"feat"}.
        n_identities: classes.
        neck: a batch norm before the classifier, and in the embedding.
        unfreeze_blocks: see CnnMethod.
        tools: see IdentityHead.
    """

    needs = "feature"  # VGG19-bn's is that of fully connected layers

    def __init__(
        self,
        backbone: ImageEncoder,
        n_identities: int,
        *,
        neck: bool = False,
        unfreeze_blocks: int | None = None,
        **tools,
    ):
        super().__init__(backbone, unfreeze_blocks)
        width = backbone.dims["feat"]
        layers = [classifier(width, n_identities)]
        self.head = IdentityHead(width, n_identities, layers, neck=neck, **tools)

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`identity`: cross-entropy (eq. 1 without its local part)."""
        return self.head.losses(self.backbone(images)["feat"], labels)

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, dims["feat"]]."""
        return self.head.embed(self.backbone(images)["feat"])
