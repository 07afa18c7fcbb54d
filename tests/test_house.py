"""The rules of the house: who may import whom, how long, in which words, what notebooks hold."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

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


# --- notebooks ----------------------------------------------------------------------------------

NO_LOGIC = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
NO_LOGIC += (ast.If, ast.IfExp, ast.While, ast.Try, ast.With, ast.Match)
TAGS = {"parameters", "hide-input"}
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def cells(path, kind):
    return [cell for cell in read(path)["cells"] if cell["cell_type"] == kind]


def text(cell):
    return "".join(cell["source"])


def code_lines(cell):
    return [line for line in text(cell).splitlines() if line.strip()]


def parameters(path):
    """name -> value of the notebook's parameters cell."""
    tagged = [c for c in cells(path, "code") if "parameters" in c["metadata"].get("tags", [])]
    tree = ast.parse(text(tagged[0]))
    return {node.targets[0].id: ast.literal_eval(node.value) for node in tree.body}


def test_there_are_notebooks_and_each_has_a_number_of_its_own():
    numbers = [path.stem[:2] for path in NOTEBOOKS]
    assert len(numbers) >= 6 and len(set(numbers)) == len(numbers)
    assert all(re.fullmatch(r"\d\d_[a-z0-9_]+", path.stem) for path in NOTEBOOKS)


@each_notebook
def test_a_notebook_is_stripped(path):
    for cell in cells(path, "code"):
        assert cell["outputs"] == [] and cell["execution_count"] is None
        assert set(cell["metadata"]) <= {"tags"}
    assert set(read(path)["metadata"]) <= {"handid", "kernelspec", "language_info"}


@each_notebook
def test_a_notebook_opens_with_its_number_and_its_question(path):
    first = read(path)["cells"][0]
    heading = text(first).splitlines()[0]
    assert first["cell_type"] == "markdown"
    assert re.fullmatch(rf"# {path.stem[:2]} · .+\?", heading), heading


@each_notebook
def test_a_notebook_ends_with_its_answer(path):
    heading, answer = read(path)["cells"][-2:]
    assert text(heading).startswith("## Answer")
    assert answer["cell_type"] == "code" and "display.say(sentences." in text(answer)


@each_notebook
def test_text_stands_before_every_code_cell(path):
    kinds = [cell["cell_type"] for cell in read(path)["cells"]]
    assert kinds[0] == "markdown"
    assert ("code", "code") not in zip(kinds, kinds[1:], strict=False)
    assert all(text(cell).strip() for cell in read(path)["cells"])


@each_notebook
def test_the_first_code_cell_and_no_other_holds_the_parameters(path):
    tags = [cell["metadata"].get("tags", []) for cell in cells(path, "code")]
    assert ["parameters" in own for own in tags] == [True] + [False] * (len(tags) - 1)
    assert {tag for own in tags for tag in own} <= TAGS


@each_notebook
def test_a_parameter_is_one_literal_with_its_meaning_on_one_line(path):
    for line in text(cells(path, "code")[0]).splitlines():
        wanted = f"write 'name = literal  # meaning, unit': {line}"
        assert re.fullmatch(r"[a-z][a-z0-9_]* = [^=]+?  # [^=#]+", line), wanted
        ast.literal_eval(line.split(" = ", 1)[1].rpartition("  # ")[0])


@each_notebook
def test_every_parameter_is_used(path):
    code = "\n".join(text(cell) for cell in cells(path, "code")[1:])
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    assert parameters(path).keys() - used == set()


@each_notebook
def test_no_parameter_is_set_again(path):
    for cell in cells(path, "code")[1:]:
        for node in ast.walk(ast.parse(text(cell))):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                assert node.id not in parameters(path)


def is_logic(node):
    long = isinstance(node, ast.For) and (len(node.body) > 3 or node.orelse)
    return isinstance(node, NO_LOGIC) or long


@each_notebook
def test_a_notebook_holds_no_logic(path):
    for cell in cells(path, "code"):
        logic = [ast.unparse(n)[:60] for n in ast.walk(ast.parse(text(cell))) if is_logic(n)]
        assert logic == [], "move to handid/"


@each_notebook
def test_a_notebook_and_its_cells_are_short(path):
    parameters, *others = [len(code_lines(cell)) for cell in cells(path, "code")]
    lengths = [parameters, *others]
    assert parameters <= 35 and max(others) <= 30  # a parameter a line
    assert sum(lengths) <= 150


@each_notebook
def test_a_notebook_calls_only_the_rooms_meant_for_it(path):
    names = imported(ast.parse("\n".join(text(cell) for cell in cells(path, "code"))))
    assert rooms_in(names) <= NOTEBOOKS_MAY_IMPORT
    assert {name.split(".")[0] for name in names} <= {"handid", "pandas"}


