"""Tables of what networks cost: every figure is one of the rows' or of the counts'."""

import pandas as pd

from handid.report import tables

SIZES = pd.DataFrame(
    [
        ["clip_zero_shot_plain", "CLIP-ZS", "small", 2_500_000, 0, 128, 300.4],
        ["clip_zero_shot_plain", "CLIP-ZS", "large", 303_966_208, 30_400_000, 224, 1_234.0],
    ],
    columns=[
        *("system", "method", "backbone", "parameters", "trained", "pixels"),
        "images_per_second",
    ],
)


def rows():
    common = {"method": "CLIP-ZS", "train_set": "a", "task": "papers", "image": "whole", "seed": 0}
    common |= {"n_queries": 5, "n_gallery": 5, "n_subjects": 5, "synthetic": True}
    figures = [
        ("clip_zero_shot_plain", "small", "a", "rank1", 40.0),
        ("clip_zero_shot_plain", "large", "a", "rank1", 60.0),
        ("clip_zero_shot_plain", "small", "b", "rank1", 70.0),
        ("clip_zero_shot_plain", "large", "b", "rank1", 50.0),
        ("clip_zero_shot_plain", "large", "b", "mAP", 1.0),
        ("raw_pixels", "large", "a", "rank1", 99.0),
    ]
    names = ("system", "backbone", "test_set", "metric", "value")
    return pd.DataFrame(
        [
            common
            | dict(zip(names, figure, strict=True))
            | {"low": figure[-1] - 5, "high": figure[-1] + 5}
            for figure in figures
        ]
    )


def test_backbones_are_ranked_by_the_first_test_set_beside_their_cost():
    table = tables.backbones(rows(), SIZES)
    assert table["backbone"].tolist() == ["large", "small"]
    assert table["rank-1, a"].str.split().str[0].tolist() == ["60.0", "40.0"]
    assert table["rank-1, b"].str.split().str[0].tolist() == ["50.0", "70.0"]
    assert table["parameters (millions)"].tolist() == ["304.0", "2.5"]
    assert table["input (pixels)"].tolist() == [224, 128]
    assert table["images/s"].tolist() == ["1,234", "300"]


def test_what_learns_is_counted_and_set_against_the_encoder():
    table = tables.trained(SIZES)
    assert table["trained parameters"].tolist() == ["0", "30,400,000"]
    assert table["trained, % of the encoder"].tolist() == ["0.0", "10.0"]
