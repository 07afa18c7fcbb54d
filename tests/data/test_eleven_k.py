"""The layout of 11k Hands: what is read, what is refused and in which words."""

import warnings

import pandas as pd
import pytest

from handid.data import eleven_k

COLUMNS = [
    *["path", "subject", "view", "identity", "role", "burst"],
    *["age", "gender", "skin_color", "accessories", "nail_polish", "irregularities"],
]


def put(frame, row, column, value):
    """A copy with one cell replaced."""
    frame = frame.copy()
    frame.loc[row, column] = value
    return frame


def test_11k_becomes_a_table_with_the_documented_columns(tmp_path, make_11k):
    table = eleven_k.read(make_11k(tmp_path, subjects=[7, 1050], images=2))
    assert list(table.columns) == COLUMNS
    assert table.index.tolist() == list(range(16)) and table["path"].is_monotonic_increasing
    assert table["path"][0] == str(tmp_path / "Hands" / "Hand_0000001.jpg")
    assert table["identity"].iloc[[0, 15]].tolist() == ["7 dorsal right", "1050 palmar left"]
    assert set(table["role"]) == {"subject"} and set(table["view"]) == set(eleven_k.VIEWS)
    whole = table[["subject", "age", "accessories", "nail_polish", "irregularities"]]
    assert set(whole.dtypes.astype(str)) == {"int64"}
    assert table["age"][0] == 30 and table["gender"][0] == "female"
    assert table["skin_color"][0] == "medium"


def test_ids_are_numbers_so_padding_and_blanks_do_not_part_a_person(tmp_path, make_11k):
    def edit(info):
        return info.assign(id=["0001200", "1200", "1200 "])

    make_11k(tmp_path, subjects=[1200], images=3, views=["dorsal right"], edit=edit)
    assert eleven_k.read(tmp_path)["identity"].tolist() == ["1200 dorsal right"] * 3


def test_hands_with_accessories_are_left_out_unless_asked_for(tmp_path, make_11k):
    make_11k(tmp_path, edit=lambda info: put(info, 5, "accessories", "1"))
    assert len(eleven_k.read(tmp_path)) == 47
    table = eleven_k.read(tmp_path, accessories=True)
    assert len(table) == 48 and table["accessories"].sum() == 1 and table["accessories"][5] == 1


def test_nail_polish_and_irregularities_stay(tmp_path, make_11k):
    make_11k(tmp_path, edit=lambda info: info.assign(nailPolish="1", irregularities="1"))
    assert len(eleven_k.read(tmp_path)) == 48


def test_a_csv_with_nothing_but_accessories_says_how_to_read_it(tmp_path, make_11k):
    make_11k(tmp_path, size=None, edit=lambda info: info.assign(accessories="1"))
    with pytest.raises(ValueError, match="lists no hand without accessories, .*accessories=True"):
        eleven_k.read(tmp_path)


def test_missing_images_are_named_counted_and_a_way_on_is_told(tmp_path, make_11k):
    make_11k(tmp_path)
    for number in (2, 3, 5, 7):
        (tmp_path / "Hands" / f"Hand_{number:07d}.jpg").unlink()
    (tmp_path / "Hands" / "Hand_0000009.jpg").write_bytes(b"")
    with pytest.raises(FileNotFoundError) as error:
        eleven_k.read(tmp_path)
    text = str(error.value)
    assert "5 of 48 images are missing or empty" in text and "missing='skip'" in text
    assert "Hand_0000002.jpg" in text and "Hand_0000005.jpg, ...)" in text
    assert "Hand_0000007.jpg" not in text and "\n" not in text


def test_missing_images_can_be_skipped_with_a_warning(tmp_path, make_11k):
    make_11k(tmp_path)
    (tmp_path / "Hands" / "Hand_0000002.jpg").unlink()
    with pytest.warns(UserWarning, match=r"1 of 48 images .*Hand_0000002.jpg\): skipped") as caught:
        table = eleven_k.read(tmp_path, missing="skip")
    assert table.index.tolist() == list(range(47))
    assert not table["path"].str.contains("0000002").any()
    assert caught[0].filename == __file__  # the warning points at the caller's line


