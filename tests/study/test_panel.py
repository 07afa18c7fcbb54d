"""The panel's people: as a search finds them, from bytes that nobody keeps."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from handid.image import decode

PEOPLE = {"a": 0, "b": 1}


@pytest.fixture
def places(lab, tmp_path):
    """Two people to enrol, and a photograph of the first to ask about."""
    table = lab.table("11k").query("view == 'dorsal right'")
    for name, (_, part) in zip(PEOPLE, table.groupby("subject"), strict=False):
        for path in part["path"].tolist()[1:]:
            (tmp_path / "enrolled" / name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / "enrolled" / name / Path(path).name)
    (tmp_path / "questions").mkdir()
    shutil.copy(table["path"].iloc[0], tmp_path / "questions" / "who.jpg")
    return tmp_path


@pytest.fixture
def study(lab, places):
    folders = {name: str(places / name) for name in ("enrolled", "questions")}
    return lab.having(data={"11k": "synthetic"} | folders)


def files_of(folder):
    return {str(path) for path in Path(folder).rglob("*") if path.is_file()}


def test_bytes_find_what_a_search_of_folders_finds_and_leave_nothing(study, places, zero_shot):
    panel = study.panel(zero_shot, top=2)
    before = files_of(study.settings.work)
    (question,) = panel.ask({"who.jpg": (places / "questions" / "who.jpg").read_bytes()})
    assert files_of(study.settings.work) == before
    found = study.search(zero_shot, top=2).candidates
    assert [one.name for one in question.candidates] == found["candidate"].tolist()
    shown = [one.similarity for one in question.candidates]
    np.testing.assert_allclose(shown, found["similarity"], atol=1e-5)
    assert question.picture.shape == question.candidates[0].picture.shape == (128, 128, 3)
    assert panel.n_people == 2 and panel.title.startswith("own photographs: ")


def test_what_is_no_photograph_is_said_and_the_others_are_asked(study, places, zero_shot):
    content = (places / "questions" / "who.jpg").read_bytes()
    asked = study.panel(zero_shot).ask({"a": b"no picture", "cut": content[:500], "who": content})
    assert [bool(question.candidates) for question in asked] == [False, False, True]
    assert asked[0].problem == "a is not a JPEG, PNG or BMP image: it is left out."
    assert asked[1].problem == "cut is truncated, damaged or of a rare kind: it is left out."
    assert study.panel(zero_shot).ask({}) == []


def test_a_photograph_that_takes_too_much_memory_is_left_out_by_its_own_name(
    lab, zero_shot, monkeypatch
):
    panel, example = lab.panel(zero_shot), next(iter(lab.panel(zero_shot).example().values()))
    monkeypatch.setattr(decode, "LARGE", 1)
    monkeypatch.setattr(decode, "free_memory", lambda: 0)
    (question,) = panel.ask({"large.jpg": example})
    assert question.problem == "large.jpg takes more memory than is free, and is left out."


def test_without_a_folder_test_people_are_enrolled_and_names_can_be_hidden(lab, zero_shot):
    panel = lab.panel(zero_shot, show=False)
    (question,) = panel.ask(panel.example())
    assert {one.name for one in question.candidates} == {"person 1", "person 2"}
    assert np.unique(question.candidates[0].picture).size == 1  # grey
    assert panel.n_people == 2 and panel.title.startswith("synthetic 11k dorsal right: ")
    assert question.candidates[0].similarity > 0.9  # the example is enrolled itself


def test_the_curve_is_of_test_people_and_the_start_is_the_records(lab, zero_shot):
    panel = lab.panel(zero_shot)
    assert [*panel.curve] == ["threshold", "fpir", "fnir"] and panel.n_gallery == 1
    assert (
        panel.curve["fpir"].is_monotonic_decreasing and panel.curve["fnir"].is_monotonic_increasing
    )
    assert panel.start == lab.calibration(zero_shot).search_threshold


def test_one_enrolled_person_is_refused_in_one_sentence(study, places, zero_shot):
    shutil.rmtree(places / "enrolled" / "b")
    with pytest.raises(ValueError, match="one person only, a: two are needed"):
        study.panel(zero_shot)


def test_candidates_must_be_asked_for(lab, zero_shot):
    with pytest.raises(ValueError, match="top=0"):
        lab.panel(zero_shot, top=0)


def test_the_same_photograph_of_two_people_is_refused(study, places, zero_shot):
    first = next((places / "enrolled" / "a").iterdir())
    shutil.copy(first, places / "enrolled" / "b" / "copy.jpg")
    with pytest.raises(ValueError, match="are the same photograph under the names of two enrolled"):
        study.panel(zero_shot)


def test_too_few_people_to_search_for_give_an_empty_curve(lab, zero_shot, monkeypatch):
    from handid.study import compare, panel

    nobody = pd.DataFrame({"person": [1], "kind": ["mated"], "rank": [1.0], "score": [0.9]})
    monkeypatch.setattr(compare, "searches", lambda *_, **__: nobody)
    curve, n_gallery = panel._curve(zero_shot, lab.photographs, lab.engine)
    assert curve.empty and n_gallery == 0


def test_a_drawn_set_has_no_folder_whose_people_could_be_enrolled(lab, zero_shot):
    with pytest.raises(ValueError, match="11k is drawn, so it has no folder: name a set that"):
        lab.panel(zero_shot, "11k")
    with pytest.raises(ValueError, match="11k is drawn, so it has no folder: name a set that"):
        lab.search(zero_shot, "11k", "11k")
