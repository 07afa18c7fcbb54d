"""Enrolled people and questions: from folders, from test people, and what is refused."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from handid.evidence.calibration import Calibration
from handid.evidence.record import Record
from handid.study import findings, search


@pytest.fixture
def places(lab, tmp_path):
    """Two people of three drawn photographs each to enrol, and one photograph of each to ask."""
    table = lab.table("11k").query("view == 'dorsal right'")
    for name, part in zip("ab", table.groupby("subject"), strict=False):
        paths = part[1]["path"].tolist()
        for number, path in enumerate(paths):
            folder = "questions" if number == len(paths) - 1 else f"enrolled/{name}"
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / folder / f"{name}{number}.jpg")
    return tmp_path


@pytest.fixture
def given(lab, places, zero_shot):
    """Search in these folders: given(**parameters of the study)."""

    def found(**parameters):
        folders = {name: str(places / name) for name in ("enrolled", "questions")}
        study = lab.having(data={"11k": "synthetic"} | folders, **parameters)
        return study.search(zero_shot, top=2)

    return found


def test_every_question_gets_the_enrolled_people_in_order_of_similarity(given, places):
    found = given()
    rows = found.candidates
    assert [name[0] for name in found.questions] == ["a", "b"]
    assert rows["question"].tolist() == [0, 0, 1, 1] and rows["rank"].tolist() == [1, 2, 1, 2]
    assert {*rows["candidate"]} == {"a", "b"} and found.n_people == 2
    assert (rows.groupby("question")["similarity"].diff().dropna() <= 0).all()
    for path, row in zip(found.shown, rows.itertuples(), strict=True):
        assert Path(path).parent == places / "enrolled" / row.candidate
    assert not any(found.truth)


def test_no_name_is_a_spreadsheets_formula(lab, given, places):
    (places / "questions" / "=SUM(A1).jpg").write_bytes((places / "enrolled/a/a0.jpg").read_bytes())
    with pytest.warns(UserWarning, match="enrolled themselves"):
        given()
    written = pd.read_csv(Path(lab.settings.work) / "search" / "candidates.csv")
    assert "'=SUM(A1).jpg" in {*written["question"]} and "=SUM(A1).jpg" not in {
        *written["question"]
    }


def test_a_search_is_written_as_a_table_without_paths(lab, given):
    found = given()
    written = pd.read_csv(Path(lab.settings.work) / "search" / "candidates.csv")
    assert written["question"].tolist() == [found.questions[n] for n in (0, 0, 1, 1)]
    assert "photograph" not in written


def test_without_folders_test_people_are_enrolled_and_asked_about(lab, zero_shot):
    found = lab.search(zero_shot)
    tests = lab.photographs.halves(zero_shot.target)[1]
    assert len(found.questions) == tests["subject"].nunique() == 2
    assert sorted(found.truth) == sorted(tests["subject"].astype(str).unique())
    assert not {*found.asked} & {*found.shown}
    assert found.title.startswith("synthetic 11k dorsal right: ")


def test_half_of_more_test_people_are_enrolled_and_the_others_are_nobody(lab, zero_shot):
    tests = lab.photographs.halves(zero_shot.target)[1]
    parts = [tests.assign(subject=tests["subject"] + 100 * copy) for copy in range(3)]

    class Six:
        def halves(self, target):
            return None, pd.concat(parts, ignore_index=True)

    enrolled, questions = search.own(zero_shot, Six())
    assert enrolled["identity"].nunique() == 3 and len(questions) == 6
    nobody = questions["truth"] == search.NOBODY
    assert nobody.sum() == 3
    assert {*questions.loc[~nobody, "truth"]} == {*enrolled["identity"]}
    assert {*questions.loc[nobody, "subject"].astype(str)}.isdisjoint(enrolled["identity"])


def test_without_names_everything_is_numbered(lab, zero_shot, places):
    folders = {name: str(places / name) for name in ("enrolled", "questions")}
    study = lab.having(data={"11k": "synthetic"} | folders)
    found = study.search(zero_shot, show=False)
    assert {*found.candidates["candidate"]} == {"person 1", "person 2"}
    assert found.questions == ["question 1", "question 2"]


def test_numbers_of_real_people_follow_the_studys_salt_and_not_their_names():
    names = [f"person {letter}" for letter in "abcdefgh"]
    rows = pd.DataFrame({"candidate": names, "question": 0})
    found = findings.Found(rows, ["q"], [""], ["q"], names, 8, "", None)
    numbered = [
        findings.without_names(found, salt).candidates["candidate"].tolist()
        for salt in (b"", b"1", b"1", b"2")
    ]
    assert numbered[0] == [f"person {number}" for number in range(1, 9)]
    assert numbered[1] == numbered[2] != numbered[3]
    assert len({*map(tuple, numbered)}) == 3
    assert sorted(numbered[3]) == numbered[0]


def test_pictures_are_those_of_question_and_candidates(lab, zero_shot):
    found = lab.search(zero_shot)
    asked, answers = lab.candidates(found, 1)
    assert len(asked) == len(answers) == 1
    assert [answer[1] for answer in answers[0]] == found.candidates.query("question == 0")[
        "candidate"
    ].tolist()
    with pytest.raises(ValueError, match="sheet=0 must be a whole number from 1"):
        lab.candidates(found, 0)


def test_a_ratio_stops_at_its_bounds_and_a_threshold_names():
    line = Calibration(10.0, -5.0, -1.0, 2.0, 0.0, 1.0, 30, 400, 0.5, 0.1, 0.5)
    record = Record(
        *("clip_ft", "mini-ViT", "11k", "papers", 0, line, "", 0.1, 0.5, 0.8, 30, 15, {}, "")
    )
    found = pd.DataFrame({"similarity": [0.9, 0.6, 0.2]})
    judged = search.judged(found, record)
    assert judged["lr"].tolist() == ["at least 100", "10", "at most 0.1"]
    assert judged["named"].tolist() == [True, False, False]
    without = search.judged(found, None)
    assert without["log10_lr"].isna().all() and not without["named"].any()


# --- refusals -----------------------------------------------------------------------------------


def test_one_folder_of_two_is_refused(lab, zero_shot, places):
    study = lab.having(data={"11k": "synthetic", "enrolled": str(places / "enrolled")})
    with pytest.raises(ValueError, match="no folder of questions: give it with --data questions="):
        study.search(zero_shot)


def test_one_enrolled_person_is_refused(given, places):
    shutil.rmtree(places / "enrolled" / "b")
    with pytest.raises(ValueError, match="one person only"):
        given()


def test_the_same_photograph_of_two_people_is_refused(given, places):
    shutil.copy(places / "enrolled/a/a0.jpg", places / "enrolled/b/copy.jpg")
    with pytest.raises(ValueError, match=r"a0.jpg and copy.jpg are the same photograph"):
        given()


def test_a_question_that_is_enrolled_itself_is_told(given, places):
    shutil.copy(places / "enrolled/a/a0.jpg", places / "questions/copy.jpg")
    with pytest.warns(UserWarning, match="1 of 3 questions are photographs that are enrolled"):
        given()


def test_a_question_that_is_no_image_is_refused_or_skipped(given, places):
    (places / "questions/z.jpg").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"z.jpg.*Mend or remove"):
        given()
    with pytest.warns(UserWarning, match="left out, because missing is 'skip'"):
        assert len(given(missing="skip").questions) == 2


def test_a_folder_without_questions_is_refused(given, places):
    for path in (places / "questions").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="holds no photograph to ask about"):
        given()


def test_a_question_that_shows_no_hand_is_told(given, places):
    Image.new("RGB", (64, 48), (0, 255, 0)).save(places / "questions/green.png")
    found = given()
    lone = found.candidates.groupby("question")["lone"].first()
    assert lone[found.questions.index("green.png")]


def test_questions_behind_a_link_are_asked_and_those_of_other_kinds_told(given, places, tmp_path):
    deep = tmp_path / "elsewhere" / "deep"
    deep.mkdir(parents=True)
    shutil.move(next((places / "questions").glob("a*.jpg")), deep / "low.jpg")
    (places / "questions" / "case").symlink_to(tmp_path / "elsewhere")
    (places / "questions" / "round").symlink_to(places / "questions")
    (places / "questions" / "IMG_1.HEIC").write_bytes(b"x")
    with pytest.warns(UserWarning, match="1 image is of a kind that is not read"):
        found = given()
    assert "case/deep/low.jpg" in found.questions and len(found.questions) == 2


def test_the_last_searchs_table_does_not_stand_for_one_that_failed(lab, given, places):
    given()
    shutil.rmtree(places / "questions")
    with pytest.raises(ValueError, match="is no folder"):
        given()
    assert not (Path(lab.settings.work) / "search" / "candidates.csv").exists()


def test_a_name_that_is_no_text_is_asked_and_written(lab, given, places):
    photograph = next((places / "questions").glob("a*.jpg"))
    name = os.fsdecode(b"m\xfcller.jpg")
    try:
        photograph.rename(places / "questions" / name)
    except OSError:
        pytest.skip("this disk takes names in UTF-8 only")
    found = given()
    assert found.questions[1] == "m\ufffdller.jpg"
    written = pd.read_csv(Path(lab.settings.work) / "search" / "candidates.csv")
    assert "m\ufffdller.jpg" in {*written["question"]}


def test_a_question_whose_name_breaks_lines_is_shown_on_one(given, places):
    photograph = next((places / "questions").glob("a*.jpg"))
    photograph.rename(places / "questions" / "b\x1b[2J\n1.jpg")
    assert r"b\x1b[2J\n1.jpg" in given().questions
