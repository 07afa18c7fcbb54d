"""LoRA: small matrices beside the frozen weights of an image encoder's blocks, by the peft library.

What is learned has few numbers and can be folded into the weights, so that it costs nothing at
test. Source: Hu et al. 2022, LoRA: Low-Rank Adaptation of Large Language Models, section 4.1.
"""

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from handid.backbone import ImageEncoder

SCALE = 2  # alpha over rank: the usual choice, which keeps rates alike whatever the rank


def add_lora(backbone: "ImageEncoder", rank: int, blocks: int | None) -> None:
    """Freeze an image encoder and put LoRA beside the layers of its blocks; at first it adds 0.

    Args:
        backbone: with `blocks()`.
        rank: of the matrices; 0 leaves everything as it is.
        blocks: last blocks that get them; None: all.

    Raises:
        ValueError: one sentence for a rank that is no whole number, or an encoder without layers
            that LoRA knows.
    """
    if type(rank) is not int or rank < 0:
        raise ValueError(f"lora_rank is {rank!r}: give a whole number, 0 for none.")
    if not rank:
        return
    from peft import LoraConfig, inject_adapter_in_model  # brings transformers, for seconds

    chosen = backbone.blocks()[-blocks if blocks else 0 :] if blocks != 0 else []
    inside = {id(module) for block in chosen for module in _adaptable(block)}
    names = [name for name, module in backbone.named_modules() if id(module) in inside]
    if not names:
        raise ValueError(f"{backbone.name} has no layers in blocks that LoRA could adapt.")
    config = LoraConfig(r=rank, lora_alpha=SCALE * rank, target_modules=names)
    inject_adapter_in_model(config, backbone)


def fold_lora(module: nn.Module) -> None:
    """Add what LoRA learned to the weights beside it: the same function, without its cost."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for layer in [inner for inner in module.modules() if isinstance(inner, BaseTunerLayer)]:
        if not layer.merged:
            layer.merge()


def _adaptable(block: nn.Module) -> list[nn.Module]:
    """A block's linear layers, convolutions without groups, and whole attentions."""
    if isinstance(block, nn.MultiheadAttention):
        return [block]
    if isinstance(block, nn.Linear) or (isinstance(block, nn.Conv2d) and block.groups == 1):
        return [block]
    return [layer for child in block.children() for layer in _adaptable(child)]
