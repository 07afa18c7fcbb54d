"""LoRA: small matrices beside the frozen weights of an image encoder's blocks, by the peft library.

What is learned has few numbers and can be folded into the weights, so that it costs nothing at
test. Source: Hu et al. 2022, LoRA: Low-Rank Adaptation of Large Language Models, section 4.1.

torch's attention is adapted here, for peft 0.21 adds what its output layer learned twice, and puts
new weights into the network at each pass, after which one without gradients cannot be trained.
"""

import math
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

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
    inside = [layer for block in chosen for layer in _adaptable(block)]
    if not inside:
        raise ValueError(f"{backbone.name} has no layers in blocks that LoRA could adapt.")
    attentions = [layer for layer in inside if isinstance(layer, nn.MultiheadAttention)]
    others = {id(layer) for layer in inside if layer not in attentions}
    names = [name for name, module in backbone.named_modules() if id(module) in others]
    config = LoraConfig(r=rank, lora_alpha=SCALE * rank, target_modules=names)
    inject_adapter_in_model(config, backbone)  # freezes everything else
    for attention in attentions:
        _adapt(attention, "in_proj_weight", rank)
        _adapt(attention.out_proj, "weight", rank)


def fold_lora(module: nn.Module) -> None:
    """Add what LoRA learned to the weights beside it: the same function, without its cost."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for layer in list(module.modules()):
        if isinstance(layer, BaseTunerLayer) and not layer.merged:
            layer.merge()
        for name in _adapted(layer):
            parametrize.remove_parametrizations(layer, name)


class _Beside(nn.Module):
    """A matrix W -> W + SCALE B A; A begins as peft's, B as 0."""

    def __init__(self, weight: Tensor, rank: int):
        super().__init__()
        self.lora_A = nn.Parameter(torch.empty(rank, weight.shape[1]))
        self.lora_B = nn.Parameter(torch.zeros(len(weight), rank))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + SCALE * self.lora_B @ self.lora_A


def _adapt(layer: nn.Module, name: str, rank: int) -> None:
    parametrize.register_parametrization(layer, name, _Beside(getattr(layer, name), rank))


def _adapted(layer: nn.Module) -> list[str]:
    """Names of the weights of a layer that have LoRA from here."""
    return list(cast(Any, layer).parametrizations) if parametrize.is_parametrized(layer) else []


def _adaptable(block: nn.Module) -> list[nn.Module]:
    """A block's linear layers, convolutions without groups, and whole attentions."""
    if isinstance(block, nn.MultiheadAttention):
        return [block]
    if isinstance(block, nn.Linear) or (isinstance(block, nn.Conv2d) and block.groups == 1):
        return [block]
    return [layer for child in block.children() for layer in _adaptable(child)]
