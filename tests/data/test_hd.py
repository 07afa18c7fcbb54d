"""The layout of PolyU Hand Dorsal: main people, extra people, and what is refused."""

import pandas as pd
import pytest

from handid.data import hd

COLUMNS = ["path", "subject", "view", "identity", "role", "burst"]


def test_hd_becomes_a_table_in_which_extra_people_are_distractors(tmp_path, make_hd):
    table = hd.read(make_hd(tmp_path))
    assert list(table.columns) == COLUMNS and len(table) == 5
    assert table["subject"].tolist() == [12, 1, 1, 1502, 1503]  # by path: 12_1.bmp before 1_1.jpg
    assert table["role"].tolist() == ["subject"] * 3 + ["distractor"] * 2
    assert table["identity"].tolist() == [f"{n} dorsal" for n in (12, 1, 1, 1502, 1503)]
    assert set(table["view"]) == {"dorsal"}
    assert table["path"][2] == str(tmp_path / "Original Images" / "1-501" / "1_2.JPG")


def test_hd_may_be_named_by_its_inner_folder(tmp_path, make_hd):
    outer = hd.read(make_hd(tmp_path))
    pd.testing.assert_frame_equal(hd.read(tmp_path / "Original Images"), outer)


def test_hd_without_its_main_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no folder 1-501: name HD's folder"):
        hd.read(tmp_path)


def test_hd_without_its_extra_folder_goes_on_only_if_asked(tmp_path, save_image):
    save_image(tmp_path / "1-501" / "1_1.jpg")
    with pytest.raises(FileNotFoundError, match="no folder 502-712, so the gallery lacks HD's ext"):
        hd.read(tmp_path)
    with pytest.warns(UserWarning, match="502-712.*: skipped") as caught:
        assert hd.read(tmp_path, missing="skip")["role"].tolist() == ["subject"]
    assert caught[0].filename == __file__


def test_an_hd_file_without_a_number_is_refused(tmp_path, make_hd):
    make_hd(tmp_path, main=["1_1.jpg", "hand_2.jpg"])
    with pytest.raises(ValueError, match="hand_2.jpg starts with no id: expected <number>_"):
        hd.read(tmp_path)


def test_a_main_and_an_extra_person_of_one_number_are_refused(tmp_path, make_hd):
    make_hd(tmp_path, main=["1_1.jpg", "1502_1.jpg"])
    with pytest.raises(
        ValueError, match="1502 is an id in 1-501 and also, with 1000 added, in 502"
    ):
        hd.read(tmp_path)


def test_an_unknown_choice_of_missing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="missing='keep' is unknown: use one of error, skip$"):
        hd.read(tmp_path, missing="keep")
