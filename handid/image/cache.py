"""Pixels on disk: each photograph is decoded once to uint8, and read from there afterwards.

A set of hands at 256 pixels fits in memory, so that an epoch costs a few copies instead of
thousands of JPEG decodes. Not a data set class and not a worker pool.
"""

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from handid import disk, fingerprint, given
from handid.image.decode import Geometry, decode, fit

_CACHE_VERSION = 4
_SEAL_BYTES = 16


def _cache_file(path: str, folder: Path, geometry: Geometry) -> Path:
    name = fingerprint.digest([os.path.abspath(path), *fingerprint.status(path), _CACHE_VERSION])
    return folder.joinpath(f"{geometry[0]}-{geometry[1]}", name[:2], f"{name}.rgb")


def _absent(path: str, folder: Path, geometries: Sequence[Geometry]) -> dict[Geometry, Path]:
    """The squares that the cache lacks, and their files."""
    files = {geometry: _cache_file(path, folder, geometry) for geometry in geometries}
    return {geometry: file for geometry, file in files.items() if not file.exists()}


def _decode_to_cache(path: str, folder: Path, geometries: Sequence[Geometry]) -> str | None:
    """Write the squares that the cache lacks; return a phrase if the file cannot be used."""
    absent = _absent(path, folder, geometries)
    if not absent:
        return None
    try:
        image = decode(path)
    except ValueError as error:
        return str(error)
    for geometry, file in absent.items():
        write(file, fit(image, geometry))
    return None


def write(file: Path, square: np.ndarray) -> None:
    """Keep a square, [s, s, 3] uint8: its bytes and a seal against damage."""
    content = square.tobytes()
    with disk.whole(file, sync=False) as part:
        part.write_bytes(content + disk.seal(file.name, content))


def read(file: Path) -> np.ndarray | None:
    """A square, read-only; None where the file is not what was written under its name."""
    try:
        content = memoryview(file.read_bytes())
    except OSError:
        return None
    square, seal = content[:-_SEAL_BYTES], content[-_SEAL_BYTES:]
    if disk.seal(file.name, square) != seal:
        return None
    side = math.isqrt(len(square) // 3)
    return np.frombuffer(square, np.uint8).reshape(side, side, 3)


def fill(
    paths: Sequence[str],
    folder: str | Path,
    geometries: Sequence[Geometry],
    *,
    workers: int | None = None,
    progress: bool = True,
) -> dict[str, str]:
    """Decode every photograph once, whatever the number of geometries, and keep the pixels on disk.

    A file that changed on disk (size or a time) is decoded again. Readable files are kept even if
    others are not readable, so that a second run continues where this one stopped.

    Args:
        paths: N image files.
        folder: the cache's folder.
        geometries: the squares wanted, see `fit`.
        workers: threads (Pillow decodes without Python's lock); the number of cores if None.
        progress: show a bar.

    Returns:
        The files that cannot be used: path -> one phrase. Empty if all can.

    Raises:
        OSError: when the disk is full.
        MemoryError: see decode.decode.
    """
    folder = Path(folder)
    # Asked here: to hand a thread a photograph takes longer than to see that it is there.
    absent = [path for path in paths if _absent(path, folder, geometries)]
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        problems = pool.map(lambda path: _decode_to_cache(path, folder, geometries), absent)
        how = {"disable": not progress, "mininterval": 5, "delay": 2}
        bar = tqdm(problems, "photographs", len(absent), **how)
        return {path: problem for path, problem in zip(absent, bar, strict=True) if problem}


def describe(problems: dict[str, str], total: int) -> str:
    """One sentence about photographs that cannot be used, as `fill` returns them."""
    shown = "; ".join(f"{path} {problem}" for path, problem in [*problems.items()][:3])
    more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
    return f"{len(problems)} of {total} photographs cannot be used: {shown}{more}"


def pixels(
    paths: Sequence[str], folder: str | Path, geometry: Geometry, *, progress: bool = True
) -> np.ndarray:
    """The photographs as one array, from the cache where they are in it.

    Returns:
        [N, s, s, 3] uint8, in the order of `paths`.

    Raises:
        ValueError: naming the first unreadable files and their number.
        OSError: when the disk is full.
    """
    paths = list(paths)
    problems = fill(paths, folder, [geometry], progress=progress)
    if problems:
        sentence = describe(problems, len(paths))
        raise ValueError(f"{given.printable(sentence)}. Mend or remove them; the rest is cached.")
    size = geometry[1]
    images = np.empty((len(paths), size, size, 3), dtype=np.uint8)
    for row, path in enumerate(paths):
        images[row] = _load_pixels(path, Path(folder), geometry)
    return images


def _load_pixels(path: str, folder: Path, geometry: Geometry) -> np.ndarray:
    """One photograph's cached pixels; a damaged cache file is written again."""
    file = _cache_file(path, folder, geometry)
    square = read(file)
    if square is None:
        file.unlink(missing_ok=True)
        problem = _decode_to_cache(path, folder, [geometry])
        square = read(file)
        if square is None:
            raise ValueError(f"{given.printable(path)} {problem or 'could not be kept'}.")
    return square
