"""Areas, half losses and orders as tables."""

import pandas as pd

from handid.report import tables

NAN = float("nan")


def loss(label, degraded, half, unit="pixels"):
    areas = {"area": 50.0, "area_low": 40.0, "area_high": 60.0, "worst": 6.0, "unit": unit}
    ends = {"half_low": half - 1, "half_high": NAN}
    return {"kind": "blur", "label": label, "degraded": degraded, "half": half} | ends | areas


def test_a_system_has_one_row_for_both_sides():
    rows = [loss("A", "query only", 4.0), loss("A", "both", NAN), loss("B", "query only", 3.0)]
    table = tables.losses(pd.DataFrame(rows)).set_index("method")
    assert table.loc["A", "area, query only"] == "50.0 [40.0, 60.0]"
    assert table.loc["A", "half lost at, query only"] == "4 [3, beyond 6]"
    assert table.loc["A", "half lost at, both"] == "beyond 6 [beyond 6, beyond 6]"
    done = tables.losses(pd.DataFrame([loss("A", "both", 1.0, ""), loss("B", "both", NAN, "")]))
    assert done["half lost at, both"].tolist() == ["yes", "no"]


def test_an_order_names_both_leaders():
    row = {"kind": "blur", "degraded": "both", "severity": 6.0, "unit": "pixels", "tau": 0.5}
    row |= {"leader": "A", "leader_value": 10.0, "best": "B", "best_value": 20.0}
    (line,) = tables.orders(pd.DataFrame([row, row | {"tau": NAN, "unit": ""}]).iloc[:1]).to_dict(
        "records"
    )
    assert line["poor is"] == "6" and line["Kendall's tau"] == "0.50"
    assert line["leads on good ones"] == "A (10.0 % there)"
    assert line["leads on poor ones"] == "B (20.0 %)"
