"""An experiment: what was trained, on what, and the folder that explains it by itself."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import BaseModel, Field

from handid import backbone, disk, fingerprint, method
from handid.backbone import imagenet
from handid.data.sets import NAMELESS, Target
from handid.recipes import Recipe, System

# Tables of what there is to choose from: a new entry changes nothing that was chosen before.
REGISTRIES = ("method.METHODS", "backbone.architectures.ARCHITECTURES")
REGISTRIES += ("backbone.imagenet.ARCHITECTURES",)
_ENCODERS = ("clip.Backbone", "imagenet.ImageNetBackbone", "image_only.TimmEncoder")
_HEAD = "method._head.IdentityHead"
# What turns a target into pixels; the rest of Photographs only shows or lists.
_PHOTOGRAPHS = (
    *("study.photographs.Photographs.pixels", "study.photographs.Photographs.halves"),
    "study.experiment.Experiment.image_size",
)
# What alters photographs; a training on photographs as they are does not use it.
_ALTERATIONS = ("image.alter.pixels", "image.alter.doubts", "image.alter.Alteration")
_FILE = "experiment.json"


@dataclass(frozen=True)
class Experiment:
    """One trained (or untrained) method: what it is, and where its products lie.

    Attributes:
        system: recipe, control, trained or not.
        title: what a reader calls it.
        recipe: every value of the training and the test.
        backbone: name of the image encoder, with its weights where the name carries them.
        weights: what it starts from: a name, or a file.
        target: whose training people it learned from.
        view: of the target, in words.
        n_identities: in its training set.
        seed: of new layers, order and augmentation.
        folder: of its products.
        code: a digest of all code between a photograph and its embedding.
    """

    system: System
    title: str
    recipe: Recipe
    backbone: str
    weights: str
    target: Target
    view: str
    n_identities: int
    seed: int
    folder: Path
    code: str

    @property
    def backbone_label(self) -> str:
        """What tables call the backbone: its name, of a file of weights only the last part."""
        return backbone.label(self.backbone)

    @property
    def history(self) -> pd.DataFrame:
        """A row per epoch, as train.fit returns it; empty for a method that is not trained."""
        path = self.folder / "history.csv"
        known = path.exists()
        return pd.read_csv(path, engine="python") if known else pd.DataFrame()

    @property
    def image_size(self) -> int:
        """Side of the square that the network sees, pixels."""
        return self.recipe.image_size or backbone.architecture(self.backbone).image_size

    @property
    def options(self) -> dict[str, Any]:
        """The method's options, "{view}" in its prompts replaced by the view, if it has a name."""
        options = self.recipe.options
        prompts = options.get("prompts")
        if self.view == NAMELESS or not isinstance(prompts, list | tuple):
            return options
        return {**options, "prompts": [str(p).replace("{view}", self.view) for p in prompts]}

    def write(self, key: dict[str, Any]) -> None:
        """Write what it is into its folder, with the parts of its key, unless it stands there."""
        if _read(self.folder) is not None:
            return
        content = {
            "system": self.system.key,
            "title": self.title,
            "recipe": self.recipe.model_dump(),
            "backbone": self.backbone,
            "weights": self.weights,
            "target": [self.target.set, self.target.view],
            "view": self.view,
            "n_identities": self.n_identities,
            "seed": self.seed,
        }
        disk.write_json(self.folder / _FILE, {**content, "key": key})


class _Kept(BaseModel, strict=True):
    """What an experiment's file says, but for its recipe, which `Recipe` reads."""

    system: str
    title: str
    backbone: str
    weights: str
    target: Annotated[list[str], Field(min_length=2, max_length=2)]
    view: str
    n_identities: Annotated[int, Field(ge=0)]
    seed: Annotated[int, Field(ge=0, lt=2**63)]


