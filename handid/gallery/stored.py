"""What a gallery holds on disk, and what it says of itself. It searches nothing."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from handid import disk, given

ROWS = 2**16  # embeddings at a time, which bounds memory: 128 MiB of 512 float32 numbers
VECTORS, INDEX, ABOUT = "vectors.bin", "index.faiss", "gallery.json"
DTYPES = ("float32", "float16")
INSTALL = 'A gallery on disk needs FAISS: pip install ".[gallery]".'


class Stored(NamedTuple):
    """A finished gallery's folder, and what its file says of it.

    Attributes:
        folder: of the gallery.
        model: a digest of all that made the embeddings.
        shape: how many embeddings, of how many numbers.
        dtype: of these.
        products: size and digest of each file.
    """

    folder: Path
    model: str
    shape: tuple[int, int]
    dtype: str
    products: dict[str, dict[str, Any]]

    def rows(self, first: int = 0) -> Iterator[np.ndarray]:
        """[ROWS, D] float32 from the first one on, of which nothing stays in memory."""
        count, width = self.shape
        with (self.folder / VECTORS).open("rb") as opened:
            opened.seek(first * width * np.dtype(self.dtype).itemsize)
            for _ in range(first, count, ROWS):
                block = np.fromfile(opened, self.dtype, ROWS * width)
                yield block.reshape(-1, width).astype(np.float32, copy=False)

    def mapped(self) -> np.ndarray:
        """[N, D] as they lie on disk."""
        return np.memmap(self.folder / VECTORS, self.dtype, mode="r", shape=self.shape)

    def check(self, names: Iterable[str], *, thoroughly: bool) -> None:
        """Refuse files that are not what was written.

        Args:
            names: of the files.
            thoroughly: whether to read every byte; else only sizes are compared.

        Raises:
            ValueError: one sentence.
        """
        for name in names:
            file, known = self.folder / name, self.products[name]
            has_size = file.is_file() and known == known | {"bytes": file.stat().st_size}
            if not has_size or (thoroughly and not disk.fits(file, known)):
                raise damaged(file)

    def write(self) -> None:
        """Write what the gallery says of itself, which finishes it."""
        about = self._asdict()
        del about["folder"]
        disk.write_json(self.folder / ABOUT, about)


def read(folder: str | Path) -> Stored:
    """What a gallery says of itself; its files have the sizes that it says.

    Raises:
        ValueError: one sentence, if there is no finished one, or it is damaged.
    """
    folder = given.place(folder)
    if not (folder / ABOUT).is_file():
        shown = given.printable(str(folder))
        raise ValueError(f"There is no finished gallery in {shown}: build it first.")
    about = disk.read_json(folder / ABOUT)
    try:
        count, width = map(int, about.pop("shape"))
        found = Stored(folder, shape=(count, width), **about)
        size = count * width * np.dtype(found.dtype).itemsize
        is_table = found.dtype in DTYPES and min(count, width) > 0
        fits = is_table and found.products[VECTORS]["bytes"] == size
        fits = fits and {*found.products} <= {VECTORS, INDEX}
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        fits = False
    if not fits:
        raise damaged(folder / ABOUT)
    found.check([VECTORS], thoroughly=False)
    return found


def damaged(file: Path) -> ValueError:
    """One sentence for what is not as it was written."""
    shown = given.printable(str(file))
    return ValueError(f"{shown} is missing or damaged: build the gallery again.")


def faiss() -> ModuleType:
    """The library.

    Raises:
        ValueError: one sentence, if it is not installed.
    """
    try:
        import faiss
    except ImportError:
        raise ValueError(INSTALL) from None
    return faiss
