"""What a recipe may say: the types of its values. Options are checked by the method, not here."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from handid.recipes.search import Search

UNTRAINED = "untrained"  # in a system's key; see system.py
# Options that every method that trains takes but pre-training, whether its recipe names them or
# not; lora_rank CLIP's alone.
TOOLS = (
    *("neck", "unit", "label_smoothing", "arcface_scale", "arcface_margin", "triplet_margin"),
    *("centre_rate", "contrastive_temperature", "unfreeze_blocks"),
    "lora_rank",
)
# What a recipe is called, and what else could be made of it, changes no figure.
NAMES = {"name", "title", "full_size", "controls", "ablations", "search"}
MAX_SIDE = 4096  # of the square that a network sees, pixels; as image.decode's
Fraction = Annotated[float, Field(ge=0, le=1)]
Colours = tuple[tuple[float, float, float], tuple[float, float, float]]
Positive = Annotated[float, Field(gt=0)]


def _name_of_control(name: str) -> str:
    if not name or ":" in name or name == UNTRAINED:
        raise ValueError(f"'{name}' cannot name a control: a system's key is made of such names")
    return name


ControlName = Annotated[str, AfterValidator(_name_of_control)]


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
    """One stage of a training, as the loop in train/ needs it.

    The rate of epoch e (from 0) rises linearly from `warmup_factor` times the peak over
    `warmup_epochs`; with `schedule` "step" it is multiplied by `decay` at each of `milestones`,
    with "cosine" it falls along half a cosine after the warm-up, with "cosine_from_start" along one
    that began with the first epoch and ends at `last_factor` in the last, with "one_cycle" it rises
    over the first 30 % of the epochs and falls over the rest. `clip_gradients` is the largest norm
    of all gradients together, 0 for no limit. `loss_warmup` gives the epochs over which a loss's
    weight rises linearly. With `encode_once` the image encoder is frozen: each training image is
    encoded once, as at test, and the method gets these features instead of images; nothing is
    validated. `optimiser` "muon" (Jordan et al. 2024) moves the matrices that a method marks, and
    AdamW the rest.
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
    schedule: Literal["step", "cosine", "cosine_from_start", "one_cycle"] = "step"
    last_factor: Fraction = 0.0
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
    """What is done to training images; image.augment.Augmentation says what each value means."""

    resize: Annotated[float, Field(ge=1)] = 1.0
    flip: Fraction = 0.0
    jitter: tuple[Fraction, Fraction, Fraction] = (0.0, 0.0, 0.0)
    erasing: Fraction = 0.0
    background: Fraction = 0.0


class Recipe(_Strict):
    """A method with everything that determines its numbers: options, images, stages, test.

    `full_size` names the published recipe that this one adapts to small networks; "" for a
    published one. `controls` and `ablations` are named sets of changes; see `load`.
    `weights` are those that the study names, or "random": an untrained network, as a control.
    `image_size` is the side of the square that the network sees, pixels; 0: the backbone's own;
    with `portrait` the square is squeezed to about 4/7 of its width, for every method that is not
    restricted to squares (MBA-Net and RGA-Net are).
    `mean_std` "own" are the colours that the backbone's weights were trained with.
    `image` is what training photographs show, a region of image.regions or all of it. `centred`
    subtracts the mean of the photographs that are compared from each embedding: for floors, whose
    cosine is near 1 without it.
    `teacher` is a backbone to learn from, with the weights that ship; only pre-training has one.
    `search` says which values a tuning may choose; None for a recipe that is not tuned.
    `train_mean_std` normalises training images differently from test images, a mistake that a
    control may repeat; "" for the same.
    """

    name: str
    title: str
    full_size: str = ""
    method: str
    options: dict[str, Any] = {}
    controls: dict[ControlName, dict[str, Any]] = {}
    ablations: dict[ControlName, dict[str, Any]] = {}
    search: Search | None = None
    weights: Literal["study", "random"] = "study"
    teacher: str = ""
    last_stride: Literal[1, 2] = 1
    image_size: Annotated[int, Field(ge=0, le=MAX_SIDE)] = 0
    mean_std: Literal["imagenet", "clip", "half", "own"] | Colours
    train_mean_std: Literal["", "imagenet", "clip", "half", "none"] = ""
    geometry: Literal["squash", "crop"]
    portrait: bool = False
    flip_average: bool
    select: Literal["best", "last"] = "best"
    image: Literal["whole", "hand", "silhouette", "hole", "background", "light", "texture"] = (
        "whole"
    )
    centred: bool = False
    augment: Augment = Augment()
    stages: list[Stage]
