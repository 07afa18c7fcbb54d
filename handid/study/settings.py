"""The parameters that all notebooks share, checked."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from handid import backbone
from handid.data.sets import SYNTHETIC

Count = Annotated[int, Field(ge=1)]


class Settings(BaseModel):
    """What all notebooks have in common; every field is a parameter of theirs.

    Attributes:
        work: folder of what is computed.
        data: name of a data set -> its folder, "synthetic", or "" for none.
        missing: what a missing or unreadable photograph leads to.
        people: synthetic people.
        images_per_view: synthetic photographs per person and view, on average.
        targets: what is trained and tested on, "NAME view", or "NAME" for a set of one view.
        backbones: names of image encoders.
        weights: "" for those that each backbone's name carries; or for all of them a name, a file,
            or a folder with a file per backbone.
        runs: Monte Carlo draws of query and gallery.
        seeds: one training each.
        device: as torch names it, or "auto".
        precision: of the arithmetic.
        compile: pass training steps through torch.compile.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    work: str
    data: dict[str, str] = {"11k": SYNTHETIC, "HD": ""}
    missing: Literal["error", "skip"] = "error"
    people: Annotated[int, Field(ge=4)] = 90
    images_per_view: Annotated[int, Field(ge=2)] = 6
    targets: Annotated[list[str], Field(min_length=1)] = ["11k dorsal right"]
    backbones: Annotated[list[str], Field(min_length=1)] = ["mini-ViT"]
    weights: str = ""
    runs: Count = 10
    seeds: Annotated[list[int], Field(min_length=1)] = [0]
    device: str = "auto"
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    compile: bool = False


def checked(**parameters: object) -> Settings:
    """Settings from parameters.

    Raises:
        ValueError: one sentence for a parameter that is unknown, ill-typed or out of range, or for
            an unknown backbone.
    """
    try:
        settings = Settings.model_validate(parameters)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"Parameter '{name}': {first['msg']}.") from None
    for name in settings.backbones:
        backbone.architecture(name)
        if not settings.weights:
            backbone.own_weights(name)
    labels = [backbone.label(name) for name in settings.backbones]
    twice = sorted({name for name in labels if labels.count(name) > 1})
    if twice:
        raise ValueError(
            f"Two backbones would both be called {twice[0]}: rename a file of weights."
        )
    return settings
