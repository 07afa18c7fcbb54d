"""Run a profile's notebooks as one batch and report truthfully what became of each.

One process a notebook; what already succeeded with the same inputs is skipped. No science lives here.
"""

from __future__ import annotations

import argparse
import ast
import csv
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
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tokenize
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

import psutil
import yaml
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

REPOSITORY = Path(__file__).resolve().parent
TEMPLATE = REPOSITORY / "notebooks" / "template"
PACKAGES = (
    "torch torchvision open_clip_torch safetensors numpy pandas pillow matplotlib seaborn "
    "papermill nbclient ipykernel"
).split()
THREADS = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB_MAXIMUM")
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
MARKER = "HANDID_RUN"  # environment variable that every process of one notebook inherits
GRACE_SECONDS = 10


class Refused(Exception):
    """What was asked cannot be run; the message says why and how to mend it."""


# ---------------------------------------------------------------- what there is to run


class Profile(BaseModel):
    """One file of notebooks/profiles: which notebooks run, and with which parameters."""

    model_config = ConfigDict(extra="forbid")
    description: str
    notebooks: Literal["all"] | list[str] = "all"
    parameters: dict[str, Any] = {}
    per_notebook: dict[str, dict[str, Any]] = {}


@dataclass
class Notebook:
    """A notebook as it lies in the folder: its cells, its parameters' defaults, what it needs."""

    path: Path
    cells: list[dict]
    defaults: dict[str, Any]
    meanings: dict[str, str]
    needs: list[str]

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


