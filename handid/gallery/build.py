"""Writing a gallery, and the compressed index of a large one."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from handid import disk, given, metric
from handid.gallery import stored
from handid.gallery.stored import ABOUT, DTYPES, INDEX, VECTORS, Stored

EXACT = 1_000_000  # embeddings that are all compared
FEWEST = 256  # embeddings of which an index can be made: so many codes has a byte
REDUCED, BYTES = 128, 32  # of a compressed embedding: numbers, and bytes for them
PER_LIST = 64  # embeddings that place the centre of a list, which FAISS wants to be 39 to 256
MANY = 1024  # lists among which a graph finds those of an embedding
KEPT = 16  # blocks after which an unfinished index is kept: a million embeddings


def write(
    folder: str | Path, blocks: Iterable[np.ndarray], model: str, *, dtype: str = "float32"
) -> None:
    """Write a gallery: the embeddings, each seen once, and an index where they are many.

    Args:
        folder: of the gallery.
        blocks: [n, D] embeddings of any length, 2**16 or fewer at a time.
        model: a digest of all that made them.
        dtype: in which they are kept: float32, or float16 for half the room.

    Raises:
        ValueError: one sentence, if there is none, one is NaN or infinite, their lengths differ,
            the model is no text, the dtype is another, or they are so many that an index is made,
            and FAISS is not installed.
        OSError: when the disk is full.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype={dtype!r} keeps no embedding: use {' or '.join(DTYPES)}.")
    if not isinstance(model, str):
        raise ValueError(f"model={given.shown(model)} is no text: name what made the embeddings.")
    folder = given.place(folder)
    if (folder.is_symlink() or folder.exists()) and not folder.is_dir():
        raise ValueError(f"{folder} is no folder: name a new one for the gallery.")
    disk.private(folder)
    (folder / ABOUT).unlink(missing_ok=True)
    with disk.whole(folder / VECTORS) as part:
        shape = _stored(part, blocks, dtype)
    products = {VECTORS: disk.mark(folder / VECTORS)}
    Stored(folder, model, shape, dtype, products).write()
    if shape[0] > EXACT:
        compress(folder)


def compress(folder: str | Path) -> None:
    """Add a compressed index to a gallery, which until then compares with every embedding.

    Principal components, inverted lists and product quantisation of what is left of each embedding
    (Jegou, Douze and Schmid 2011, Product quantization for nearest neighbor search); of many lists
    a graph finds the nearest ones (Malkov and Yashunin 2018, HNSW). What is done is kept now and
    then: a call after an interrupted one goes on.

    Args:
        folder: of a gallery that was written.

    Raises:
        ValueError: one sentence, if there is none, it is damaged or smaller than FEWEST, or FAISS
            is not installed.
        OSError: when the disk is full.
    """
    faiss, gallery = stored.faiss(), stored.read(folder)
    if gallery.shape[0] < FEWEST:
        raise ValueError(
            f"The gallery in {folder} has {gallery.shape[0]} embeddings, and a compressed index is "
            f"made of {FEWEST} or more: search it as it is."
        )
    file = gallery.folder / INDEX
    draft = file.with_name(f"{gallery.products[VECTORS]['sha256'][:16]}.part.faiss")  # of these
    index = _begun(faiss, draft)
    if index is None:
        index = _trained(faiss, gallery)
        _keep(faiss, index, draft)
    for number, rows in enumerate(gallery.rows(index.ntotal), start=1):
        index.add(rows)
        if number % KEPT == 0:
            _keep(faiss, index, draft)
    _keep(faiss, index, file)
    draft.unlink(missing_ok=True)
    gallery._replace(products=gallery.products | {INDEX: disk.mark(file)}).write()


def _begun(faiss: Any, draft: Path) -> Any:
    """The index that an interrupted call has begun; None where there is none that can be read."""
    try:
        return faiss.read_index(str(draft)) if draft.exists() else None
    except RuntimeError:
        return None


def _keep(faiss: Any, index: Any, file: Path) -> None:
    with disk.whole(file) as part:
        faiss.write_index(index, str(part))


def _stored(file: Path, blocks: Iterable[np.ndarray], dtype: str) -> tuple[int, int]:
    """Write unit rows to a file; how many, of how many numbers."""
    count = width = 0
    with file.open("wb") as out:
        for block in filter(len, blocks):
            rows = _unit(block)
            width = width or rows.shape[1]
            if rows.shape[1] != width:
                raise ValueError(
                    f"gallery embeddings have {width} numbers and then {rows.shape[1]}: use one "
                    "model for all"
                )
            rows.astype(dtype).tofile(out)
            count += len(rows)
    if not count:
        raise ValueError("The gallery is empty: give at least one embedding.")
    return count, width


def _unit(block: np.ndarray) -> np.ndarray:
    """Rows of length 1, float32; those of ordinary length without a copy in float64."""
    if getattr(block, "dtype", None) == np.float32 and block.ndim == 2:
        squares = np.einsum("ij,ij->i", block, block, dtype=np.float64)
        if ((squares > 1e-20) & (squares < 1e20)).all():
            return block / np.sqrt(squares)[:, None].astype(np.float32)
    return metric.unit_rows(block, "gallery")


def _trained(faiss: Any, gallery: Stored) -> Any:
    """An index without embeddings, trained on some of those stored."""
    count, width = gallery.shape
    n_lists = 2 ** int(np.log2(np.sqrt(count)))
    size = min(REDUCED, width)
    n_bytes = max(n for n in range(1, min(BYTES, size) + 1) if size % n == 0)
    graph = "_HNSW32" if n_lists >= MANY else ""  # finds an embedding's list among many
    text = f"PCAR{size},IVF{n_lists}{graph},PQ{n_bytes}np"  # no polysemous codes: slow to make
    index = faiss.index_factory(width, text)  # distances of unit rows order as cosines do
    chosen = np.zeros(count, dtype=bool)
    n_sample = min(count, max(PER_LIST * n_lists, 2**16))
    chosen[np.random.default_rng(0).choice(count, n_sample, replace=False)] = True
    parts = enumerate(gallery.rows())
    index.train(
        np.concatenate([rows[chosen[n * stored.ROWS : (n + 1) * stored.ROWS]] for n, rows in parts])
    )
    return index