def test_a_complete_set_gives_no_warning(tmp_path, make_11k):
    make_11k(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(eleven_k.read(tmp_path, missing="skip")) == 48


def test_rows_without_a_file_can_be_kept_to_count_them(tmp_path, make_11k):
    table = eleven_k.read(make_11k(tmp_path, size=None), missing="keep")
    assert len(table) == 48 and not (tmp_path / "Hands" / "Hand_0000001.jpg").exists()


@pytest.mark.parametrize("missing", ["error", "skip"])
def test_where_nothing_is_left_skipping_is_not_suggested(tmp_path, make_11k, missing):
    make_11k(tmp_path, size=None)
    with pytest.raises(FileNotFoundError, match="no image is left: all 48 are missing") as error:
        eleven_k.read(tmp_path, missing=missing)
    assert "skip" not in str(error.value) and "\n" not in str(error.value)


def test_any_other_choice_of_missing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="missing='ignore' is unknown: use one of error, skip, ke"):
        eleven_k.read(tmp_path, missing="ignore")


def test_a_folder_without_hand_info_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="HandInfo.csv is missing: name the folder that"):
        eleven_k.read(tmp_path)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda info: info.drop(columns="aspectOfHand"),
            "lacks the column 'aspectOfHand': it has id, age, gender",
        ),
        (lambda info: put(info, 3, "id", "12a"), "id is '12a' in data row 4, expected a whole"),
        (lambda info: put(info, 3, "id", ""), "id is '' in data row 4, expected a whole number"),
        (lambda info: put(info, 0, "id", "-5"), "id is '-5' in data row 1, expected a whole"),
        (lambda info: put(info, 0, "id", "1" * 30), "in data row 1, expected a whole number"),
        (lambda info: put(info, 47, "accessories", "no"), "accessories is 'no' in data row 48"),
        (
            lambda info: put(info, 9, "age", "27.5"),
            "age is '27.5' in data row 10, expected a whole",
        ),
        (
            lambda info: put(info, 2, "aspectOfHand", "dorsal"),
            "aspectOfHand is 'dorsal' in data row 3, expected one of dorsal right, dorsal left",
        ),
        (
            lambda info: put(info, 1, "imageName", "../a.jpg"),
            "imageName is '../a.jpg' in data row 2",
        ),
        (
            lambda info: put(info, 1, "imageName", ""),
            "imageName is '' in data row 2, expected a file",
        ),
        (
            lambda info: put(info, 1, "imageName", "Hand_0000001.jpg"),
            "lists Hand_0000001.jpg twice: two copies of a file name",
        ),
        (lambda info: info.iloc[:0], "HandInfo.csv lists no image"),
        (lambda info: pd.DataFrame(), "is not a readable CSV file"),
    ],
)
def test_a_bad_csv_is_refused_in_one_sentence(tmp_path, make_11k, edit, message):
    make_11k(tmp_path, edit=edit)
    with pytest.raises(ValueError, match=message) as error:
        eleven_k.read(tmp_path)
    assert "\n" not in str(error.value) and "female" not in str(error.value)


@pytest.mark.parametrize(
    "content", [b"", b"id,age\n1,2,3,4\n1,2\n1,2,3,4,5\n", b"id\n\xff\xfe\x00"]
)
def test_a_file_that_is_no_csv_is_refused(tmp_path, content):
    (tmp_path / "HandInfo.csv").write_bytes(content)
    with pytest.raises(ValueError, match="is not a readable CSV file|lacks the column"):
        eleven_k.read(tmp_path)


