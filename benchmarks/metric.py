"""Seconds to score all queries of a run: metric.evaluate at the sizes of 11k Hands and of HD."""

import argparse

import numpy as np
from results import in_turn, rate, report

from handid import metric

SIZES = {"11k Hands": (971, 290, 72), "HD": (1992, 1593, 213)}  # queries, gallery, identities


def problem(sizes: tuple[int, int, int], width: int) -> tuple:
    """Random float32 embeddings; every identity is in the gallery, and asks in turn."""
    n_queries, n_gallery, n_identities = sizes
    rng = np.random.default_rng(0)
    query, gallery = (
        rng.standard_normal((count, width), dtype=np.float32) for count in (n_queries, n_gallery)
    )
    return query, gallery, np.arange(n_queries) % n_identities, np.arange(n_gallery)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=1280, help="numbers in an embedding")
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    variants = {}
    for name, sizes in SIZES.items():
        given = problem(sizes, options.width)
        variants[f"{name}: {sizes[0]} x {sizes[1]} x {options.width}"] = lambda given=given: (
            1 / rate(lambda: metric.evaluate(*given), 1)
        )
    note = "float32, one match a query"
    report("metric", in_turn(variants, options.repeats), "seconds", note=note)


if __name__ == "__main__":
    main()
