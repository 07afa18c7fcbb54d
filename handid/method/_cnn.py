"""What the methods on convolutional maps share: what they need of a backbone, heads, rates."""

from torch import Tensor, nn

from handid import loss
from handid.method import Method


class CnnMethod(Method):
    """A method on the feature map of a backbone.

    Args:
        backbone: see `needs`; what is not needed of it is frozen.
        label_smoothing: share that is spread over all identities, 0 to 1.

    Raises:
        ValueError: if the backbone gives no map, or none between its stages where `needs` says so.
    """

    needs = "map"  # or "feature": the whole encoder; or "stages": handid.imagenet's

    def __init__(self, backbone: nn.Module, label_smoothing: float):
        super().__init__()
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
        self.backbone, self.label_smoothing = backbone, label_smoothing
        used = {id(parameter) for parameter in CnnMethod.image_parameters(self)}
        for parameter in backbone.parameters():  # a head that no map needs is not kept on disk
            parameter.requires_grad_(id(parameter) in used)

    def cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        """[B, K] logits -> label-smoothed cross-entropy, a scalar."""
        return loss.label_smoothed_cross_entropy(logits, labels, self.label_smoothing)

    def image_parameters(self) -> list[nn.Parameter]:
        """What was pre-trained and trains at the backbone's rate."""
        whole = self.needs == "feature"
        return self.backbone.image_parameters() if whole else self.backbone.map_parameters()

    def parameter_groups(self, recipe) -> list[dict]:
        """The pre-trained layers at the backbone's rate, everything new at its own."""
        image = self.image_parameters()
        old = {id(parameter) for parameter in [*image, *self.backbone.parameters()]}
        new = [p for p in self.parameters() if id(p) not in old and p.requires_grad]
        rates = recipe.learning_rate
        return [{"params": image, "lr": rates.backbone}, {"params": new, "lr": rates.new}]


def head(inside: int, width: int, n_identities: int, dropout: float, *act: nn.Module):
    """Linear, batch norm, an activation if one is given, dropout, classifier.

    Initial weights as in the public code of the authors of GPA-Net and MBA-Net.
    """
    linear, norm = nn.Linear(inside, width), nn.BatchNorm1d(width)
    nn.init.kaiming_normal_(linear.weight, mode="fan_out")
    nn.init.zeros_(linear.bias)
    nn.init.normal_(norm.weight, 1.0, 0.02)
    return nn.Sequential(linear, norm, *act, nn.Dropout(dropout), classifier(width, n_identities))


def classifier(width: int, n_identities: int, bias: bool = True) -> nn.Linear:
    """A linear layer that is undecided before it has learned anything."""
    layer = nn.Linear(width, n_identities, bias=bias)
    nn.init.normal_(layer.weight, std=0.001)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer
