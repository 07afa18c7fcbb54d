"""A gallery of embeddings on disk, of any size, and the most similar ones in it, by FAISS.

Up to a million are all compared; of more, a compressed index names some, and those are compared
with the embeddings themselves. Either way a similarity is the cosine, so that thresholds and
likelihood ratios hold for it. It knows nothing of people. No torch.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from handid import disk, metric

EXACT = 1_000_000  # embeddings that are all compared
ROWS = 2**16  # embeddings at a time, which bounds memory: 128 MiB of 512 float32 numbers
SHORTLIST = 4  # times as many as asked for are compared with the embeddings themselves,
LEAST = 1000  # and so many at least
REDUCED, BYTES = 128, 32  # of a compressed embedding: numbers, and bytes for them
PER_LIST = 64  # embeddings that place the centre of a list, which FAISS wants to be 39 to 256
MANY, LISTS_SEARCHED = 1024, 256
KEPT = 16  # blocks after which an unfinished index is kept: a million embeddings
VECTORS, INDEX, ABOUT = "vectors.bin", "index.faiss", "gallery.json"
INSTALL = 'A gallery on disk needs FAISS: pip install ".[gallery]".'


class Nearest(NamedTuple):
    """The most similar embeddings of a gallery, best first.

    Attributes:
        places: [Q, top] their numbers, in the order in which they were written; -1 for none.
        similarity: [Q, top] cosines; -inf for none.
    """

    places: np.ndarray
    similarity: np.ndarray


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
        ValueError: one sentence, if there is none, one is NaN or infinite, their lengths differ, or
            FAISS is not installed.
        OSError: when the disk is full.
    """
    folder = Path(folder)
    disk.private(folder)
    (folder / ABOUT).unlink(missing_ok=True)
    with disk.whole(folder / VECTORS) as part:
        shape = _stored(part, blocks, dtype)
    products = {VECTORS: disk.mark(folder / VECTORS)}
    about = {"model": model, "shape": shape, "dtype": dtype, "products": products}
    disk.write_json(folder / ABOUT, about)
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
        ValueError: one sentence, if there is none, or FAISS is not installed.
        OSError: when the disk is full.
    """
    folder, faiss = Path(folder), _faiss()
    about = _about(folder)
    stored = _Stored(folder / VECTORS, tuple(about["shape"]), about["dtype"])
    draft = folder / f"{about['products'][VECTORS]['sha256'][:16]}.part.faiss"  # of these alone
    index = _begun(faiss, draft)
    if index is None:
        index = _trained(faiss, stored)
        _keep(faiss, index, draft)
    for number, rows in enumerate(stored.rows(index.ntotal), start=1):
        index.add(rows)
        if number % KEPT == 0:
            _keep(faiss, index, draft)
    _keep(faiss, index, folder / INDEX)
    draft.unlink(missing_ok=True)
    about["products"] |= {INDEX: disk.mark(folder / INDEX)}
    disk.write_json(folder / ABOUT, about)


def _begun(faiss: Any, draft: Path) -> Any:
    """The index that an interrupted call has begun; None where there is none that can be read."""
    try:
        return faiss.read_index(str(draft)) if draft.exists() else None
    except RuntimeError:
        return None


def _keep(faiss: Any, index: Any, file: Path) -> None:
    with disk.whole(file) as part:
        faiss.write_index(index, str(part))


def _about(folder: Path) -> dict[str, Any]:
    """What a gallery says of itself.

    Raises:
        ValueError: if there is no finished one.
    """
    about = disk.read_json(folder / ABOUT)
    if not about:
        raise ValueError(f"There is no finished gallery in {folder}: build it first.")
    return about


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
    rows = np.asarray(block)
    squares = np.einsum("ij,ij->i", rows, rows, dtype=np.float64) if rows.ndim == 2 else rows
    if rows.dtype == np.float32 and ((squares > 1e-20) & (squares < 1e20)).all():
        return rows / np.sqrt(squares)[:, None].astype(np.float32)
    return metric.unit_rows(block, "gallery")


class _Stored(NamedTuple):
    """Embeddings in a file.

    Attributes:
        file: their numbers.
        shape: how many, of how many numbers.
        dtype: of these.
    """

    file: Path
    shape: tuple[int, int]
    dtype: str

    def rows(self, first: int = 0) -> Iterator[np.ndarray]:
        """[ROWS, D] float32 from the first one on, of which nothing stays in memory."""
        count, width = self.shape
        with self.file.open("rb") as opened:
            opened.seek(first * width * np.dtype(self.dtype).itemsize)
            for _ in range(first, count, ROWS):
                block = np.fromfile(opened, self.dtype, ROWS * width)
                yield block.reshape(-1, width).astype(np.float32, copy=False)


def _trained(faiss: Any, stored: _Stored) -> Any:
    """An index without embeddings, trained on some of those stored."""
    count, width = stored.shape
    n_lists = 2 ** int(np.log2(np.sqrt(count)))
    size = min(REDUCED, width)
    n_bytes = max(n for n in range(1, min(BYTES, size) + 1) if size % n == 0)
    graph = "_HNSW32" if n_lists >= MANY else ""  # finds an embedding's list among many
    text = f"PCAR{size},IVF{n_lists}{graph},PQ{n_bytes}np"  # no polysemous codes: slow to make
    index = faiss.index_factory(width, text)  # distances of unit rows order as cosines do
    chosen = np.zeros(count, dtype=bool)
    n_sample = min(count, max(PER_LIST * n_lists, 2**16))
    chosen[np.random.default_rng(0).choice(count, n_sample, replace=False)] = True
    parts = enumerate(stored.rows())
    index.train(np.concatenate([rows[chosen[n * ROWS : (n + 1) * ROWS]] for n, rows in parts]))
    return index


class Gallery:
    """A gallery that was written before; its embeddings stay on disk.

    Args:
        folder: of the gallery.
        model: a digest of all that makes the questions' embeddings: only such compare.
        check: whether to look if every byte is what was written, which reads all of them once.

    Attributes:
        vectors: [N, D] of length 1, memory-mapped.

    Raises:
        ValueError: one sentence, if there is none, it is another model's, it is damaged, or FAISS
            is not installed.
    """

    def __init__(self, folder: str | Path, model: str, *, check: bool = True):
        folder = Path(folder)
        about = _about(folder)
        if about.get("model") != model:
            raise ValueError(
                f"The gallery in {folder} was embedded by another model, and similarities of two "
                "models mean nothing: build it again with this one."
            )
        for name, known in about["products"].items():
            file = folder / name
            fits = disk.fits(file, known) if check else _has_size(file, known)
            if not fits:
                raise ValueError(f"{file} is missing or damaged: build the gallery again.")
        self._faiss = _faiss()
        shape = tuple(about["shape"])
        self.vectors = np.memmap(folder / VECTORS, about["dtype"], mode="r", shape=shape)
        self._index = self._read(folder / INDEX) if INDEX in about["products"] else None

    def _read(self, file: Path) -> Any:
        try:
            index = self._faiss.read_index(str(file))
        except RuntimeError:
            raise ValueError(f"{file} is missing or damaged: build the gallery again.") from None
        self._faiss.extract_index_ivf(index).nprobe = LISTS_SEARCHED
        return index

    def nearest(self, questions: np.ndarray, top: int) -> Nearest:
        """The `top` most similar embeddings of each question.

        Args:
            questions: [Q, D] of any length.
            top: 1 or more; more than there are gives all of them, and then -1.

        Raises:
            ValueError: one sentence, for another number of numbers, NaN, or top below 1.
        """
        asked = metric.unit_rows(questions, "questions'").astype(np.float32)
        if asked.shape[1] != self.vectors.shape[1]:
            raise ValueError(
                f"questions have {asked.shape[1]} numbers and the gallery {self.vectors.shape[1]}: "
                "use one model for both"
            )
        if top < 1:
            raise ValueError(f"top={top} finds nothing: use 1 or more.")
        if self._index is None:
            return self._all(asked, top)
        named = self._index.search(asked, max(LEAST, SHORTLIST * top))[1]
        return self._some(asked, named, top)

    def _all(self, asked: np.ndarray, top: int) -> Nearest:
        """Compare with every embedding, a block of them at a time."""
        best = Nearest(np.full((len(asked), 0), -1), np.empty((len(asked), 0), np.float32))
        how = {"metric": self._faiss.METRIC_INNER_PRODUCT}
        for first in range(0, len(self.vectors), ROWS):
            rows = np.asarray(self.vectors[first : first + ROWS], dtype=np.float32)
            similarity, places = self._faiss.knn(asked, rows, min(top, len(rows)), **how)
            both = np.hstack([best.places, places + first])
            best = _best(both, np.hstack([best.similarity, similarity]), top)
        return best

    def _some(self, asked: np.ndarray, named: np.ndarray, top: int) -> Nearest:
        """Compare with those that the index names, [Q, n]; -1 is none."""
        similarity = np.full(named.shape, -np.inf, dtype=np.float32)
        for row, places in enumerate(named):
            there = places >= 0
            similarity[row, there] = self.vectors[places[there]].astype(np.float32) @ asked[row]
        return _best(named, similarity, top)


def _best(places: np.ndarray, similarity: np.ndarray, top: int) -> Nearest:
    """The `top` of each row."""
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :top]
    return Nearest(*(np.take_along_axis(each, order, axis=1) for each in (places, similarity)))


def _has_size(file: Path, known: Any) -> bool:
    """Whether a file has the size that its mark says."""
    size = known.get("bytes") if isinstance(known, dict) else None
    return file.is_file() and file.stat().st_size == size


def _faiss() -> ModuleType:
    try:
        import faiss
    except ImportError:
        raise ValueError(INSTALL) from None
    return faiss
