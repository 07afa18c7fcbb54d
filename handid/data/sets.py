"""The words for what is trained and tested on: a data set, and a target in it. Types only."""

from collections.abc import Iterable
from dataclasses import dataclass

SYNTHETIC = "synthetic"  # in the place of a folder: the package draws the photographs
DRAWN = ("11k", "HD")  # the sets that it can draw
NAMELESS = "hand"  # the view of a set that has one and does not name it


@dataclass(frozen=True)
class DataSet:
    """One data set of a study.

    Attributes:
        name: what targets, tables and titles call it, such as "11k".
        source: its folder, or "synthetic"; empty where none is given.
    """

    name: str
    source: str

    @property
    def synthetic(self) -> bool:
        """Whether the package draws its photographs."""
        return self.source == SYNTHETIC


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
