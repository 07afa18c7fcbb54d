"""record.py: what is written is read back, and what is absent or damaged is named."""

import json
from dataclasses import replace

import numpy as np
import pytest

from handid.evidence.calibration import Calibration
from handid.evidence.record import Record, read, write

NAN = float("nan")
LINE = Calibration(5.0, -3.0, -1.4, 1.3, -0.2, 0.9, 45, 990, 0.5, 0.1, 0.5)


@pytest.fixture
def record():
    rates = {"fmr": (0.1, 0.07, 0.14, 0.06), "cllr": (0.4, 0.3, 0.5, 0.0)}
    head = ("clip_ft_mini", "mini-ViT", "11k dorsal right", "other hand", 1, LINE, "")
    return Record(*head, 0.1, 0.8, 0.95, 45, 22, rates, "abc")


def test_a_record_is_read_as_it_was_written(record, tmp_path):
    write(record, tmp_path)
    found = read(tmp_path, "other hand")
    assert found == record and found.calibration
    np.testing.assert_array_equal(found.calibration.log10_lr([-1, 0.5, 2]), [-1.4, -0.5, 1.3])


def test_no_calibration_no_threshold_and_no_interval_survive(record, tmp_path):
    rates = {"fmr": (0.1, NAN, NAN, 0.95)}
    nothing = {"calibration": None, "refusal": "19 people are too few.", "rates": rates}
    write(replace(record, threshold=NAN, search_threshold=-np.inf, **nothing), tmp_path)
    found = read(tmp_path, "other hand")
    assert found.calibration is None and found.refusal == "19 people are too few."
    assert np.isnan(found.threshold) and found.search_threshold == -np.inf
    assert found.rates["fmr"][0] == 0.1 and np.isnan(found.rates["fmr"][1:3]).all()


@pytest.mark.parametrize("text", ["", "{}", '{"calibration": 3, "rates": {}}', "[1]"])
def test_a_folder_without_one_is_told_in_a_sentence(text, tmp_path):
    if text:
        (tmp_path / "calibration-papers.json").write_text(text)
    with pytest.raises(ValueError, match="no calibration for the task 'papers': run notebook 12"):
        read(tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"n_people": "many"}, {"system": 3}, {"rates": {"fmr": [0.1]}}, {"threshold": []}]
    + [{"calibration": vars(LINE) | {"slope": value}} for value in ("x", None, [], NAN)],
    ids=str,
)  # fmt: skip
def test_a_record_of_wrong_types_is_none(record, change, tmp_path):
    write(record, tmp_path)
    (file,) = tmp_path.glob("*.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(ValueError, match="no calibration for the task 'other hand'"):
        read(tmp_path, "other hand")


@pytest.mark.parametrize("folder", [None, 3, "a\0b", ["x"]])
def test_what_is_no_folder_is_refused(folder):
    with pytest.raises(ValueError, match="is no path: name a file or a folder"):
        read(folder)
