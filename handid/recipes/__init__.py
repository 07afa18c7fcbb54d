"""Recipes: a named YAML file each, with every hyper-parameter of a training and its source.

A value that the papers give per backbone family is a mapping `{vit: ..., resnet: ...}`. Not a
configuration language: no inheritance, no expressions, and an unknown key is refused.
"""

from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

FAMILIES = ("vit", "resnet", "cnn")
_UNTRAINED = "untrained"
# Options that every method that trains takes, whether its recipe names them or not.
TOOLS = (
    *("neck", "unit", "label_smoothing", "arcface_scale", "arcface_margin", "triplet_margin"),
    *("centre_rate", "contrastive_temperature", "unfreeze_blocks"),
)
_FOLDER = Path(__file__).parent
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Rates(_Strict):
    """Peak learning rates: of the pre-trained image encoder, and of everything new.

    `bias` multiplies both for parameters that are biases.
    """

    backbone: Positive
    new: Positive
    bias: Positive = 1.0


class Stage(_Strict):
    """One stage of a training: what the loop in train.py needs to know.

    The rate of epoch e (from 0) rises linearly from `warmup_factor` times the peak over
    `warmup_epochs`; with `schedule` "step" it is multiplied by `decay` at each of `milestones`,
    with "cosine" it falls along half a cosine after the warm-up, with "one_cycle" it rises over the
    first 30 % of the epochs and falls after them. `clip_gradients` is the largest norm of all
    gradients together, 0 for no limit. `loss_warmup` gives the epochs over which a loss's weight
    rises linearly. With `encode_once` the image encoder stands still: each training image is
    encoded once, as it is at test, and the method gets these features in the place of images;
    nothing is validated. `optimiser` "muon" (Jordan et al. 2024) moves the matrices that a method
    marks, and AdamW what is left.
    """

    name: str = "train"
    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=2)]
    sampler: Literal["plain", "balanced"] = "plain"
    images_per_identity: Annotated[int, Field(ge=1)] = 4
    optimiser: Literal["adam", "adamw", "sgd", "muon"]
    learning_rate: Rates
    weight_decay: Annotated[float, Field(ge=0)]
    warmup_epochs: Annotated[int, Field(ge=0)] = 0
    warmup_factor: Fraction = 0.01
    schedule: Literal["step", "cosine", "one_cycle"] = "step"
    milestones: list[int] = []
    decay: Fraction = 0.5
    clip_gradients: Annotated[float, Field(ge=0)] = 0.0
    loss_weights: dict[str, float] = {}
    loss_warmup: dict[str, Annotated[int, Field(ge=1)]] = {}
    encode_once: bool = False

    def scaled_to(self, epochs: int) -> "Stage":
        """The same schedule, stretched or shrunk to another number of epochs."""
        ratio = epochs / self.epochs if self.epochs else 0.0
        return self.model_copy(
            update={
                "epochs": epochs,
                "warmup_epochs": round(self.warmup_epochs * ratio),
                "milestones": [round(m * ratio) for m in self.milestones],
                "loss_warmup": {k: max(1, round(n * ratio)) for k, n in self.loss_warmup.items()},
            }
        )


class Augment(_Strict):
    """What is done to training images; see image.Augmentation for the meaning."""

    resize: Annotated[float, Field(ge=1)] = 1.0
    flip: Fraction = 0.0
    jitter: tuple[Fraction, Fraction, Fraction] = (0.0, 0.0, 0.0)
    erasing: Fraction = 0.0


class Recipe(_Strict):
    """A method with everything that makes its numbers: options, images, stages, test.

    `full_size` names the recipe as published, of which this one is made for small networks.
    `weights` are those that the study names, or "random": an untrained network, as a control.
    `image_size` is the side of the square that the network sees, pixels; 0: the backbone's own;
    with `portrait` the square is squeezed to about 4/7 of its width, for every method that is not
    made for squares (MBA-Net and RGA-Net are).
    `teacher` is a backbone to learn from, with the weights that ship; only pre-training has one.
    `train_mean_std` normalises training images otherwise than test images, which is a mistake that
    a control may repeat; "" for the same.
    """

    name: str
    title: str
    full_size: str = ""
    method: str
    options: dict[str, Any] = {}
    controls: dict[str, dict[str, Any]] = {}
    ablations: dict[str, dict[str, Any]] = {}
    weights: Literal["study", "random"] = "study"
    teacher: str = ""
    last_stride: Literal[1, 2] = 1
    image_size: Annotated[int, Field(ge=0)] = 0
    mean_std: Literal["imagenet", "clip", "half"]
    train_mean_std: Literal["", "imagenet", "clip", "half", "none"] = ""
    geometry: Literal["squash", "crop"]
    portrait: bool = False
    flip_average: bool
    select: Literal["best", "last"] = "best"
    augment: Augment = Augment()
    stages: list[Stage]


