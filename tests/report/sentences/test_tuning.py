"""A tuning's answer: whether the order had settled."""

import pandas as pd

from handid.report import sentences


def curves(a, b):
    rows = [("A", "net", n, v) for n, v in enumerate(a, 1)]
    rows += [("B", "net", n, v) for n, v in enumerate(b, 1)]
    return pd.DataFrame(rows, columns=["method", "backbone", "trials", "best"])


def trials(diverged=0, each=5):
    rows = [(s, s.upper(), "net", "x" * (n < diverged)) for s in "ab" for n in range(each)]
    return pd.DataFrame(rows, columns=["system", "method", "backbone", "diverged"])


def test_an_order_that_stays_is_said_to_stay():
    text = sentences.tuning(trials(), curves([50, 51, 52, 53], [40, 45, 48, 49]))
    assert text.startswith("**Yes: 5 trials each**") and "0 trials diverged" in text
    assert "Twice the trials did not change the order" in text
    assert "- net, mAP in percent expected of the best of 4: A 53.0, B 49.0." in text


def test_an_order_that_turns_names_who_changed_places():
    text = sentences.tuning(trials(1), curves([50, 51, 52, 53], [40, 45, 52, 60]))
    assert "Twice the trials changed the order" in text
    assert "2 trials diverged" in text
    assert text.endswith("B 60.0, A 53.0; from 2 trials on, A and B changed places.")


def test_unequal_care_is_no_care():
    text = sentences.tuning(trials()[:-2], curves([50, 51], [40, 45]))
    assert text.startswith("**No: 3 to 5**")


def test_without_a_drawn_trial_nothing_is_said():
    assert sentences.tuning(trials(), curves([], [])).startswith("**Unclear**: no trial was drawn")