def close(name: str, known) -> str:
    """'; did you mean ...' for a mistyped name, else the known names."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=2)
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known) or 'none'}"


def text_of(source) -> str:
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
        raise Refused(f"{path.name} has {len(tagged)} code cells tagged 'parameters'; it needs one")
    defaults, meanings = read_parameters(tagged[0]["source"], path.name)
    needs = document.get("metadata", {}).get("handid", {}).get("needs", [])
    return Notebook(path, cells, defaults, meanings, needs)


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
            f"{name}: line {where} of the parameters cell is not `name = literal  # meaning`"
        ) from error
    return defaults, meanings


def read_all(folder: Path) -> dict[str, Notebook]:
    """All notebooks of a folder, by name, each with existing needs."""
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
        raise Refused(f"profile {name}: not readable YAML, {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        hint = close(where, Profile.model_fields) if first["type"] == "extra_forbidden" else ""
        raise Refused(f"profile {name}: {where or 'file'}: {first['msg']}; {hint}".rstrip("; ")) from error


def find(name: str, stems) -> str:
    """The notebook that a number or a name means."""
    wanted = Path(name).name.removesuffix(".ipynb")
    found = [stem for stem in stems if wanted in (stem, stem.split("_")[0])]
    if len(found) != 1:
        many = f"{name!r} could be {' or '.join(found)}" if found else f"no notebook {name!r}"
        raise Refused(f"{many}; {close(wanted, stems)}")
    return found[0]


def in_order(notebooks: dict[str, Notebook]) -> list[str]:
    """Names so that every notebook comes after what it needs, else in reading order."""
    graph = {stem: [n for n in sorted(notebooks[stem].needs) if n in notebooks] for stem in notebooks}
    sorter = graphlib.TopologicalSorter(graph)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        raise Refused(f"notebooks need each other in a circle: {' -> '.join(error.args[1])}") from error
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
        hint = f"; for text write {name}: '\"{value}\"'" if type(default) is str else ""
        raise Refused(
            f"{where}: {name} must be {type(default).__name__} like {default!r}, not {value!r}{hint}"
        )
    return value


def asked(options, folders: dict[str, Path]) -> dict[str, tuple[Any, str]]:
    """Parameters that the command line sets, each with the option that set it."""
    wanted: dict[str, tuple[Any, str]] = {}
    for item in options.set:
        name, equals, raw = item.partition("=")
        if not equals or not name.isidentifier():
            raise Refused(f"--set {item}: write --set name=value")
        if name == "work":
            raise Refused("--set work: the runner sets it; use --work DIR")
        try:
            wanted[name] = (yaml.safe_load(raw), f"--set {item}")
        except yaml.YAMLError as error:
            raise Refused(f"--set {item}: {raw!r} is not a YAML value; quote it") from error
    for item in options.data:
        name, equals, raw = item.partition("=")
        folder = Path(raw).expanduser()
        if not equals or not folder.is_dir():
            raise Refused(f"--data {item}: no such folder; write --data NAME=FOLDER, a folder that exists")
        wanted[f"data_{name}"] = (str(folder.resolve()), f"--data {item}")
    if options.weights:
        wanted["weights"] = (existing_weights(options.weights), f"--weights {options.weights}")
    return wanted | {"work": (str(folders["work"]), "")}


def existing_weights(name: str) -> str:
    """A weights file as absolute path, or the name of published weights as it is."""
    path = Path(name).expanduser()
    if path.is_file():
        return str(path.resolve())
    if os.sep in name or "/" in name or path.suffix in (".pt", ".safetensors"):
        raise Refused(f"--weights {name}: no such file; give an existing file or a plain name")
    return name


def check_profile(profile: Profile, name: str, chosen: dict[str, Notebook]) -> None:
    """Refuse a profile that speaks of notebooks or parameters which do not exist."""
    everything = {key for notebook in chosen.values() for key in notebook.defaults}
    for key in profile.parameters:
        if key not in everything:
            raise Refused(f"profile {name}: no notebook has a parameter {key!r}; {close(key, everything)}")
    for stem, values in profile.per_notebook.items():
        if stem not in chosen:
            raise Refused(f"profile {name}: no notebook {stem!r}; {close(stem, chosen)}")
        for key in values:
            known = chosen[stem].defaults
            if key not in known:
                raise Refused(f"profile {name}: {stem} has no parameter {key!r}; {close(key, known)}")


def parameters_of(notebook: Notebook, profile: Profile, name: str, wanted: dict) -> dict[str, Any]:
    """What a run injects into one notebook: the profile's values, then the command line's."""
    values = {key: (value, f"profile {name}") for key, value in profile.parameters.items()}
    own = profile.per_notebook.get(notebook.stem, {})
    values |= {key: (value, f"profile {name}") for key, value in own.items()} | wanted
    return {
        key: checked(key, value, notebook.defaults[key], f"{where or '--work'} ({notebook.stem})")
        for key, (value, where) in values.items()
        if key in notebook.defaults
    }


# ---------------------------------------------------------------- fingerprints and privacy


def digest(thing: Any) -> str:
    """SHA-256 of anything JSON can write."""
    return hashlib.sha256(json.dumps(thing, sort_keys=True, default=str).encode()).hexdigest()


def digest_files(paths) -> str:
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
        if isinstance(value, str) and value and (name.startswith("data_") or name == "weights"):
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
    return digest_files(p for p in files if p != package / "report.py")


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


def git_state() -> dict[str, Any]:
    """Commit of the repository and whether the tree differs from it; empty without git."""

    def ask(*words: str) -> str:
        command = ["git", "-C", str(REPOSITORY), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return {"commit": ask("rev-parse", "HEAD"), "dirty": bool(ask("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return {}


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


# ---------------------------------------------------------------- one notebook, in its own process


def write(path: Path, text: str) -> None:
    """Write a file in one step, so that no reader and no kill ever sees half of it."""
    scratch = path.with_name(f".{path.name}.tmp")
    scratch.write_text(text, encoding="utf-8")
    os.replace(scratch, path)


def write_json(path: Path, thing: Any) -> None:
    """Write JSON in one step."""
    write(path, json.dumps(thing, indent=1, ensure_ascii=False))


def read_json(path: Path) -> dict:
    """What a JSON file holds; empty if it is missing or no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def kill_marked(marker: str) -> None:
    """Kill every process of one notebook but this one, orphans of a dead kernel included."""
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARKER) == marker:
                process.kill()
        except (psutil.Error, OSError):
            continue


def obey_stop() -> None:
    """Kill the kernel when the runner says so or dies: both close this process's standard input."""
    sys.stdin.buffer.read()
    end = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < end:
        kill_marked(os.environ[MARKER])
        time.sleep(0.2)
    os._exit(1)


def write_kernel(folder: Path) -> None:
    """A kernel that is this interpreter, whatever kernels are registered on this machine."""
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "handid", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")


