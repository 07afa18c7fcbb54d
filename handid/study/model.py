"""A model that can be handed on: written into a folder, and used by its path in a recipe's place.

The folder explains itself: weights, recipe and backbone, calibration, figures, licence and card,
and a list with the digest of each file; a folder that does not fit its list is not opened.
"""

import shutil
from dataclasses import replace
from pathlib import Path

from handid import checkpoint, disk, fingerprint, given
from handid.backbone import names
from handid.data.sets import Target
from handid.report.rows import Score
from handid.study import network
from handid.study.card import card
from handid.study.experiment import Experiment, read

CARD, FIGURES, LICENCE = "README.md", "figures.csv", "LICENSE"
READ = (".json", ".safetensors")  # ends the names of files that are more than read by people


def export(experiment: Experiment, folder: str | Path, score: Score) -> str:
    """Write a model into a new folder: it needs no other file, no data set and no download.

    Args:
        experiment: the model, trained or not.
        folder: to be made.
        score: its figures on its own target, for the card.

    Returns:
        A sentence for readers, without the folder's path.

    Raises:
        ValueError: one sentence, if the folder exists and is not empty, or cannot be made.
    """
    folder = disk.private(disk.new_folder(folder))
    own = replace(
        experiment, folder=folder, backbone=_without_file(experiment.backbone), weights="random"
    )
    own.write({})
    checkpoint.write_weights(network.restored(experiment), folder)
    with disk.whole(folder / "history.csv") as part:
        experiment.history.to_csv(part, index=False)
    with disk.whole(folder / FIGURES) as part:
        score.rows.to_csv(part, index=False, float_format="%.6g")
    for file in sorted(experiment.folder.glob("calibration-*.json")):
        shutil.copyfile(file, folder / file.name)
    with disk.whole(folder / LICENCE) as part:
        part.write_text(_licence(), encoding="utf-8")
    with disk.whole(folder / CARD) as part:
        part.write_text(card(experiment, score), encoding="utf-8")
    disk.write_products(folder, sorted(path.name for path in folder.iterdir()))
    return (
        f"The model is written into the folder {folder.name}; its products.json holds the SHA-256 "
        "of each file, and its path can stand in a recipe's place."
    )


def is_model(name: str) -> bool:
    """Whether a recipe's name is a path, which is that of an exported model's folder."""
    return "/" in name


def is_exported(experiment: Experiment) -> bool:
    """Whether an experiment lies in a folder that `export` wrote."""
    return (experiment.folder / CARD).is_file()


def opened(folder: str | Path, target: Target | None = None, view: str = "") -> Experiment:
    """The model of a folder, whose files are those that were written.

    Args:
        folder: that `export` wrote.
        target: on whose test people it is used; its own if None.
        view: of the target.

    Raises:
        ValueError: one sentence, if the folder holds no model, or a file of it is missing, cut,
            changed or added.
    """
    folder = given.place(folder).resolve()
    shown = given.printable(str(folder))
    if not folder.is_dir():
        raise ValueError(f"{shown} is no folder: name a recipe or an exported model's.")
    damaged = _damaged(folder)
    if damaged:
        raise ValueError(
            f"{shown} is no whole model: {damaged} is missing or was changed after the "
            "export; export or copy the model again."
        )
    known = disk.read_json(folder / disk.PRODUCTS)["products"]
    files = (path.name for path in folder.iterdir() if path.suffix in READ)
    others = {name for name in files if name[0] != "."} - {*known, disk.PRODUCTS}
    if others:
        raise ValueError(
            f"{shown} is no whole model: {given.printable(min(others))} was put there after the "
            "export; remove it, or export the model again."
        )
    experiment = read(folder)
    if target is None:
        return experiment
    return replace(experiment, target=target, view=view)


def _damaged(folder: Path) -> str:
    """The name of a file that is not what the list says; of the list, if it names what is none."""
    try:
        name = disk.damaged_product(folder)
    except ValueError:  # a NUL in a name
        name = disk.PRODUCTS
    return name if len(name) <= given.LONGEST and name.isprintable() else disk.PRODUCTS


def _without_file(name: str) -> str:
    """A backbone's name, in which no file of this machine is named."""
    head, weights = names.split(name)
    return f"{head}:random" if Path(weights).is_file() else name


def _licence() -> str:
    """The licence of this code, wherever the package lies."""
    for place in (fingerprint.PACKAGE.parent, fingerprint.PACKAGE):
        if (place / LICENCE).is_file():
            return (place / LICENCE).read_text(encoding="utf-8")
    return "MIT License. See https://opensource.org/license/mit\n"