@dataclass(frozen=True)
class System:
    """What a row of results is about, whatever its title says.

    Attributes:
        recipe: name of the recipe.
        control: one of its named controls or ablations, or "".
        trained: False for the method before its first step, of a recipe that trains.
    """

    recipe: str
    control: str = ""
    trained: bool = True

    @property
    def key(self) -> str:
        """As results.csv writes it: "clip_ft", "clip_handid:zero_token", "clip_ft:untrained"."""
        parts = [self.recipe, self.control, "" if self.trained else _UNTRAINED]
        return ":".join(part for part in parts if part)

    @classmethod
    def parse(cls, key: str) -> "System":
        """The system of a key."""
        recipe, *rest = key.split(":")
        trained = _UNTRAINED not in rest
        controls = [part for part in rest if part != _UNTRAINED]
        return cls(recipe, controls[0] if controls else "", trained)

    @property
    def untrained(self) -> "System":
        """The same before its first step."""
        return replace(self, trained=False)

    @property
    def full_size(self) -> "System":
        """The system as it was published: of a recipe for small networks the one it stands for."""
        return replace(self, recipe=_full_sizes().get(self.recipe) or self.recipe)


@cache
def _full_sizes() -> dict[str, str]:
    """Recipe -> the published recipe that it stands for; empty for one that is published itself."""
    return {name: _content(name).get("full_size", "") for name in names()}


def _content(name: str) -> dict[str, Any]:
    return yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


def names() -> list[str]:
    """The names of all recipes."""
    return sorted(file.stem for file in _FOLDER.glob("*.yaml"))


def load(name: str, family: str, changes: dict | None = None, control: str = "") -> Recipe:
    """The recipe of that name for one backbone family.

    Args:
        name: a file in this folder, without its suffix.
        family: "vit" or "resnet" (CLIP's), or "cnn" (ImageNet's): chooses where a value differs.
        changes: values to replace: fields of Recipe, of every Stage, of Augment, or of the
            method's options, TOOLS included. A changed `epochs` stretches warm-up and milestones
            with it; `loss_weights` and `loss_warmup` change the losses they name, in the stages
            that train on images.
        control: one of the recipe's named controls or ablations, whose changes come first; its
            name goes into the title.

    Raises:
        ValueError: one sentence: unknown recipe, control or key, or a value of the wrong kind.
    """
    if name not in names():
        raise ValueError(f"Unknown recipe '{name}': choose one of {', '.join(names())}.")
    if family not in FAMILIES:
        raise ValueError(f"Unknown family '{family}': use {' or '.join(FAMILIES)}.")
    content = _content(name)
    content = {"name": name, **_of_family(name, content, family)}
    changes = _of_control(content, control) | (changes or {})
    epochs = changes.pop("epochs", None)
    for key, value in changes.items():
        _change(content, key, value)
    try:
        recipe = Recipe.model_validate(content)
        if epochs is not None:
            stages = [
                stage.scaled_to(Stage(**stage.model_dump() | {"epochs": epochs}).epochs)
                for stage in recipe.stages
            ]
            recipe = recipe.model_copy(update={"stages": stages})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"Recipe '{name}': {where}: {first['msg']}.") from None
    return recipe


def _of_control(content: dict, control: str) -> dict:
    known = content.get("controls", {}) | content.get("ablations", {})
    if control and control not in known:
        raise ValueError(
            f"Recipe '{content['name']}' has no control '{control}': "
            f"it has {', '.join(known) or 'none'}."
        )
    content["title"] = f"{content['title']} {control}".strip()
    return dict(known.get(control, {}))


def _of_family(name: str, content: dict, family: str) -> dict:
    try:
        return _for_family(content, family)
    except KeyError:
        raise ValueError(f"Recipe '{name}' is not for backbones of family '{family}'.") from None


def _for_family(value: Any, family: str) -> Any:
    if isinstance(value, dict):
        if value and value.keys() <= set(FAMILIES):
            return _for_family(value[family], family)
        return {key: _for_family(inner, family) for key, inner in value.items()}
    return [_for_family(inner, family) for inner in value] if isinstance(value, list) else value


def _parts(content: dict, key: str, kind: type) -> Any:
    """A part of a recipe to change; of the wrong kind it is left for the validation to refuse."""
    part = content.setdefault(key, kind())
    return part if isinstance(part, kind) else kind()


def _change_losses(stages: list[dict], key: str, value: Any) -> None:
    """Losses by name: what is not named stays, and a stage on cached features has others."""
    for stage in stages:
        if not stage.get("encode_once"):
            stage[key] = stage.get(key, {}) | value if isinstance(value, dict) else value


def _change(content: dict, key: str, value: Any) -> None:
    options, key = content.setdefault("options", {}), str(key)
    if key in Recipe.model_fields:
        content[key] = value
    elif key in ("loss_weights", "loss_warmup"):
        _change_losses(_parts(content, "stages", list), key, value)
    elif key in Stage.model_fields:
        for stage in _parts(content, "stages", list):
            stage[key] = value
    elif key in Augment.model_fields:
        _parts(content, "augment", dict)[key] = value
    elif key in options or key in TOOLS:
        options[key] = value
    else:
        known = [*Recipe.model_fields, *Stage.model_fields, *Augment.model_fields]
        known += {*options, *TOOLS}
        near = get_close_matches(key, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(sorted(known))}."
        raise ValueError(f"Unknown recipe key '{key}' for '{content['name']}': {hint}")
