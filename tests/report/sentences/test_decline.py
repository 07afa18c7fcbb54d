"""Whether the best system stays the best on poor photographs, and what they cost it."""

import numpy as np
import pandas as pd

from handid.report import sentences

NAN = float("nan")


def order(best, value=NAN, low=NAN, high=NAN, p=NAN, kind="blur"):
    head = {"test_set": "11k dorsal right", "synthetic": True, "kind": kind, "unit": "pixels"}
    figures = {"leader": "CLIP-FT", "best": best, "value": value, "low": low, "high": high}
    return head | {"degraded": "query only", "severity": 6.0} | figures | {"p": p, "p_holm": p}


def loss(half, kind="blur", unit="pixels"):
    head = {"label": "CLIP-FT", "test_set": "11k dorsal right", "kind": kind, "unit": unit}
    return head | {"degraded": "query only", "half": half}


def said(orders, losses=None):
    return sentences.decline(pd.DataFrame(losses or [loss(4.0)]), pd.DataFrame(orders))


def test_yes_where_the_leader_leads_everywhere():
    text = said([order("CLIP-FT"), order("CLIP-FT", kind="noise")])
    assert text.startswith("**Yes:** on synthetic 11k dorsal right, CLIP-FT leads")
    assert "in 2 of 2 comparisons" in text and "has lost half of its rank-1 at blur 4" in text


def test_no_where_another_is_shown_to_be_better():
    text = said([order("GPA-Net", 9.0, 4.0, 14.0, 0.01), order("CLIP-FT")])
    assert text.startswith("**No:**") and "in 1 of 2 comparisons" in text
    assert "- blur, query only: GPA-Net leads, +9.0 points (95 % interval 4.0 to 14.0)" in text


def test_unclear_where_another_leads_and_is_not_shown_to():
    assert said([order("GPA-Net", 1.0, -4.0, 6.0, 0.6)]).startswith("**Unclear:**")
    assert said([order("GPA-Net", 9.0, 4.0, 14.0, 0.2)]).startswith("**Unclear:**")


def test_what_keeps_more_than_half_says_so():
    text = said([order("CLIP-FT")], [loss(np.nan), loss(np.nan, "noise")])
    assert "keeps more than half of its rank-1 up to the worst of every degradation" in text
    text = said([order("CLIP-FT")], [loss(1.0, "grey", ""), loss(np.nan, "noise")])
    assert "at grey (query only); in 1 other case it keeps more" in text
