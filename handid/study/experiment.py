"""An experiment: what was trained, on what, and the folder that explains it by itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from handid import backbone, disk, fingerprint
from handid.data.sets import Target
from handid.recipes import Recipe, System

# Registries that import what a name says: what they import for an experiment is named beside them.
REGISTRIES = ("method.build", "backbone.build", "backbone.architecture")
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
        return pd.read_csv(path) if path.exists() else pd.DataFrame()

    @property
    def image_size(self) -> int:
        """Side of the square that the network sees, pixels."""
        return self.recipe.image_size or backbone.architecture(self.backbone).image_size

    @property
    def options(self) -> dict[str, Any]:
        """The method's options, "{view}" in its prompts replaced by the view."""
        options = self.recipe.options
        prompts = options.get("prompts")
        if not isinstance(prompts, list | tuple):
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
        recipe = Recipe.model_validate(content["recipe"])
        return Experiment(
            System.parse(content["system"]),
            content["title"],
            recipe,
            content["backbone"],
            content["weights"],
            Target(*content["target"]),
            content["view"],
            content["n_identities"],
            content["seed"],
            folder,
            embedding_code(recipe, content["backbone"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _network(recipe: Recipe, backbone_name: str) -> tuple[str, str]:
    """Where the code of an experiment's network stands, as fingerprint.code names it."""
    return f"method.{recipe.method}", f"backbone.{backbone.architecture(backbone_name).code}"


def training_entries(recipe: Recipe, backbone_name: str) -> tuple[str, ...]:
    """The definitions from which all code that makes a training's weights is reached."""
    own = _network(recipe, backbone_name)
    return "study.training.train_experiment", "protocol.halves", "image.cache.pixels", *own


def training_code(recipe: Recipe, backbone_name: str) -> str:
    """A digest of all code that makes the weights of a training."""
    return fingerprint.code(*training_entries(recipe, backbone_name), stop=REGISTRIES)


def embedding_code(recipe: Recipe, backbone_name: str) -> str:
    """A digest of all code between a photograph and its embedding."""
    entries = ("embed.embed", "image.cache.pixels", "image.augment.normalise")
    return fingerprint.code(*entries, *_network(recipe, backbone_name), stop=REGISTRIES)


def weights_key(weights: str) -> str:
    """What stands for a file of weights: name, size and time; a name stands for itself."""
    path = Path(weights)
    if not path.is_file():
        return weights
    return f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}"
