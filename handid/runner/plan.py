"""What is to run: notebooks, a profile and options in; tasks, or one sentence of refusal, out.

It runs nothing and imports neither torch nor a kernel, so that a second run costs a second.
"""

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from handid import fingerprint
from handid.runner import manifest, needs, notebook, targets
from handid.runner.notebook import Notebook
from handid.runner.options import Options, Value, asked, check_data, checked, merged, same_name
from handid.runner.places import CLUSTER, DATA, EXPORT, expect_new, export_of, inputs, path_of, real
from handid.runner.plain import read_yaml
from handid.runner.privacy import Mask, absolute_paths
from handid.runner.pseudonyms import Pseudonyms
from handid.runner.refusal import Refused, close, short


class Profile(BaseModel):
    """One file of notebooks/profiles: which notebooks run, and with which parameters."""

    model_config = ConfigDict(extra="forbid")
    description: str
    shares: str = ""  # profile in whose folder of products this one works too
    notebooks: Literal["all"] | Annotated[list[str], Field(min_length=1)] = "all"
    required_data: list[str] = []  # data sets that must not stay empty
    parameters: dict[str, Any] = {}
    per_notebook: dict[str, dict[str, Any]] = {}


@dataclass(frozen=True)
class Task:
    """A selected notebook with everything that decides whether it must run.

    Attributes:
        notebook: as it lies in the folder.
        injected: parameters that differ from the notebook's own.
        shown: all parameters as a report may show them, this machine's paths shortened.
        fingerprints: a digest of each thing that the outcome depends on.
        stale: why it must run, in a few words; empty if its last run still stands.
    """

    notebook: Notebook
    injected: dict[str, Any]
    shown: dict[str, Any]
    fingerprints: dict[str, str]
    stale: str

    @property
    def shows_names(self) -> bool:
        """Whether its parameters let it show names of photographs."""
        return (self.notebook.defaults | self.injected).get(self.notebook.names, False)

    @property
    def key(self) -> str:
        """One digest of all fingerprints."""
        return fingerprint.digest(self.fingerprints)


