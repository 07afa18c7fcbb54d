"""The parameters that all notebooks share, checked."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from handid import backbone, cluster, fingerprint, given
from handid.data.sets import DRAWN, SYNTHETIC
from handid.synthetic import VIEWS

Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]  # as torch, NumPy and an experiment's file take it
NAME = re.compile(r"\w[\w.-]*")  # of a data set, as on the command line


def _once(values: list) -> list:
    """Each value once, in order: the same training twice is no second seed."""
    return list(dict.fromkeys(values))


def _known(view: str) -> str:
    if view not in VIEWS:
        raise ValueError(f"a hand has the views {', '.join(VIEWS)}")
    return view


View = Annotated[str, AfterValidator(_known)]


class Settings(BaseModel):
    """What all notebooks have in common; every field is a parameter of theirs.

    Attributes:
        work: folder of what is computed.
        data: name of a data set -> its folder, "synthetic" for 11k and HD, or "" for none.
        missing: what a missing or unreadable photograph leads to.
        people: synthetic people.
        images_per_view: synthetic photographs per person and view, on average.
        bursts: into how many each synthetic person's photographs of a view are divided; 0 for none.
        views: of synthetic 11k that are drawn.
        targets: what is trained and tested on, "NAME view", or "NAME" for a set of one view.
        backbones: names of image encoders.
        weights: "" for those that each backbone's name carries; or, for backbones named without, a
            name, a file, or a folder with a file per backbone.
        runs: Monte Carlo draws of query and gallery.
        queries_per_person: photographs of an identity that ask in a survey, at most; 0 for all.
        seeds: one training each, 0 or more.
        device: as torch names it, or "auto".
        precision: of the arithmetic; "auto" is bf16 on a GPU that has it, else fp32.
        steps: how training steps run: any of "compile", "graphs", "recompute", see train.Engine.
        cluster: where trainings and scores are done, see cluster.place; "" for here.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    work: str
    data: dict[str, str] = {"11k": SYNTHETIC, "HD": ""}
    missing: Literal["error", "skip"] = "error"
    people: Annotated[int, Field(ge=4)] = 90
    images_per_view: Annotated[int, Field(ge=2)] = 6
    bursts: Annotated[int, Field(ge=0)] = 0
    views: Annotated[list[View], Field(min_length=1), AfterValidator(_once)] = [*VIEWS]
    targets: Annotated[list[str], Field(min_length=1)] = ["11k dorsal right"]
    backbones: Annotated[list[str], Field(min_length=1)] = ["mini-ViT"]
    weights: str = ""
    runs: Count = 10
    queries_per_person: Annotated[int, Field(ge=0)] = 0
    seeds: Annotated[list[Seed], Field(min_length=1), AfterValidator(_once)] = [0]
    device: str = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    steps: list[Literal["compile", "graphs", "recompute"]] = ["graphs"]
    cluster: str = ""


def checked(**parameters: object) -> Settings:
    """Settings from parameters; their relative paths count from the notebook's folder.

    Raises:
        ValueError: one sentence for a parameter that is unknown, ill-typed or out of range, or for
            an unknown backbone or one of two weights, or for data sets that cannot be told apart
            or drawn.
    """
    parameters = {name: _located(name, value) for name, value in parameters.items()}
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
        elif (plain := backbone.split(name)[0]) != name:
            raise ValueError(
                f"Backbone '{backbone.label(name)}' names its weights, and "
                f"'{Path(settings.weights).name}' are asked for beside it: leave weights empty, "
                f"or write {plain}."
            )
    if len(set(settings.backbones)) < len(settings.backbones):
        raise ValueError("A backbone is named twice: write each once.")
    labels = [backbone.label(name) for name in settings.backbones]
    twice = sorted({name for name in labels if labels.count(name) > 1})
    if twice:
        raise ValueError(
            f"Two backbones would both be called {twice[0]}: rename a file of weights."
        )
    _check_data(settings.data)
    if settings.cluster:
        cluster.place(settings.cluster)
    return settings


def _check_data(data: Mapping[str, str]) -> None:
    """Refuse names that no target could tell apart, one folder under two names, odd drawings."""
    names, places = {}, {}
    for name, source in data.items():
        if not NAME.fullmatch(name):
            raise ValueError(
                f"Data set {name!r}: a plain name has letters, digits, '.', '_' and '-' only."
            )
        if (twin := names.setdefault(name.lower(), name)) != name:
            raise ValueError(f"Data sets '{twin}' and '{name}' have one name: rename one of them.")
        if source == SYNTHETIC and name not in DRAWN:
            raise ValueError(
                f"Data set '{name}' cannot be '{SYNTHETIC}': the package draws "
                f"{' and '.join(DRAWN)} only; give it a folder with --data {name}=PATH."
            )
        place = given.place(source).resolve() if source not in ("", SYNTHETIC) else name
        if (twin := places.setdefault(place, name)) != name:
            raise ValueError(
                f"Data sets '{twin}' and '{name}' are one folder: what trains in one would be "
                "tested in the other."
            )


def _located(name: str, value: object) -> object:
    """A parameter whose relative path has become an absolute one; anything else as it is."""
    if name == "work" and isinstance(value, str) and value:
        return str(located(value))
    if name == "data" and isinstance(value, dict):
        return {key: _folder(text) for key, text in value.items()}
    if name == "weights" and isinstance(value, str) and value and located(value).exists():
        return str(located(value))
    return value


def _folder(text: object) -> object:
    if not isinstance(text, str) or text in ("", SYNTHETIC):
        return text
    return str(located(text))


def located(path: str | Path) -> Path:
    """A path as an absolute one, which counts from the notebook's folder if it is relative.

    The runner says which folder that is, and JupyterLab works in it. Anything else that executes
    our notebooks (papermill, nbconvert) may work anywhere: there, `../runs` must not lead out of
    the repository.
    """
    own = fingerprint.PACKAGE.parent / "notebooks"
    base = os.environ.get("HANDID_NOTEBOOKS", "")
    if not base:
        base = str(own) if own.is_dir() and "JPY_SESSION_NAME" not in os.environ else os.getcwd()
    return Path(os.path.abspath(Path(base) / given.place(path)))
