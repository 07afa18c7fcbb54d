"""Images per second through the test protocol: each image embedded once, or anew in every run.

One model with random weights, flip averaging, no cache of embeddings on disk. Both ways draw the
same runs from the same pixels in memory and must give the same ranks. An image counts as often as
the runs ask for it; how often that is, on average, bounds the gain.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from results import in_turn, rate, report

from handid import backbone, data, embed, method, metric, protocol, synthetic
from handid.image import augment, cache


def tables(folder: Path, people: int, images: int) -> dict[str, pd.DataFrame]:
    """Synthetic sets in the forms of 11k Hands and HD."""
    hands, backs = folder / "11k", folder / "hd"
    synthetic.write_11k(hands, subjects=people, images=images, progress=False)
    extra = {"subjects": people, "distractors": people, "images": 5}
    synthetic.write_hd(backs, **extra, progress=False)
    return {"11k": data.read(hands), "HD": data.read(backs)}


def scores(vectors: list, splits: list) -> np.ndarray:
    """First hits of all queries of all runs, from (query, gallery) embeddings per run."""
    hits = [
        metric.evaluate(*pair, query["identity"], gallery["identity"]).per_query["first_hit"]
        for pair, (query, gallery) in zip(vectors, splits, strict=True)
    ]
    return np.concatenate(hits)


def anew(embed_rows, splits: list) -> np.ndarray:
    """The reference: query and gallery of every run are embedded in that run."""
    return scores([[embed_rows(rows.index) for rows in split] for split in splits], splits)


def once(embed_rows, splits: list) -> np.ndarray:
    """Ours: every image that any run uses is embedded once."""
    used = pd.Index(sorted({row for split in splits for rows in split for row in rows.index}))
    vectors = embed_rows(used)
    places = [[used.get_indexer(rows.index) for rows in split] for split in splits]
    return scores([[vectors[rows] for rows in pair] for pair in places], splits)


def compare(name: str, table: pd.DataFrame, view: str, options, folder: Path) -> None:
    """Both ways over all runs of a view, after a check that they agree."""
    base = backbone.build(options.backbone)
    model = method.build("clip_ft", base, 2).to(options.device).eval()
    pixels = cache.pixels(table["path"], folder, ("squash", base.image_size), progress=False)

    def embed_rows(rows):
        prepare = partial(augment.normalise, mean_std="imagenet")
        return embed.embed(model, pixels[rows], prepare, flip_average=True)

    splits = list(protocol.monte_carlo(table, view, options.runs))
    asked = [row for split in splits for rows in split for row in rows.index]
    ways = {f"{name}: every run anew": anew, f"{name}: each image once": once}
    figures = [way(embed_rows, splits) for way in ways.values()]
    # On a GPU the last digits depend on what else is in a batch, and near ties may change places.
    np.testing.assert_allclose(*figures, rtol=0, atol=0 if options.device == "cpu" else 0.02)
    timed = {
        key: lambda way=way: rate(lambda: way(embed_rows, splits), len(asked))
        for key, way in ways.items()
    }
    note = f"{options.backbone}, {options.device}, {options.threads} threads, {options.runs} runs; "
    note += f"{len(asked)} images asked for, {len(set(asked))} different ones"
    figures = in_turn(timed, options.repeats)
    report("evaluation", figures, "images/s", reference=next(iter(ways)), note=note)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="mini-ViT")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="of torch on the CPU")
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument("--images", type=int, default=13, help="per person and view; 11k has 13")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        sets = tables(Path(name), options.people, options.images)
        for kind, view in (("11k", "dorsal right"), ("HD", "dorsal")):
            compare(f"{kind}, one view", sets[kind], view, options, Path(name) / "pixels")


if __name__ == "__main__":
    main()
