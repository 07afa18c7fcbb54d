"""Files of a table that cannot be read in full, or that are there twice."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from handid import fingerprint
from handid.image.decode import decode


def problems(table: pd.DataFrame, workers: int = 8) -> pd.DataFrame:
    """Decode every image of a table once and list what is wrong with it.

    The reader is the study's own, image.decode: what passes here can be read there, and the other
    way round. A file of more than 110 megapixels is recognised by its header and never decoded
    (24 kB of PNG can hold 196 megapixels).
    Source: ours.

    Args:
        table: any table with a column `path`.
        workers: threads that decode side by side; changes nothing but the time.

    Returns:
        A row per bad file, sorted by path, index 0 to n - 1, columns `path` and `problem`: one of
        image.decode's phrases (missing; empty; cannot be opened; not a JPEG, PNG or BMP image; has
        more than 110 megapixels; truncated, damaged or of a rare kind; ...), or same bytes as (the
        name of another file, the first in order). No rows: nothing is wrong.

    Raises:
        ValueError: if the table has no column `path`.
    """
    if not isinstance(table, pd.DataFrame) or "path" not in table:
        raise ValueError("the table has no column 'path': pass what handid.data.read returns")
    paths = sorted(set(table["path"]))
    with ThreadPoolExecutor(workers) as pool:
        phrases = list(pool.map(_find_problem, paths))
        sound = [path for path, phrase in zip(paths, phrases, strict=True) if not phrase]
        digests = pool.map(fingerprint.file, sound)
    first: dict[str, str] = {}
    rows = []
    for path, problem in zip(paths, phrases, strict=True):
        if not problem:
            twin = first.setdefault(next(digests), path)
            problem = "" if twin == path else f"same bytes as {Path(twin).name}"
        if problem:
            rows.append((path, problem))
    return pd.DataFrame(rows, columns=["path", "problem"], dtype=str)


def _find_problem(path: str) -> str:
    """One phrase that says what is wrong with a file, or an empty text."""
    try:
        decode(path)
    except ValueError as error:
        return str(error).removeprefix("is ")
    return ""
