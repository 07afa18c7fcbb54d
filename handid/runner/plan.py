"""What is to run: notebooks, a profile and options in; tasks, or one sentence of refusal, out.

It runs nothing and imports neither torch nor a kernel, so that a second run costs a second.
"""

from __future__ import annotations

import ast
import difflib
import functools
import graphlib
import hashlib
import importlib.metadata
import io
import json
import os
import platform
import re
import sys
import tempfile
import tokenize
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = ("torch", "torchvision", "open_clip_torch", "safetensors", "numpy", "pandas", "pillow")
PACKAGES += ("matplotlib", "seaborn", "papermill", "nbclient", "ipykernel")
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
FRONT_DOOR = {"plan.py", "batch.py", "report.py"}  # they drive notebooks; no notebook imports them


class Refused(Exception):
    """What was asked cannot be run; the message says why and how to mend it."""


# ---------------------------------------------------------------- what there is to run


class Profile(BaseModel):
    """One file of notebooks/profiles: which notebooks run, and with which parameters."""

    model_config = ConfigDict(extra="forbid")
    description: str
    notebooks: Literal["all"] | list[str] = "all"
    required: list[str] = []  # parameters that must not stay empty
    parameters: dict[str, Any] = {}
    per_notebook: dict[str, dict[str, Any]] = {}


@dataclass
class Notebook:
    """A notebook as it lies in the folder: its cells, its parameters' defaults, what it needs.

    A `long` one is started before the others where several run at the same time, for what is
    started last is waited for alone.
    """

    path: Path
    cells: list[dict]
    defaults: dict[str, Any]
    meanings: dict[str, str]
    needs: list[str]
    long: bool

    @property
    def stem(self) -> str:
        """File name without its ending: the notebook's name everywhere."""
        return self.path.stem


@dataclass
class Task:
    """A selected notebook with everything that decides whether it must run."""

    notebook: Notebook
    injected: dict[str, Any]
    shown: dict[str, Any]
    fingerprints: dict[str, str]
    stale: str = ""

    @property
    def key(self) -> str:
        """One hash over all fingerprints."""
        return digest(self.fingerprints)


def close(name: str, known: Iterable[str]) -> str:
    """What a mistyped name may have meant, else the names that exist."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=2)
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known) or 'none'}"


def text_of(source: str | list[str]) -> str:
    """A cell's source: stored as one text or as a list of lines."""
    return source if isinstance(source, str) else "".join(source)


def read_notebook(path: Path) -> Notebook:
    """Read a notebook and the literals of its one `parameters` cell.

    Raises:
        Refused: if the file is no notebook or its parameters cell holds anything but literals.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        cells = [
            {
                "type": cell["cell_type"],
                "source": text_of(cell["source"]),
                "tags": cell.get("metadata", {}).get("tags", []),
            }
            for cell in document["cells"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(f"{path.name} is not a readable notebook ({error}); save it anew") from error
    tagged = [c for c in cells if c["type"] == "code" and "parameters" in c["tags"]]
    if len(tagged) != 1:
        raise Refused(f"{path.name} has {len(tagged)} code cells tagged 'parameters'; tag just one")
    defaults, meanings = read_parameters(tagged[0]["source"], path.name)
    own = document.get("metadata", {}).get("handid", {})
    needs, long = own.get("needs", []), own.get("long", False)
    return Notebook(path, cells, defaults, meanings, needs, long)


def read_parameters(source: str, name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Values and comments of `name = literal  # meaning` lines.

    Raises:
        Refused: if a statement is anything else.
    """
    defaults, meanings = {}, {}
    try:
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        comments = {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}
        for node in ast.parse(source).body:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            defaults[target.id] = ast.literal_eval(node.value)
            meanings[target.id] = comments.get(node.end_lineno, "")
    except (SyntaxError, ValueError, AttributeError, tokenize.TokenError) as error:
        where = getattr(error, "lineno", None) or getattr(locals().get("node"), "lineno", "?")
        raise Refused(
            f"{name}: line {where} of the parameters cell must be `name = literal  # meaning`"
        ) from error
    return defaults, meanings


