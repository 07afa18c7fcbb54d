"""What a text branch knows, in words."""

import pandas as pd

from handid.report import sentences, tables

TOLD = pd.DataFrame(
    [
        ("CLIP-HandID", "net", "image", "view", 90.0, 85.0, 95.0, 25.0),
        ("CLIP-HandID", "net", "image", "ring", 55.0, 52.0, 58.0, 50.0),
        ("CLIP-HandID", "net", "text", "view", 60.0, 50.0, 70.0, 25.0),
        ("CLIP-HandID", "net", "text", "ring", 51.0, 45.0, 57.0, 50.0),
    ],
    columns=["method", "backbone", "feature", "fact", "correct", "low", "high", "chance"],
)
PULLS = pd.DataFrame(
    [
        ("CLIP-HandID", "net", "after", "identity_feat", 60.0),
        ("CLIP-HandID", "net", "after", "image_to_text", 25.0),
        ("CLIP-HandID", "net", "after", "text_to_image", 15.0),
    ],
    columns=["method", "backbone", "moment", "loss", "share"],
)


def test_facts_above_chance_are_counted_and_text_losses_summed():
    text = sentences.why(TOLD, PULLS)
    assert text.startswith("**Something: at best 1 of 2 facts**")
    assert "- CLIP-HandID, net, image: 2 of 2 facts above chance (view and ring)." in text
    assert "- CLIP-HandID, net, text: 1 of 2 facts above chance (view)." in text
    assert "after training: the losses between image and text have 40 %" in text


def test_a_text_that_tells_nothing_is_said_to_tell_nothing():
    text = sentences.why(TOLD.assign(low=0.0), PULLS)
    assert text.startswith("**Nothing that was asked: at best 0 of 2 facts**")


def test_the_table_has_a_row_per_fact_and_a_column_per_feature():
    table = tables.told(TOLD)
    assert table["fact"].tolist() == ["view", "ring"]
    assert table["chance, %"].tolist() == [25.0, 50.0]
    assert table["CLIP-HandID, net, text"].tolist()[0] == "60.0 [50.0, 70.0]"
