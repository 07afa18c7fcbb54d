"""Photographs altered on purpose: a region of them alone, or a degradation of some severity.

What an alteration is called ("background", "blur 4"), whether it can be made, and its pixels on
disk. The regions stand in regions.py, the degradations in degrade.py.
"""

import os
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from handid import disk, fingerprint
from handid.image import cache
from handid.image.decode import Geometry, decode, fit
from handid.image.degrade import DEGRADATIONS
from handid.image.regions import REGIONS
from handid.image.segment import Segmentation, segment

WHOLE = "whole"  # the photograph as it is
_REASONS: dict[Path, str] = {}  # of the segmentations that this process asked for: tasks share them


@dataclass(frozen=True)
class Alteration:
    """What is done to a photograph after it is decoded and before it is resized.

    Attributes:
        kind: "whole", a key of REGIONS or of DEGRADATIONS.
        severity: of a degradation that has one, in its unit.
    """

    kind: str
    severity: float | None = None

    def __str__(self) -> str:
        """As results.csv writes it: "hand", "blur 4"."""
        return self.kind if self.severity is None else f"{self.kind} {self.severity:g}"

    @property
    def needs_hand(self) -> bool:
        """Whether it can only be made where the segmentation is trusted."""
        return self.kind in REGIONS or (self.kind != WHOLE and DEGRADATIONS[self.kind].needs_hand)

    @classmethod
    def parse(cls, text: str) -> "Alteration":
        """The alteration that a text means.

        Raises:
            ValueError: one sentence, for one that is unknown, lacks its severity or has one out of
                range.
        """
        kind, *rest = text.split() or [""]
        if kind == WHOLE or kind in REGIONS or (kind in DEGRADATIONS and not rest):
            if rest:
                raise ValueError(f"'{text}': {kind} has no severity.")
            if kind in DEGRADATIONS and DEGRADATIONS[kind].unit:
                raise ValueError(f"'{text}' lacks its severity, {DEGRADATIONS[kind].unit}.")
            return cls(kind)
        if kind not in DEGRADATIONS:
            known = ", ".join([WHOLE, *REGIONS, *DEGRADATIONS])
            raise ValueError(f"Unknown image '{text}': use one of {known}.")
        return cls(kind, _severity(text, kind, rest))


def _severity(text: str, kind: str, words: list[str]) -> float:
    known = DEGRADATIONS[kind]
    try:
        (value,) = map(float, words)
    except ValueError:
        raise ValueError(f"'{text}': write '{kind} NUMBER'.") from None
    if not known.unit:
        raise ValueError(f"'{text}': {kind} has no severity.")
    if not known.low <= value <= known.high:
        raise ValueError(
            f"'{text}' is out of range: {kind} goes from {known.low:g} to {known.high:g} "
            f"({known.unit})."
        )
    return value


def alter(
    image: Image.Image, alteration: Alteration, name: str, found: Segmentation | None
) -> Image.Image:
    """One photograph, altered.

    Args:
        image: RGB, as decoded.
        alteration: what to do.
        name: of the photograph's file: seeds what is random, with the kind and the pixels (in
            folders of people many are called 1.jpg).
        found: its segmentation; None where the alteration needs none.

    Raises:
        ValueError: if the alteration needs the hand, and none was found or it is not trusted.
    """
    if alteration.kind == WHOLE:
        return image
    if alteration.needs_hand and (found is None or not found.trusted):
        raise ValueError(f"{name} {found.reason if found else 'was not segmented'}.")
    if alteration.kind in REGIONS:
        assert found is not None  # asked just before
        return REGIONS[alteration.kind](image, found)
    rng = np.random.default_rng(zlib.crc32(image.tobytes(), _number(f"{alteration.kind} {name}")))
    apply = DEGRADATIONS[alteration.kind].apply
    return apply(image, alteration.severity or 0.0, found, rng)


def _number(text: str) -> int:
    """A number of a text, which may hold a file's name that is no UTF-8."""
    return zlib.crc32(text.encode(errors="surrogateescape"))


# --- on disk ------------------------------------------------------------------------------------


def code() -> str:
    """A digest of all code that alters a photograph."""
    return fingerprint.code("image.alter.alter", "image.segment.segment", "image.decode.fit")


def fill(
    paths: Sequence[str], folder: str | Path, geometry: Geometry, alterations: Sequence[Alteration]
) -> None:
    """Alter photographs and keep the squares on disk; what is there already is not made again.

    Args:
        paths: image files; where an alteration needs the hand, all of them trusted.
        folder: the cache's folder.
        geometry: of the squares, see decode.fit.
        alterations: which: each photograph is decoded and segmented once for all of them.

    Raises:
        ValueError: naming a photograph that cannot be altered; of one that does not decode
            decode's phrase alone.
        OSError: when one is missing, or the disk is full.
    """
    folder, key = Path(folder), code()
    absent = [path for path in paths if _absent(path, folder, geometry, alterations, key)]
    order = _in_own_order(absent)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(lambda path: _fill(path, folder, geometry, alterations, key), order):
            pass