def test_a_row_that_is_cut_short_is_refused(tmp_path, make_11k):
    make_11k(tmp_path)
    text = (tmp_path / "HandInfo.csv").read_text().splitlines()
    (tmp_path / "HandInfo.csv").write_text("\n".join([*text[:-1], text[-1][:12]]))
    with pytest.raises(ValueError, match="accessories is '' in data row 48, expected a who"):
        eleven_k.read(tmp_path)


def test_a_csv_saved_by_a_spreadsheet_with_a_mark_at_its_start_is_read(tmp_path, make_11k):
    make_11k(tmp_path)
    text = (tmp_path / "HandInfo.csv").read_bytes()
    (tmp_path / "HandInfo.csv").write_bytes(b"\xef\xbb\xbf" + text)
    assert len(eleven_k.read(tmp_path)) == 48


@pytest.mark.parametrize(("separator", "encoding"), [(";", "utf-8"), ("\t", "utf-16")])
def test_other_separators_and_encodings_of_spreadsheets_are_read(
    tmp_path, make_11k, separator, encoding
):
    expected = eleven_k.read(make_11k(tmp_path))
    text = (tmp_path / "HandInfo.csv").read_text()
    (tmp_path / "HandInfo.csv").write_text(text.replace(",", separator), encoding=encoding)
    pd.testing.assert_frame_equal(eleven_k.read(tmp_path), expected)


def test_endings_in_any_case_are_the_same_file(tmp_path, make_11k):
    make_11k(tmp_path)
    (tmp_path / "Hands" / "Hand_0000002.jpg").rename(tmp_path / "Hands" / "Hand_0000002.JPG")
    table = eleven_k.read(tmp_path)
    assert len(table) == 48 and table["path"].str.endswith("Hand_0000002.JPG").sum() == 1


def test_photographs_one_folder_deeper_are_named_and_skipping_is_not_suggested(tmp_path, make_11k):
    make_11k(tmp_path)
    (tmp_path / "Hands").rename(tmp_path / "inner")
    (tmp_path / "Hands").mkdir()
    (tmp_path / "inner").rename(tmp_path / "Hands" / "Hands")
    with pytest.raises(FileNotFoundError, match="but .*Hands/Hands does: move what it") as error:
        eleven_k.read(tmp_path, missing="skip")
    assert "'skip'" not in str(error.value) and "\n" not in str(error.value)


def test_the_order_of_the_csv_does_not_change_the_table(tmp_path, make_11k):
    first = eleven_k.read(make_11k(tmp_path))
    make_11k(tmp_path, edit=lambda info: info.iloc[::-1])
    pd.testing.assert_frame_equal(eleven_k.read(tmp_path), first)


@pytest.mark.real_data
def test_the_real_11k_has_the_published_counts(real_11k):
    table = eleven_k.read(real_11k, missing="keep")
    assert len(eleven_k.read(real_11k, accessories=True, missing="keep")) == 11_076
    assert len(table) == 7_865 and table["subject"].nunique() == 172
    people = table.groupby("view")["subject"].nunique()
    assert people[list(eleven_k.VIEWS)].tolist() == [143, 146, 143, 151]
    mended = table[table["path"].str.endswith("Hand_0009853.jpg")]
    assert mended["identity"].tolist() == ["1200000 dorsal right"]


def test_a_burst_is_a_run_of_file_numbers_of_one_hand(tmp_path, make_11k):
    def edit(info):
        numbers = [1, 2, 5, 9, 10, 30] + [3, 4, 6, 7, 8, 11]  # gaps of 3 at most, and of 4 and 20
        return info.assign(imageName=[f"Hand_{number:07d}.jpg" for number in numbers])

    make_11k(tmp_path, subjects=1, images=6, views=eleven_k.VIEWS[:2], size=None, edit=edit)
    table = eleven_k.read(tmp_path, missing="keep").set_index("view")
    assert table.loc[eleven_k.VIEWS[0], "burst"].tolist() == [0, 0, 0, 1, 1, 2]
    assert table.loc[eleven_k.VIEWS[1], "burst"].tolist() == [0] * 6