def read(folder: str | Path) -> Experiment:
    """The experiment that a folder holds; no data set is needed for it.

    Raises:
        ValueError: one sentence, if the folder holds none.
    """
    experiment = _read(Path(folder))
    if experiment is None:
        raise ValueError(f"{folder} holds no experiment: {_FILE} is missing or damaged.")
    return experiment


def _read(folder: Path) -> Experiment | None:
    content = disk.read_json(folder / _FILE)
    try:
        kept, recipe = _Kept.model_validate(content), Recipe.model_validate(content["recipe"])
        return Experiment(
            System.parse(kept.system),
            kept.title,
            recipe,
            kept.backbone,
            kept.weights,
            Target(*kept.target),
            kept.view,
            kept.n_identities,
            kept.seed,
            folder,
            embedding_code(recipe, kept.backbone),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def network_entries(recipe: Recipe, backbone_name: str) -> tuple[str, ...]:
    """The definitions from which the code of an experiment's network is reached."""
    shape = backbone.architecture(backbone_name)
    own = ("study.network.build", "study.experiment.Experiment.options", f"method.{recipe.method}")
    if isinstance(shape, imagenet.Architecture):
        return (*own, f"backbone.imagenet.{shape.make.__name__}")
    return own


def training_entries(recipe: Recipe, backbone_name: str) -> tuple[str, ...]:
    """The definitions from which all code that makes a training's weights is reached."""
    given = ("study.training.train_experiment", *_PHOTOGRAPHS, "protocol.halves")
    return (*given, *network_entries(recipe, backbone_name))


def stops(backbone_name: str) -> tuple[str, ...]:
    """What is not followed: tables, and the encoders of the other kind."""
    own = backbone.architecture(backbone_name).code
    return (*REGISTRIES, *(f"backbone.{other}" for other in _ENCODERS if other != own))


def training_code(recipe: Recipe, backbone_name: str, package: Path = fingerprint.PACKAGE) -> str:
    """A digest of all code that makes the weights of a training.

    Of the tools of re-identification only those that the recipe turns on are in it.
    """
    stop = stops(backbone_name)
    entries = training_entries(recipe, backbone_name)
    unused = [loss for tool, loss in method.TOOL_LOSSES.items() if not _is_on(recipe, tool)]
    stop = stop if _alters(recipe) else (*stop, *_ALTERATIONS)
    parts = [fingerprint.code(*entries, stop=(*stop, _HEAD), package=package)]
    parts.append(fingerprint.code(_HEAD, stop=(*stop, *unused), package=package))
    return fingerprint.digest(parts)


def _alters(recipe: Recipe) -> bool:
    return recipe.image != "whole" or recipe.augment.background > 0


def _is_on(recipe: Recipe, tool: str) -> bool:
    value = recipe.options.get(tool)
    return value is not None if tool == "triplet_margin" else bool(value)


def embedding_code(recipe: Recipe, backbone_name: str, package: Path = fingerprint.PACKAGE) -> str:
    """A digest of all code between a photograph and its embedding."""
    entries = ("embed.embed", "study.network.prepared", *_PHOTOGRAPHS)
    entries += network_entries(recipe, backbone_name)
    stop = (*stops(backbone_name), *method.TOOL_LOSSES.values())
    return fingerprint.code(*entries, stop=stop, package=package)


def architecture_key(backbone_name: str) -> dict[str, Any]:
    """The values, not the code, that make a backbone's architecture."""
    fields = vars(backbone.architecture(backbone_name))
    return {name: value for name, value in fields.items() if not callable(value)}


def weights_key(weights: str) -> str:
    """What stands for a file of weights: its name and content; a name stands for itself."""
    path = Path(weights)
    if not path.is_file():
        return weights
    return f"{path.name} {_content(path, path.stat().st_size, path.stat().st_mtime_ns)}"


@cache
def _content(path: Path, _size: int, _time: int) -> str:
    """The file's sha256, read once while neither its size nor its time changes."""
    return fingerprint.file(path)
