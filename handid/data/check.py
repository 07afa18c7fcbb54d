"""Files of a table that cannot be read in full, or that are there twice."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
from PIL import Image, UnidentifiedImageError

from handid import fingerprint
from handid.image.decode import FORMATS, MAX_PIXELS

TOO_LARGE = f"more than {MAX_PIXELS / 1e6:.0f} megapixels"


def problems(table: pd.DataFrame, workers: int = 8) -> pd.DataFrame:
    """Decode every image of a table once and list what is wrong with it.

    Grey, CMYK, 16-bit, palette and rotated images pass: handid.image converts them. A file of more
    than 25 megapixels is recognised by its header and never decoded (24 kB of PNG can hold 196
    megapixels).
    Source: ours.

    Args:
        table: any table with a column `path`.
        workers: threads that decode side by side; changes nothing but the time.

    Returns:
        A row per bad file, sorted by path, index 0 to n - 1, columns `path` and `problem`, one of:
        missing; zero-byte; cannot be opened; not a JPEG, PNG or BMP image; more than 25 megapixels;
        truncated or damaged; same bytes as (the name of another file, the first in order). No rows:
        nothing is wrong.

    Raises:
        ValueError: if the table has no column `path`.
    """
    if "path" not in table:
        raise ValueError("the table has no column 'path': pass what handid.data.read returns")
    paths = sorted(set(table["path"]))
    # Filters are shared by all threads, so they are set once, outside the pool.
    with warnings.catch_warnings(), ThreadPoolExecutor(workers) as pool:
        warnings.simplefilter("ignore")
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
    file = Path(path)
    if not file.is_file():
        return "missing"
    if file.stat().st_size == 0:
        return "zero-byte"
    try:
        with Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                return TOO_LARGE
            image.load()
    except Image.DecompressionBombError:
        return TOO_LARGE
    except UnidentifiedImageError:
        return "not a JPEG, PNG or BMP image"
    except PermissionError:
        return "cannot be opened"
    except Exception:  # what damage raises has no common type: OSError, SyntaxError, struct.error
        return "truncated or damaged"
    return ""
