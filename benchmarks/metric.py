"""Seconds to score all queries of a run: metric.evaluate beside a loop with an argsort each."""

import argparse

import numpy as np
from results import in_turn, rate, report

from handid import metric

SIZES = {  # queries, gallery, identities
    "11k Hands": (971, 290, 72),
    "HD": (1992, 1593, 213),
    "20,000 people": (1992, 20_000, 20_000),
}


def problem(sizes: tuple[int, int, int], width: int) -> tuple:
    """Random float32 embeddings; every identity is in the gallery, and asks in turn."""
    n_queries, n_gallery, n_identities = sizes
    rng = np.random.default_rng(0)
    query, gallery = (
        rng.standard_normal((count, width), dtype=np.float32) for count in (n_queries, n_gallery)
    )
    return query, gallery, np.arange(n_queries) % n_identities, np.arange(n_gallery)


def plain(query, gallery, query_ids, gallery_ids) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """CMC and both average precisions as one would write them: for each query, sort the gallery."""
    query, gallery = (
        rows / np.linalg.norm(rows, axis=1, keepdims=True)
        for rows in (query.astype(float), gallery.astype(float))
    )
    cmc, ap, ap_trapezoid = np.zeros(len(gallery)), [], []
    for embedding, identity in zip(query, query_ids, strict=True):
        hits = np.flatnonzero(gallery_ids[np.argsort(-(gallery @ embedding))] == identity)
        cmc[hits[0] :] += 1
        precision = np.arange(1, len(hits) + 1) / (hits + 1)
        before = np.where(hits > 0, np.arange(len(hits)) / np.maximum(hits, 1), 1)
        ap.append(precision.mean())
        ap_trapezoid.append((precision + before).mean() / 2)
    return cmc / len(query), np.array(ap), np.array(ap_trapezoid)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=128, help="numbers in an embedding")
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    for set_name, sizes in SIZES.items():
        given = problem(sizes, options.width)
        of_one = f"{set_name}: {sizes[0]} x {sizes[1]} x {options.width}"
        ours = metric.evaluate(*given)
        for column, theirs in zip((ours.cmc, ours.per_query["ap"]), plain(*given), strict=False):
            np.testing.assert_allclose(column, theirs, rtol=1e-9)
        variants = {
            f"{of_one}: {name}": lambda way=way, given=given: 1 / rate(lambda: way(*given), 1)
            for name, way in (("plain loop", plain), ("ours", metric.evaluate))
        }
        figures = in_turn(variants, options.repeats)
        note = "float32, one match a query, one thread if OMP_NUM_THREADS=1"
        report("metric", figures, "seconds", reference=f"{of_one}: plain loop", note=note)


if __name__ == "__main__":
    main()
