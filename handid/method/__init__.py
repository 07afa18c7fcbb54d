"""Methods: one file each, all with the same three doors.

A new method is one file here, one recipe in handid/recipes and one line in METHODS.
"""

import inspect
from importlib import import_module

from torch import Tensor, nn

METHODS = {
    "clip_zero_shot": "ClipZeroShot",
    "clip_ft": "ClipFT",
    "clip_handid": "ClipHandID",
    "clip_reid": "ClipReID",
    "promptsg": "PromptSG",
    "clip_pretrain": "ClipPretrain",
    "raw_pixels": "RawPixels",
    "colour_histogram": "ColourHistogram",
    "cnn_baseline": "CnnBaseline",
    "gpa_net": "GpaNet",
    "mba_net": "MbaNet",
    "abd_net": "AbdNet",
    "rga_net": "RgaNet",
}
_ON_CLIP_ALONE = (
    *("clip_zero_shot", "clip_ft", "clip_handid", "clip_reid", "promptsg", "clip_pretrain"),
)


class Method(nn.Module):
    """What the training loop and the evaluation know of a method.

    Attributes:
        tools: options that it takes beside those of its own signature.
    """

    tools: tuple[str, ...] = ()

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Named scalar losses of a batch; train.py adds them by the recipe's weights.

        Args:
            images: [B, 3, H, W], normalised.
            labels: [B] identity numbers, 0 to n_identities - 1.
        """
        raise NotImplementedError

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] normalised images -> [B, D] embeddings, not normalised."""
        raise NotImplementedError

    def parameter_groups(self, recipe) -> list[dict]:
        """What trains in this stage and at which peak rate, as torch optimisers take it.

        Args:
            recipe: the stage (recipes.Stage) that is about to run.
        """
        raise NotImplementedError


def build(name: str, backbone: nn.Module, n_identities: int, **options) -> Method:
    """A method on a backbone.

    Args:
        name: a key of METHODS.
        backbone: the encoder that the method uses and may train.
        n_identities: identities in the training set (of the classification heads).
        options: the method's own keyword arguments.

    Raises:
        ValueError: listing what is known, for an unknown method or option; for a backbone that
            does not give what the method needs.
    """
    if name not in METHODS:
        raise ValueError(f"Unknown method '{name}': choose one of {', '.join(METHODS)}.")
    if name in _ON_CLIP_ALONE and getattr(backbone, "family", "") == "cnn":
        raise ValueError(f"Method '{name}' needs a CLIP, and {backbone.name} is none.")
    kind = getattr(import_module(f"handid.method.{name}"), METHODS[name])
    own = [*inspect.signature(kind).parameters.values()][2:]
    own = [option.name for option in own if option.kind is not option.VAR_KEYWORD]
    known = own + [tool for tool in kind.tools if tool not in own]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise ValueError(
            f"Method '{name}' has no option '{unknown[0]}': it has {', '.join(known) or 'none'}."
        )
    return kind(backbone, n_identities, **options)
