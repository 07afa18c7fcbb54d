"""Linear probe: an identity head on a linear layer on CLIP's image feature; CLIP stays frozen."""

from torch import Tensor, nn

from handid.backbone import Backbone
from handid.method._head import IdentityHead
from handid.method._reid import ReidMethod


class LinearProbe(ReidMethod):
    """What a linear layer finds in the projected feature (ours)."""

    needs = "clip"

    def __init__(
        self,
        backbone: Backbone,
        n_identities: int,
        *,
        width: int = 64,
        unfreeze_blocks: int | None = 0,
        **tools,
    ):
        super().__init__(backbone, unfreeze_blocks)
        self.linear = nn.Linear(backbone.dims["proj"], width)
        self.head = IdentityHead(width, n_identities, **tools)

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`identity`, and the losses of the tools."""
        return self.head.losses(self.linear(self.backbone(images)["proj"]), labels)

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, width], behind the neck."""
        return self.head.embed(self.linear(self.backbone(images)["proj"]))
