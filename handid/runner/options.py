"""The command line's values: what --set, --data and --weights give, and whether it can be right.

It reads no notebook and decides nothing about what must run.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from handid import given
from handid.runner.places import (
    CLUSTER,
    DATA,
    EXPORT,
    existing_weights,
    located,
    path_of,
    with_file,
    with_place,
)
from handid.runner.plain import read_yaml
from handid.runner.refusal import Refused, short

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
NAME = re.compile(r"\w[\w.-]*")  # of a data set


@dataclass(frozen=True)
class Options:
    """One command line of run_notebooks.py.

    Attributes:
        notebooks: folder of the notebooks and their profiles.
        reports: folder in which every profile has a folder for its report.
        work: folder in which every profile has a folder for what is computed.
        profile: name of the profile.
        only: numbers or names of notebooks; all of the profile if empty.
        data: NAME=FOLDER of each --data.
        settings: NAME=VALUE of each --set.
        weights: name or file of pretrained weights.
        jobs: number of notebooks that may run at the same time.
        cluster: where their trainings are done; "" for in their own processes.
        timeout: seconds after which a notebook is stopped.
        force: whether to run also what is fresh.
        show: whether only to show the plan.
        bundle: whether to write the whole report as one page and as PDF.
        app: whether to show the local page and run nothing else.
        purge: name of a data set of which everything computed is removed; "" for none.
        words: the command line itself.
    """

    notebooks: Path
    reports: Path
    work: Path
    profile: str = "demo"
    only: Sequence[str] = ()
    data: Sequence[str] = ()
    settings: Sequence[str] = ()
    weights: str | None = None
    jobs: int = 1
    cluster: str = ""
    timeout: float | None = None
    force: bool = False
    show: bool = False
    bundle: bool = False
    app: bool = False
    purge: str = ""
    words: Sequence[str] = ()


class Value(NamedTuple):
    """A value for a parameter and the option or profile that gave it, as a refusal names it."""

    content: Any
    origin: str


# --- reading -----------------------------------------------------------------------------------


def asked(options: Options, work: Path) -> dict[str, Value]:
    """Parameters that the command line sets; all its data sets together are one of them.

    Raises:
        Refused: if an option is ill-written, names a missing folder or file, or sets one twice.
    """
    items = [read_set(item) for item in options.settings]
    if options.weights:
        weights = Value(existing_weights(options.weights), f"--weights {short(options.weights)}")
        items.append(("weights", weights))
    values = {"work": Value(str(work), "the runner, see --work")}
    if options.cluster:
        values[CLUSTER] = Value(located(options.cluster), f"--cluster {short(options.cluster)}")
    for name, value in items:
        if name in values:
            raise _twice(name, value, values[name])
        values[name] = value
    folders = [read_data(item) for item in options.data]
    if folders:
        values[DATA] = _with_folders(values.get(DATA), folders)
    return values


def _with_folders(given: Value | None, folders: Iterable[tuple[str, Value]]) -> Value:
    """The parameter `data` as --set and --data give it together.

    Raises:
        Refused: if a data set is given twice.
    """
    if given is not None and not isinstance(given.content, Mapping):
        raise Refused(
            f"{given.origin}: {DATA} must be a dict of data sets, not {short(repr(given.content))}"
        )
    entries = {}
    if given is not None:
        entries = {str(name): Value(path, given.origin) for name, path in given.content.items()}
    for name, folder in folders:
        name = same_name(name, entries)
        if name in entries:
            raise _twice(f"{DATA} {name}", folder, entries[name])
        entries[name] = folder
    origins = dict.fromkeys(value.origin for value in entries.values())
    return Value({name: value.content for name, value in entries.items()}, ", ".join(origins))


def _twice(name: str, value: Value, before: Value) -> Refused:
    return Refused(f"{value.origin}: {name} is set already by {before.origin}; set it once")


def read_set(item: str) -> tuple[str, Value]:
    """Parameter and value of one --set.

    Raises:
        Refused: if it is not name=value with a value in YAML.
    """
    name, equals, text = item.partition("=")
    origin = f"--set {short(item)}"
    if not equals or not name.isidentifier():
        raise Refused(f"{origin}: write --set name=value")
    try:
        value = read_yaml(text)
    except ValueError as error:
        shown = short(repr(text))
        raise Refused(f"{origin}: {shown} is not a YAML value; quote it ({error})") from error
    if name == DATA and isinstance(value, Mapping):
        value = {key: located(folder) for key, folder in value.items()}
    elif name == EXPORT and isinstance(value, str) and value:
        value = _new_place(value, origin)
    elif name.endswith("backbones") and isinstance(value, list):
        value = [with_file(backbone) for backbone in value]
    elif isinstance(value, list):
        value = [with_place(item) for item in value]
    else:
        value = located(value) if name.endswith("weights") else with_place(value)
    return name, Value(value, origin)


def _new_place(text: str, origin: str) -> str:
    """The absolute path of a folder that is to be made.

    Raises:
        Refused: if nothing can be there.
    """
    try:
        return os.path.abspath(given.place(text))
    except ValueError as error:
        raise Refused(f"{origin}: {error}") from None


def read_data(item: str) -> tuple[str, Value]:
    """Data set and absolute folder of one --data.

    Raises:
        Refused: if it is not name=folder with a folder that exists.
    """
    name, equals, text = item.partition("=")
    folder, origin = path_of(text), f"--data {short(item)}"
    if not equals or not text or folder is None or not folder.is_dir():
        raise Refused(f"{origin}: no such folder; write --data NAME=AN_EXISTING_FOLDER")
    if not NAME.fullmatch(name):
        raise Refused(f"{origin}: a plain name has letters, digits, '.', '_' and '-' only")
    return name, Value(str(folder.resolve()), origin)


# --- checking and merging -----------------------------------------------------------------------


def same_name(name: str, names: Iterable[str]) -> str:
    """The known spelling of a data set's name: case does not matter; a new name as it is."""
    return next((known for known in names if known.lower() == name.lower()), name)


