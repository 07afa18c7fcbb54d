"""The rules of the house: who may import whom, how long, in which words, how tests are laid out."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "handid"
SOURCES = sorted(PACKAGE.rglob("*.py"))
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
TESTS = sorted(ROOT.glob("tests/**/*.py"))
ROOMS = sorted({path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in SOURCES})
ROOMS.remove("__init__")

# --- who may import whom ------------------------------------------------------------------------

# What every room may use: whole files, keys, checks of what callers give, and types: recipes,
# systems, sets, targets, the doors.
FREE = (
    "handid.disk",
    "handid.fingerprint",
    "handid.given",
    "handid.recipes",
    "handid.data.sets",
    "handid.method.Method",
)
MAY_IMPORT = {
    "backbone": set(),
    "checkpoint": set(),
    "cluster": set(),
    "data": {"image.decode"},  # which files can be decoded at all
    "disk": set(),
    "embed": set(),
    "evidence": {"statistics"},
    "fingerprint": set(),
    "given": set(),
    "gallery": {"metric"},
    "image": set(),
    "loss": set(),
    "method": {"backbone", "loss"},
    "metric": set(),
    "protocol": set(),
    "recipes": set(),
    "report": {"evidence", "statistics"},
    "runner": {"cluster"},  # one for a whole run
    "saliency": set(),
    "search": {"gallery", "metric"},
    "statistics": set(),
    "study": {"every room but runner"},
    "synthetic": set(),
    "tasks": {"protocol"},
    "train": {"checkpoint"},
}
NOTEBOOKS_MAY_IMPORT = {"study", "report"}
LIGHT = ["data", "disk", "fingerprint", "metric", "protocol", "recipes", "report", "runner"]
LIGHT += ["evidence", "gallery", "given", "saliency", "search", "statistics", "synthetic", "tasks"]
HEAVY = {"torch", "torchvision", "open_clip", "timm"}
NO_SUCH_ROOM = {"utils", "util", "common", "helpers", "helper", "base", "config", "core", "misc"}


def imported(tree):
    """Dotted names that a tree imports, anywhere in it."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = "handid" if node.level else ""
            module = ".".join(part for part in (module, node.module) if part)
            names |= {f"{module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def below(name, places):
    return any(name == place or name.startswith(f"{place}.") for place in places)


def rooms_in(names):
    return {name.split(".")[1] for name in names if name.startswith("handid.")} & set(ROOMS)


def name_of(path):
    return str(path.relative_to(ROOT))


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_the_plan_knows_every_room():
    assert set(ROOMS) == set(MAY_IMPORT)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_room_imports_only_what_the_plan_allows(path):
    room = room_of(path)
    names = {n for n in imported(ast.parse(path.read_text())) if n.startswith("handid.")}
    places = [f"handid.{place}" for place in MAY_IMPORT.get(room, set())]
    strange = {n for n in names if not below(n, [*FREE, f"handid.{room}", *places])}
    if room == "study":
        strange = {name for name in strange if below(name, ["handid.runner"])}
    assert strange == set()


def test_the_front_door_opens_on_the_runner_alone():
    tree = ast.parse((ROOT / "run_notebooks.py").read_text())
    assert rooms_in(imported(tree)) == {"runner"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_calls_only_the_rooms_meant_for_it(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    names = imported(ast.parse("\n".join(code)))
    assert rooms_in(names) <= NOTEBOOKS_MAY_IMPORT
    assert {name.split(".")[0] for name in names} <= {"handid", "pandas"}


def test_a_method_is_one_file_one_line_and_a_recipe():
    files = {path.stem for path in (PACKAGE / "method").glob("[!_]*.py")}
    recipes = [yaml.safe_load(p.read_text()) for p in (PACKAGE / "recipes").glob("*.yaml")]
    methods = table_of(PACKAGE / "method" / "__init__.py", "METHODS")
    assert files == set(methods) == {recipe["method"] for recipe in recipes}


def test_a_layout_of_data_is_one_file_and_one_line():
    files = {path.stem for path in (PACKAGE / "data").glob("[!_]*.py")}
    layouts = table_of(PACKAGE / "data" / "sets.py", "LAYOUTS")
    assert files - {"sets", "table", "check"} == set(layouts.values())


def table_of(path, name):
    """A module's literal of that name."""
    assigned = [n for n in ast.parse(path.read_text()).body if isinstance(n, ast.Assign)]
    (value,) = [ast.literal_eval(n.value) for n in assigned if n.targets[0].id == name]
    return value


def test_no_room_is_called_by_what_it_is_not():
    names = {part for path in SOURCES for part in path.relative_to(PACKAGE).with_suffix("").parts}
    assert not NO_SUCH_ROOM & {name.strip("_") for name in names}


def at_module_level(path):
    """What is imported when the module is, functions' own imports left out."""
    tree = ast.parse(path.read_text())
    tree.body = [n for n in tree.body if not isinstance(n, ast.FunctionDef | ast.ClassDef)]
    return {name.split(".")[0] for name in imported(tree)}


@pytest.mark.parametrize("room", LIGHT)
def test_a_light_room_imports_no_torch(room):
    paths = [path for path in SOURCES if room_of(path) == room]
    assert paths
    assert not HEAVY & set().union(*(at_module_level(path) for path in paths))


def loaded_by(statement):
    """Top-level names of the modules that a fresh Python holds after a statement."""
    code = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_importing_the_package_costs_nothing():
    loaded = loaded_by("import handid")
    assert "handid" in loaded
    assert not (HEAVY | {"numpy", "pandas", "matplotlib", "PIL", "yaml"}) & loaded


def test_importing_the_light_rooms_loads_no_torch():
    files = [path for path in SOURCES if room_of(path) in LIGHT]
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    loaded = loaded_by(f"import {', '.join(m.removesuffix('.__init__') for m in modules)}")
    assert "pandas" in loaded
    assert not (HEAVY | {"papermill", "ipykernel"}) & loaded


def asked_by_isinstance(tree):
    """The protocols of a tree that are runtime_checkable."""
    kinds = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    marks = ("runtime_checkable", "typing.runtime_checkable")
    return [k for k in kinds if any(ast.unparse(d) in marks for d in k.decorator_list)]


def is_method(node):
    return isinstance(node, ast.FunctionDef) and not node.decorator_list


def test_a_protocol_that_isinstance_asks_names_methods_alone():
    trees = [ast.parse(path.read_text()) for path in SOURCES]
    protocols = [kind for tree in trees for kind in asked_by_isinstance(tree)]
    assert protocols
    for kind in protocols:  # from Python 3.12 on isinstance finds no part of a torch module
        others = [n for n in kind.body if not (is_method(n) or isinstance(n, ast.Expr))]
        assert others == [], kind.name


# --- how long, how worded -----------------------------------------------------------------------

LONGEST = {"file": 400, "file without a reason": 300, "class": 200, "function": 40}
# What the first house said and a reader from another country had to guess (STYLE of the field).
DIALECT = re.compile(
    r"\ba row an? |\ban? image a |\ba line a |\bphotographs a person\b"
    r"|\bbeyond the choice of people\b|\bfacts/"
)


def lines_of(node):
    """Lines of a function's body, its docstring left out."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return node.end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_files_classes_and_functions_are_short(path):
    text = path.read_text()
    tree, n_lines = ast.parse(text), text.count("\n")
    reasoned = "long because" in (ast.get_docstring(tree) or "").splitlines()[0]
    assert n_lines <= LONGEST["file" if reasoned else "file without a reason"]
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            assert node.end_lineno - node.lineno < LONGEST["class"], node.name
        if isinstance(node, ast.FunctionDef):
            assert lines_of(node) <= LONGEST["function"], node.name


def test_every_file_of_text_is_in_plain_english():
    paths = [*SOURCES, *PACKAGE.rglob("*.yaml"), *NOTEBOOKS, *ROOT.glob("*.md")]
    paths += [*ROOT.glob("benchmarks/*.[mp][dy]"), *ROOT.glob("reports/*.md")]
    said = [
        (name_of(path), match[0])
        for path in paths
        for match in DIALECT.finditer(path.read_text(encoding="utf-8", errors="ignore"))
    ]
    assert said == []


# --- tests --------------------------------------------------------------------------------------

COMPARERS = {"allclose", "isclose", "equal", "array_equal", "approx", "equals", "array_equiv"}


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_every_comparison_is_asserted(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Expr):
            assert not isinstance(node.value, ast.Compare), f"line {node.lineno}: thrown away"
            call = getattr(node.value, "func", None)
            name = getattr(call, "attr", getattr(call, "id", ""))
            assert name not in COMPARERS, f"line {node.lineno}: the result of {name}() is lost"


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_no_assertion_is_a_tuple_or_a_constant(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Assert):
            assert not isinstance(node.test, ast.Tuple | ast.Constant | ast.JoinedStr), node.lineno


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_no_two_tests_of_a_file_share_a_name(path):
    names = [n.name for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef)]
    assert len(names) == len(set(names))


ABOUT_THE_WHOLE = {
    "test_benchmarks",
    "test_documents",
    "test_house",
    "test_notebook_files",
    "test_repository",
    "test_jupyterlab",
    "test_notebooks",
    "test_real_reports",
}


@pytest.mark.parametrize("path", [p for p in TESTS if p.stem.startswith("test_")], ids=name_of)
def test_a_test_file_lies_where_what_it_tests_lies(path):
    place = PACKAGE / path.relative_to(ROOT / "tests").parent
    name = path.stem.removeprefix("test_")
    tested = [place / f"{name}.py", place / f"_{name}.py", place / name / "__init__.py"]
    wing = place.name == name and place != PACKAGE
    assert wing or path.stem in ABOUT_THE_WHOLE or any(file.is_file() for file in tested)


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_has_tests(room):
    folder = ROOT / "tests" / room
    assert (ROOT / "tests" / f"test_{room}.py").is_file() or any(folder.glob("test_*.py"))


@pytest.mark.parametrize("wing", ["data", "report", "runner"])
def test_each_file_of_these_wings_has_a_test_file(wing):
    files = {path.stem for path in (PACKAGE / wing).glob("[!_]*.py")}
    tested = {p.stem.removeprefix("test_") for p in (ROOT / "tests" / wing).glob("test_*.py")}
    assert files - tested == set()
