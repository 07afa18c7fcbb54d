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
