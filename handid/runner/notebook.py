"""Notebook files: reading and writing them, their parameters, and the order of their needs.

It neither runs a notebook nor knows the command line.
"""

import ast
import graphlib
import io
import sys
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handid import disk
from handid.runner.refusal import Refused, close

# nbformat imports jsonschema, which spends two seconds on a grammar of web addresses if the
# optional package for it is installed. No notebook's schema uses it: here it counts as absent.
sys.modules.setdefault("rfc3987_syntax", None)  # pyright: ignore[reportArgumentType]

import nbformat  # noqa: E402
from nbformat.validator import ValidationError  # noqa: E402

INJECTED = "injected-parameters"  # papermill's tag; its cell has no number
Cell = dict[str, Any]
Document = dict[str, Any]  # a whole notebook, as nbformat 4


@dataclass(frozen=True)
class Notebook:
    """A notebook as it lies in the folder.

    Attributes:
        path: its file.
        cells: type, source and tags of every cell.
        defaults: value of every parameter.
        meanings: comment of every parameter.
        needs: names of the notebooks that must have succeeded before.
        long: whether it starts before the others when several run at the same time: the one that
            is started last runs alone in the end.
        names: the parameter that lets it show names of photographs; "" where none does.
        headline: whether its first figure stands at the top of the index.
    """

    path: Path
    cells: list[dict[str, Any]]
    defaults: dict[str, Any]
    meanings: dict[str, str]
    needs: list[str]
    long: bool
    names: str = ""
    headline: bool = False

    @property
    def stem(self) -> str:
        """File name without its suffix: the notebook's name everywhere."""
        return self.path.stem


# --- files --------------------------------------------------------------------------------------


def read(path: Path) -> Document:
    """A notebook of any version as nbformat 4.

    Raises:
        Refused: if the file is no valid notebook.
    """
    problems: dict[str, Exception] = {}
    try:
        document = nbformat.read(path, as_version=4, capture_validation_error=problems)
        for error in problems.values():
            raise error
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        reason = str(getattr(error, "message", error)).strip().split("\n")[0][:200]
        raise Refused(
            f"{path.name} is not a readable notebook ({reason}); save it again"
        ) from error
    return document


def write(document: Document, path: Path) -> None:
    """Write a notebook, whole or not at all."""
    with disk.whole(path) as part:
        nbformat.write(nbformat.from_dict(document), part)


def tags(cell: Cell) -> list[str]:
    """The tags of a cell."""
    return cell["metadata"].get("tags", [])


def has_number(cell: Cell) -> bool:
    """Whether a cell counts as code of the notebook's own."""
    return cell["cell_type"] == "code" and INJECTED not in tags(cell)


def numbered(cells: Iterable[Cell]) -> Iterator[tuple[int, Cell]]:
    """Every code cell with its number, from 1, as pages and messages give it.

    The cell that papermill injects has the number of the cell before it.
    """
    number = 0
    for cell in cells:
        if cell["cell_type"] == "code":
            number += has_number(cell)
            yield number, cell


# --- notebooks and their parameters -------------------------------------------------------------


def read_notebook(path: Path) -> Notebook:
    """Read a notebook and the literals of its one `parameters` cell.

    Raises:
        Refused: if the file is no notebook or its parameters cell holds anything but literals.
    """
    document = read(path)
    cells = [
        {"type": cell["cell_type"], "source": cell["source"], "tags": tags(cell)}
        for cell in document["cells"]
    ]
    tagged = [cell for cell in cells if cell["type"] == "code" and "parameters" in cell["tags"]]
    if len(tagged) != 1:
        raise Refused(f"{path.name} has {len(tagged)} code cells tagged 'parameters'; tag just one")
    defaults, meanings = read_parameters(tagged[0]["source"], path.name)
    own = document["metadata"].get("handid", {})
    kept = {name: own[name] for name in ("needs", "long", "names", "headline") if name in own}
    return Notebook(path, cells, defaults, meanings, **{"needs": [], "long": False} | kept)


def read_parameters(source: str, name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Values and comments of `name = literal  # meaning` lines.

    Args:
        source: the text of the parameters cell.
        name: of the notebook's file, for the refusal.

    Returns:
        Value of every parameter, and its comment; an empty comment where there is none.

    Raises:
        Refused: if a statement is anything else.
    """
    defaults: dict[str, Any] = {}
    meanings: dict[str, str] = {}
    line: int | None = None
    try:
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        comments = {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}
        for statement in ast.parse(source).body:
            line = statement.lineno
            parameter, value = _assignment(statement)
            defaults[parameter] = ast.literal_eval(value)
            meanings[parameter] = comments.get(statement.end_lineno or line, "")
    except (SyntaxError, ValueError, tokenize.TokenError) as error:
        where = getattr(error, "lineno", None) or line or "?"
        raise Refused(
            f"{name}: line {where} of the parameters cell must be `name = literal  # meaning`"
        ) from error
    return defaults, meanings


def _assignment(statement: ast.stmt) -> tuple[str, ast.expr]:
    """Name and value of `name = value`.

    Raises:
        ValueError: if the statement is none.
    """
    if isinstance(statement, ast.Assign):
        target, value = statement.targets[0], statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target, value = statement.target, statement.value
    else:
        raise ValueError("not an assignment")
    if not isinstance(target, ast.Name):
        raise ValueError("not a plain name")
    return target.id, value


# --- a folder of notebooks ----------------------------------------------------------------------


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


def find(name: str, stems: Iterable[str]) -> str:
    """The notebook that a number or a name means.

    Raises:
        Refused: if none does, or several do.
    """
    wanted = Path(name).name.removesuffix(".ipynb")
    number = wanted.zfill(2) if wanted.isdecimal() else wanted
    matches = [stem for stem in stems if wanted == stem or number == stem.split("_")[0]]
    if len(matches) != 1:
        reason = f"{name!r} could be {' or '.join(matches)}" if matches else f"no notebook {name!r}"
        raise Refused(f"{reason}; {close(wanted, stems)}")
    return matches[0]


def in_order(notebooks: dict[str, Notebook]) -> list[str]:
    """Names so that every notebook comes after what it needs, else in reading order.

    Raises:
        Refused: if they need each other in a circle.
    """
    graph = {
        stem: [need for need in notebook.needs if need in notebooks]
        for stem, notebook in notebooks.items()
    }
    sorter = graphlib.TopologicalSorter(graph)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        circle = " -> ".join(error.args[1])
        raise Refused(f"notebooks need each other in a circle: {circle}") from error
    order: list[str] = []
    ready: set[str] = set()
    while sorter.is_active():
        ready |= set(sorter.get_ready())
        order.append(min(ready))
        ready.remove(order[-1])
        sorter.done(order[-1])
    return order
