"""altered.py: what cannot be told from its background is left out, and counted."""

import pytest
from PIL import Image

from handid import protocol
from handid.study import altered


@pytest.fixture
def spoilt(open_study, tmp_path):
    """A study in which one test person's photographs, and no others, show nothing."""
    lab = open_study(tmp_path, images_per_view=3)
    table = lab.table("11k")
    person = protocol.halves(table, "dorsal right")[1]["subject"].max()
    paths = table.loc[(table["subject"] == person) & (table["view"] == "dorsal right"), "path"]
    return lab, list(paths)


def test_what_cannot_be_segmented_is_left_out_with_its_mates_and_counted(spoilt, monkeypatch):
    lab, paths = spoilt
    monkeypatch.setattr(
        altered.alter, "doubts", lambda asked, folder: {p: "is dark" for p in asked if p in paths}
    )
    splits = list(protocol.monte_carlo(lab.table("11k"), "dorsal right", runs=2))
    with pytest.warns(UserWarning, match=f"{len(paths)} .* left out of 'hand'.*is dark"):
        left = altered.trusted(splits, "identity", lab.photographs, ["hand"])
    for query, gallery in left:
        assert not query.empty and not gallery.empty
        assert not {*query["path"], *gallery["path"]} & set(paths)
        assert query["identity"].isin(gallery["identity"]).all()
    assert altered.trusted(splits, "identity", lab.photographs, ["jpeg 20"]) == splits


def test_nothing_left_is_one_sentence(spoilt, monkeypatch):
    lab, _ = spoilt
    monkeypatch.setattr(
        altered.alter, "doubts", lambda asked, folder: dict.fromkeys(asked, "is dark")
    )
    splits = list(protocol.monte_carlo(lab.table("11k"), "dorsal right", runs=1))
    with pytest.raises(ValueError, match="left out of 'hole'.*no query is left"):
        altered.trusted(splits, "identity", lab.photographs, ["hole"])


def test_the_whole_photograph_comes_from_the_cache_of_pixels(lab):
    path = lab.table("11k")["path"].iloc[0]
    whole = altered.pixels([path], lab.photographs, ("squash", 32), "whole")
    assert (whole == lab.photographs.pixels([path], ("squash", 32))).all()
    with Image.open(path) as image:
        assert image.size == (320, 240)
    hidden = altered.pixels([path], lab.photographs, ("squash", 32), "hole")
    assert hidden.shape == whole.shape and (hidden != whole).any()
