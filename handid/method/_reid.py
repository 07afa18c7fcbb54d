"""What trains of a pre-trained backbone, and at which rate: partial unfreezing, groups of rates.

For every method that trains a backbone; its recipe says how much. The heads are in _head.py.
"""

from collections.abc import Iterable

from torch import nn

from handid import given
from handid.backbone import ImageEncoder
from handid.method import Method
from handid.method._head import TOOLS
from handid.method._lora import add_lora, fold_lora
from handid.recipes import Rates, Stage


class ReidMethod(Method):
    """A method with a pre-trained backbone and identity heads on it, which take any of TOOLS.

    Args:
        backbone: with `image_parameters()` and `blocks()`.
        unfreeze_blocks: last blocks of the image encoder that train; None: all of it.
        lora_rank: 0, or the rank of LoRA, which then trains in the place of these blocks' weights;
            the rest of the image encoder is frozen.
    """

    tools = TOOLS
    backbone: ImageEncoder

    def __init__(
        self, backbone: ImageEncoder, unfreeze_blocks: int | None = None, lora_rank: int = 0
    ):
        super().__init__()
        self.backbone, self.has_lora = backbone, bool(lora_rank)
        unfreeze_last(backbone, unfreeze_blocks)
        add_lora(backbone, lora_rank, unfreeze_blocks)

    def train(self, mode: bool = True) -> "ReidMethod":
        """As torch's; the batch norms of frozen blocks keep their running means."""
        super().train(mode)
        keep_frozen_norms(self)
        return self

    def fold(self) -> None:
        """Add what LoRA learned to the weights: the same embedding, in less time."""
        if self.has_lora:
            fold_lora(self.backbone)

    def pretrained(self) -> list[nn.Parameter]:
        """What trains at the backbone's rate, as far as it is not frozen."""
        return self.backbone.image_parameters()

    def parameter_groups(self, stage: Stage) -> list[dict]:
        """The pre-trained layers at the backbone's rate, everything new at its own."""
        return rate_groups(self, stage.learning_rate)


def unfreeze_last(backbone: ImageEncoder, blocks: int | None) -> None:
    """Let only the last blocks of the image encoder train; None: all of it.

    As CLIP-FH describes it (section 3.3.2): transformer blocks of a ViT, layers of a ResNet. What
    stands before, between and behind the blocks (embedding, last norm, projection, attention pool)
    stays frozen.

    Args:
        backbone: with `blocks()` and `image_parameters()`.
        blocks: how many; 0 freezes the whole encoder.

    Raises:
        ValueError: if there are not as many.
    """
    if blocks is None:
        return
    all_blocks = backbone.blocks()
    if type(blocks) is not int or not 0 <= blocks <= len(all_blocks):
        raise ValueError(
            f"Cannot unfreeze {given.shown(blocks)} blocks: {backbone.name} has {len(all_blocks)}, "
            "give 0 to that."
        )
    for parameter in backbone.image_parameters():
        parameter.requires_grad_(False)
    for block in all_blocks[len(all_blocks) - blocks :]:
        block.requires_grad_(True)


def keep_frozen_norms(module: nn.Module) -> None:
    """Stop the running means of batch norms whose weights are frozen; call it after `train()`."""
    for inner in module.modules():
        if isinstance(inner, nn.modules.batchnorm._BatchNorm) and not inner.weight.requires_grad:
            inner.eval()


def rate_groups(
    method: ReidMethod, rates: Rates, leave_out: Iterable[nn.Parameter] = ()
) -> list[dict]:
    """What trains of a method: what was pre-trained, and what is new.

    Args:
        method: whose parameters these are.
        rates: `bias` multiplies the rate of biases.
        leave_out: parameters that do not train now.
    """
    pretrained = {id(p) for p in method.pretrained()}
    left_out = {id(p) for p in method.backbone.parameters()} - pretrained
    left_out |= {id(p) for p in leave_out}
    parts: dict[tuple[bool, bool], list[nn.Parameter]] = {
        (new, bias): [] for bias in (False, True) for new in (False, True)
    }
    for name, parameter in method.named_parameters():
        if parameter.requires_grad and id(parameter) not in left_out:
            bias = rates.bias != 1 and "bias" in name
            parts[id(parameter) not in pretrained, bias].append(parameter)
    return [
        {"params": part, "lr": (rates.new if new else rates.backbone) * (rates.bias if bias else 1)}
        for (new, bias), part in parts.items()
        if part
    ]
