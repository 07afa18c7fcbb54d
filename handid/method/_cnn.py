"""What the methods on convolutional maps share: the map they need, and layers of their heads."""

from torch import nn

from handid.backbone import ImageEncoder
from handid.method._reid import ReidMethod


class CnnMethod(ReidMethod):
    """A method on the feature map of a backbone.

    Args:
        backbone: see `needs`; what is not needed of it is frozen.
        unfreeze_blocks: see ReidMethod; the blocks of an ImageNet encoder are its four stages.

    Attributes:
        needs: "map"; "feature" for the whole encoder; "stages" for the four stages of an ImageNet
            encoder (handid.backbone.imagenet).

    Raises:
        ValueError: if the backbone gives no map, or none between its stages where `needs` says so.
    """

    needs = "map"

    def __init__(self, backbone: ImageEncoder, unfreeze_blocks: int | None):
        name = type(self).__name__
        if not backbone.channels:
            raise ValueError(
                f"{name} needs a backbone with a feature map, and {backbone.name} gives none: "
                "choose a ResNet, a VGG or an EfficientNet."
            )
        if self.needs == "stages" and not hasattr(backbone, "stages"):
            raise ValueError(
                f"{name} needs a backbone in four stages, and {backbone.name} is not: "
                "choose ResNet50, VGG19-bn or EfficientNet-Lite0."
            )
        super().__init__(backbone, unfreeze_blocks)
        used = {id(parameter) for parameter in CnnMethod.pretrained(self)}
        for parameter in backbone.parameters():  # a head that no map needs is not kept on disk
            if id(parameter) not in used:
                parameter.requires_grad_(False)

    def pretrained(self) -> list[nn.Parameter]:
        """What was pre-trained and trains at the backbone's rate."""
        whole = self.needs == "feature"
        return self.backbone.image_parameters() if whole else self.backbone.map_parameters()


def reducing(
    inside: int, width: int, n_identities: int, dropout: float, *activation: nn.Module
) -> list[nn.Module]:
    """Layers of a head: linear, batch norm, an activation if given, dropout, classifier.

    Initial weights as in MBA-Net's public code (nathanlem1/MBA-Net at 2c6349a), whose authors are
    GPA-Net's.
    """
    linear, norm = nn.Linear(inside, width), nn.BatchNorm1d(width)
    nn.init.kaiming_normal_(linear.weight, mode="fan_out")
    nn.init.zeros_(linear.bias)
    nn.init.normal_(norm.weight, 1.0, 0.02)
    return [linear, norm, *activation, nn.Dropout(dropout), classifier(width, n_identities)]


def classifier(width: int, n_identities: int) -> nn.Linear:
    """A linear layer that is undecided before it has learned anything."""
    layer = nn.Linear(width, n_identities)
    nn.init.normal_(layer.weight, std=0.001)
    nn.init.zeros_(layer.bias)
    return layer
