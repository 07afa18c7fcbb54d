"""Names of backbones: which architecture and which weights a text means, and what is near a typo.

"mini-ViT", "ViT-B/16" and "ResNet50" bring weights of their own; open_clip's models are written
NAME:TAG, NAME:PATH or NAME:random, timm's timm:NAME, with :PATH or :random. It builds no network.
"""

from difflib import get_close_matches
from functools import cache
from pathlib import Path

from handid.backbone.libraries import open_clip, timm

TIMM = "timm:"
OPENAI = {"ViT-B/16": "ViT-B-16", "RN50": "RN50"}  # the papers' names -> open_clip's
OWN = {
    **{"mini-ViT": "mini", "mini-RN": "mini", "mini-Lite0": "mini"},
    **{"ViT-B/16": "openai", "RN50": "openai"},
    **{"ResNet50": "imagenet", "VGG19-bn": "imagenet", "EfficientNet-Lite0": "imagenet"},
}


def split(name: str) -> tuple[str, str]:
    """Architecture and weights of a name; "" for weights that it does not mention.

    "ViT-B-32:laion400m_e32" -> ("ViT-B-32", "laion400m_e32"); "timm:resnet50" -> itself and "".
    """
    start = len(TIMM) if name.startswith(TIMM) else 0
    head, _, weights = name[start:].partition(":")
    return name[:start] + head, weights


def label(name: str) -> str:
    """The name for tables and figures: of a file of weights its last part, and no folder."""
    head, weights = split(name)
    return f"{head}:{Path(weights).name}" if weights else head


def own_weights(name: str) -> str:
    """The weights that a name carries: written in it, or the architecture's own.

    Raises:
        ValueError: one sentence for an unknown name, or for a model of open_clip without weights.
    """
    head, weights = split(name)
    check(name)
    if weights or own_of(head):
        return weights or own_of(head)
    tags = open_clip.list_pretrained_tags_by_model(head)
    raise ValueError(
        f"'{name}' does not say which weights: write {head}:TAG with one of "
        f"{', '.join(tags) or 'none published'}; or {head}:PATH, or {head}:random."
    )


def own_of(head: str) -> str:
    """The weights that an architecture brings along; "" for none."""
    return "pretrained" if head.startswith(TIMM) else OWN.get(head, "")


def check(name: str) -> None:
    """Refuse an architecture that nobody has, and a tag that the architecture does not have.

    Raises:
        ValueError: one sentence with the nearest names, or with the tags that there are.
    """
    head, weights = split(name)
    if head not in OWN and head not in _known():  # the own names need no library
        raise ValueError(f"Unknown backbone '{head}': {_near(head)}")
    if weights in ("", "random", own_of(head)) or Path(weights).exists():
        return
    tags = published(head)
    if weights in tags:
        return
    if "/" in weights or "\\" in weights or Path(weights).suffix in _ENDINGS:
        raise ValueError(f"'{label(name)}' names no file of weights: there is no {weights}.")
    raise ValueError(
        f"{head} has no weights '{weights}': write one of {', '.join([*tags, 'random'])}, or the "
        "path of a file."
    )


_ENDINGS = (".safetensors", ".pt", ".pth", ".bin")


def published(head: str) -> list[str]:
    """Names of the weights of an architecture that can be fetched or come with a package."""
    if head == "ResNet50":
        return ["imagenet", "imagenet-v2"]
    if head.startswith(TIMM):
        return []
    tags = open_clip.list_pretrained_tags_by_model(OPENAI.get(head, head))
    return [OWN[head]] if head in OWN and head not in OPENAI else tags


@cache
def _known() -> frozenset[str]:
    models = {f"{TIMM}{model}" for model in [*timm.list_models(), *timm.list_pretrained()]}
    return frozenset({*OWN, "RN50-gelu", *open_clip.list_models(), *models})


def _near(head: str) -> str:
    """What somebody who wrote `head` may have meant."""
    lower = {name.lower(): name for name in sorted(_known())}
    model, dot, _ = head.partition(".")
    if dot and model in lower:
        tags = timm.list_pretrained(f"{model.removeprefix(TIMM)}.*")
        return f"its published weights are {', '.join(tags) or 'none'}."
    near = get_close_matches(head.lower(), lower, n=3, cutoff=0.6)
    near = near or [name for name in lower if head.lower() in name][:3]
    if near:
        return f"did you mean {' or '.join(lower[name] for name in near)}?"
    return (
        f"choose one of {', '.join(OWN)}, a model of open_clip as NAME:TAG, or one of timm as "
        "timm:NAME."
    )
