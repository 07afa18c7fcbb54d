"""A study's photographs altered on purpose: their pixels, and which of them must be left out."""

import warnings
from collections.abc import Iterable, Iterator

import numpy as np

from handid.image import alter
from handid.image.alter import WHOLE, Alteration
from handid.image.decode import Geometry
from handid.protocol import Split
from handid.study.photographs import Photographs

_FOLDER = "altered"


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
    wanted = Alteration.parse(image)
    return alter.pixels(list(paths), _folder(photographs), geometry, [wanted])[wanted]


def trusted(
    splits: Iterable[Split], match: str, photographs: Photographs, image: str
) -> list[Split]:
    """Splits without photographs whose hand cannot be told from the background, if that matters.

    A query whose mate in the gallery is left out goes too; a warning says how many are.

    Args:
        splits: query and gallery of each run.
        match: column that query and mate have in common.
        photographs: of the study.
        image: what is made of the photographs.

    Raises:
        ValueError: one sentence, if the image is unknown or no query is left in some run.
    """
    splits = list(splits)
    if not Alteration.parse(image).needs_hand:
        return splits
    paths = {path for split in splits for rows in split for path in rows["path"]}
    doubts = alter.doubts(sorted(paths), _folder(photographs))
    if not doubts:
        return splits
    warnings.warn(
        f"{len(doubts)} of {len(paths)} photographs are left out of '{image}': the hand cannot be "
        f"told from the background (the first {next(iter(doubts.values()))}).",
        stacklevel=4,
    )
    left = list(_without(splits, set(doubts), match))
    if any(query.empty for query, _ in left):
        raise ValueError(
            f"No query is left for '{image}': the hand can be told from the background in "
            f"{len(paths) - len(doubts)} of {len(paths)} photographs."
        )
    return left


def _without(splits: Iterable[Split], doubted: set[str], match: str) -> Iterator[Split]:
    for query, gallery in splits:
        gallery = gallery[~gallery["path"].isin(doubted)]
        found = query[match].isin(gallery[match])
        yield query[found & ~query["path"].isin(doubted)], gallery


def _folder(photographs: Photographs) -> str:
    return str(photographs.work / "cache" / _FOLDER)
