"""Parameters that name places: data sets, weights, models. As absolute paths, and what lies there.

It reads no notebook and no photograph.
"""

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handid import disk
from handid.runner.refusal import Refused, short

DATA = "data"  # the parameter of data sets: name -> folder, "synthetic", or "" for none
EXPORT = "export"  # the parameter of a folder to be made, in which a model is handed on
CLUSTER = "cluster"  # the parameter that says where trainings are done, which changes no figure
# Folders of a run; what else lies there, such as a disk's `lost+found`, need not be ours.
KEPT = ("cache", "cache/*", "control", "curves", "experiments", "figures", "people", "pretrain")
KEPT += ("results", "search", "synthetic", "tuning")


def path_of(text: str) -> Path | None:
    """A path with ~ written out; None for a text that cannot be one."""
    try:
        path = Path(text).expanduser()
        path.exists()
    except (OSError, RuntimeError, ValueError):  # too long, a user who does not exist
        return None
    return None if "\0" in text else path


def real(path: Path) -> Path:
    """The path of a folder as it really is, all links followed; it may yet have to be made.

    Raises:
        Refused: if they lead round in a circle, or no folder can be there.
    """
    try:
        found = path.resolve()
        there = next(place for place in (found, *found.parents) if place.exists())
    except (OSError, RuntimeError) as error:
        if getattr(error, "errno", None) == errno.ENAMETOOLONG:
            raise Refused(f"{path} is longer than a name may be; name another folder") from None
        raise Refused(f"{path} is a link that leads round in a circle; name a folder") from None
    if not there.is_dir():
        what = "it" if there == found else there
        raise Refused(f"{path} can be no folder, for {what} is a file; name another folder")
    return found


def made(folder: Path) -> None:
    """Make a folder that a run writes, its owner's alone, before anything is started.

    Raises:
        Refused: if it, or a folder in it or in its cache, cannot be made or written: what another
            user once ran leaves such ones.
    """
    place, reason = folder, ""
    try:
        disk.private(folder)
        own = (folder, *(one for kept in KEPT for one in folder.glob(f"{kept}/")))
        place = next((one for one in own if not os.access(one, os.W_OK | os.X_OK)), None)
        reason = place and "you may not write there"
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    if reason:
        raise Refused(
            f"{place} cannot be written ({reason}); make it yours, or name another one with --work "
            "or --reports"
        )


def existing_weights(name: str) -> str:
    """A weights file or folder as absolute path, or the name of published weights as it is.

    Raises:
        Refused: if it looks like a file and there is none.
    """
    path, suffix = path_of(located(name)), Path(name).suffix
    looks_like_one = os.sep in name or "/" in name or suffix in (".pt", ".pth", ".safetensors")
    if path is None or (looks_like_one and not path.exists()):
        origin = f"--weights {short(name)}"
        raise Refused(f"{origin}: no such file; give an existing file or a plain name")
    return located(name)


def located(value: Any) -> Any:
    """An existing path from where the command runs as an absolute one; anything else as it is.

    A notebook would look for it from its own folder.
    """
    path = path_of(value) if isinstance(value, str) and value else None
    if path and (path.is_file() or (path.is_dir() and (os.sep in value or _is_model(path)))):
        return str(path.resolve())
    return value


def with_place(value: Any) -> Any:
    """A path with a slash, or a model's folder in the place of a recipe, made absolute."""
    path = path_of(value) if isinstance(value, str) else None
    return located(value) if path and (os.sep in value or _is_model(path)) else value


def _is_model(folder: Path) -> bool:
    """Whether a folder holds a model that was handed on; a plain word may also name a folder."""
    return (folder / disk.PRODUCTS).is_file()


def with_file(backbone: Any) -> Any:
    """A backbone whose weights are an existing file, NAME:PATH, with that path made absolute."""
    name, colon, path = backbone.rpartition(":") if isinstance(backbone, str) else ("", "", "")
    return f"{name}:{located(path)}" if colon else backbone


def inputs(parameters: Mapping[str, Any]) -> dict[str, str]:
    """What a notebook's parameters say of photographs, weights and models: folders and files.

    Returns:
        Parameter, `data NAME` for a data set, an item of a list, or a backbone that is written
        NAME:WEIGHTS -> its text, which may also be a plain word.
    """
    own = (DATA, EXPORT, CLUSTER, "work")
    texts = {name: value for name, value in parameters.items() if name not in own}
    for name, value in parameters.items():
        if isinstance(value, list):
            texts |= {text: text for text in value if isinstance(text, str)}
        if name.endswith("backbones") and isinstance(value, list):
            texts |= {text: text.rpartition(":")[2] for text in map(str, value) if ":" in text}
    data = parameters.get(DATA)
    if isinstance(data, Mapping):
        texts |= {f"{DATA} {name}": value for name, value in data.items()}
    return {name: text for name, text in texts.items() if isinstance(text, str) and text}


def export_of(parameters: Mapping[str, Any], base: Path) -> Path | None:
    """The folder in which a notebook leaves a model; None for none.

    Args:
        parameters: of the notebook.
        base: the folder from which it looks.
    """
    text = parameters.get(EXPORT)
    return base / (path_of(text) or text) if isinstance(text, str) and text else None


def expect_new(folder: Path) -> None:
    """Look, before anything runs, whether a notebook can leave a model in a folder at its end.

    Raises:
        Refused: if it cannot.
    """
    try:
        disk.new_folder(folder)
    except ValueError as error:
        raise Refused(f"{EXPORT}: {error}") from None
