"""Keys: short digests of code, tables, folders and files, to tell whether a product is up to date.

The key of code follows what really runs: from the named definitions to all that they use of this
package. Comments, docstrings, annotations, refusals' words and layout are left out. All versions of
Python find the same key. No torch.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # pandas costs the front door half a second
    import pandas as pd

PACKAGE = Path(__file__).parent
PACKAGES = (
    *("torch", "torchvision", "open_clip_torch", "timm", "safetensors", "numpy", "pandas"),
    *("pillow", "matplotlib", "seaborn", "papermill", "nbclient", "ipykernel"),
)
Definition = tuple[str, str]  # module below the package, such as "method.clip_ft", and name in it


def digest(content: object) -> str:
    """16 hexadecimal digits that stand for any JSON-like content."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def file(path: str | Path) -> str:
    """SHA-256 of a file's content, 64 hexadecimal digits."""
    with open(path, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def place(path: str | Path) -> str:
    """A digest of a file or of all files in a folder: names, sizes and times; links are followed.

    Contents are not read: the time at which the system changed a file tells also where its content
    was replaced by another of the same size and date. What is absent has a digest of its own.
    """
    path = Path(path)
    if not path.is_dir():
        return digest(status(path))
    rows, visited = [], set()
    for folder, inside, names in os.walk(path, followlinks=True):
        visited.add(os.path.realpath(folder))
        # A link to a folder above would lead round in a circle.
        inside[:] = [n for n in inside if os.path.realpath(os.path.join(folder, n)) not in visited]
        place = os.path.relpath(folder, path)
        rows += [(place, name, *status(Path(folder, name))) for name in names]
    return digest(sorted(rows))


def table(photographs: pd.DataFrame, contents: Sequence[str]) -> str:
    """A digest of a table of photographs: who, what, and each file's name and content.

    Args:
        photographs: the table.
        contents: a digest of each file's content.
    """
    files = [
        [Path(path).name, *rest] for path, *rest in zip(photographs["path"], contents, strict=True)
    ]
    return digest([files, photographs["identity"].tolist(), photographs["role"].tolist()])


def status(path: str | Path) -> tuple[int, int, int]:
    """Size in bytes, time of the last change by its owner and by the system, ns; -1 for nothing."""
    try:
        known = os.stat(path)
    except (OSError, ValueError):
        return -1, -1, -1
    return known.st_size, known.st_mtime_ns, known.st_ctime_ns


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the main packages, which are not imported for it."""
    installed = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed


# --- code ---------------------------------------------------------------------------------------


@cache
def code(*entries: str, stop: Iterable[str] = (), package: Path = PACKAGE) -> str:
    """A digest of definitions and of everything of this package that they use.

    Args:
        entries: dotted names below the package: a definition such as "train.fit", or a module such
            as "method.clip_ft", which stands for all of its definitions.
        stop: dotted names of definitions that are not followed: registries that import by name.
        package: the folder of the package.

    Raises:
        ValueError: naming an entry that does not exist.
    """
    return digest(_reached(entries, frozenset(stop), package))


@cache
def whole_package(without: str, package: Path = PACKAGE) -> str:
    """A digest of all code and tables of the package but for one wing."""
    sources = {}
    for path in sorted(package.rglob("*")):
        name = path.relative_to(package).as_posix()
        if name.split("/")[0] == without or path.suffix not in (".py", ".yaml", ".csv"):
            continue
        text = path.read_text(encoding="utf-8")
        is_code = path.suffix == ".py"
        sources[name] = ast.unparse(_plain(ast.parse(text, str(path)))) if is_code else text
    return digest(sources)


def _reached(entries: Iterable[str], stop: frozenset[str], package: Path) -> dict[str, list[str]]:
    """Dotted name -> source of every definition that the entries reach."""
    waiting = [definition for entry in entries for definition in _entry(entry, package)]
    sources: dict[str, list[str]] = {}
    while waiting:
        module, name = waiting.pop()
        dotted = f"{module}.{name}".lstrip(".")
        if dotted in sources or dotted in stop:
            continue
        sources[dotted], used = _room(module, package).definition(name)
        waiting += used
    return sources


def _entry(entry: str, package: Path) -> list[Definition]:
    """The definitions that a dotted name stands for; of "room.Class.method" that method alone."""
    *above, kind, name = ["", "", *entry.split(".")]
    module = ".".join(above).lstrip(".")
    if _file(module, package) and f"{kind}.{name}" in _room(module, package).methods:
        return [(module, f"{kind}.{name}")]
    definitions = _resolve("", entry.split("."), package)
    if not definitions:
        raise ValueError(f"There is no '{entry}' in this package.")
    return definitions


class _Room:
    """One module: its top-level definitions, and which names come from elsewhere in the package."""

    def __init__(self, module: str, path: Path, package: Path):
        self.module, self.package = module, package
        self.definitions: dict[str, list[ast.stmt]] = {}
        self.methods: dict[str, list[ast.stmt]] = {}  # "Class.method" -> itself, for entries
        self.imports: dict[str, list[str]] = {}  # local name -> dotted name in pieces
        self.loose: list[ast.stmt] = []
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "handid":
                pieces = (node.module or "").split(".")[1:]
                for alias in node.names:
                    self.imports[alias.asname or alias.name] = [*pieces, alias.name]
        for statement in _plain(tree).body:
            names = _bound(statement)
            for name in names:
                self.definitions.setdefault(name, []).append(statement)
            if isinstance(statement, ast.ClassDef):
                self.methods |= _methods(statement)
            if not names and not isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass):
                self.loose.append(statement)

    @cache  # noqa: B019 - a room lives as long as the cache that holds it
    def definition(self, name: str) -> tuple[list[str], list[Definition]]:
        """A definition's source, with what the module runs beside it, and what it mentions."""
        own = self.methods[name] if name in self.methods else self.definitions[name]
        statements = [*own, *self.loose]
        used = [definition for statement in statements for definition in self.uses(statement)]
        return [ast.unparse(statement) for statement in statements], used

    def uses(self, node: ast.AST) -> list[Definition]:
        """What a piece of code mentions of this package."""
        root, *attributes = _chain(node)
        if root in self.definitions:
            return [(self.module, root)]
        if root in self.imports:
            return _resolve("", [*self.imports[root], *attributes], self.package)
        if root:  # a name of its own, or of another package
            return []
        return [used for child in ast.iter_child_nodes(node) for used in self.uses(child)]


def _chain(node: ast.AST) -> list[str]:
    """`a.b.c` as ["a", "b", "c"]; [""] for what is no such thing."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.insert(0, node.attr)
        node = node.value
    return [node.id, *attributes] if isinstance(node, ast.Name) else [""]


def _resolve(module: str, pieces: list[str], package: Path) -> list[Definition]:
    """The definitions behind a dotted name, seen from a module; all of them for a module."""
    if not pieces:
        return [(module, name) for name in _room(module, package).definitions]
    name, *rest = pieces
    room = _room(module, package)
    if name in room.definitions:
        return [(module, name)]
    below = f"{module}.{name}".lstrip(".")
    if _file(below, package) is not None:
        return _resolve(below, rest, package)
    if name in room.imports:
        return _resolve("", [*room.imports[name], *rest], package)
    return []


def _file(module: str, package: Path) -> Path | None:
    """The file of a module; None if there is none."""
    stem = package.joinpath(*module.split(".")) if module else package
    for path in (stem / "__init__.py", stem.with_suffix(".py")):
        if path.is_file() and (module or path.name == "__init__.py"):
            return path
    return None


@cache
def _room(module: str, package: Path) -> _Room:
    path = _file(module, package)
    if path is None:
        raise ValueError(f"There is no '{module}' in this package.")
    return _Room(module, path, package)


def _bound(statement: ast.stmt) -> list[str]:
    """The names that a top-level statement defines."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    return []


def _methods(kind: ast.ClassDef) -> dict[str, list[ast.stmt]]:
    """The methods of a class, by "Class.method"."""
    functions = [node for node in kind.body if isinstance(node, ast.FunctionDef)]
    return {f"{kind.name}.{function.name}": [function] for function in functions}


class _SpelledOut(ast.NodeTransformer):
    """f-strings as calls with their pieces: Python 3.12 quotes them otherwise than 3.11.

    Its first releases also find an empty piece in a format such as `:{width}`.
    """

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        self.generic_visit(node)
        pieces = [piece for piece in node.values if getattr(piece, "value", None) != ""]
        return ast.Call(ast.Constant("f"), pieces, [])

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.expr:
        self.generic_visit(node)
        shape = node.format_spec or ast.Constant("")
        return ast.Tuple([node.value, ast.Constant(node.conversion), shape], ast.Load())


def _plain(tree: ast.Module) -> ast.Module:
    """The tree without docstrings, the annotations of functions, and what refusals say."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            node.exc.args = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    return _SpelledOut().visit(tree)
