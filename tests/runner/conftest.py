"""Toy notebooks and the front door that plans and runs them; no science."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import nbformat
import psutil
import pytest

from handid.runner.manifest import Manifest
from handid.runner.plan import Plan

REPOSITORY = Path(__file__).resolve().parents[2]
COPIED = ["run_notebooks.py"]
COPIED += [f"handid/{name}.py" for name in ("__init__", "disk", "fingerprint", "given")]
WORK = "work = '../runs/demo'  # products, folder"
PATIENCE_SECONDS = 40


class Toys:
    """A folder of toy notebooks and profiles, which this process plans and never runs."""

    def __init__(self, root, front_door):
        self.root, self._front_door = root, front_door
        self.reports, self.work = root / "reports/demo", root / "runs/demo"
        self.profile("description: Toys.\n")

    def profile(self, text, name="demo"):
        path = self.root / f"notebooks/profiles/{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def notebook(self, stem, *cells, parameters=WORK, needs=(), long=False):
        """Cells are code, or Markdown if they begin with #; a tuple is a cell and its tags."""
        nodes = []
        for cell in [(parameters, "parameters"), *cells]:
            source, *tags = (cell,) if isinstance(cell, str) else cell
            kind = "markdown" if source.startswith("#") else "code"
            node = getattr(nbformat.v4, f"new_{kind}_cell")(source)
            node.metadata["tags"] = tags
            nodes.append(node)
        path = self.root / f"notebooks/{stem}.ipynb"
        metadata = {"handid": {"needs": list(needs), "long": long}}
        nbformat.write(nbformat.v4.new_notebook(cells=nodes, metadata=metadata), path)
        return path

    def words(self, *words):
        """The command line, with this folder's places."""
        places = {"notebooks": "notebooks", "reports": "reports", "work": "runs"}
        own = [word for name, place in places.items() for word in (f"--{name}", self.root / place)]
        return [*map(str, own), *map(str, words)]

    def main(self, *words):
        """What the front door does, in this process."""
        return self._front_door.main(self.words(*words))

    def plan(self, *words):
        return Plan(self._front_door.read_options(self.words(*words)))

    def stale(self, *words):
        """Why each notebook must run; empty if it need not."""
        return {stem: task.stale for stem, task in self.plan(*words).tasks.items()}

    def finish(self, *words, products=None):
        """Pretend that all planned notebooks have just succeeded."""
        plan = self.plan(*words)
        run = Manifest(plan)
        for stem, task in plan.tasks.items():
            run.begin(task).update(state="succeeded", products=(products or {}).get(stem, []))
            self.reports.mkdir(parents=True, exist_ok=True)
            (self.reports / f"{stem}.html").touch()
            shutil.copy(task.notebook.path, self.reports / f"{stem}.ipynb")
        run.save()


class House(Toys):
    """A copy of the front door with toy notebooks, in the home of somebody called alice."""

    def __init__(self, folder, front_door):
        self.home = folder / "alice"
        super().__init__(self.home / "study", front_door)
        for name in COPIED:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, self.root / name)
        ignore = shutil.ignore_patterns("__pycache__")
        for room in ("runner", "cluster", "recipes"):
            shutil.copytree(
                REPOSITORY / "handid" / room, self.root / "handid" / room, ignore=ignore
            )
        shutil.copytree(REPOSITORY / "notebooks/template", self.root / "notebooks/template")

    def start(self, *words):
        environment = os.environ | {
            "HOME": str(self.home),
            "MPLBACKEND": "Agg",
            "MPLCONFIGDIR": matplotlib.get_cachedir(),
            "PYTHONUNBUFFERED": "",  # as in a user's shell
        }
        return subprocess.Popen(
            [sys.executable, self.root / "run_notebooks.py", *map(str, words)],
            cwd=self.home,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words):
        process = self.start(*words)
        out, err = process.communicate(timeout=120)
        return SimpleNamespace(returncode=process.returncode, out=out, err=err)

    def listed(self, *words):
        """What --list says of every notebook."""
        states = re.findall(r"^(\w+): (.*)$", self.run("--list", *words).out, re.M)
        assert states
        return dict(states)

    def manifest(self):
        return json.loads((self.reports / "manifest.json").read_text())

    def states(self):
        return {stem: r["state"] for stem, r in self.manifest()["notebooks"].items()}

    def cause(self, stem):
        return self.manifest()["notebooks"][stem]["cause"]

    def page(self, name):
        return (self.reports / f"{name}.html").read_text()


@pytest.fixture(scope="session")
def front_door():
    """run_notebooks.py as a module."""
    spec = importlib.util.spec_from_file_location("run_notebooks", REPOSITORY / "run_notebooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def toys(tmp_path, front_door):
    """Toy notebooks for one test."""
    return Toys(tmp_path, front_door)


@pytest.fixture(scope="session")
def make_toys(tmp_path_factory, front_door):
    """Toy notebooks for several tests."""
    return lambda name: Toys(tmp_path_factory.mktemp(name), front_door)


@pytest.fixture(scope="session")
def make_house(tmp_path_factory, front_door):
    """A copy of the front door for several tests."""
    return lambda name: House(tmp_path_factory.mktemp(name), front_door)


@pytest.fixture(scope="session")
def work_line():
    """The parameter that every toy notebook has."""
    return WORK


@pytest.fixture(scope="session")
def wait_until():
    """Poll; a process under test gets PATIENCE_SECONDS."""

    def poll(condition):
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.05)
        raise AssertionError("waited in vain")

    return poll


@pytest.fixture(scope="session")
def alive():
    """Whether a process lives."""

    def lives(pid):
        try:
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return lives