def run_one(scratch: Path) -> None:
    """Execute the notebook that scratch/job.json names; leave out.ipynb and result.json there.

    papermill's own verdict is not kept: it calls killed notebooks completed. `verdict` judges.
    """
    threading.Thread(target=obey_stop, daemon=True).start()
    import logging

    import papermill
    from traitlets.config import Config

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    job, count = read_json(scratch / "job.json"), 0

    def note_cell(cell, cell_index):
        nonlocal count
        tags = cell.metadata.get("tags", [])
        count += cell.cell_type == "code" and "injected-parameters" not in tags
        write_json(scratch / "cell.json", {"cell": count})

    config = Config()
    if os.name == "posix":  # sockets in a private folder: no open ports, no two kernels on one port
        config.KernelManager.transport = "ipc"
        config.KernelManager.connection_file = str(scratch / "kernel.json")
    result = {"error": "", "message": ""}
    try:
        papermill.execute_notebook(
            *(str(path).replace("{", "{{").replace("}", "}}") for path in job["paths"]),
            parameters=job["parameters"],
            kernel_name="handid",
            language="python",
            progress_bar=False,
            log_output=True,
            on_cell_start=note_cell,
            config=config,
        )
    except Exception as error:  # whatever papermill or the kernel died of is the notebook's cause
        result = {"error": type(error).__name__, "message": str(error)}
    write_json(scratch / "result.json", result)
    if os.getppid() != job["runner"]:
        shutil.rmtree(scratch, ignore_errors=True)