class Plan:
    """The profile's notebooks, the selected ones as tasks, and what earlier runs left.

    Attributes:
        options: the command line.
        profile: the profile that it names.
        reports: folder of the profile's report.
        work: folder of what the profile's notebooks compute, perhaps another profile's.
        notebooks: the profile's notebooks in reading order, by name.
        records: what the manifest says of earlier runs, by name.
        mask: shortens paths.
        published: the same, and leaves out names of real photographs.
        tasks: the selected notebooks, each after those it needs, by name.
    """

    def __init__(self, options: Options, alone: bool = False):
        """Read everything and refuse what cannot be run; nothing is written.

        Args:
            options: the command line.
            alone: whether no other run can be alive, so that what is 'running' was interrupted.

        Raises:
            Refused: if it cannot be run.
        """
        self.options = options
        folder = real(options.notebooks)
        everything = notebook.read_all(folder)
        self.profile = read_profile(folder, options.profile)
        self.reports = real(options.reports) / options.profile
        if self.profile.shares:
            read_profile(folder, self.profile.shares)  # refuses what is none
        self.work = real(options.work) / (self.profile.shares or options.profile)
        names = everything if self.profile.notebooks == "all" else self.profile.notebooks
        stems = sorted({notebook.find(name, everything) for name in names})
        self.notebooks = {stem: everything[stem] for stem in stems}
        check_profile(self.profile, options.profile, self.notebooks)
        self.records = manifest.past(self.reports, self.notebooks, alone=alone)
        self._place = functools.cache(fingerprint.place)  # notebooks share folders of photographs
        selected = {notebook.find(name, self.notebooks) for name in options.only}
        injected = self._injected(selected or set(self.notebooks))
        sets = [item for one in injected.values() for item in one.get(DATA, {}).items()]
        photographs = {folder: name for name, folder in sets if os.path.isabs(folder)}
        roots = [real(options.reports), real(options.work)]
        own = [folder, self.reports, self.work, *roots, *absolute_paths(injected)]
        self.mask = Mask(own, photographs)
        self.published = Pseudonyms(self.mask, photographs, self.work)
        self.tasks: dict[str, Task] = {}
        for stem in injected:
            self.tasks[stem] = self._task(self.notebooks[stem], injected[stem])

    def _injected(self, selected: set[str]) -> dict[str, dict[str, Any]]:
        """The selected notebooks' injected parameters, in the order in which they may run."""
        stems = [stem for stem in notebook.in_order(self.notebooks) if stem in selected]
        values = asked(self.options, self.work)
        names = {name for stem in stems for name in self.notebooks[stem].defaults}
        for name, value in values.items():
            if name != "work" and name not in names:
                hint = close(name, names)
                raise Refused(
                    f"{value.origin}: no selected notebook has a parameter {name!r}; {hint}"
                )
        injected = {stem: self._injection(self.notebooks[stem], values) for stem in stems}
        parameters = [self.notebooks[stem].defaults | injected[stem] for stem in stems]
        known = {name for book in self.notebooks.values() for name in book.defaults.get(DATA, {})}
        given = [same_name(item.partition("=")[0], known) for item in self.options.data]
        targets.refuse_idle([name for name in given if name not in known], parameters)
        return injected

    def _injection(self, book: Notebook, values: dict[str, Value]) -> dict[str, Any]:
        """What a run injects into one notebook: the profile's values, then the command line's.

        Data sets are merged name by name; of any other parameter the last value stands.

        Raises:
            Refused: if a value does not fit, or a data set that the profile requires is empty.
        """
        origin = f"profile {self.options.profile}"
        own = self.profile.per_notebook.get(book.stem, {})
        layers = [
            {name: Value(value, origin) for name, value in self.profile.parameters.items()},
            {name: Value(value, origin) for name, value in own.items()},
            values,
        ]
        injected: dict[str, Any] = {}
        for name, value in (item for layer in layers for item in layer.items()):
            if name not in book.defaults:
                continue
            value = Value(value.content, f"{value.origin} ({book.stem})")
            content = checked(name, value, book.defaults[name])
            if name == DATA and isinstance(content, dict):
                check_data(content, value.origin, book.path.parent, self.work)
                content = merged(injected.get(DATA, book.defaults[DATA]), content)
            injected[name] = content
        self._require_data(book.stem, book.defaults | injected)
        return injected

    def _require_data(self, stem: str, parameters: dict[str, Any]) -> None:
        """Look for the data sets that the profile requires.

        Raises:
            Refused: if a notebook that reads data sets would not get one of them.
        """
        data = parameters.get(DATA)
        if not isinstance(data, dict):
            return
        for name in self.profile.required_data:
            if targets.named(name, parameters) and not data.get(same_name(name, data)):
                places = " and ".join(targets.lists(parameters))
                other = f", name a set of yours in {places} (--set)" if places else ""
                raise Refused(
                    f"profile {self.options.profile} needs the data set {name}; give it with "
                    f"--data {name}=FOLDER{other}, or leave {stem} out with --only"
                )

    def _task(self, book: Notebook, injected: dict[str, Any]) -> Task:
        """One notebook's task; the tasks of what it needs exist already."""
        shown = self.mask(book.defaults | injected)
        fingerprints = {
            "source": fingerprint.digest([book.cells, book.needs]),
            "parameters": fingerprint.digest({k: v for k, v in shown.items() if k != CLUSTER}),
            "data": fingerprint.digest(self._inputs(book, injected)),
            "code": fingerprint.whole_package("runner"),
            "versions": fingerprint.digest(fingerprint.versions()),
            "needs": fingerprint.digest({need: self._key_of(need) for need in book.needs}),
        }
        export = export_of(book.defaults | injected, book.path.parent)
        stale = "forced" if self.options.force else self._why_stale(book.stem, fingerprints)
        if export and not (stale or export.exists()):
            stale = "its outputs are gone"
        if export and stale:
            expect_new(export)
        if stale:
            needs.expect(book, self.tasks, self.records, self.work)
        return Task(book, injected, shown, fingerprints, stale)

    def _inputs(self, book: Notebook, injected: dict[str, Any]) -> dict[str, str]:
        """Digests of the folders of photographs and the weights that the parameters name."""
        export = export_of(book.defaults | injected, book.path.parent)
        digests = {EXPORT: str(export)} if export else {}
        for name, text in inputs(book.defaults | injected).items():
            given = path_of(text)
            if given is None or path_of(str(book.path.parent / given)) is None:
                continue  # no path at all; the notebook says what is wrong with it
            path = Path(os.path.realpath(book.path.parent / given))
            # what lies in `work` are products; the keys of the needed notebooks stand for them
            if path.exists() and not path.is_relative_to(self.work):
                digests[name] = self._place(path)
        return digests

    def _key_of(self, stem: str) -> str:
        """Key of a needed notebook: as planned, or as it last ran if it is not selected."""
        if stem in self.tasks:
            return self.tasks[stem].key
        record = self.records.get(stem, {})
        return record["key"] if record.get("state") == "succeeded" else "absent"

    def _why_stale(self, stem: str, fingerprints: Mapping[str, str]) -> str:
        """Why a notebook must run, in a few words; empty if its last run still stands."""
        record = self.records.get(stem)
        if record is None:
            return "never run"
        if record["state"] != "succeeded":
            return record["state"]
        before = record["fingerprints"]
        changed = [name for name, value in fingerprints.items() if before.get(name) != value]
        if changed:
            return f"changed: {', '.join(changed)}"
        outputs = [self.reports / f"{stem}.html", self.reports / f"{stem}.ipynb"]
        outputs += [self.work / name for name in record["products"]]
        if not all(path.exists() for path in outputs):
            return "its outputs are gone"
        if not manifest.outputs_stand(record, self.reports, self.work):
            return "its outputs are damaged"
        try:
            notebook.read(self.reports / f"{stem}.ipynb")
        except Refused:
            return "its executed notebook is unreadable"
        return ""


