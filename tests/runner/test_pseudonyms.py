"""No name of a real photograph in what is published, and other pseudonyms in every study."""

import os
import re

import pytest

from handid.runner.privacy import Mask
from handid.runner.pseudonyms import Pseudonyms

NAMES = ("Ann Smith.jpg", "b_1 & c.JPG", "=x.png", "1.jpg")


@pytest.fixture
def hands(tmp_path):
    folder = tmp_path / "hands"
    (folder / "deep").mkdir(parents=True)
    for name in NAMES:
        (folder / "deep" / name).touch()
    return folder


def test_no_name_is_left_however_it_is_written_and_wherever_it_stands(hands, tmp_path):
    names = Pseudonyms(Mask([], {str(hands): "mine"}), {str(hands): "mine"}, tmp_path / "work")
    for text in (
        "…/mine/Ann Smith.jpg is empty; …/mine/b_1 & c.JPG too",
        "same bytes as Ann Smith.jpg",
        "<td>b_1 &amp; c.JPG</td>",
        r"b\_1 \& c.JPG & truncated \\",
        '{"path": "=x.png"}',
        "…/mine/Ann Absent.jpg is missing",
    ):
        shown = names({"text/html": [text]})["text/html"][0]
        assert "photograph-" in shown
        assert not re.search(r"Ann|b_1|b\\_1|=x|\.png|\.jpg", shown, re.I)
        assert names(shown) == shown


def test_a_name_with_a_line_break_is_hidden_as_refusals_write_it(tmp_path):
    folder = tmp_path / "hands"
    (folder / "Ann\nSmith").mkdir(parents=True)
    (folder / "Ann\nSmith" / "of Ann\u2028Smith.jpg").touch()
    names = Pseudonyms(Mask([]), {str(folder): "mine"}, tmp_path / "work")
    assert re.fullmatch(r"as photograph-\w+", names(r"as of Ann\u2028Smith.jpg"))
    assert re.fullmatch(r"of person-\w+ alone", names.in_error(r"of Ann\nSmith alone"))


def test_what_is_no_photograph_of_the_set_stays(hands, tmp_path):
    names = Pseudonyms(Mask([], {str(hands): "mine"}), {str(hands): "mine"}, tmp_path / "work")
    for text in ("figures/faces.png of …/mine", "hands.csv", "Ann Smith.jpgs", "1.jpg2"):
        assert names(text) == text
    assert Pseudonyms(Mask([]), {}, tmp_path / "other")("Ann Smith.jpg") == "Ann Smith.jpg"
    assert not (tmp_path / "other").exists()


def test_a_study_keeps_its_pseudonyms_and_another_has_others(hands, tmp_path):
    first, again, other = (
        Pseudonyms(Mask([], {str(hands): "mine"}), {str(hands): "mine"}, tmp_path / work)("1.jpg")
        for work in ("a", "a", "b")
    )
    assert first == again != other


def test_who_runs_the_study_can_tell_whose_name_it_is(hands, tmp_path):
    names = Pseudonyms(Mask([], {str(hands): "mine"}), {str(hands): "mine"}, tmp_path / "work")
    shown = names("Ann Smith.jpg is empty")
    assert names.explained(shown) == "Ann Smith.jpg is empty"
    listed = tmp_path / "work/cache/names/pseudonyms.csv"
    assert f"{shown.split()[0]},Ann Smith.jpg" in listed.read_text().splitlines()
    for path in (listed, tmp_path / "work/salt"):
        assert os.stat(path).st_mode & 0o077 == 0


@pytest.fixture
def people(tmp_path):
    folder = tmp_path / "people"
    for name in ("Ann", "Ann Smith", "o'neil", "007"):
        (folder / name).mkdir(parents=True)
    return folder


def test_no_error_names_a_person_and_its_reader_can_be_told_who_it_was(people, tmp_path):
    names = Pseudonyms(Mask([]), {str(people): "mine"}, tmp_path / "work")
    for text, own in (
        ("The identity 'Ann dorsal right' is of two people", "Ann"),
        ("Ann Smith is a subject and a distractor", "Ann Smith"),
        ("\x1b[31mAnn\x1b[0m is empty", "Ann"),
        (repr('the folder of one person only, "o\'neil"'), "o'neil"),
    ):
        shown = names.in_error(text)
        assert not re.search("Ann|neil", shown)
        assert names.in_error(shown) == shown
        assert own in names.explained(shown)
    assert names.in_error("ValueError in epoch 007: Anna is free") == (
        "ValueError in epoch 007: Anna is free"
    )
    assert names("Ann and others") == "Ann and others"


def test_the_people_of_a_list_are_named_by_no_error_either(tmp_path):
    (tmp_path / "hands.csv").write_text("path,subject,view\nx/1.jpg, Bob ,palm\ny/2.jpg,2,palm\n")
    names = Pseudonyms(Mask([]), {str(tmp_path): "mine"}, tmp_path / "work")
    shown = names.in_error("Bob is a subject and a distractor: choose one role (row 2).")
    assert re.fullmatch(r"person-\w{10} is a subject .* \(row 2\)\.", shown)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_people_of_a_spreadsheet_are_named_by_no_error(tmp_path, encoding, separator):
    text = "subject,path\nZo\u00eb Doe,x/1.jpg\n".replace(",", separator)
    (tmp_path / "hands.csv").write_bytes(text.encode(encoding))
    names = Pseudonyms(Mask([]), {str(tmp_path): "mine"}, tmp_path / "work")
    for written in ("Zo\u00eb Doe", "Zoe\u0308 Doe"):
        assert names.in_error(f"{written} is a subject").startswith("person-")


def test_long_names_and_folders_further_down_are_named_by_no_error(tmp_path):
    (tmp_path / "x" / "Anna Opfer").mkdir(parents=True)
    (tmp_path / ("Ann " * 30).strip()).mkdir()
    names = Pseudonyms(Mask([]), {str(tmp_path): "mine"}, tmp_path / "work")
    for text in ("…/mine/x is nested too deep … Anna Opfer", f"The subject {('Ann ' * 30)[:60]!r}"):
        assert not re.search("Ann", names.in_error(text))


def test_the_owners_list_explains_people_too(people, tmp_path):
    names = Pseudonyms(Mask([]), {str(people): "mine"}, tmp_path / "work")
    shown = names.in_error("Ann Smith has no hand").split()[0]
    listed = tmp_path / "work/cache/names/pseudonyms.csv"
    assert f"{shown},Ann Smith" in listed.read_text().splitlines()


def test_a_notebook_that_fails_names_nobody(people, make_house, work_line):
    house = make_house("naming")
    cell = "import os\nraise ValueError(f\"{max(os.listdir(data['mine']))} has no hand\")"
    house.notebook("00_x", cell, parameters=f"{work_line}\ndata = {{}}")
    done = house.run("--data", f"mine={people}")
    assert "o'neil has no hand" in done.out
    assert re.fullmatch(r".*person-\w{10} has no hand", house.cause("00_x"))
    products = [path for path in house.reports.rglob("*") if path.is_file()]
    told = [path for path in products if b"has no hand" in path.read_bytes()]
    assert {path.suffix for path in told} >= {".html", ".ipynb", ".json"}
    assert not [path.name for path in products if b"neil" in path.read_bytes()]