def last_line(text: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def verdict(cells: list[dict], result: dict, at: int) -> tuple[str, str]:
    """State and cause of an executed notebook, judged from what really happened.

    Args:
        cells: the executed notebook's cells.
        result: what run_one wrote; empty if it did not live to write.
        at: number of the code cell that was started last.
    """
    if not result:
        return "killed", f"cell {at}: the notebook's process was killed (out of memory?)"
    if result["error"] == "DeadKernelError":
        return "killed", f"cell {at}: the kernel was killed (out of memory?)"
    number, never = 0, []
    for cell in (cell for cell in cells if cell["cell_type"] == "code"):
        number += "injected-parameters" not in cell["metadata"].get("tags", [])
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                state = "exited" if output["ename"] == "SystemExit" else "failed"
                message = last_line(output["evalue"])
                return state, f"cell {number}: {output['ename']}: {message}".rstrip(": ")
        if text_of(cell["source"]).strip() and cell["execution_count"] is None:
            never.append(number)
    if result["error"]:
        return "failed", f"cell {at}: {result['error']}: {last_line(result['message'])}"
    return ("failed", f"cell {never[0]} was never executed") if never else ("succeeded", "")


@dataclass
class Running:
    """A notebook's live process and what was seen of it so far."""

    task: Task
    process: subprocess.Popen
    scratch: Path
    started: float = field(default_factory=time.time)
    peak: float = 0.0
    measured: float = 0.0
    stopped: str = ""
    cause: str = ""
    deadline: float = float("inf")

    @property
    def cell(self) -> int:
        """Number of the code cell that was started last."""
        return read_json(self.scratch / "cell.json").get("cell", 0)

    def measure(self) -> None:
        """Keep the largest sum of resident memory, in MiB, over the process and its descendants."""
        if time.time() - self.measured < 0.5:
            return
        self.measured, total = time.time(), 0
        try:
            top = psutil.Process(self.process.pid)
            for process in [top, *top.children(recursive=True)]:
                total += process.memory_info().rss
        except psutil.Error:
            pass
        self.peak = max(self.peak, total / 2**20)

    def stop(self, state: str, cause: str) -> None:
        """Ask the process to kill its kernel and save what there is; kill it if it does not."""
        self.stopped, self.cause, self.deadline = state, cause, time.time() + GRACE_SECONDS
        self.process.stdin.close()


# ---------------------------------------------------------------- the batch


class Batch:
    """Runs tasks in the order of their needs and keeps the manifest true after every change."""

    def __init__(self, options, profile: Profile, notebooks: dict[str, Notebook], folders):
        """Take over what an earlier run left; what it left 'running' was interrupted."""
        self.options, self.profile, self.notebooks, self.folders = options, profile, notebooks, folders
        self.reports, self.running, self.tasks = folders["reports"], {}, {}
        old = read_json(self.reports / "manifest.json").get("notebooks", {})
        self.records = {stem: old[stem] for stem in notebooks if stem in old}
        for record in self.records.values():
            if record["state"] == "running":
                record |= {"state": "interrupted", "cause": "the runner was killed"}
        self.mask, self.state, self.started = Mask(folders, []), "running", now()

    # ---- plan

    def plan(self, selected: list[str], wanted: dict) -> None:
        """Decide for every selected notebook its parameters and whether it must run."""
        for name, (_, where) in wanted.items():
            known = {key for stem in selected for key in self.notebooks[stem].defaults}
            if where and name not in known:
                raise Refused(f"{where}: no selected notebook has a parameter {name!r}; {close(name, known)}")
        name = self.options.profile
        injected = {
            stem: parameters_of(self.notebooks[stem], self.profile, name, wanted) for stem in selected
        }
        outside = [v for values in injected.values() for v in values.values() if is_path(v)]
        self.mask = Mask(self.folders, outside)
        for stem in selected:
            self.tasks[stem] = self.task(self.notebooks[stem], injected[stem])

    def task(self, notebook: Notebook, injected: dict) -> Task:
        """One notebook's task; the tasks of what it needs exist already."""
        shown = self.mask(notebook.defaults | injected)
        needs = {need: self.key_of(need) for need in notebook.needs}
        fingerprints = {
            "source": digest([notebook.cells, notebook.needs]),
            "parameters": digest(shown),
            "data": digest(inputs_of(notebook, injected, self.folders["work"])),
            "code": code_digest(),
            "versions": digest(versions()),
            "needs": digest(needs),
        }
        task = Task(notebook, injected, shown, fingerprints)
        task.stale = self.why_stale(task)
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
        if self.options.force:
            return "forced"
        if record is None:
            return "never run"
        if record["state"] != "succeeded":
            return record["state"]
        old = record["fingerprints"]
        changed = [name for name, value in task.fingerprints.items() if old.get(name) != value]
        if changed:
            return f"changed: {', '.join(changed)}"
        outputs = [self.reports / f"{stem}.html", self.reports / f"{stem}.ipynb"]
        outputs += [self.folders["work"] / name for name in record.get("products", [])]
        return "" if all(path.exists() for path in outputs) else "its outputs are gone"

    # ---- run

    def run(self) -> int:
        """Run what is stale; the exit code."""
        for stem, task in self.tasks.items():
            if not task.stale:
                self.records[stem]["skipped"] = True
                print(f"{stem}: fresh, skipped")
        waiting = [stem for stem, task in self.tasks.items() if task.stale]
        try:
            self.prepare(waiting)
            while waiting or self.running:
                self.start_what_can(waiting)
                for stem in list(self.running):
                    self.watch(stem)
                self.show_progress()
                time.sleep(0.05)
            states = {self.state_of(stem) for stem in self.tasks}
            self.state = "succeeded" if states <= {"succeeded"} else "failed"
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not cut this short
            self.interrupt()
            self.state = "interrupted"
        finally:
            self.close()
        return {"succeeded": 0, "interrupted": 130}.get(self.state, 1)

    def prepare(self, waiting: list[str]) -> None:
        """Make the folders, and a page for every notebook so that no link is ever dead."""
        for folder in (self.reports, self.folders["work"]):
            folder.mkdir(parents=True, exist_ok=True)
        self.save()
        from handid import report

        self.style = report.style_digest(TEMPLATE, list(self.notebooks))
        for stem in self.notebooks:
            page = self.reports / f"{stem}.html"
            if not page.exists() or self.records.get(stem, {}).get("style", self.style) != self.style:
                self.render(stem)

    def start_what_can(self, waiting: list[str]) -> None:
        """Start or block every waiting notebook whose needs are decided."""
        for stem in list(waiting):
            needs = [need for need in self.notebooks[stem].needs if need in self.tasks]
            bad = [n for n in needs if n not in waiting and self.state_of(n) not in ("succeeded", "running")]
            if bad:
                waiting.remove(stem)
                cause = f"it needs {bad[0]}, which {said(self.state_of(bad[0]))}"
                self.records[stem] = self.new_record(stem) | {"state": "blocked", "cause": cause}
                self.finish(stem)
            elif len(self.running) < self.options.jobs and all(
                need not in waiting and need not in self.running for need in needs
            ):
                waiting.remove(stem)
                self.start(stem)

    def state_of(self, stem: str) -> str:
        """State of a notebook so far."""
        return self.records.get(stem, {}).get("state", "not run")

    def new_record(self, stem: str) -> dict[str, Any]:
        """A notebook's entry in the manifest before anything is known of how it went."""
        task = self.tasks[stem]
        return {
            "state": "running",
            "cause": "",
            "skipped": False,
            "started": now(),
            "seconds": None,
            "peak_memory_mib": None,
            "parameters": task.shown,
            "key": task.key,
            "fingerprints": task.fingerprints,
            "versions": versions(),
            "git": self.git,
            "products": [],
        }

    @functools.cached_property
    def git(self) -> dict:
        """Commit and cleanness of the repository at this run."""
        return git_state()

    def start(self, stem: str) -> None:
        """Start a notebook's process."""
        task, scratch = self.tasks[stem], Path(tempfile.mkdtemp(prefix="handid-"))
        write_kernel(scratch / "kernels" / "handid")
        job = {
            "paths": [str(task.notebook.path), str(scratch / "out.ipynb")],
            "parameters": task.injected,
            "runner": os.getpid(),
        }
        write_json(scratch / "job.json", job)
        with open(self.reports / f"{stem}.log", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, str(REPOSITORY / "run_notebooks.py"), "--run-one", str(scratch)],
                cwd=task.notebook.path.parent,
                env=environment(scratch, self.options.jobs),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches the runner only, which then stops them
            )
        self.running[stem] = Running(task, process, scratch)
        if self.options.timeout:
            self.running[stem].deadline = time.time() + self.options.timeout
        self.records[stem] = self.new_record(stem) | {"pid": process.pid}
        self.save()
        self.say(f"{stem}: started ({task.stale})")

    def watch(self, stem: str) -> None:
        """Measure a running notebook, stop it at its time limit, and close it when it has ended."""
        live = self.running[stem]
        live.measure()
        if live.process.poll() is not None:
            self.conclude(stem)
        elif time.time() > live.deadline:
            if live.stopped:
                live.process.kill()
            else:
                limit = f"{self.options.timeout:g} s"
                live.stop("timed out", f"cell {live.cell}: stopped after {limit} (--timeout)")

    def conclude(self, stem: str) -> None:
        """Judge an ended notebook, keep its outputs, and clear away what it left running."""
        live = self.running.pop(stem)
        kill_marked(str(live.scratch))
        document = read_json(live.scratch / "out.ipynb")
        result = read_json(live.scratch / "result.json")
        state, cause = verdict(document.get("cells", []), result, live.cell)
        if live.stopped and state != "succeeded":
            state, cause = live.stopped, live.cause
        self.records[stem] |= {
            "state": state,
            "cause": self.mask(cause),
            "seconds": round(time.time() - live.started, 1),
            "peak_memory_mib": round(live.peak),
            "products": self.products(live.started) if state == "succeeded" else [],
        }
        if document:
            write_json(self.reports / f"{stem}.ipynb", self.mask(without_papermill(document)))
        log = self.reports / f"{stem}.log"
        write(log, self.mask(log.read_text(encoding="utf-8", errors="replace")))
        shutil.rmtree(live.scratch, ignore_errors=True)
        self.finish(stem)

    def products(self, since: float) -> list[str]:
        """Files of the work folder that were written since then."""
        work = self.folders["work"]
        files = [path for path in work.rglob("*") if path.is_file()]
        return sorted(str(p.relative_to(work)) for p in files if p.stat().st_mtime >= since - 1)

    def finish(self, stem: str) -> None:
        """Save, render and say how a notebook ended."""
        self.save()
        self.render(stem)
        record = self.records[stem]
        parts = [record["state"], duration(record["seconds"]), record["cause"]]
        self.say(f"{stem}: {', '.join(part for part in parts if part)}")

    def interrupt(self) -> None:
        """Stop everything that runs."""
        for live in self.running.values():
            live.stop("interrupted", f"cell {live.cell}: stopped by Ctrl-C")
        while self.running:
            for stem in list(self.running):
                self.watch(stem)
            time.sleep(0.05)

    # ---- write

    def save(self) -> None:
        """Write the manifest."""
        manifest = {
            "profile": self.options.profile,
            "description": self.profile.description,
            "state": self.state,
            "selected": list(self.tasks),
            "started": self.started,
            "updated": now(),
            "pid": os.getpid(),
            "command": self.mask(shlex.join(["run_notebooks.py", *self.options.words])),
            "git": self.git,
            "versions": versions(),
            "peak_memory": "largest sum of resident memory over a notebook's processes, read twice a second",
            "notebooks": {stem: self.records[stem] for stem in self.notebooks if stem in self.records},
        }
        write_json(self.reports / "manifest.json", manifest)

    def render(self, stem: str) -> None:
        """Write a notebook's page; a page that cannot be written is a failure of that notebook."""
        from handid import report

        record, notebook = self.records.get(stem, {}), self.notebooks[stem]
        values = record.get("parameters") or self.mask(notebook.defaults)
        rows = [
            (name, value, notebook.meanings.get(name, ""), value != notebook.defaults.get(name))
            for name, value in values.items()
        ]
        executed = self.reports / f"{stem}.ipynb"
        use_source = not executed.exists() or record.get("state") == "blocked"
        source = notebook.path if use_source else executed
        try:
            report.write_page(TEMPLATE, source, self.reports, list(self.notebooks), record, rows)
        except Exception as error:  # a fault of the report must not lose the run's own outcome
            cause = f"the report could not be written ({type(error).__name__}: {error})"
            self.records[stem] = record | {"state": "failed", "cause": self.mask(cause)}
        if record:
            self.records[stem]["style"] = self.style

    def close(self) -> None:
        """Write results.csv, the manifest's last word and the index; print the summary."""
        if self.state == "running":  # an error of the runner itself is on its way out
            self.state = "failed"
        join_results(self.folders["work"] / "results", self.reports / "results.csv")
        self.save()
        from handid import report

        index = report.write_index(
            TEMPLATE,
            self.reports,
            {stem: notebook.path for stem, notebook in self.notebooks.items()},
            self.profile.description,
        )
        print("\n" + self.summary() + f"\n{self.state}: {index}", flush=True)

    def summary(self) -> str:
        """A line a selected notebook: state, time, memory, cause."""
        lines = []
        for stem in self.tasks:
            record = self.records.get(stem, {})
            state = "fresh" if record.get("skipped") else self.state_of(stem)
            memory = record.get("peak_memory_mib")
            numbers = f"{duration(record.get('seconds')):>11}  {f'{memory} MiB' if memory else '':>9}"
            lines.append(f"{stem:<22} {state:<11} {numbers}  {record.get('cause', '')}".rstrip())
        return "\n".join(lines)

    def say(self, line: str) -> None:
        """Print a line of progress."""
        print(("\r\033[K" if sys.stderr.isatty() else "") + line, flush=True)

    def show_progress(self) -> None:
        """On a terminal: which cell each running notebook is in."""
        if sys.stderr.isatty() and self.running:
            cells = [
                f"{stem} cell {live.cell}, {time.time() - live.started:.0f} s"
                for stem, live in self.running.items()
            ]
            print("\r\033[K" + " | ".join(cells)[:110], end="", file=sys.stderr, flush=True)