def pixels(
    paths: Sequence[str], folder: str | Path, geometry: Geometry, alteration: Alteration
) -> np.ndarray:
    """[N, s, s, 3] uint8: altered photographs, each made once and kept on disk; see `fill`."""
    folder, key = Path(folder), code()
    files = [_file(path, folder, key, geometry, str(alteration)) for path in paths]
    absent = [path for path, file in zip(paths, files, strict=True) if not file.exists()]
    fill(absent, folder, geometry, [alteration])
    squares = np.empty((len(paths), geometry[1], geometry[1], 3), np.uint8)
    for row, (path, file) in enumerate(zip(paths, files, strict=True)):
        square = cache.read(file)
        squares[row] = _again(path, folder, geometry, alteration, key) if square is None else square
    return squares


def doubts(paths: Sequence[str], folder: str | Path) -> dict[str, str]:
    """Photographs whose hand cannot be told from the background: path -> why; from disk if there.

    Args:
        paths: image files.
        folder: the cache's folder.

    Raises:
        ValueError: decode's phrase, of a file that does not decode.
        OSError: when one is missing, or the disk is full.
    """
    folder, key, order = Path(folder), code(), _in_own_order(paths)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda path: _reason(path, folder, key), order)
        reasons = dict(zip(order, found, strict=True))
    return {path: reasons[path] for path in paths if reasons[path]}


def _file(path: str, folder: Path, *what: object, suffix: str = ".rgb") -> Path:
    stat = os.stat(path)
    known = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)  # as of fingerprint.status
    name = fingerprint.digest([os.path.abspath(path), *known, *what])
    return folder.joinpath(name[:2], f"{name}{suffix}")


def _segmentation_file(path: str, folder: Path, key: str) -> Path:
    return _file(path, folder, key, "segmentation", suffix=".npz")


def _in_own_order(paths: Sequence[str]) -> list[str]:
    """The paths in an order of this process.

    Notebooks that run side by side alter the same photographs: each finds what the other made.
    """
    return sorted(paths, key=lambda path: _number(f"{os.getpid()} {path}"))


def _absent(
    path: str, folder: Path, geometry: Geometry, alterations: Sequence[Alteration], key: str
) -> dict[Alteration, Path]:
    """Of one photograph what is not on disk, and the files that it belongs in."""
    files = {one: _file(path, folder, key, geometry, str(one)) for one in alterations}
    return {one: file for one, file in files.items() if not file.exists()}


def _fill(
    path: str, folder: Path, geometry: Geometry, alterations: Sequence[Alteration], key: str
) -> None:
    """Make one photograph's squares that are not on disk: another process may have made them."""
    absent = _absent(path, folder, geometry, alterations, key)
    if not absent:
        return
    image = decode(path)
    needs_hand = any(one.needs_hand for one in absent)
    found = _segmented(path, folder, key, image) if needs_hand else None
    for one, file in absent.items():
        cache.write(file, fit(alter(image, one, Path(path).name, found), geometry))


def _reason(path: str, folder: Path, key: str) -> str:
    """Why a photograph's segmentation is not to be trusted; reads no more of it than that."""
    file = _segmentation_file(path, folder, key)
    if file not in _REASONS:
        stored = _stored(file, "reason")
        _REASONS[file] = str(stored[0]) if stored else _segmented(path, folder, key).reason
    return _REASONS[file]


def _again(
    path: str, folder: Path, geometry: Geometry, alteration: Alteration, key: str
) -> np.ndarray:
    """A square whose file was damaged."""
    file = _file(path, folder, key, geometry, str(alteration))
    file.unlink(missing_ok=True)
    _fill(path, folder, geometry, [alteration], key)
    square = cache.read(file)
    if square is None:
        raise ValueError(f"{path} could not be kept.")
    return square


def _segmented(path: str, folder: Path, key: str, image: Image.Image | None = None) -> Segmentation:
    """A photograph's segmentation, from disk where it is there."""
    file = _segmentation_file(path, folder, key)
    stored = _stored(file, "hand", "rest", "reason")
    if stored:
        return Segmentation(stored[0], stored[1], str(stored[2]))
    found = segment(image or decode(path))
    with disk.whole(file, sync=False) as part:
        np.savez_compressed(part, hand=found.hand, rest=found.rest, reason=found.reason)
    return found


def _stored(file: Path, *names: str) -> list[np.ndarray]:
    """Arrays of a file; none if it is not there or damaged."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            return [stored[name] for name in names]
    except Exception:  # OSError, KeyError, BadZipFile, zlib.error, NotImplementedError, ...
        return []
