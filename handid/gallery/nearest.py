"""The most similar embeddings of a gallery."""

from collections.abc import Callable
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from handid import metric
from handid.gallery import stored
from handid.gallery.stored import INDEX

SHORTLIST = 4  # times as many as asked for are compared with the embeddings themselves,
LEAST = 1000  # and so many at least
LISTS_SEARCHED = 256
GPU_TOP = 2048  # as many as FAISS finds on a GPU


class Nearest(NamedTuple):
    """The most similar embeddings of a gallery, best first.

    Attributes:
        places: [Q, n] their numbers, in the order in which they were written; -1 for none.
        similarity: [Q, n] cosines; -inf for none.
    """

    places: np.ndarray
    similarity: np.ndarray


class Gallery:
    """A gallery that was written before; its embeddings stay on disk.

    Args:
        folder: of the gallery.
        model: a digest of all that makes the questions' embeddings: only such compare.
        check: whether to look if every byte is what was written, which reads all of them once.

    Attributes:
        vectors: [N, D] of length 1, memory-mapped.
        model: the digest of what made them.

    Raises:
        ValueError: one sentence, if there is none, it is another model's, it is damaged, or FAISS
            is not installed.
    """

    def __init__(self, folder: str | Path, model: str, *, check: bool = True):
        found = stored.read(folder)
        if found.model != model:
            raise ValueError(
                f"The gallery in {folder} was embedded by another model, and similarities of two "
                "models mean nothing: build it again with this one."
            )
        found.check(found.products, thoroughly=check)
        self._faiss = stored.faiss()
        self.vectors, self.model, self._folder = found.mapped(), model, found.folder
        self._index = self._read(found.folder / INDEX) if INDEX in found.products else None

    def _read(self, file: Path) -> Any:
        """The compressed index of these embeddings.

        Raises:
            ValueError: one sentence, if the file holds none.
        """
        try:
            index = self._faiss.read_index(str(file))
            self._faiss.extract_index_ivf(index).nprobe = LISTS_SEARCHED
        except RuntimeError:
            raise stored.damaged(file) from None
        if (index.ntotal, index.d) != self.vectors.shape:
            raise stored.damaged(file)
        return index

    def nearest(self, questions: np.ndarray, top: int) -> Nearest:
        """The `top` most similar embeddings of each question.

        Args:
            questions: [Q, D] of any length.
            top: a whole number from 1.

        Returns:
            As many as asked for, n = top. Of fewer embeddings: where all are compared, all of them;
            where an index names some, -1 after the last that it names.

        Raises:
            ValueError: one sentence, for another number of numbers, NaN, no such top, or an index
                that nobody checked and that names embeddings which are not there.
        """
        if isinstance(top, bool) or not isinstance(top, Integral) or top < 1:
            raise ValueError(f"top={top} finds nothing: use a whole number from 1.")
        top = int(top)
        asked = metric.unit_rows(questions, "questions'").astype(np.float32)
        if asked.shape[1] != self.vectors.shape[1]:
            raise ValueError(
                f"questions have {asked.shape[1]} numbers and the gallery {self.vectors.shape[1]}: "
                "use one model for both"
            )
        if self._index is None:
            return self._all(asked, top)
        named = self._index.search(asked, max(LEAST, SHORTLIST * top))[1]
        if named.max(initial=-1) >= len(self.vectors):
            raise stored.damaged(self._folder / INDEX)
        return self._some(asked, named, top)

    def _all(self, asked: np.ndarray, top: int) -> Nearest:
        """Compare with every embedding, a block of them at a time."""
        best = Nearest(np.full((len(asked), 0), -1), np.empty((len(asked), 0), np.float32))
        compare, how = self._comparison(top), {"metric": self._faiss.METRIC_INNER_PRODUCT}
        for first in range(0, len(self.vectors), stored.ROWS):
            rows = np.asarray(self.vectors[first : first + stored.ROWS], dtype=np.float32)
            similarity, places = compare(asked, rows, min(top, len(rows)), **how)
            both = np.hstack([best.places, places + first])
            best = _best(both, np.hstack([best.similarity, similarity]), top)
        return best

    def _comparison(self, top: int) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
        """FAISS's comparison of two tables: on a GPU where its build for them sees one."""
        if self._faiss.get_num_gpus() and top <= GPU_TOP:
            return partial(self._faiss.knn_gpu, self._faiss.StandardGpuResources())
        return self._faiss.knn

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
