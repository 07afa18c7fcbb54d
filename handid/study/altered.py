"""A study's photographs altered on purpose: their pixels, and which of them must be left out."""

import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping

import numpy as np
import pandas as pd

from handid.image import alter
from handid.image.alter import WHOLE, Alteration
from handid.image.decode import Geometry
from handid.protocol import Split
from handid.study.photographs import Photographs

_FOLDER = "altered"
_AGAINST = " against "


def pixels(
    paths: Iterable[str], photographs: Photographs, geometry: Geometry, image: str
) -> np.ndarray:
    """[N, s, s, 3] uint8 of photographs as `image` asks for them, each made once.

    Args:
        paths: N files.
        photographs: of the study.
        geometry: see image.decode.fit.
        image: "whole", a region or a degradation, see image.alter.Alteration.
    """
    if image == WHOLE:
        return photographs.pixels(paths, geometry)
    return alter.pixels(list(paths), _folder(photographs), geometry, Alteration.parse(image))


def fill(paths: Mapping[str, Iterable[str]], photographs: Photographs, geometry: Geometry) -> None:
    """Make photographs as several images ask for them, each decoded and segmented once.

    Args:
        paths: image -> the files that it is made of.
        photographs: of the study.
        geometry: see image.decode.fit.
    """
    wanted: dict[str, list[Alteration]] = {}
    for image in paths.keys() - {WHOLE}:
        for path in paths[image]:
            wanted.setdefault(path, []).append(Alteration.parse(image))
    alike: dict[frozenset[Alteration], list[str]] = {}
    for path in sorted(wanted):
        alike.setdefault(frozenset(wanted[path]), []).append(path)
    for alterations, files in alike.items():
        alter.fill(files, _folder(photographs), geometry, list(alterations))


def sides(image: str) -> tuple[str, str]:
    """What is made of queries and of the gallery: "blur 4", or "blur 4 against whole".

    Raises:
        ValueError: one sentence, if one of them is unknown.
    """
    query, _, gallery = image.partition(_AGAINST)
    both = query, gallery or query
    return str(Alteration.parse(both[0])), str(Alteration.parse(both[1]))


def needs_hand(images: Iterable[str]) -> bool:
    """Whether some of the images can only be made where the segmentation is trusted."""
    return any(Alteration.parse(side).needs_hand for image in images for side in sides(image))


def doubts(splits: Iterable[Split], photographs: Photographs) -> dict[str, str]:
    """Photographs of splits whose hand cannot be told from the background: path -> why."""
    paths = {path for split in splits for rows in split for path in rows["path"]}
    return alter.doubts(sorted(paths), _folder(photographs))


def kept(rows: pd.DataFrame, photographs: Photographs, image: str) -> pd.DataFrame:
    """Rows of a table of which `image` can be made; a warning says how many are left out.

    Raises:
        ValueError: one sentence, if none is left.
    """
    return _having(rows, photographs, image, "are left out") if needs_hand([image]) else rows


def _having(rows: pd.DataFrame, photographs: Photographs, image: str, fate: str) -> pd.DataFrame:
    """Rows of which a region can be made; a warning says what becomes of the others."""
    doubted = alter.doubts(list(rows["path"]), _folder(photographs))
    left = rows[~rows["path"].isin(set(doubted))]
    sentence = f"{len(doubted)} of {len(rows)} photographs have no '{image}' to train on"
    if left.empty:
        raise ValueError(f"{sentence}.")
    if doubted:
        warnings.warn(f"{sentence}: they {fate}.", stacklevel=5)
    return left


def grounds(
    rows: pd.DataFrame, photographs: Photographs, geometry: Geometry
) -> tuple[np.ndarray, np.ndarray]:
    """Where the hands are, and the backgrounds without them.

    Args:
        rows: N photographs.
        photographs: of the study.
        geometry: see image.decode.fit.

    Returns:
        [N, s, s, 1] uint8, 255 on the hand, and all over where it cannot be told from the
        background; and [G, s, s, 3] uint8 of the G photographs where it can.
    """
    trusted = _having(rows, photographs, "background", "keep their own")
    covers = np.full((len(rows), geometry[1], geometry[1], 1), 255, np.uint8)
    there = rows["path"].isin(trusted["path"]).to_numpy()
    outlines = pixels(trusted["path"], photographs, geometry, "silhouette")
    covers[there] = 255 - outlines[..., :1]
    return covers, pixels(trusted["path"], photographs, geometry, "background")


def trusted(
    splits: Iterable[Split], match: str, photographs: Photographs, images: Collection[str]
) -> list[Split]:
    """Splits without photographs whose hand cannot be told from the background, if that matters.

    A query whose mate in the gallery is left out goes too; a warning says how many are.

    Args:
        splits: query and gallery of each run.
        match: column that query and mate have in common.
        photographs: of the study.
        images: what is made of the photographs: whatever cannot be used for one of them is used
            for none, so that all answer the same queries.

    Raises:
        ValueError: one sentence, if an image is unknown or no query is left in some run.
    """
    splits = list(splits)
    if not needs_hand(images):
        return splits
    doubted = doubts(splits, photographs)
    if not doubted:
        return splits
    left = list(_without(splits, set(doubted), match))
    sentence = (
        f"{len(doubted)} photographs are left out of '{', '.join(images)}': the hand cannot be "
        f"told from the background (the first {next(iter(doubted.values()))})"
    )
    if any(query.empty for query, _ in left):
        raise ValueError(f"{sentence}; no query is left.")
    warnings.warn(f"{sentence}.", stacklevel=4)
    return left


def _without(splits: Iterable[Split], doubted: set[str], match: str) -> Iterator[Split]:
    for query, gallery in splits:
        gallery = gallery[~gallery["path"].isin(doubted)]
        found = query[match].isin(gallery[match])
        yield query[found & ~query["path"].isin(doubted)], gallery


def _folder(photographs: Photographs) -> str:
    return str(photographs.work / "cache" / _FOLDER)
