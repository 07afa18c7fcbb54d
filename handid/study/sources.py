"""The files behind a study's tables: folders that the package draws, and what files hold."""

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from handid import data, disk, fingerprint, synthetic
from handid.data.sets import DataSet
from handid.study.settings import Settings


@contextmanager
def drawing(root: Path) -> Iterator[None]:
    """One process at a time draws a folder; without locks, what the faster one drew stands."""
    disk.private(root.parent)
    with disk.locked(root.with_suffix(".lock")):
        try:
            yield
        except FileExistsError:
            if not root.is_dir():
                raise


def drawn(name: str, settings: Settings) -> Path:
    """The folder of a synthetic data set, drawn if it is not there or damaged.

    Args:
        name: "11k" or "HD".
        settings: of the study: how many people, photographs and bursts, and the folder of products.
    """
    people, images, bursts = settings.people, settings.images_per_view, settings.bursts
    code = fingerprint.code("synthetic.folder")
    kind = f"{name}-{people}x{images}-{code}{f'-{bursts}' if bursts else ''}"
    if name == "11k" and set(settings.views) != set(synthetic.VIEWS):
        kind += "".join(f"-{view.replace(' ', '-')}" for view in sorted(settings.views))
    root = Path(settings.work) / "synthetic" / kind
    with drawing(root):
        damaged = disk.damaged_product(root) if root.exists() else ""
        if damaged:
            warnings.warn(
                f"{damaged} of the drawn {name} is missing or damaged: the set is drawn again, "
                f"the old one is kept beside it as {disk.set_aside(root).name}.",
                stacklevel=2,
            )
        if not root.exists() and name == "HD":
            extra = max(2, people // 2)
            synthetic.write_hd(root, subjects=people, distractors=extra, images=images)
        elif not root.exists():
            how = {"images": images, "bursts": bursts, "views": settings.views}
            synthetic.write_11k(root, subjects=people, **how)
    return root


def read(
    known: DataSet, settings: Settings, *, accessories: bool
) -> tuple[pd.DataFrame, list[str]]:
    """The table of a data set, drawn first if it is synthetic, and what the reader warned of.

    Args:
        known: the set.
        settings: of the study.
        accessories: see data.read.
    """
    root = drawn(known.name, settings) if known.synthetic else Path(known.root)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        table = data.read(root, accessories=accessories, missing=settings.missing)
    return table, [str(one.message) for one in heard]


def contents(paths: list[str], work: Path) -> list[str]:
    """SHA-256 of each file, read once while neither its size nor a time of it changes."""
    file = work / "cache" / "contents.json"
    known, status = disk.read_json(file), {p: [*fingerprint.status(p)] for p in paths}
    absent = [p for p in paths if not _is_of(known.get(p), status[p])]
    if absent:
        with ThreadPoolExecutor() as pool:
            digests = pool.map(fingerprint.file, absent)
            known |= {p: [*status[p], one] for p, one in zip(absent, digests, strict=True)}
        disk.write_json(file, known)
    return [known[path][-1] for path in paths]


def _is_of(known: object, status: list[int]) -> bool:
    """Whether what was noted of a file's content is of the file as it is."""
    return isinstance(known, list) and known[:-1] == status and isinstance(known[-1], str)
