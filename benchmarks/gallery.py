"""A large gallery: queries a second, memory, and how often the true mate is first or in 50.

Embeddings are drawn, a block at a time: directions whose variance falls as 1 / number, so that
many strangers are alike; a query is its mate with noise. Beside it a plain matrix product; with
--drawn it alone, among embeddings that are drawn again and never on disk.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
from results import report

from handid import gallery
from handid.gallery import build as building
from handid.gallery import stored

WIDTH, BLOCK, TOP = 512, 50_000, 50
NOISE = 1.0  # of a query, in standard deviations of the people
SCALE = (np.arange(1, WIDTH + 1) ** -0.5).astype(np.float32)


def block(number: int) -> np.ndarray:
    """[BLOCK, WIDTH] embeddings, the same at every call."""
    rng = np.random.default_rng([1, number])
    return rng.standard_normal((BLOCK, WIDTH), dtype=np.float32) * SCALE


def blocks(count: int) -> Iterator[np.ndarray]:
    return (block(number) for number in range(count // BLOCK))


def queries(count: int, n_queries: int) -> tuple[np.ndarray, np.ndarray]:
    """[Q, WIDTH] queries and the places of their mates: some of each of a few blocks."""
    rng = np.random.default_rng(2)
    chosen = rng.choice(count // BLOCK, min(10, count // BLOCK), replace=False)
    parts, places = [], []
    for number in chosen:
        rows = rng.choice(BLOCK, n_queries // len(chosen), replace=False)
        parts.append(block(number)[rows])
        places.append(number * BLOCK + rows)
    mates = np.concatenate(parts)
    noise = NOISE * SCALE * rng.standard_normal(mates.shape, dtype=np.float32)
    return mates + noise, np.concatenate(places)


def build(folder: str, count: int) -> None:
    building.EXACT = count  # compressed by itself, so that each step can be timed, and repeated
    dtype = "float32" if count <= 1_000_000 else "float16"
    gallery.write(folder, blocks(count), "benchmark", dtype=dtype)


def search(folder: str, count: int, n_queries: int) -> dict[str, float]:
    asked, mates = queries(count, n_queries)
    opened = gallery.Gallery(folder, "benchmark", check=False)
    opened.nearest(asked[:5], TOP)
    return _measured(lambda: opened.nearest(asked, TOP).places, mates)


def product(folder: str, count: int, n_queries: int) -> dict[str, float]:
    """The same by NumPy: every cosine, then the largest ones."""
    asked, mates = queries(count, n_queries)
    vectors = gallery.Gallery(folder, "benchmark", check=False).vectors
    parts = (vectors[n : n + stored.ROWS] for n in range(0, count, stored.ROWS))
    return _measured(lambda: _largest(asked, parts), mates)


def drawn(count: int, n_queries: int) -> dict[str, float]:
    """The same, each block drawn when its turn comes, which counts too."""
    asked, mates = queries(count, n_queries)
    parts = (_unit(rows).astype(np.float16) for rows in blocks(count))  # as they would be stored
    return _measured(lambda: _largest(asked, parts), mates)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _largest(asked: np.ndarray, parts: Iterable[np.ndarray]) -> np.ndarray:
    unit, first = _unit(asked).astype(np.float32), 0
    similarity, places = np.empty((len(asked), 0)), np.empty((len(asked), 0), dtype=int)
    for part in parts:
        rows = np.asarray(part, dtype=np.float32)
        among = np.hstack([similarity, unit @ rows.T])
        names = np.hstack([places, np.tile(np.arange(first, first + len(rows)), (len(asked), 1))])
        best = np.argpartition(-among, TOP, axis=1)[:, :TOP]
        similarity, places = (np.take_along_axis(each, best, axis=1) for each in (among, names))
        first += len(rows)
    order = np.argsort(-similarity, axis=1)
    return np.take_along_axis(places, order, axis=1)


def _measured(task: Callable[[], np.ndarray], mates: np.ndarray) -> dict[str, float]:
    began = time.perf_counter()
    found = task() == mates[:, None]
    seconds = time.perf_counter() - began
    hits = {"1": found[:, 0].mean(), str(TOP): found.any(axis=1).mean()}
    return {"rate": len(mates) / seconds} | hits


def alone(task: Callable, *given) -> tuple[dict[str, float], float, float]:
    """What a task returns in a process of its own, its seconds, and the most memory it held, GiB.

    Pages of the files that it maps count, though the system takes them back when it needs them.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_timed, task, given).result()


def _timed(task: Callable, given: tuple) -> tuple[dict[str, float], float, float]:
    began = time.perf_counter()
    found = task(*given)
    seconds = time.perf_counter() - began
    return found, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000, help="a multiple of 50,000")
    parser.add_argument("--compressed", action="store_true")
    parser.add_argument("--drawn", action="store_true", help="nothing on disk, all compared")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--folder", help="where the gallery stays, built only if it is not there")
    options = parser.parse_args()
    if options.drawn:
        found, _, memory = alone(drawn, options.count, options.queries)
        note = f"{options.count} x {WIDTH}, {options.queries} queries, top {TOP}, drawn again"
        write("matrix product, drawn again", figures(found, memory), note)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or scratch
        how = "compressed" if options.compressed else "exact"
        note = f"{options.count} x {WIDTH}, {options.queries} queries, top {TOP}, {how}; faiss-cpu "
        note += metadata.version("faiss-cpu")
        place = Path(folder)
        if not (place / stored.ABOUT).exists():
            _, seconds, memory = alone(build, folder, options.count)
            write("embeddings to disk", {"seconds": seconds, "GiB": memory}, note)
        if options.compressed and not (place / stored.INDEX).exists():
            _, seconds, memory = alone(gallery.compress, folder)
            write("index", {"seconds": seconds, "GiB": memory}, note)
        for file in place.glob("*.[bf]*"):
            write(f"disk, {file.name}", {"GiB": file.stat().st_size / 2**30}, note)
        for name, task in (("FAISS", search), ("matrix product", product)):
            found, _, memory = alone(task, folder, options.count, options.queries)
            write(name, figures(found, memory), note)


def figures(found: dict[str, float], memory: float) -> dict[str, float]:
    """What was found, by unit."""
    recalls = {f"recall at {k}": found[k] for k in ("1", str(TOP))}
    return {"queries/s": found["rate"], "GiB": memory} | recalls


def write(variant: str, values: dict[str, float], note: str) -> None:
    for unit, value in values.items():
        report("gallery", pd.DataFrame({variant: [value]}), unit, note=note)


if __name__ == "__main__":
    main()
