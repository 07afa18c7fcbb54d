"""A growth as tidy rows: what is foretold, and a check, have metrics of their own."""

import numpy as np

from handid.report.growth import as_rows
from handid.report.rows import COLUMNS

ABOUT = {"system": "clip_ft", "method": "CLIP-FT", "backbone": "mini-ViT", "train_set": "x"}
ABOUT |= {"test_set": "x", "image": "whole", "seed": 0, "synthetic": True}


def test_each_size_is_a_row_and_what_is_foretold_is_no_rank_1(growth_of):
    rows = as_rows(growth_of(), ABOUT)
    assert list(rows.columns) == COLUMNS and len(rows) == 10
    assert rows["task"].iloc[1] == "gallery of 200"
    measured = rows[rows["metric"] == "rank1"].set_index("n_gallery")["value"]
    assert measured.to_dict() == {2: 90.0, 200: 60.0}
    foretold = rows[rows["metric"] == "fpir foretold"].set_index("n_gallery")
    assert foretold.loc[1_000_000, ["value", "low", "high"]].tolist() == [97, 94, 99]
    check = rows[rows["metric"] == "rank1 foretold minus measured"].iloc[0]
    assert check[["n_gallery", "value", "low", "high"]].tolist() == [170, 2, -7, 9]


def test_what_could_not_be_foretold_has_no_row(growth_of):
    curves = growth_of().curves
    curves.loc[curves["kind"] == "foretold", "value"] = np.nan
    rows = as_rows(growth_of(curves=curves), ABOUT)
    assert not rows["metric"].isin(["rank1 foretold", "fpir foretold"]).any()


def test_the_largest_gallery_and_the_check_are_found_by_metric(growth_of):
    found = growth_of()
    assert found.largest["rank1"]["value"] == 12 and found.largest["fpir"]["size"] == 1_000_000
    assert found.check["fpir"]["measured"] == 62
