"""What is trained and tested on: a data set, which layout its folder has, and a target in it."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

from handid import given

SYNTHETIC = "synthetic"  # in the place of a folder: the package draws the photographs
DRAWN = ("11k", "HD")  # the sets that it can draw
NAMELESS = "hand"  # the view of a set that has one and does not name it
# Name of a layout -> its file here, with `fits(root)` and `read(root, ...)`.
LAYOUTS = {
    "11k": "eleven_k",
    "HD": "hd",
    "manifest": "manifest",
    "folder": "folder",
}
# Images in folders lie in most layouts: this one counts only where no other fits.
LAST = "folder"
WANTED = (
    "11k's HandInfo.csv, HD's 'Original Images', a list hands.csv (path, subject, view), or a "
    "folder per person with images or folders of views in it"
)


@dataclass(frozen=True)
class DataSet:
    """One data set of a study.

    Attributes:
        name: what targets, tables and titles call it, such as "11k".
        root: its folder, or "synthetic"; empty where none is given.
    """

    name: str
    root: str

    @property
    def synthetic(self) -> bool:
        """Whether the package draws its photographs."""
        return self.root == SYNTHETIC

    @property
    def layout(self) -> str:
        """The layout of its folder, "" without one; a set is drawn in that of its own name.

        Raises:
            FileNotFoundError, ValueError: see `layout`.
        """
        if not self.root:
            return ""
        return self.name if self.synthetic else layout(self.root)


@dataclass(frozen=True)
class Target:
    """One view of one data set: what a model is trained or tested on.

    Attributes:
        set: name of the data set.
        view: name of the view; empty for the only view of a set that has one.
    """

    set: str
    view: str = ""

    def __str__(self) -> str:
        """As a user writes it: "11k dorsal right", "HD"."""
        return f"{self.set} {self.view}".strip()

    @classmethod
    def parse(cls, text: str, sets: Iterable[str]) -> "Target":
        """The target that a user means.

        Args:
            text: "NAME view", or "NAME" where the set has one view.
            sets: names of the data sets there are.

        Raises:
            ValueError: one sentence, if it begins with no known set's name.
        """
        names = sorted(sets, key=len, reverse=True)
        for name in names:
            if text == name or text.startswith(f"{name} "):
                return cls(name, text[len(name) :].strip())
        raise ValueError(
            f"Unknown target '{text}': write 'NAME view', or 'NAME' where a set has one view; "
            f"the sets are {', '.join(sorted(names)) or 'none'}."
        )


def label(name: object, synthetic: bool) -> str:
    """A set's or target's name for titles: says 'synthetic' wherever the photographs are."""
    return f"{SYNTHETIC} {name}" if synthetic else str(name)


def layout(root: str | Path) -> str:
    """The name of the layout that a folder has.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it has none of LAYOUTS, or two.
    """
    root = given.place(root)
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is no folder: name the one that holds the data set.")
    fitting = _marked(root) or [LAST] * reader(LAST).fits(root)
    if len(fitting) > 1:
        raise ValueError(
            f"{root} is laid out as two data sets at once ({' and '.join(fitting)}): keep the "
            "list or folders of one of them."
        )
    deeper = [] if fitting and fitting != [LAST] else _deeper(root)
    if deeper:
        raise ValueError(f"{root} is no data set itself, but {deeper[0]} is one: name that folder.")
    if not fitting:
        raise ValueError(
            f"{root} is laid out as no data set that is known here ({', '.join(LAYOUTS)}): it must "
            f"hold {WANTED}."
        )
    return fitting[0]


def reader(name: str) -> ModuleType:
    """The file that reads a layout."""
    return import_module(f"handid.data.{LAYOUTS[name]}")


def _marked(root: Path) -> list[str]:
    """Names of the layouts whose own list or folders lie there."""
    return [name for name in LAYOUTS if name != LAST and reader(name).fits(root)]


def _deeper(root: Path) -> list[Path]:
    """Folders in a folder that are data sets with a list or folders of their own."""
    inside = sorted(path for path in root.iterdir() if path.is_dir())
    return [path for path in inside if not path.name.startswith(".") and _marked(path)]