# --- profiles -----------------------------------------------------------------------------------


def read_profile(folder: Path, name: str) -> Profile:
    """The profile of this name.

    Raises:
        Refused: if there is none, or it holds what a profile cannot hold.
    """
    path = folder / "profiles" / f"{name}.yaml"
    if os.path.basename(name) != name or not path.is_file():
        names = [file.stem for file in (folder / "profiles").glob("*.yaml")]
        raise Refused(
            f"no profile {short(repr(name))} in {folder.name}/profiles; {close(name, names)}"
        )
    try:
        content = read_yaml(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise Refused(f"profile {name}: it must name values, such as 'description: ...'")
        return Profile.model_validate(content)
    except UnicodeDecodeError as error:
        raise Refused(f"profile {name}: not a text in UTF-8; save it again") from error
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"][:1] == ("notebooks",):  # 00 without quotes is a number in YAML
            raise Refused(f"profile {name}: notebooks: write all, or names: ['00', ...]") from error
        where = short(".".join(str(part) for part in first["loc"]))
        is_unknown = first["type"] == "extra_forbidden"
        hint = close(where, Profile.model_fields) if is_unknown else "correct it"
        raise Refused(f"profile {name}: {where or 'file'}: {first['msg']}; {hint}") from error
    except ValueError as error:
        raise Refused(f"profile {name}: not readable YAML, {error}") from error


def check_profile(profile: Profile, name: str, notebooks: Mapping[str, Notebook]) -> None:
    """Look for every notebook and parameter that a profile names.

    Raises:
        Refused: if one does not exist.
    """
    parameters = {key for book in notebooks.values() for key in book.defaults}
    for key in [*profile.parameters, *([DATA] if profile.required_data else [])]:
        if key not in parameters:
            hint = close(key, parameters)
            raise Refused(f"profile {name}: no notebook has a parameter {key!r}; {hint}")
    for stem, values in profile.per_notebook.items():
        if stem not in notebooks:
            raise Refused(f"profile {name}: it has no notebook {stem!r}; {close(stem, notebooks)}")
        for key in values:
            if key not in notebooks[stem].defaults:
                hint = close(key, notebooks[stem].defaults)
                raise Refused(f"profile {name}: {stem} has no parameter {key!r}; {hint}")
