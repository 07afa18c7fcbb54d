"""What a notebook's file may hold: parameters, thin code, a question and its answer."""

import ast
import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
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