# ---------------------------------------------------------------- small things


def now() -> str:
    """This moment, UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def duration(seconds: float | None) -> str:
    """Seconds as people say them."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def said(state: str) -> str:
    """A state as the end of a sentence."""
    return {"failed": "failed", "timed out": "timed out", "exited": "exited"}.get(state, f"was {state}")


def is_path(value: Any) -> bool:
    """Whether a parameter's value is an absolute path."""
    return isinstance(value, str) and os.path.isabs(value)


def environment(scratch: Path, jobs: int) -> dict[str, str]:
    """Environment of a notebook's process: its share of the cores, this repository, its own kernel."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    paths = [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
    changed = {f"{name}_NUM_THREADS".replace("MAXIMUM_NUM", "MAXIMUM"): "" for name in THREADS}
    changed = dict.fromkeys(changed, str(max(1, cores // jobs)))
    changed |= {
        MARKER: str(scratch),
        "PYTHONPATH": os.pathsep.join(paths),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "JUPYTER_PATH": str(scratch),
        "JUPYTER_RUNTIME_DIR": str(scratch),
        "IPYTHONDIR": str(scratch / "ipython"),
    }
    kept = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"}
    return kept | changed


def without_papermill(document: dict) -> dict:
    """The notebook without papermill's metadata and error cells: they hold paths, and may lie."""
    marks = "papermill-error-cell-tag"
    document["cells"] = [c for c in document["cells"] if marks not in c["metadata"].get("tags", [])]
    for thing in [document, *document["cells"]]:
        thing["metadata"].pop("papermill", None)
    return document