def read_all(folder: Path) -> dict[str, Notebook]:
    """All notebooks of a folder, by name.

    Raises:
        Refused: if there are none, one is unreadable, or one needs a notebook that is not there.
    """
    notebooks = {path.stem: read_notebook(path) for path in sorted(folder.glob("*.ipynb"))}
    if not notebooks:
        raise Refused(f"no notebooks in {folder}; name their folder with --notebooks")
    for notebook in notebooks.values():
        for need in notebook.needs:
            if need not in notebooks:
                raise Refused(f"{notebook.stem} needs {need!r}; {close(need, notebooks)}")
    return notebooks


def read_profile(folder: Path, name: str) -> Profile:
    """The profile of this name.

    Raises:
        Refused: if there is none, or it holds what a profile cannot hold.
    """
    path = folder / "profiles" / f"{name}.yaml"
    if not path.is_file():
        known = [p.stem for p in path.parent.glob("*.yaml")]
        raise Refused(f"no profile {name!r} in {folder.name}/profiles; {close(name, known)}")
    try:
        return Profile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise Refused(f"profile {name}: not readable YAML, {reason}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        hint = (
            close(where, Profile.model_fields) if first["type"] == "extra_forbidden" else "mend it"
        )
        raise Refused(f"profile {name}: {where or 'file'}: {first['msg']}; {hint}") from error


def find(name: str, stems: Iterable[str]) -> str:
    """The notebook that a number or a name means.

    Raises:
        Refused: if none does, or several do.
    """
    wanted = Path(name).name.removesuffix(".ipynb")
    number = wanted.zfill(2) if wanted.isdecimal() else wanted
    found = [stem for stem in stems if wanted == stem or number == stem.split("_")[0]]
    if len(found) != 1:
        many = f"{name!r} could be {' or '.join(found)}" if found else f"no notebook {name!r}"
        raise Refused(f"{many}; {close(wanted, stems)}")
    return found[0]


def in_order(notebooks: dict[str, Notebook]) -> list[str]:
    """Names so that every notebook comes after what it needs, else in reading order.

    Raises:
        Refused: if they need each other in a circle.
    """
    graph = {stem: [n for n in book.needs if n in notebooks] for stem, book in notebooks.items()}
    sorter = graphlib.TopologicalSorter(graph)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        circle = " -> ".join(error.args[1])
        raise Refused(f"notebooks need each other in a circle: {circle}") from error
    order = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order


# ---------------------------------------------------------------- parameters


def checked(name: str, value: Any, default: Any, where: str) -> Any:
    """The value, if it has the type of the notebook's default.

    Raises:
        Refused: if it has not.
    """
    if type(default) is float and (type(value) is int or NUMBER.fullmatch(str(value))):
        value = float(value)  # YAML 1.1 reads 1e-3 as text
    try:
        plain = json.loads(json.dumps(value)) == value
    except TypeError:
        plain = False
    if not plain or (default is not None and type(value) is not type(default)):
        hint = f"; text needs quotes inside: '\"{value}\"'" if type(default) is str else ""
        wanted = f"{type(default).__name__} like {default!r}"
        raise Refused(f"{where}: {name} must be {wanted}, not {value!r}{hint}")
    return value


def asked(options: Namespace, work: Path) -> dict[str, tuple[Any, str]]:
    """Parameters that the command line sets, each with the option that set it.

    Raises:
        Refused: if an option is ill-written, names a missing folder or file, or sets one twice.
    """
    items = [read_set(item) for item in options.set] + [read_data(item) for item in options.data]
    if options.weights:
        found = existing_weights(options.weights)
        items.append(("weights", found, f"--weights {options.weights}"))
    wanted: dict[str, tuple[Any, str]] = {"work": (str(work), "")}
    for name, value, option in items:
        if name in wanted:
            before = wanted[name][1] or "the runner, see --work"
            raise Refused(f"{option}: {name} is set already by {before}; set it once")
        wanted[name] = (value, option)
    return wanted


