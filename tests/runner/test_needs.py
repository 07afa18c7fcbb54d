"""A notebook begins only with results that are what their run left."""

import json

import pytest

from handid.runner import manifest
from handid.runner.refusal import Refused


def test_changed_results_of_a_notebook_that_does_not_run_are_refused(toys):
    toys.notebook("01_x", "x = 1")
    toys.notebook("20_y", "y = 1", needs=["01_x"])
    table = toys.work / "results" / "01_x.csv"
    table.parent.mkdir(parents=True)
    table.write_text("method,value\na,2\n")
    toys.finish("--only", "01")
    record = json.loads((toys.reports / "manifest.json").read_text())
    known = record["notebooks"]["01_x"]
    known["marks"] = manifest.marks("01_x", known, toys.reports, toys.work)
    (toys.reports / "manifest.json").write_text(json.dumps(record))
    assert toys.stale("--only", "20") == {"20_y": "never run"}
    table.write_text("method,value\na,3\n")
    with pytest.raises(Refused, match="20_y needs the results of 01_x, which were changed or remo"):
        toys.plan("--only", "20")
    assert toys.stale("--only", "01", "--only", "20")["01_x"] == "its outputs are damaged"