def join_results(folder: Path, path: Path) -> None:
    """Join the notebooks' result tables, in order of file name, with the union of their columns."""
    columns: dict[str, None] = {}
    rows = []
    for table in sorted(folder.glob("*.csv")):
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns |= dict.fromkeys(reader.fieldnames or [])
            rows += reader
    if not columns:
        path.unlink(missing_ok=True)
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write(path, text.getvalue())


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def error(self, message: str) -> None:
        """Refuse."""
        raise Refused(f"{message}; see --help")


def read_options(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = Parser(description=__doc__.splitlines()[0], allow_abbrev=False)
    add = parser.add_argument
    add("--profile", default="demo", help="notebooks/profiles/NAME.yaml (default: demo)")
    add("--only", action="append", default=[], metavar="NOTEBOOK", help="number or name; repeatable")
    add("--data", action="append", default=[], metavar="NAME=FOLDER", help="11k=PATH or hd=PATH")
    add("--weights", metavar="NAME|FILE", help="pretrained weights, by name or as a file")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="one parameter; repeatable")
    add("--jobs", type=int, default=1, help="notebooks at the same time (default: 1)")
    add("--timeout", type=float, metavar="SECONDS", help="stop a notebook that takes longer")
    add("--force", action="store_true", help="run also what is fresh")
    add("--list", action="store_true", help="show the plan and run nothing")
    add("--notebooks", default=REPOSITORY / "notebooks", type=Path, metavar="DIR")
    add("--reports", default=REPOSITORY / "reports", type=Path, metavar="DIR")
    add("--work", default=REPOSITORY / "runs", type=Path, metavar="DIR")
    options = parser.parse_args(words)
    options.words = words
    if options.jobs < 1 or (options.timeout is not None and options.timeout <= 0):
        raise Refused("--jobs and --timeout must be positive numbers")
    return options