def read_set(item: str) -> tuple[str, Any, str]:
    """Name, value and option of one --set.

    Raises:
        Refused: if it is not name=value with a value in YAML.
    """
    name, equals, raw = item.partition("=")
    if not equals or not name.isidentifier():
        raise Refused(f"--set {item}: write --set name=value")
    try:
        value = yaml.safe_load(raw)
    except yaml.YAMLError as error:
        raise Refused(f"--set {item}: {raw!r} is not a YAML value; quote it") from error
    return name, located(value) if is_input(name) else value, f"--set {item}"


def is_input(name: str) -> bool:
    """Whether a parameter may name a data folder or a file of weights."""
    return name.startswith("data_") or name.endswith("weights")


def located(value: Any) -> Any:
    """An existing path from where the command runs as an absolute one; anything else as it is.

    A notebook would look for it from its own folder.
    """
    path = Path(value).expanduser() if isinstance(value, str) and value else None
    if path and (path.is_file() or (path.is_dir() and os.sep in value)):
        return str(path.resolve())
    return value


def read_data(item: str) -> tuple[str, str, str]:
    """Parameter, absolute folder and option of one --data.

    Raises:
        Refused: if it is not name=folder with a folder that exists.
    """
    name, equals, raw = item.partition("=")
    folder = Path(raw).expanduser()
    if not equals or not raw or not folder.is_dir():
        raise Refused(f"--data {item}: no such folder; write --data NAME=AN_EXISTING_FOLDER")
    return f"data_{name}", str(folder.resolve()), f"--data {item}"


def existing_weights(name: str) -> str:
    """A weights file or folder as absolute path, or the name of published weights as it is.

    Raises:
        Refused: if it looks like a file and there is none.
    """
    found, suffix = located(name), Path(name).suffix
    if not Path(found).exists() and (
        os.sep in name or "/" in name or suffix in (".pt", ".safetensors")
    ):
        raise Refused(f"--weights {name}: no such file; give an existing file or a plain name")
    return found


def check_profile(profile: Profile, name: str, chosen: dict[str, Notebook]) -> None:
    """Look for every notebook and parameter that a profile names.

    Raises:
        Refused: if one does not exist.
    """
    known = {key for notebook in chosen.values() for key in notebook.defaults}
    for key in [*profile.parameters, *profile.required]:
        if key not in known:
            hint = close(key, known)
            raise Refused(f"profile {name}: no notebook has a parameter {key!r}; {hint}")
    for stem, values in profile.per_notebook.items():
        if stem not in chosen:
            raise Refused(f"profile {name}: it has no notebook {stem!r}; {close(stem, chosen)}")
        for key in values:
            if key not in chosen[stem].defaults:
                hint = close(key, chosen[stem].defaults)
                raise Refused(f"profile {name}: {stem} has no parameter {key!r}; {hint}")


def injection(
    notebook: Notebook, profile: Profile, name: str, wanted: dict[str, tuple[Any, str]]
) -> dict[str, Any]:
    """What a run injects into one notebook: the profile's values, then the command line's.

    Raises:
        Refused: if a value has another type than its default, or one the profile requires is empty.
    """
    own = profile.parameters | profile.per_notebook.get(notebook.stem, {})
    values = {key: (value, f"profile {name}") for key, value in own.items()} | wanted
    injected = {}
    for key, (value, option) in values.items():
        if key in notebook.defaults:
            where = f"{option or '--work'} ({notebook.stem})"
            injected[key] = checked(key, value, notebook.defaults[key], where)
            if key.startswith("data_"):
                check_folder(key, injected[key], where, notebook.path.parent, wanted["work"][0])
    for key in profile.required:
        if (notebook.defaults | injected).get(key, True) in ("", None, [], {}):
            how = f"--data {key[5:]}=FOLDER" if key.startswith("data_") else f"--set {key}=VALUE"
            raise Refused(f"profile {name} needs {key}; give it with {how}")
    return injected


def check_folder(name: str, value: Any, where: str, base: Path, work: str) -> None:
    """Look for a data folder that a profile or --set names; `work` may yet come to hold it.

    Raises:
        Refused: if it is written as a path and is not there.
    """
    if not isinstance(value, str) or os.sep not in value:
        return  # empty, or a word that the notebook knows
    folder = (base / Path(value).expanduser()).resolve()
    if not folder.is_dir() and not folder.is_relative_to(work):
        raise Refused(f"{where}: {name} names no folder: {value}; make it or name another")