def merged(default: dict[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """The parameter `data` with some of its data sets replaced and others added."""
    data = dict(default)
    for name, value in content.items():
        data[same_name(str(name), data)] = value
    return data


def checked(name: str, value: Value, default: Any) -> Any:
    """The value's content, if it has the type of the notebook's default.

    Raises:
        Refused: if it has not.
    """
    content = value.content
    try:
        if type(default) is float and (type(content) is int or NUMBER.fullmatch(str(content))):
            content = float(content)  # YAML 1.1 reads 1e-3 as text
        is_plain = json.loads(json.dumps(content, allow_nan=False)) == content
        content = json.loads(json.dumps(content, ensure_ascii=False).encode())
    except (TypeError, ValueError, OverflowError, RecursionError):  # a date, a NaN, no text, ...
        is_plain = False
    if not is_plain or (default is not None and type(content) is not type(default)):
        shown = repr(content) if type(content) is str else short(content)
        hint = f"; text needs quotes inside: '\"{short(content)}\"'" if type(default) is str else ""
        wanted = f"{type(default).__name__} like {default!r}"
        raise Refused(f"{value.origin}: {name} must be {wanted}, not {short(shown)}{hint}")
    return content


def check_data(data: Mapping[str, Any], origin: str, base: Path, work: Path) -> None:
    """Check the data sets that one profile or option gives.

    Args:
        data: name -> folder, or a word that the notebook knows.
        origin: the option or profile that gave them.
        base: the folder from which a notebook looks.
        work: the folder of what is computed; it may yet come to hold a data set.

    Raises:
        Refused: if a name is no plain name or comes twice, or a folder is not there.
    """
    if len({name.lower() for name in data}) < len(data):
        raise Refused(f"{origin}: data names a data set twice: {short(', '.join(data))}")
    for name, text in data.items():
        if not isinstance(text, str) or not NAME.fullmatch(name):
            given = short(f"{name!r}: {text!r}")
            raise Refused(f"{origin}: data gives names their folders, not {given}")
        path = path_of(text)
        folder = (base / path).resolve() if path and os.sep in text else None
        if path is None or (folder and not folder.is_dir() and not folder.is_relative_to(work)):
            text = short(text)
            raise Refused(f"{origin}: data {name} names no folder: {text}; make it or name another")
