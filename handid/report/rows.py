"""One run's products: tidy rows, parameters, versions, fingerprints of data and code.

It writes and reads; it computes no figure and draws none.
"""

import hashlib
import json
import platform
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

import pandas as pd

from handid import disk

COLUMNS = [
    *("method", "backbone", "train_set", "test_set", "metric", "value", "low", "high"),
    *("n_queries", "n_gallery", "n_subjects", "seed", "synthetic"),
]
PUBLISHED = Path(__file__).parent / "published_results.csv"
_PACKAGES = ("torch", "torchvision", "open_clip_torch", "numpy", "pandas", "pillow")


def digest(content: object) -> str:
    """16 hexadecimal digits that stand for any JSON-like content."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def code_fingerprint(*rooms: str) -> str:
    """A digest of the named files or folders of this package (all of it if none is named).

    Raises:
        FileNotFoundError: naming what is not there.
    """
    home = Path(__file__).parent
    chosen = [home / room for room in rooms] or [home]
    absent = [path.name for path in chosen if not path.exists()]
    if absent:
        raise FileNotFoundError(f"There is no room '{absent[0]}' in this package.")
    files = [f for path in chosen for f in ([path] if path.is_file() else path.rglob("*"))]
    texts = {
        str(file.relative_to(home)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.suffix in (".py", ".yaml", ".csv")
    }
    return digest(texts)


def table_fingerprint(table: pd.DataFrame) -> str:
    """A digest of a table of photographs: who, what, and each file's name, size and time."""
    files = []
    for path in table["path"]:
        stat = Path(path).stat()
        files.append((Path(path).name, stat.st_size, stat.st_mtime_ns))
    return digest([files, table["identity"].tolist(), table["role"].tolist()])


def environment(device: str) -> dict[str, str]:
    """What ran the study: versions and hardware, without the machine's or the user's name."""
    import torch

    hardware = f"{platform.machine()}, {torch.get_num_threads()} threads"
    if device.startswith("cuda"):
        hardware = torch.cuda.get_device_name(device)
    versions = {name: metadata.version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), **versions, "device": device, "on": hardware}


def write_results(rows: pd.DataFrame, work: str | Path, notebook: str) -> Path:
    """Write a notebook's tidy rows to work/results/<notebook>.csv, whole or not at all.

    Raises:
        ValueError: if a column of COLUMNS is missing.
    """
    missing = [column for column in COLUMNS if column not in rows]
    if missing:
        raise ValueError(f"Result rows lack the column '{missing[0]}': see record.COLUMNS.")
    path = Path(work) / "results" / f"{notebook}.csv"
    with disk.whole(path) as part:
        rows[COLUMNS].to_csv(part, index=False, float_format="%.6g")
    return path


def write_curves(
    curves: Iterable[tuple[pd.Series, Sequence[float]]], work: str | Path, notebook: str
) -> Path:
    """Write CMC curves to work/curves/<notebook>.csv: a row a rank, in percent.

    Args:
        curves: a tidy row that says whose it is, and [G] fractions, for each.
        work: the products' folder.
        notebook: its stem.
    """
    who = ["method", "backbone", "train_set", "test_set", "seed", "synthetic"]
    parts = [
        pd.DataFrame({"rank": range(1, len(curve) + 1), "found": [100 * c for c in curve]}).assign(
            **row[who]
        )
        for row, curve in curves
    ]
    path = Path(work) / "curves" / f"{notebook}.csv"
    with disk.whole(path) as part:
        pd.concat(parts)[[*who, "rank", "found"]].to_csv(part, index=False, float_format="%.6g")
    return path


def read_curves(work: str | Path, notebooks: Iterable[str]) -> pd.DataFrame:
    """The CMC curves that the named notebooks wrote; see `read_results`."""
    return _read("curves", work, notebooks, ["rank"])


def read_results(work: str | Path, notebooks: Iterable[str]) -> pd.DataFrame:
    """The rows that the named notebooks wrote; a row that two of them wrote comes once.

    Args:
        work: the products' folder.
        notebooks: their stems, or only their numbers.

    Raises:
        FileNotFoundError: naming the notebook that has to run first.
        ValueError: if two of them were measured on different data or draws.
    """
    return _read("results", work, notebooks, ["metric"])


def _read(
    kind: str, work: str | Path, notebooks: Iterable[str], extra_keys: list[str]
) -> pd.DataFrame:
    parts = []
    for notebook in notebooks:
        path = next(iter(sorted((Path(work) / kind).glob(f"{notebook}*.csv"))), None)
        if path is None:
            raise FileNotFoundError(
                f"The results of notebook {notebook} are not there: run it first "
                f"(with the same profile: run_notebooks.py --only {notebook[:2]})."
            )
        parts.append(pd.read_csv(path))
    keys = ["method", "backbone", "train_set", "test_set", "seed", "synthetic", *extra_keys]
    if not parts:
        raise ValueError("No notebook is named: say whose results to read.")
    rows = pd.concat(parts)
    counts = [c for c in ("synthetic", "n_queries", "n_gallery", "n_subjects") if c in rows]
    if (rows.groupby("test_set")[counts].nunique() > 1).any(axis=None):
        raise ValueError(
            f"The results of {', '.join(notebooks)} were measured on different data or draws: run "
            "these notebooks again with the same parameters."
        )
    values = [c for c in ("value", "correct") if c in rows]
    twice = rows.groupby(keys, dropna=False, sort=False)[values].nunique().max(axis=1)
    if (twice > 1).any():
        raise ValueError(
            f"Two notebooks say different things of {twice.idxmax()[0]}: run "
            f"{', '.join(notebooks)} again with the same parameters."
        )
    return rows.drop_duplicates(keys, keep="last").reset_index(drop=True)


def published() -> pd.DataFrame:
    """Every published number, in percent, with its source and its definition of AP."""
    return pd.read_csv(PUBLISHED)