# ---------------------------------------------------------------- fingerprints and privacy


def digest(thing: Any) -> str:
    """SHA-256 of anything JSON can write."""
    return hashlib.sha256(json.dumps(thing, sort_keys=True, default=str).encode()).hexdigest()


def digest_files(paths: Iterable[Path]) -> str:
    """SHA-256 over names and contents."""
    return digest([(p.name, hashlib.sha256(p.read_bytes()).hexdigest()) for p in sorted(paths)])


@functools.cache
def digest_path(path: Path) -> str:
    """Fingerprint of a data folder or weights file from names, sizes and times, not contents."""
    if path.is_file():
        status = path.stat()
        return digest([status.st_size, status.st_mtime_ns])
    rows = []
    for folder, _, files in os.walk(path):
        for name in files:
            status = os.stat(os.path.join(folder, name), follow_symlinks=False)
            rows.append((os.path.relpath(folder, path), name, status.st_size, status.st_mtime_ns))
    return digest(sorted(rows))


def inputs_of(notebook: Notebook, injected: dict, work: Path) -> dict[str, str]:
    """Fingerprints of the data folders and weights that a notebook's parameters name."""
    found = {}
    for name, value in (notebook.defaults | injected).items():
        if isinstance(value, str) and value and is_input(name):
            path = (notebook.path.parent / Path(value).expanduser()).resolve()
            # what lies in `work` are products; the keys of the needed notebooks stand for them
            if path.exists() and work not in (path, *path.parents):
                found[name] = digest_path(path)
    return found


@functools.cache
def code_digest() -> str:
    """Fingerprint of what notebooks import; how a report looks is not part of it."""
    package = REPOSITORY / "handid"
    files = [p for pattern in ("*.py", "*.yaml", "*.csv") for p in package.rglob(pattern)]
    return digest_files(p for p in files if p.name not in FRONT_DOOR)


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python and the main packages, without importing them."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


class Mask:
    """Shortens this machine's paths: to repository-relative ones, to ~, or to their last name."""

    def __init__(self, folders: dict[str, Path], extra: list[str]):
        """Collect the paths to shorten; `extra` are data folders and weights files."""
        shown = {str(REPOSITORY): ".", str(Path.home()): "~", tempfile.gettempdir(): "…"}
        for path in [sys.prefix, sys.base_prefix, *map(str, folders.values()), *extra]:
            inside = Path(path).is_relative_to(REPOSITORY) or Path(path).is_relative_to(Path.home())
            if not inside and len(Path(path).parts) > 2:
                shown[path] = "…/" + Path(path).name
        shown |= {os.path.realpath(path): short for path, short in shown.items()}
        shown.pop("/", None)
        self.rules = []
        for path in sorted(shown, key=len, reverse=True):
            if shown[path] == ".":
                self.rules.append((re.compile(rf"(?<!\w){re.escape(path)}/"), ""))
            self.rules.append((re.compile(rf"(?<!\w){re.escape(path)}(?![\w-])"), shown[path]))

    def __call__(self, thing: Any) -> Any:
        """The same text, list or dict with shortened paths; images are left alone."""
        if isinstance(thing, str):
            for pattern, short in self.rules:
                thing = pattern.sub(short, thing)
            return thing
        if isinstance(thing, list):
            return [self(item) for item in thing]
        if isinstance(thing, dict):
            return {k: v if str(k).startswith("image/p") else self(v) for k, v in thing.items()}
        return thing


# ---------------------------------------------------------------- the plan


def is_path(value: Any) -> bool:
    """Whether a parameter's value is an absolute path."""
    return isinstance(value, str) and os.path.isabs(value)