@each_notebook
def test_every_figure_has_a_name_and_a_caption(path):
    for cell in cells(path, "code"):
        for node in ast.walk(ast.parse(text(cell))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "display.figure":
                assert {word.arg for word in node.keywords} == {"name", "caption"}


@each_notebook
def test_a_notebook_records_its_results_under_its_own_name(path):
    for cell in cells(path, "code"):
        for node in ast.walk(ast.parse(text(cell))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "lab.record":
                assert ast.literal_eval(node.args[1]) == path.stem


@each_notebook
def test_a_notebook_needs_earlier_notebooks_that_exist(path):
    needs = read(path)["metadata"]["handid"]["needs"]
    earlier = [other.stem for other in NOTEBOOKS if other.stem < path.stem]
    assert set(needs) <= set(earlier)
    assert parameters(path).get("notebooks", [n[:2] for n in needs]) == [n[:2] for n in needs]


def test_a_parameter_has_one_default_in_all_notebooks():
    defaults = {}
    for path in NOTEBOOKS:
        for name, value in parameters(path).items():
            defaults.setdefault(name, {}).setdefault(repr(value), []).append(path.stem)
    assert {"work", "people", "backbones"} <= defaults.keys()
    assert {name: found for name, found in defaults.items() if len(found) > 1} == {}


def test_a_profile_sets_only_parameters_that_some_notebook_has():
    known = set().union(*(parameters(path) for path in NOTEBOOKS))
    profiles = sorted(ROOT.glob("notebooks/profiles/*.yaml"))
    assert "demo" in [path.stem for path in profiles]
    for path in profiles:
        content = yaml.safe_load(path.read_text())
        assert content["parameters"].keys() <= known, path.name


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


# --- what everybody who clones this sees --------------------------------------------------------

# Built from pieces, so that this file does not name such a place itself.
PLACES = "|".join(("home", "Users", "root", "work", "mnt", "media", "scratch"))
PRIVATE_PATH = re.compile(rf"(?<![\w.~$}}*-])/({PLACES})/\w|\b[A-Z]:\\{{1,2}}Users", re.ASCII)
INVENTED = {"/home/" + "alice"}  # the person of the tests


def in_git():
    """Every file that git tracks or would."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not a git repository")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_place_on_one_machine():
    found = []
    for path in in_git():
        content = path.read_bytes().decode("utf-8", "ignore")
        for name in INVENTED:
            content = content.replace(name, "")
        places = [match[0] for match in PRIVATE_PATH.finditer(content)]
        own = [home for home in (str(ROOT), str(Path.home())) if f"{home}/" in content]
        found += [(name_of(path), place) for place in places + own]
    assert found == []


def test_the_check_for_private_places_sees_them():
    for place in ("/" + "home/bob/hands", "'/" + "work/main'", "C:" + "\\Users\\bob"):
        assert PRIVATE_PATH.search(place), place
    for place in (
        "https://example.org/" + "home/x",
        "../" + "work/x",
        "$HOME/" + "work/a",
        "/dev/full",
    ):
        assert not PRIVATE_PATH.search(place), place


MINIS = ("mini-ViT", "mini-RN", "mini-Lite0")


def test_no_photograph_no_weights_but_the_minis_and_nothing_large_is_in_git():
    shipped = {PACKAGE / "weights" / f"{name}.safetensors" for name in MINIS}
    others = [path for path in in_git() if path not in shipped]
    names = [path.name for path in others]
    assert not [n for n in names if re.match(r"HandInfo\.csv|Hand_\d+\.jpg", n)]
    assert not [n for n in names if n.endswith((".pt", ".pth", ".pkl", ".safetensors"))]
    assert [name_of(p) for p in others if p.stat().st_size > 1_200_000] == []


# --- what it needs ------------------------------------------------------------------------------

CONDA_NAMES = {"pytorch": "torch"}


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def declared():
    """name -> accepted versions, of the package and of all that it may be asked for beside."""
    extras = project()["optional-dependencies"].values()
    lines = [*project()["dependencies"], *(line for extra in extras for line in extra)]
    wanted = [Requirement(line) for line in lines]
    return {canonicalize_name(one.name): one.specifier for one in wanted}


def environment():
    """name -> accepted versions of environment.yml, and the options of its pip section."""
    content = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip,) = [one["pip"] for one in content["dependencies"] if isinstance(one, dict)]
    conda = [one for one in content["dependencies"] if isinstance(one, str)]
    wanted = [Requirement(line) for line in conda + [p for p in pip if not p.startswith("-")]]
    names = [canonicalize_name(CONDA_NAMES.get(one.name, one.name)) for one in wanted]
    assert len(names) == len(set(names))
    versions = dict(zip(names, (one.specifier for one in wanted), strict=True))
    return versions, [line for line in pip if line.startswith("-")]


def test_every_dependency_has_a_lower_bound():
    assert len(declared()) > 15
    for name, versions in declared().items():
        assert any(bound.operator == ">=" for bound in versions), name


def test_the_conda_environment_asks_for_what_the_package_asks_for():
    versions, options = environment()
    assert versions.pop("python") == SpecifierSet(project()["requires-python"])
    versions.pop("pip")
    assert versions == declared()
    assert options == ["-e ."]


def pins():
    """Every pin of constraints.txt, and the digests of its files."""
    text = (ROOT / "constraints.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    pairs = [line.partition(" --hash=") for line in lines]
    return [(Requirement(pin), hashes.split("--hash=")) for pin, _, hashes in pairs]


def test_every_dependency_is_pinned_to_a_version_in_its_range():
    pinned = {canonicalize_name(pin.name): pin.specifier for pin, _ in pins()}
    assert len(pins()) == len({(canonicalize_name(p.name), str(p.marker)) for p, _ in pins()})
    for name, versions in declared().items():
        (bound,) = pinned[name]
        assert bound.operator == "==" and versions.contains(bound.version), name


def test_a_constraint_is_a_name_a_version_and_digests_and_no_place():
    for pin, hashes in pins():
        assert re.fullmatch("==[0-9][\\w.]*", str(pin.specifier)) and not pin.url and not pin.extras
        assert all(re.fullmatch("sha256:[0-9a-f]{64} *", digest) for digest in hashes), pin


def test_every_pin_has_its_licence_in_the_table():
    listed = (ROOT / "docs" / "licences.md").read_text()
    for pin, _ in pins():
        assert f"| {pin.name} | {str(pin.specifier)[2:]} |" in listed
