"""Methods: one file each, all with the same three doors.

A new method is one file here, one recipe in handid/recipes and one line in METHODS.
"""

import inspect
from importlib import import_module

from torch import Tensor, nn

from handid.backbone import Backbone, ImageEncoder
from handid.recipes import Stage

METHODS = {
    "clip_zero_shot": "ClipZeroShot",
    "clip_ft": "ClipFT",
    "clip_handid": "ClipHandID",
    "clip_reid": "ClipReID",
    "promptsg": "PromptSG",
    "clip_pretrain": "ClipPretrain",
    "raw_pixels": "RawPixels",
    "colour_histogram": "ColourHistogram",
    "light": "Light",
    "silhouette_moments": "SilhouetteMoments",
    "cnn_baseline": "CnnBaseline",
    "gpa_net": "GpaNet",
    "mba_net": "MbaNet",
    "abd_net": "AbdNet",
    "rga_net": "RgaNet",
}
# Options of the identity head that turn a loss on, and that loss: a key holds only what is on.
TOOL_LOSSES = {
    "triplet_margin": "loss.batch_hard_triplet",
    "centre_rate": "loss.centre",
    "arcface_scale": "loss.arcface_logits",
    "contrastive_temperature": "loss.supervised_contrastive_within",
}


class Method(nn.Module):
    """What the training loop and the evaluation know of a method.

    Attributes:
        needs: what the backbone must give: "" for any image encoder, "clip" for an image and a text
            encoder in one space; see CnnMethod for what the methods on feature maps need.
        tools: options that it takes besides those of its own signature.
    """

    needs: str = ""
    tools: tuple[str, ...] = ()

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Named scalar losses of a batch; train adds them by the recipe's weights.

        Args:
            images: [B, 3, H, W], normalised.
            labels: [B] identity numbers, 0 to n_identities - 1.
        """
        raise NotImplementedError

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] normalised images -> [B, D] embeddings, not normalised."""
        raise NotImplementedError

    def fold(self) -> None:
        """Fold what training kept apart into the weights, for embedding only; nothing here."""

    def parameter_groups(self, stage: Stage) -> list[dict]:
        """What trains in this stage and at which peak rate, as torch optimisers take it.

        Args:
            stage: the stage of the recipe that is about to run.
        """
        raise NotImplementedError


def build(name: str, backbone: ImageEncoder, n_identities: int, **options) -> Method:
    """A method on a backbone.

    Args:
        name: a key of METHODS.
        backbone: the encoder that the method uses and may train.
        n_identities: identities in the training set (of the classification heads).
        options: the method's own keyword arguments.

    Raises:
        ValueError: listing what there is, for an unknown method or option; for a backbone that
            does not give what the method needs.
    """
    if name not in METHODS:
        raise ValueError(f"Unknown method '{name}': choose one of {', '.join(METHODS)}.")
    kind: type[Method] = getattr(import_module(f"handid.method.{name}"), METHODS[name])
    if kind.needs == "clip" and not getattr(backbone, "has_text", True):
        raise ValueError(
            f"Method '{name}' needs a CLIP, and {backbone.name} is none: it has no text encoder."
        )
    if kind.needs == "clip" and isinstance(backbone, Backbone):
        backbone.check_text()
    parameters = [*inspect.signature(kind).parameters.values()][2:]
    own = [option.name for option in parameters if option.kind is not option.VAR_KEYWORD]
    allowed = own + [tool for tool in kind.tools if tool not in own]
    unknown = [option for option in options if option not in allowed]
    if unknown:
        raise ValueError(
            f"Method '{name}' has no option '{unknown[0]}': it has {', '.join(allowed) or 'none'}."
        )
    return kind(backbone, n_identities, **options)