def read_json(path: Path) -> dict:
    """What a JSON file holds; empty if it is missing or no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


class Plan:
    """The profile's notebooks, the selected ones as tasks, and what earlier runs left."""

    def __init__(self, options: Namespace, alone: bool = False):
        """Read everything and refuse what cannot be run; nothing is written.

        Args:
            options: the command line.
            alone: whether no other run can be alive, so that what is 'running' was interrupted.
        """
        self.options, self.tasks = options, {}
        self.repository, self.versions = REPOSITORY, versions()
        self.folders = {
            "notebooks": options.notebooks.resolve(),
            "reports": options.reports.resolve() / options.profile,
            "work": options.work.resolve() / options.profile,
        }
        everything = read_all(self.folders["notebooks"])
        self.profile = read_profile(self.folders["notebooks"], options.profile)
        named = everything if self.profile.notebooks == "all" else self.profile.notebooks
        named = sorted({find(name, everything) for name in named})
        self.notebooks = {stem: everything[stem] for stem in named}
        check_profile(self.profile, options.profile, self.notebooks)
        self.records = self.past(alone)
        self.add_tasks({find(name, self.notebooks) for name in options.only} or set(self.notebooks))

    def past(self, alone: bool) -> dict[str, dict]:
        """The manifest's records, told truly: what runs in no living run was interrupted."""
        manifest = read_json(self.folders["reports"] / "manifest.json")
        dead = alone or not psutil.pid_exists(manifest.get("pid", -1))
        known = manifest.get("notebooks", {}).items()
        needed = {"state", "key", "fingerprints", "products"}
        records = {k: v for k, v in known if k in self.notebooks and needed <= set(v)}
        for record in records.values():
            if record["state"] == "running" and dead:
                record |= {"state": "interrupted", "cause": "the runner was killed"}
        return records

    def add_tasks(self, selected: set[str]) -> None:
        """Make the selected notebooks' tasks, each after those it needs."""
        books = {
            stem: self.notebooks[stem] for stem in in_order(self.notebooks) if stem in selected
        }
        wanted = asked(self.options, self.folders["work"])
        known = {key for book in books.values() for key in book.defaults}
        for name, (_, option) in wanted.items():
            if option and name not in known:
                hint = close(name, known)
                raise Refused(f"{option}: no selected notebook has a parameter {name!r}; {hint}")
        name = self.options.profile
        injected = {stem: injection(books[stem], self.profile, name, wanted) for stem in books}
        paths = [v for values in injected.values() for v in values.values() if is_path(v)]
        self.mask = Mask(self.folders, paths)
        for stem, book in books.items():
            self.tasks[stem] = self.task(book, injected[stem])

    def task(self, notebook: Notebook, injected: dict[str, Any]) -> Task:
        """One notebook's task; the tasks of what it needs exist already."""
        shown = self.mask(notebook.defaults | injected)
        fingerprints = {
            "source": digest([notebook.cells, notebook.needs]),
            "parameters": digest(shown),
            "data": digest(inputs_of(notebook, injected, self.folders["work"])),
            "code": code_digest(),
            "versions": digest(versions()),
            "needs": digest({need: self.key_of(need) for need in notebook.needs}),
        }
        task = Task(notebook, injected, shown, fingerprints)
        task.stale = "forced" if self.options.force else self.why_stale(task)
        return task

    def key_of(self, stem: str) -> str:
        """Key of a needed notebook: as planned, or as it last ran if it is not selected."""
        if stem in self.tasks:
            return self.tasks[stem].key
        record = self.records.get(stem, {})
        return record["key"] if record.get("state") == "succeeded" else "absent"

    def why_stale(self, task: Task) -> str:
        """Why a notebook must run, in a few words; empty if its last run still stands."""
        stem, record = task.notebook.stem, self.records.get(task.notebook.stem)
        if record is None:
            return "never run"
        if record["state"] != "succeeded":
            return record["state"]
        old = record["fingerprints"]
        changed = [name for name, value in task.fingerprints.items() if old.get(name) != value]
        if changed:
            return f"changed: {', '.join(changed)}"
        outputs = [self.folders["reports"] / f"{stem}{ending}" for ending in (".html", ".ipynb")]
        outputs += [self.folders["work"] / name for name in record["products"]]
        return "" if all(path.exists() for path in outputs) else "its outputs are gone"