def show_plan(batch: Batch) -> None:
    """Print the plan."""
    for stem, task in batch.tasks.items():
        print(f"{stem}: {f'stale ({task.stale})' if task.stale else 'fresh'}")
        for name, value in task.shown.items():
            print(f"    {name} = {value!r}" + ("  (set)" if name in task.injected else ""))


def main(words: list[str]) -> int:
    """Plan, then run; the exit code."""
    options = read_options(words)
    folders = {
        "notebooks": options.notebooks.resolve(),
        "reports": options.reports.resolve() / options.profile,
        "work": options.work.resolve() / options.profile,
    }
    notebooks = read_all(folders["notebooks"])
    profile = read_profile(folders["notebooks"], options.profile)
    named = list(notebooks) if profile.notebooks == "all" else profile.notebooks
    chosen = {stem: notebooks[stem] for stem in sorted({find(name, notebooks) for name in named})}
    check_profile(profile, options.profile, chosen)
    selected = {find(name, chosen): None for name in options.only} or chosen
    order = in_order({stem: chosen[stem] for stem in selected})
    wanted = asked(options, folders)
    if options.list:
        batch = Batch(options, profile, chosen, folders)
        batch.plan(order, wanted)
        show_plan(batch)
        return 0
    Batch(options, profile, chosen, folders).plan(order, wanted)  # refuse before making a folder
    folders["reports"].mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folders["reports"] / ".lock", timeout=0):
            batch = Batch(options, profile, chosen, folders)
            batch.plan(order, wanted)
            return batch.run()
    except Timeout as error:
        raise Refused(f"another run is writing reports/{options.profile}; wait for it to end") from error


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run-one"]:
        sys.exit(run_one(Path(sys.argv[2])))
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT is ignored in a shell's background
        signal.signal(number, signal.default_int_handler)
    try:
        sys.exit(main(sys.argv[1:]))
    except Refused as refusal:
        print(f"run_notebooks: {refusal}", file=sys.stderr)
        sys.exit(2)
