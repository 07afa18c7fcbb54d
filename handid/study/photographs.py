"""The data sets of a study: their folders, tables, targets and pixels."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from handid import backbone, disk, fingerprint, given, protocol
from handid.data.sets import DataSet, Target, label
from handid.image import cache, decode
from handid.study import sources
from handid.study.settings import Settings

GREY = 200  # in the place of a photograph that is not to be shown


class Photographs:
    """What a study reads its photographs from, each table read and each file decoded once.

    Args:
        settings: of the study.
    """

    def __init__(self, settings: Settings):
        self.settings, self.work = settings, Path(settings.work)
        self.sets = {name: DataSet(name, root) for name, root in settings.data.items()}
        self._tables: dict[tuple[str, bool], pd.DataFrame] = {}
        self._listed: dict[tuple[object, ...], pd.DataFrame] = {}
        self._said: set[str] = set()  # warnings

    def share(self, other: "Photographs") -> None:
        """Read nothing that another study read before, and warn of nothing that it warned of."""
        self._listed, self._said = other._listed, other._said

    def warn(self, sentence: str, above: int = 5) -> None:
        """Warn once, at the line of a caller so many calls above."""
        if sentence not in self._said:
            self._said.add(sentence)
            warnings.warn(sentence, stacklevel=above)

    # --- targets ------------------------------------------------------------------------------

    @cached_property
    def targets(self) -> list[Target]:
        """The targets in which people can be trained and tested; says once which are left out.

        Raises:
            ValueError: one sentence, for a set that the study does not have, a set of several views
                of which none is named, or if no target is left.
        """
        targets = list(dict.fromkeys(self.target(text) for text in self.settings.targets))
        absent = [target for target in targets if not self.sets[target.set].root]
        if absent:
            sentence = f"No folder is given for {', '.join(map(str, absent))}"
            way = f"Give it with --data {absent[0].set}=PATH."
            if len(absent) == len(targets):
                raise ValueError(f"{sentence}. {way}")
            self.warn(f"{sentence}: left out of every table and figure. {way}")
        there = [target for target in targets if target not in absent]
        obstacles = {target: self._obstacle(target) for target in there}
        hindered = [f"'{target}' ({why})" for target, why in obstacles.items() if why]
        if len(hindered) == len(there):
            raise ValueError(f"No target can be trained and tested: {'; '.join(hindered)}.")
        if hindered:
            self.warn(f"Left out of every table and figure: {'; '.join(hindered)}.")
        return [target for target in there if not obstacles[target]]

    def _obstacle(self, target: Target) -> str:
        """Why a target's people cannot be trained and tested, in a clause; empty if they can."""
        return protocol.obstacle(self.table(target.set), self.view(target))

    def target(self, text: str | Target) -> Target:
        """The target that a text means.

        Raises:
            ValueError: one sentence, for a set that the study does not have.
        """
        return text if isinstance(text, Target) else Target.parse(text, self.sets)

    def is_synthetic(self, target: Target) -> bool:
        """Whether the package draws a target's photographs."""
        return self.sets[target.set].synthetic

    def label(self, target: Target) -> str:
        """A target's name for titles: says 'synthetic' where the photographs are."""
        return label(target, self.is_synthetic(target))

    def view(self, target: Target) -> str:
        """The view that a target asks for, also where it is the only one and not named.

        Raises:
            ValueError: one sentence, if the set has several and none is named.
        """
        if target.view:
            return target.view
        views = self.views(target.set) or self._all_views(target.set)
        if len(views) == 1:
            return views[0]
        raise ValueError(
            f"'{target}' names no view: write '{target.set} {views[0]}'; "
            f"the set has {', '.join(views)}."
        )

    def views(self, name: str) -> list[str]:
        """The views of a data set in which people can be trained and tested."""
        return [view for view, why in self.obstacles(name).items() if not why]

    def obstacles(self, name: str) -> dict[str, str]:
        """View of a data set -> why it can be no target, in a clause, or an empty text."""
        table = self.table(name)
        return {view: protocol.obstacle(table, view) for view in self._all_views(name)}

    def _all_views(self, name: str) -> list[str]:
        table = self.table(name)
        return sorted(table.loc[table["role"] == "subject", "view"].unique())

    # --- tables -------------------------------------------------------------------------------

    def table(self, name: str, *, accessories: bool = False) -> pd.DataFrame:
        """The table of a data set, drawn first if it is synthetic, every file decoded.

        Args:
            name: of the set.
            accessories: True keeps hands with rings, watches and the like, which the papers'
                protocol leaves out of 11k Hands.

        Raises:
            ValueError: naming unreadable photographs, unless missing="skip" leaves them out.
        """
        key = (name, accessories)
        if key not in self._tables:
            self._tables[key] = self._readable(self.listed(name, accessories=accessories))
        return self._tables[key]

    def listed(self, name: str, *, accessories: bool = False) -> pd.DataFrame:
        """The same before any file is decoded.

        Raises:
            ValueError: if the study has no such set, or no folder is given.
        """
        if name not in self.sets:
            names = ", ".join(self.sets) or "none"
            raise ValueError(f"Unknown data set {given.shown(name)}: the sets are {names}.")
        known, own = self.sets[name], self.settings
        if not known.root:
            raise ValueError(f"No folder is given for {name}: use --data {name}=PATH.")
        drawing = (own.work, own.people, own.images_per_view, own.bursts, *own.views)
        key = (name, known.root, accessories, own.missing, *(drawing if known.synthetic else ()))
        if key not in self._listed:
            self._listed[key], heard = sources.read(known, own, accessories=accessories)
            for sentence in heard:
                self.warn(sentence, 6)
        return self._listed[key]

    def key(self, name: str) -> str:
        """A digest of a data set: who, what, and what each photograph's file holds."""
        table = self.table(name)
        return fingerprint.table(table, sources.contents(list(table["path"]), self.work))

    def halves(self, target: Target) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Rows that train and rows that test, see protocol.halves."""
        return protocol.halves(self.table(target.set), self.view(target))

    def splits(self, target: Target, runs: int) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
        """Query and gallery of each run, see protocol.monte_carlo."""
        return protocol.monte_carlo(self.table(target.set), self.view(target), runs=runs)

    def _readable(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows whose files decode; their pixels are in the cache afterwards."""
        sizes = {backbone.architecture(name).image_size for name in self.settings.backbones}
        shapes = {
            shape
            for size in sizes
            for shape in (("squash", size), ("crop", size), ("squash", training_side(size)))
        }
        bad = cache.fill(list(table["path"]), self._cache, sorted(shapes))
        if not bad:
            return table
        sentence = given.printable(cache.describe(bad, len(table)))
        if self.settings.missing == "error":
            raise ValueError(f"{sentence}. Mend or remove them, or set missing to 'skip'.")
        self.warn(f"{sentence}: left out, because missing is 'skip'.", 6)
        return table[~table["path"].isin(bad)].reset_index(drop=True)

    # --- pixels -------------------------------------------------------------------------------

    @cached_property
    def _cache(self) -> Path:
        """The folder of pixels; beside it stand the real sets that it may hold, for a purge."""
        read = self.work / "cache" / "read"
        for known in self.sets.values():
            if known.root and not known.synthetic:
                disk.private(read)
                (read / known.name).touch(mode=0o600)
        return self.work / "cache" / "pixels"

    def unreadable(self, paths: Iterable[str]) -> dict[str, str]:
        """Files that do not decode -> why, in a phrase."""
        return cache.fill(list(paths), self._cache, [("squash", 128)], progress=False)

    def pixels(self, paths: Iterable[str], geometry: decode.Geometry) -> np.ndarray:
        """[N, s, s, 3] uint8 of photographs, see image.cache.pixels."""
        return cache.pixels(list(paths), self._cache, geometry, progress=False)

    def pictures(
        self, paths: Iterable[str], show: bool = True, size: int = 128
    ) -> Sequence[np.ndarray]:
        """Small pictures for a figure, [size, size, 3] uint8 each; grey squares if not `show`."""
        paths = list(paths)
        if not show:
            return [np.full((size, size, 3), GREY, dtype=np.uint8)] * len(paths)
        return list(self.pixels(paths, ("squash", size)))


def training_side(image_size: int) -> int:
    """Side to which whole photographs are scaled before a random crop of `image_size`, pixels.

    Source: CLIP-HandID, section III-A, 256 for 224; the cache makes it ahead of any training.
    """
    return round(image_size * 256 / 224)


def positions(table: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """Places in a table of some of its rows."""
    return table.index.get_indexer(rows.index)
