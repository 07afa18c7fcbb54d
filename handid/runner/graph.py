"""The graph of notebooks: which needs which, how each went and what it left, as boxes and arrows.

It decides places only; a template draws them.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from handid.runner.notebook import Notebook

WIDTH, LINE, PADDING = 184, 17, 12  # of a box: pixels in all, per line, above and below
GAP, BESIDE, MARGIN = 16, 24, 2  # between boxes: below each other, and side by side


@dataclass(frozen=True)
class Box:
    """One notebook; pixels.

    Attributes:
        stem: its name.
        state: as the manifest has it.
        lines: its name, how long it took, and what it left.
    """

    stem: str
    state: str
    lines: list[str]
    x: int
    y: int
    width: int = WIDTH

    @property
    def height(self) -> int:
        """Of all its lines."""
        return LINE * len(self.lines) + PADDING


@dataclass(frozen=True)
class Graph:
    """Boxes from left to right, each behind all that it needs.

    Attributes:
        boxes: in reading order.
        arrows: paths of SVG, from each notebook to those that need it.
        words: the same in words.
        width: pixels.
        height: pixels.
    """

    boxes: list[Box]
    arrows: list[str]
    words: str
    width: int
    height: int


def graph(
    notebooks: Mapping[str, Notebook],
    lines: Mapping[str, list[str]],
    states: Mapping[str, str],
) -> Graph:
    """Place the notebooks of a profile.

    Args:
        notebooks: in reading order, by name.
        lines: what stands in each box below its name.
        states: of each notebook, by name.
    """
    needs = {stem: [n for n in book.needs if n in notebooks] for stem, book in notebooks.items()}
    depths: dict[str, int] = {}

    def depth(stem: str) -> int:
        if stem not in depths:
            depths[stem] = 1 + max((depth(need) for need in needs[stem]), default=-1)
        return depths[stem]

    bottoms: Counter[int] = Counter()
    boxes = {}
    for stem in notebooks:
        column = depth(stem)
        place = MARGIN + column * (WIDTH + BESIDE), MARGIN + bottoms[column]
        boxes[stem] = Box(stem, states[stem], [stem, *lines[stem]], *place)
        bottoms[column] += boxes[stem].height + GAP
    pairs = [(need, stem) for stem in notebooks for need in direct(stem, needs)]
    return Graph(
        boxes=list(boxes.values()),
        arrows=[_arrow(boxes[need], boxes[stem]) for need, stem in pairs],
        words=f"What each notebook needs: {'; '.join(map(_in_words, needs.items()))}.",
        width=2 * MARGIN + max(box.x + WIDTH for box in boxes.values()),
        height=MARGIN + max(bottoms.values()),
    )


def direct(stem: str, needs: Mapping[str, list[str]]) -> list[str]:
    """What a notebook needs, but for what another of its needs needs already."""

    def behind(name: str) -> set[str]:
        return {name}.union(*(behind(need) for need in needs[name]))

    return [
        need
        for need in needs[stem]
        if not any(need in behind(other) for other in needs[stem] if other != need)
    ]


def left(products: list[str]) -> list[str]:
    """What a notebook left, by folder: "results: 1 file", "experiments: 3 folders or files"."""
    counts = Counter(_kind(PurePath(name)) for name in products)
    return [f"{kind}: {number}" for kind, number in sorted(counts.items())]


def _kind(name: PurePath) -> str:
    """The folder of a product; of a training, all its files together count by folder."""
    return name.parts[0] if len(name.parts) > 1 else "other files"


def _in_words(item: tuple[str, list[str]]) -> str:
    stem, needs = item
    return f"{stem} needs {', '.join(needs) or 'none'}"


def _arrow(one: Box, other: Box) -> str:
    """A curve from the right edge of one box to the left edge of another, with its head."""
    x1, y1, x2, y2 = one.x + one.width, one.y + 15, other.x, other.y + 15
    bend = max(12, (x2 - x1) // 2)
    return (
        f"M{x1},{y1} C{x1 + bend},{y1} {x2 - bend},{y2} {x2},{y2} "
        f"M{x2 - 7},{y2 - 4} L{x2},{y2} L{x2 - 7},{y2 + 4}"
    )
