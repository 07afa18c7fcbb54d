"""Batch norms folded into convolutions, for embedding only: the same map in two thirds of the time.

A batch norm at rest is one scale and one shift per channel, which the convolution before it can
apply itself.
"""

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from handid.backbone.encoder import ImageEncoder

# Their layers stand in the order in which they run; of a network of timm's nobody knows.
FOLDED = ("ResNet50", "VGG19-bn", "EfficientNet-Lite0", "RN50", "mini-RN", "mini-Lite0")


def fold_norms(encoder: ImageEncoder) -> None:
    """Fold each batch norm of a network that is known into the convolution before it, in place.

    The same function to rounding; the encoder can no longer train.

    Args:
        encoder: with its weights; any but those of FOLDED stays as it is.
    """
    if encoder.name not in FOLDED:
        return
    for parent in encoder.network.modules():
        before: nn.Module | None = None
        for layer in parent.children():
            if isinstance(before, nn.Conv2d) and isinstance(layer, nn.BatchNorm2d):
                _fold(before, layer)
            if not isinstance(layer, nn.Identity):
                before = layer


def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    if "forward" in vars(norm):  # folded before
        return
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None and variance is not None
    convolution.weight, convolution.bias = fuse_conv_bn_weights(
        convolution.weight, convolution.bias, mean, variance, norm.eps, norm.weight, norm.bias
    )
    # timm's batch norms hold the activation that follows them.
    norm.forward = getattr(norm, "act", nn.Identity()).forward
