"""The manifest: true about earlier runs, products and results."""

import csv
import json
import os

import pytest

from handid.runner import manifest
from handid.runner.refusal import Refused


def record(state, **more):
    return {"state": state, "key": "k", "fingerprints": {}, "products": []} | more


@pytest.mark.parametrize(
    ("pid", "alone"),
    [(-1, False), (os.getpid(), True), (10**30, False)],
    ids=["dead", "alone", "impossible"],
)
def test_what_runs_in_no_living_run_was_interrupted(tmp_path, pid, alone):
    content = {"pid": pid, "notebooks": {"00_a": record("running"), "01_b": record("failed")}}
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    records = manifest.past(tmp_path, ["00_a", "01_b"], alone=alone)
    assert {stem: past["state"] for stem, past in records.items()} == {
        "00_a": "interrupted",
        "01_b": "failed",
    }


def test_what_a_living_run_runs_is_running(tmp_path):
    content = {"pid": os.getpid(), "notebooks": {"00_a": record("running")}}
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    assert manifest.past(tmp_path, ["00_a"], alone=False)["00_a"]["state"] == "running"


def test_records_of_other_notebooks_and_half_ones_are_left_out(tmp_path):
    assert manifest.past(tmp_path, ["00_a"], alone=True) == {}
    content = {"notebooks": {"00_a": {"state": "succeeded"}, "09_gone": record("succeeded")}}
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    assert manifest.past(tmp_path, ["00_a"], alone=True) == {}
    (tmp_path / "manifest.json").write_text("{")
    assert manifest.past(tmp_path, ["00_a"], alone=True) == {}


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, 3])
def test_a_record_of_products_that_no_disk_can_hold_is_none(tmp_path, name):
    content = {"notebooks": {"00_a": record("succeeded", products=["results/00_a.csv", name])}}
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    assert manifest.past(tmp_path, ["00_a"], alone=True) == {}
    content = {"notebooks": {"00_a": record("succeeded", marks={f"work/{name}\0": {}})}}
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    assert manifest.past(tmp_path, ["00_a"], alone=True) == {}


def test_products_are_what_was_written_meanwhile_and_no_cache(tmp_path):
    names = ["product", "before", "cache/a", *(f"many/{number}" for number in range(30))]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (10, 5 if name == "before" else 10))
    assert manifest.products(tmp_path, 9, 11) == ["many", "product"]
    assert manifest.products(tmp_path, 11, 12) == []


def test_results_are_joined_with_the_union_of_their_columns(tmp_path):
    folder, joined = tmp_path / "results", tmp_path / "results.csv"
    manifest.join_results(tmp_path, joined, {})
    assert not joined.exists()
    folder.mkdir()
    (folder / "b.csv").write_text("method,low\nb,1\n")
    (folder / "a.csv").write_text("method,value\na,2\na,2\n")
    manifest.join_results(tmp_path, joined, {})
    with joined.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {"method": "a", "value": "2", "low": ""},
        {"method": "b", "value": "", "low": "1"},
    ]
    for path in folder.iterdir():
        path.unlink()
    manifest.join_results(tmp_path, joined, {})
    assert not joined.exists()


def test_a_table_that_cannot_be_read_is_left_out_and_named(tmp_path):
    folder, joined = tmp_path / "results", tmp_path / "results.csv"
    (folder / "b.csv").mkdir(parents=True)  # as little a file that may be read as another user's
    (folder / "a.csv").write_text("method,value\na,2\n")
    assert manifest.join_results(tmp_path, joined, {}) == ["b"]
    assert joined.read_text() == "method,value\na,2\n"


def test_results_that_no_finished_run_left_are_none_of_the_report(tmp_path):
    table, joined = tmp_path / "results" / "01_x.csv", tmp_path / "results.csv"
    table.parent.mkdir()
    table.write_text("method,value\na,2\n")
    record = {"state": "succeeded", "products": []}
    record["marks"] = manifest.marks("01_x", record, tmp_path, tmp_path)
    assert manifest.results_stand("01_x", record, tmp_path)
    assert manifest.results_stand("01_x", {"state": "succeeded"}, tmp_path)  # of an earlier version
    assert not manifest.results_stand("01_x", record | {"state": "failed"}, tmp_path)
    table.write_text("method,value\na,3\n")
    assert not manifest.results_stand("01_x", record, tmp_path)
    assert manifest.join_results(tmp_path, joined, {"01_x": record}) == ["01_x"]
    assert not joined.exists()
    table.unlink()
    assert not manifest.results_stand("01_x", record, tmp_path)


def test_a_folder_without_git_has_no_commit(tmp_path):
    assert manifest.git_state(tmp_path) == {}


def test_a_second_run_is_told_the_folder_that_the_first_writes(tmp_path):
    reports = tmp_path / "elsewhere" / "demo"
    with (
        manifest.only_run(reports),
        pytest.raises(Refused, match="run is writing elsewhere/demo; wait until it ends"),
        manifest.only_run(reports),
    ):
        pass
