"""Which CLIPs there are: the papers', this package's minis, and every model of open_clip.

Their configurations, activations and colours. It builds no network.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from handid.backbone import lite0, mini, names
from handid.backbone.encoder import Colours
from handid.backbone.libraries import open_clip, timm

_OPENAI_COLOURS: Colours = (
    (0.48145466, 0.4578275, 0.40821073),
    (0.26862954, 0.26130258, 0.27577711),
)


@dataclass(frozen=True)
class Architecture:
    """What identifies a CLIP.

    Attributes:
        family: the one the recipes name.
        config: as open_clip takes it.
        model: open_clip's name of it; "" for the minis.
        colours: mean and standard deviation that the weights were trained with.
        openais: whether it is OpenAI's, whose weights know QuickGELU.
        any_size: whether it takes squares of any size: it has no learned positions.
    """

    family: str  # "vit" or "resnet"
    config: dict[str, Any]
    model: str = ""
    colours: Colours = _OPENAI_COLOURS
    openais: bool = False
    any_size: bool = False
    code: str = "clip.Backbone"
    has_text: bool = True

    @property
    def image_size(self) -> int:
        """Side of the square input, pixels."""
        size = self.config["vision_cfg"]["image_size"]
        sides = {size} if isinstance(size, int) else set(size)
        if len(sides) > 1:
            raise ValueError(f"{self.model} takes images of {size} pixels: only squares fit here.")
        return sides.pop()


def _open_clip_config(name: str, quick_gelu: bool) -> dict[str, Any]:
    config = open_clip.get_model_config(name)
    if config is None:
        raise ValueError(f"This version of open_clip has no {name}: install the one required.")
    return {**config, "quick_gelu": quick_gelu}


def _openais(embed_dim: int, **vision: Any) -> dict[str, Any]:
    text = {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12}
    vision = {"image_size": 224, **vision}
    # OpenAI's weights were trained with QuickGELU.
    return {"embed_dim": embed_dim, "vision_cfg": vision, "text_cfg": text, "quick_gelu": True}


_VIT = _openais(512, layers=12, width=768, patch_size=16)
_RESNET = _openais(1024, layers=[3, 4, 6, 3], width=64, patch_size=None)

# What the papers and this package name; their shapes stand here, for reading them elsewhere would
# import open_clip.
ARCHITECTURES = {
    "ViT-B/16": Architecture("vit", _VIT, "ViT-B-16", openais=True),
    "RN50": Architecture("resnet", _RESNET, "RN50", openais=True),
    "mini-ViT": Architecture("vit", mini.VIT),
    "mini-RN": Architecture("resnet", mini.RESNET),
    "mini-Lite0": Architecture("resnet", mini.LITE0, colours=lite0.COLOURS, any_size=True),
}


@cache
def known(name: str) -> Architecture | None:
    """The CLIP of a name, with the activation and the colours of the weights that it names.

    A published tag knows whether it was trained with QuickGELU; for any other weights the
    architecture's configuration says it ("ViT-B-16", "ViT-B-16-quickgelu").

    Args:
        name: see names.py; weights that are no tag do not matter.

    Returns:
        None for what is no CLIP.
    """
    head, weights = names.split(name)
    tag = open_clip.get_pretrained_cfg(names.OPENAI.get(head, head), weights) if weights else {}
    if head in ARCHITECTURES and not tag:
        return ARCHITECTURES[head]
    model = names.OPENAI.get(head, head.removesuffix("-gelu"))
    if head.startswith(names.TIMM) or model not in open_clip.list_models():
        return None
    config = open_clip.get_model_config(model) or {}
    quick = bool(config.get("quick_gelu")) or bool(tag.get("quick_gelu"))
    tags = open_clip.list_pretrained_tags_by_model(model)
    looked_at = tag or (open_clip.get_pretrained_cfg(model, tags[0]) if tags else {})
    colours = tuple(
        tuple(looked_at.get(key) or default)
        for key, default in zip(("mean", "std"), _OPENAI_COLOURS, strict=True)
    )
    config = _open_clip_config(model, quick)
    return Architecture(_family(config["vision_cfg"]), config, model, cast(Colours, colours))


def _family(vision: dict[str, Any]) -> str:
    """Transformers take the recipes' values for "vit", convolutional towers those for "resnet"."""
    if "timm_model_name" in vision:
        settings = timm.get_pretrained_cfg(vision["timm_model_name"])
        return "resnet" if settings is not None and settings.pool_size else "vit"
    return "resnet" if isinstance(vision["layers"], list | tuple) else "vit"
